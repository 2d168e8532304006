"""Commands of a run: what it will give, the notebooks, the scene, the dashboard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from qtp_toolkit.cli._shared import CatalogOption, SceneOption, app, connected, one_line


@app.command()
def reproduce(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Notebooks, as in 07 or 07,08; what they lack runs first."),
    ] = None,
    catalog: CatalogOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Output folder; default: the nearest qtp_output upward.")
    ] = None,
    scene: SceneOption = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Address of a running dask scheduler.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Notebooks at once; default: up to 2.")] = None,
    cell_timeout: Annotated[float, typer.Option("--cell-timeout", help="Seconds that one cell may take.")] = 3600.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what an earlier run of the same inputs finished in this folder.")
    ] = False,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", help="Folder for the gallery; default: gallery in the output folder.")
    ] = None,
) -> None:
    """Run the notebooks in order: figures, maps, executed pages, a gallery, and one report of all checks.

    Checks that are red are listed at the end; only a notebook that fails makes the exit code 1.
    """
    words = [word.strip() for item in only or [] for word in item.split(",") if word.strip()]
    with one_line("Finished notebooks keep their products: run again with --resume to go on, or --only for some."):
        from qtp_toolkit.reproduce import reproduce as run  # noqa: PLC0415

        with connected(scheduler):
            pass  # the notebooks connect by themselves; a dead address is told before any of them starts
        done = run(
            only=words,
            catalog=catalog,
            out=out,
            scene=scene,
            scheduler=scheduler,
            jobs=jobs,
            cell_timeout=cell_timeout,
            resume=resume,
            gallery=gallery,
        )
    typer.echo(f"report: {done['report']}")
    for row in done["red"]:
        typer.echo(f"red: {row['notebook']}: {row['line']}", err=True)
    if done["red"]:
        typer.echo(f"red checks: {len(done['red'])}; the report says what they mean", err=True)
    failed = [nb for nb in done["notebooks"] if nb["status"] == "failed"]
    for nb in failed:
        typer.echo(f"FAILED: {nb['name']}, cell {nb['cell']}: {nb['reason']}", err=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def check(
    *,
    catalog: CatalogOption = None,
    scene: SceneOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="Headers only: no look at pixels and reference.")] = False,
) -> None:
    """Say what you will get: what each source holds, whether the reference will do, which notebooks run with what.

    Exit code 1 if a source of the catalog is missing or broken, or the reference will not do.
    """
    with one_line():
        from qtp_toolkit import prospects  # noqa: PLC0415
        from qtp_toolkit.catalog import open_catalog  # noqa: PLC0415
        from qtp_toolkit.reproduce import check_scene  # noqa: PLC0415

        check_scene(scene or os.environ.get("QTP_SCENE"))
        if scene:
            os.environ["QTP_SCENE"] = scene
        found = open_catalog(catalog)
        answer = prospects.check(found, quick=quick, progress=not quick)
    typer.echo(f"{found.title} ({found.path})")
    for line in answer.lines():
        typer.echo(line)
    if answer.lacking:
        typer.echo(f"missing or broken: {', '.join(answer.lacking)}", err=True)
    raise typer.Exit(0 if answer.good else 1)


@app.command()
def scene(
    *,
    size: Annotated[str, typer.Option("--size", help="tiny, default or 90m.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; default: the cache.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives another landscape.")] = 2022,
    without: Annotated[list[str] | None, typer.Option("--without", help="Causal rule(s) to switch off.")] = None,
) -> None:
    """Write the embedded synthetic scene in the formats of real data."""
    with one_line():
        from qtp_toolkit.synthetic import write  # noqa: PLC0415

        if out is None and (without or seed != write.SEED):
            raise typer.BadParameter("the cache holds the standard scene only; give --out for other seeds or rules")
        rules = tuple(word for item in without or [] for word in item.split(","))
        folder = write.write_scene(out, size=size, seed=seed, without=rules) if out else write.ensure_scene(size)
    typer.echo(str(folder))


@app.command()
def dashboard(
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Output of a run; default: the nearest qtp_output upward.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="Catalog of lakes, faults, ...; default: that of the run.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port on this machine; 0 for a free one.")] = 0,
    show: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    prepare: Annotated[bool, typer.Option("--prepare", help="Lay out the products for it, and end.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Lay them out again, although they have not changed.")] = False,
) -> None:
    """Look at the products of a run in the browser; only this machine can (127.0.0.1).

    The first start lays the products out for it below the output folder, which takes a while for a large area.
    """
    with one_line("A layout that was begun is dropped; an earlier one stays."):
        if out is not None:
            os.environ["QTP_OUTPUT"] = str(out.expanduser().resolve())
        from qtp_toolkit import interactive  # noqa: PLC0415

        if prepare:
            typer.echo(str(interactive.lay_out(catalog, anew=anew, progress=True).folder))
            return
        interactive.serve(
            catalog=catalog,
            port=port,
            show=show,
            anew=anew,
            progress=True,
            ready=lambda address: typer.echo(f"dashboard: {address} (Ctrl-C ends it)"),
        )
