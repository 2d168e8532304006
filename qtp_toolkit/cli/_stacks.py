"""Commands for interferograms: their pairs, their making, their store, and series on their way out."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from qtp_toolkit.cli._network import (
    ConnectOption,
    DropOption,
    MostOption,
    PairsOption,
    choose,
    listed,
    told,
    windows_of,
)
from qtp_toolkit.cli._shared import CatalogOption, app, connected, one_line


@app.command()
def pairs(
    granules: Annotated[
        Path, typer.Argument(help="Sentinel-1 scenes or bursts: one name a line, or the CSV of ASF's Vertex.")
    ],
    *,
    to: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = Path(),
    drop: DropOption = None,
    most: MostOption = None,
    connect: ConnectOption = True,
    looks: Annotated[str, typer.Option("--looks", help="HyP3: 20x4 (80 m), 10x2 (40 m), 5x1 (bursts, 20 m).")] = "20x4",
    water_mask: Annotated[bool, typer.Option("--water-mask", help="HyP3: mask water before unwrapping.")] = False,
    name: Annotated[str, typer.Option("--name", help="HyP3: name of the jobs.")] = "qtp",
) -> None:
    """Choose pairs by the paper's rule, and write them as a list, for ISCE2, and as jobs for HyP3."""
    with one_line():
        from qtp_toolkit import export as room  # noqa: PLC0415
        from qtp_toolkit import network  # noqa: PLC0415

        table = network.read_granules(granules.read_text(encoding="utf-8-sig", errors="replace").splitlines())
        chosen = choose(table["date"].unique(), drop=drop, most=most, connect=connect)
        jobs = room.hyp3_jobs(chosen, table, name=name, looks=looks, water_mask=water_mask)  # type: ignore[arg-type]
        files = [room.pair_list(chosen, to / "pairs.txt"), *room.write_hyp3_jobs(jobs, to)]
        counts, *idle = told(chosen, table["date"])
        typer.echo("\n".join([f"{counts}, {len(jobs)} jobs", *idle]))
        if table.attrs["left_out"]:
            typer.echo(f"left out: {table.attrs['left_out']} row(s) of the table that are neither SLC nor BURST")
        typer.echo(f"stackSentinel.py {room.isce2_options(chosen, table['date'].unique())}")
    for path in files:
        typer.echo(str(path))


@app.command()
def interferograms(
    *,
    source: Annotated[str, typer.Option("--source", help="Images in the catalog, driver slc_stack.")] = "slc",
    catalog: CatalogOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the pairs; default: below the output.")] = None,
    looks_y: Annotated[int, typer.Option("--looks-y", min=1, help="Lines that are averaged.")] = 6,
    looks_x: Annotated[int, typer.Option("--looks-x", min=1, help="Samples that are averaged.")] = 20,
    alpha: Annotated[float, typer.Option("--alpha", min=0, max=1, help="Strength of the filter; 0 for none.")] = 0.5,
    by_coherence: Annotated[bool, typer.Option("--by-coherence", help="Alpha times one minus the coherence.")] = False,
    method: Annotated[str, typer.Option("--unwrap", help="whirlwind, snaphu or least_squares.")] = "whirlwind",
    tile: Annotated[int, typer.Option("--tile", min=0, help="Unwrap in tiles of so many pixels; 0: whole.")] = 2000,
    pixel: Annotated[float, typer.Option("--pixel", help="Side of a geocoded pixel, m.")] = 90.0,
    window: Annotated[list[str] | None, typer.Option("--window", help="Temporal baselines, days, as in 0-40.")] = None,
    pairs: PairsOption = None,
    drop: DropOption = None,
    most: MostOption = None,
    connect: ConnectOption = True,
    mask: Annotated[list[str] | None, typer.Option("--mask", help="Outlines; default: lakes and glaciers.")] = None,
    memory: Annotated[float, typer.Option("--memory", help="Memory budget, GB.")] = 2.0,
    allow_fringes: Annotated[
        bool, typer.Option("--allow-fringes", help="Also pairs with a plane of fringes: gradients are real.")
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Make anew what was made in another way.")] = False,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Address of a running dask scheduler.")] = None,
) -> None:
    """Make unwrapped interferograms of coregistered complex images, pair by pair; resumes where it was stopped."""
    spans = windows_of(window or [])
    if pairs is not None and (spans or most is not None):
        raise typer.BadParameter("--pairs says which pairs are made; --window and --most choose them: give one")
    with one_line("Pairs that are done are kept: run the same command again."), connected(scheduler):
        from qtp_toolkit import products, slc_pairs  # noqa: PLC0415
        from qtp_toolkit.catalog import open_catalog  # noqa: PLC0415

        found = open_catalog(catalog)
        outlines = [name for name in ("lakes", "glaciers") if found.available(name)] if mask is None else mask
        images = found[source]
        dates = images["time"].values
        rule: dict[str, Any] = {"most": most, "connect": connect, "windows": spans}
        chosen = choose(dates, drop=drop, **rule) if pairs is None else listed(pairs, drop=drop)
        typer.echo("\n".join(told(chosen, dates)), err=True)  # what is made is alone on stdout
        made = slc_pairs.write_interferograms(
            images,
            out or products.output_folder() / "interferograms",
            pairs=chosen,
            allow_fringes=allow_fringes,
            masks=[found[name] for name in outlines],
            restart=restart,
            progress=True,
            memory_budget=memory * 1e9,
            looks_y=looks_y,
            looks_x=looks_x,
            alpha=alpha,
            by_coherence=by_coherence,
            method=method,
            tile=tile,
            pixel_m=pixel,
            wavelength=found.settings.wavelength,
        )
    typer.echo(str(made))


@app.command()
def ingest(
    *,
    source: Annotated[str, typer.Option("--source", help="Source of the catalog.")] = "interferograms",
    catalog: CatalogOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the store; default: below the output.")] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", help="float32, or compact (0.5 mrad); default: float32, or as the store.")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option("--block", help="Side of a block in pixels, a multiple of 8; default: 64, or as the store."),
    ] = None,
    memory: Annotated[float, typer.Option("--memory", help="Memory budget, GB; a slab takes up to half.")] = 2.0,
    restart: Annotated[bool, typer.Option("--restart", help="Discard an unfinished run of something else.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add the pairs that the finished store lacks.")] = False,
    archived: Annotated[
        bool, typer.Option("--archived", help="With --append: files of stored pairs may be gone; they stay as stored.")
    ] = False,
    join: Annotated[
        bool, typer.Option("--join", help="Make one part of what was appended, from the store itself, and end.")
    ] = False,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Address of a running dask scheduler.")] = None,
) -> None:
    """Copy a stack of interferograms to a store of pixel blocks, from which large areas are inverted."""
    if archived and not append:
        raise typer.BadParameter("--archived says what --append may do without; give both")
    beside = {"--append": append, "--storage": storage is not None, "--block": block is not None}
    if join and any(beside.values()):
        asked = ", ".join(name for name, given in beside.items() if given)
        raise typer.BadParameter(
            f"--join makes one part of what is stored, as it is, and takes no {asked}; append before"
        )
    with one_line("What is done is kept: run the same command again to go on from there."), connected(scheduler):
        from qtp_toolkit import products, prospects, store  # noqa: PLC0415
        from qtp_toolkit.catalog import open_catalog  # noqa: PLC0415

        folder = out or products.output_folder() / "store"
        how: dict[str, Any] = {"name": source, "memory_budget": memory * 1e9, "restart": restart, "progress": True}
        if join:
            typer.echo(str(store.join(folder, **how)))
            return
        kind: dict[str, Any] = {"storage": storage or "float32", "block": block or 64}
        stack, new = _look_first(open_catalog(catalog), source, folder, None if append else kind)
        if getattr(new, "sizes", {}).get("pair") != 0:
            side = int(store.describe(folder, name=source)["block"].iloc[0]) if append else block or 64
            typer.echo(store.slab_memory(new, block=side, memory_budget=memory * 1e9))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            if append:
                store.append(stack, folder, archived=archived, storage=storage, block=block, **how)
            else:
                store.ingest(stack, folder, **kind, **how)
        said = prospects.tell_store(folder, source) if append else []
    typer.echo("\n".join([*(f"warning: {each.message}" for each in told), *said, str(folder)]))


def _look_first(catalog: Any, source: str, folder: Path, anew: dict[str, Any] | None) -> tuple[Any, Any]:
    """Open a stack and say what a look at its pixels finds; gives all of it, and what is to be stored of it.

    ``anew`` is the storage of a store that is written anew; None if the one in the folder is appended to.
    """
    from qtp_toolkit import prospects, store  # noqa: PLC0415

    stack = catalog[source]
    if "phase" not in stack:  # what is no stack is refused later, by name
        return stack, stack
    new: Any = slice(None)
    level = None
    if anew is None:
        new = store.new_pairs(stack, folder, name=source)
        typer.echo(f"{len(new)} of {stack.sizes['pair']} pairs are new to the store")
        stack = catalog.open(source, chunks=store.by_pair(stack, len(new)))
    elif (folder / f"{source}.json").is_file():
        level = prospects.level_components(stack)
        if line := store.tell_replaced(level[0], folder, name=source, **anew):
            typer.echo(line)
    if new:
        typer.echo("\n".join(prospects.look_at_pixels(stack.isel(pair=new))))
    stack, lines = level or prospects.level_components(stack)
    for line in lines:
        typer.echo(line)
    return stack, stack.isel(pair=new)


@app.command()
def export(
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="mintpy, geotiff (one a date), gpkg or csv (points).")],
    *,
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default: export/FORMAT below the output.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Output of a run; default: the nearest qtp_output upward.")
    ] = None,
    catalog: CatalogOption = None,
    every: Annotated[
        int | None, typer.Option("--every", min=1, help="Points: every so many rows and columns; default: all.")
    ] = None,
    heading: Annotated[
        float | None, typer.Option("--heading", help="MintPy: flight direction, degrees from north; default: as known.")
    ] = None,
) -> None:
    """Write the time series and maps of a run for other programs: MintPy, a GIS, QGIS with InSAR Explorer."""
    with one_line():
        from qtp_toolkit import export as room  # noqa: PLC0415
        from qtp_toolkit import products  # noqa: PLC0415
        from qtp_toolkit.catalog import open_catalog  # noqa: PLC0415

        if out is not None:
            os.environ["QTP_OUTPUT"] = str(out)
        known = open_catalog(catalog) if kind == "mintpy" or catalog is not None else None
        folder = to or products.output_folder() / "export" / kind
        for path in room.results(kind, folder, catalog=known, every=every, heading=heading):
            typer.echo(str(path))
