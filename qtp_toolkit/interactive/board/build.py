"""Make the dashboard from arrays or from the products of a run, and serve it."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from qtp_toolkit import products
from qtp_toolkit._atomic import find
from qtp_toolkit._inputs import state
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.interactive.board.prepare import VERSION, prepare
from qtp_toolkit.interactive.board.prepared import Prepared

if TYPE_CHECKING:
    from qtp_toolkit.interactive.board.serving import Board

TITLE = "Permafrost ground deformation"
OVERLAYS = ("lakes", "glaciers", "faults", "highway", "regions", "study_area", "stations")
"""Vector sources of the catalog that lie over the maps."""
STABLE = "stable_ground"
USED = ("deformation", "time_series", "lst_mean", "freeze_thaw", "conductivity", "factors")


class Dashboard:
    """A dashboard that can be shown in a notebook (as the last line of a cell) or served."""

    def __init__(self, prepared: Prepared, *, title: str = TITLE) -> None:
        self.prepared, self.title = prepared, title

    def page(self, later: Callable[[Callable[[], None]], None] | None = None) -> Any:
        """Return the page as a Bokeh layout; ``later(task)`` says how work is put off, by default it is not."""
        from qtp_toolkit.interactive.board.session import Session  # noqa: PLC0415  (bokeh)

        return Session(self.prepared, title=self.title, later=later or (lambda task: task())).layout

    def board(self, port: int = 0) -> Board:
        """Return the server of it, not yet started."""
        from qtp_toolkit.interactive.board.serving import Board  # noqa: PLC0415

        return Board(self.prepared, title=self.title, port=port)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        import panel as pn  # noqa: PLC0415

        from qtp_toolkit.interactive.loading import setup  # noqa: PLC0415

        setup()
        return pn.pane.Bokeh(self.page(), height=900, sizing_mode="stretch_width")._repr_mimebundle_(include, exclude)


def dashboard(
    deformation: xr.Dataset,
    time_series: xr.DataArray | xr.Dataset | None = None,
    *,
    temperature: xr.DataArray | None = None,
    onsets: xr.Dataset | None = None,
    extra: Mapping[str, xr.DataArray] | None = None,
    overlays: Mapping[str, pd.DataFrame] | None = None,
    stable: xr.DataArray | pd.DataFrame | None = None,
    title: str = TITLE,
    folder: str | os.PathLike[str] | None = None,
) -> Dashboard:
    """Build the dashboard: linked maps, the clicked pixel from temperature to fit, and statistics of a drawn region.

    Parameters
    ----------
    deformation : xarray.Dataset
        Maps (y, x) with a CRS: what :func:`qtp_toolkit.pecm.fit` returns. Other dims are left out. May be lazy.
    time_series : xarray.DataArray or xarray.Dataset, optional
        ``displacement`` (time, y, x), mm, on the same grid, and ``phase_std`` (time, y, x), rad, if known. May be lazy.
    temperature : xarray.DataArray, optional
        Composites ``lst`` (time, y, x), degC, on a grid of their own.
    onsets : xarray.Dataset, optional
        ``thaw_onset_mean`` and ``freeze_onset_mean`` on the grid of ``temperature``; without both there is no model.
    extra : mapping of str to xarray.DataArray, optional
        Further maps on the grid of ``deformation``: factors, ``conductivity_ratio`` (without it 1), ``elevation``
        (which is shaded).
    overlays : mapping of str to pandas.DataFrame, optional
        Vector tables (lon/lat) by name, as for :func:`qtp_toolkit.plot.deformation_map`.
    stable : xarray.DataArray or pandas.DataFrame, optional
        Ground that is known to stand still, a mask or polygons: it shows what errors two places share by their
        distance. By default the quietest tenth of the pixels, see :func:`qtp_toolkit.validation.stable_ground`.
    title : str
        Heading; shown as text, whatever it contains.
    folder : path, optional
        Where the arrays are laid out, see :func:`prepare`; by default a temporary folder that goes with the dashboard.

    Returns
    -------
    Dashboard
        Shows itself as the last line of a cell; ``.board(port).run()`` serves it.

    Raises
    ------
    QtpDataError
        No maps, another grid, no CRS.

    Examples
    --------
    >>> grid = {"y": np.arange(500.0, 0.0, -100.0), "x": np.arange(0.0, 800.0, 100.0)}
    >>> rate = xr.DataArray(np.ones((5, 8)), grid, ("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
    >>> [*dashboard(rate.to_dataset().rio.write_crs(32646)).prepared.layers]
    ['linear_rate']
    """
    options: dict[str, Any] = {"temperature": temperature, "onsets": onsets, "extra": extra, "overlays": overlays}
    options["stable"] = stable
    if folder is not None:
        return Dashboard(Prepared(prepare(folder, deformation, time_series, **options)), title=title)
    own = tempfile.TemporaryDirectory(prefix="qtp-dashboard-", ignore_cleanup_errors=True)
    made = Dashboard(Prepared(prepare(Path(own.name) / "board", deformation, time_series, **options)), title=title)
    weakref.finalize(made, own.cleanup)
    return made


def lay_out(catalog: str | os.PathLike[str] | None = None, *, anew: bool = False, progress: bool = False) -> Prepared:
    """Lay out the products of a finished run for the dashboard, if that was not yet done or they have changed.

    Parameters
    ----------
    catalog : path, optional
        Gives the outlines over the maps; by default the one that the run was made with, if it can be read.
    anew : bool
        Do it in any case.
    progress : bool
        Show a bar.

    Returns
    -------
    Prepared
        In ``<output>/dashboard``: whole, or the earlier one.

    Raises
    ------
    MissingSourceError
        The map of the run is not there; the text names the notebook that makes it.
    """
    folder = products.output_folder() / "dashboard"
    deformation = products.open("deformation")
    have = {name: products.open(name) for name in USED[1:] if products.exists(name)}
    overlays, source = _overlays(catalog)
    stable = overlays.pop(STABLE, None)
    sources = {name: state(found) for name in USED if (found := find(products.path_of(name))) is not None}
    sources |= {"catalog": source}
    if not anew and _is_current(folder, sources):
        return Prepared(folder)
    extra = {str(name): da for key in ("factors", "conductivity") for name, da in have.get(key, {}).items()}
    onsets = have.get("freeze_thaw")
    prepare(
        folder,
        deformation,
        have.get("time_series"),
        temperature=have["lst_mean"]["lst"] if "lst_mean" in have and onsets is not None else None,
        onsets=onsets,
        extra=extra,
        overlays=overlays,
        stable=stable,
        sources=sources,
        progress=progress,
    )
    return Prepared(folder)


def serve(
    output_folder: str | os.PathLike[str] | None = None,
    *,
    catalog: str | os.PathLike[str] | None = None,
    port: int = 0,
    show: bool = True,
    threaded: bool = False,
    anew: bool = False,
    progress: bool = False,
    ready: Callable[[str], None] | None = None,
) -> Board:
    """Serve the dashboard of a finished run to this machine alone (127.0.0.1), without needing a network.

    Parameters
    ----------
    output_folder : path, optional
        Output of ``qtp reproduce``; by default :func:`qtp_toolkit.products.output_folder`.
    catalog, anew, progress
        As in :func:`lay_out`, which runs first.
    port : int
        Port, or 0 for a free one.
    show : bool
        Open a browser.
    threaded : bool
        Return the running server at once (``address``, ``stop()``) instead of serving until interrupted.
    ready : callable, optional
        Told the address when it answers.

    Raises
    ------
    MissingSourceError
        The products are not there; the text names the notebook that makes them.
    QtpDataError
        The port is taken: the text says by which process, and which one is free.
    """
    if output_folder is not None:
        os.environ["QTP_OUTPUT"] = str(Path(output_folder).expanduser().resolve())
    board = Dashboard(lay_out(catalog, anew=anew, progress=progress)).board(port)
    _warm_up(board.prepared)
    if threaded:
        board.start()
        if ready is not None:
            ready(board.address)
    else:
        board.run(ready=ready, show=show)
    return board


def _is_current(folder: Path, sources: Mapping[str, Any]) -> bool:
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return about.get("version") == VERSION and about.get("sources") == json.loads(json.dumps(sources))


def _overlays(catalog: str | os.PathLike[str] | None) -> tuple[dict[str, pd.DataFrame], Any]:
    """Vector tables of the catalog given, or of the one that the run was made with; and what they were made from."""
    if catalog is not None:
        found = open_catalog(catalog)
    else:
        run = _run()
        if not Path(run.get("catalog", "")).is_file() or not Path(run.get("root", "")).is_dir():
            return {}, None  # any other catalog may be of another region
        if run.get("scene"):
            os.environ["QTP_SCENE"] = run["scene"]
        try:
            found = open_catalog(run["catalog"])
        except QtpDataError:  # it was changed since
            return {}, None
    names = [name for name in (*OVERLAYS, STABLE) if found.available(name)]
    return {name: found[name] for name in names}, [str(found.path), state(found.path)]


def _run() -> dict[str, str]:
    """Return what ``qtp reproduce`` noted of its run in the output folder."""
    try:
        return dict(json.loads((products.output_folder() / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _warm_up(prepared: Prepared) -> None:
    """Read one pixel, so that what is compiled and imported on first use is there before the first click."""
    from qtp_toolkit.interactive.board.pixel import read  # noqa: PLC0415
    from qtp_toolkit.interactive.board.session import first_pixel  # noqa: PLC0415

    at = first_pixel(prepared)
    if at is not None:
        read(prepared, *at)
