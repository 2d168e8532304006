"""The dashboard: a map of any layer; a click on a pixel shows its time series and the fitted model."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import xarray as xr

from qtp_toolkit import pecm, products
from qtp_toolkit.conventions import REASONS, TIME, QtpDataError, X, Y, require
from qtp_toolkit.interactive.page import caption, holoviews, safe
from qtp_toolkit.interactive.twins import deformation_map, histogram, time_series
from qtp_toolkit.plot.style import LINE, provenance

LOOPBACK = "127.0.0.1"
MAP_HEIGHT, SERIES_WIDTH = 620, 500
WRAP = {"font-family": "sans-serif", "font-size": "13px"}
FIRST = ("linear_rate", "seasonal_amplitude")
"""Layers that come first in the menu."""

Model = Callable[[float, float], xr.Dataset | None]


def dashboard(
    deformation: xr.Dataset,
    time_series: xr.DataArray | xr.Dataset | None = None,
    *,
    model: Model | None = None,
    extra: Mapping[str, xr.DataArray] | None = None,
    title: str = "Permafrost ground deformation",
) -> Any:
    """Build the dashboard: layer menu and map, histogram, and the time series of the pixel that is clicked.

    Parameters
    ----------
    deformation : xarray.Dataset
        Maps (y, x): what :func:`qtp_toolkit.pecm.fit` returns. Other dims are left out of the menu. May be lazy.
    time_series : xarray.DataArray or xarray.Dataset, optional
        ``displacement`` (time, y, x), mm, on the same grid. May be lazy: a click reads one pixel.
    model : callable, optional
        ``model(x, y)`` in the CRS of the map gives a Dataset with ``displacement`` (time), the model at that place, or
        None. :func:`serve` makes it from the products.
    extra : mapping of str to xarray.DataArray, optional
        Further maps on the same grid, e.g. factors.
    title : str
        Heading of the page; shown as text, whatever it contains.

    Returns
    -------
    panel.template.BootstrapTemplate
        Servable; nothing is computed beyond what the page shows.
    """
    hv = holoviews()
    import panel as pn  # noqa: PLC0415

    layers = _layers(deformation, extra or {})
    series = _displacement(time_series)
    start = _first_pixel(next(iter(layers.values())))
    menu = pn.widgets.Select(options={caption(da): name for name, da in layers.items()}, width=340)
    tap = hv.streams.Tap(x=start[0], y=start[1])

    def view(name: str) -> Any:
        image = deformation_map(layers[name], frame_height=MAP_HEIGHT).opts(active_tools=["wheel_zoom"])
        tap.source = image
        return image * hv.DynamicMap(_cross, streams=[tap])

    # of panel's templates this is the one that fetches no fonts from elsewhere
    page: Any = pn.template.BootstrapTemplate(title=safe(title), sidebar_width=380, header_background=LINE)
    bars = pn.bind(lambda name: histogram(layers[name], width=350, height=240), menu)
    about = pn.pane.HTML(_about(deformation), styles=WRAP, width=340)
    page.sidebar.extend([pn.pane.HTML("Layer", styles=WRAP), menu, pn.panel(bars, linked_axes=False), about])
    place = tap.param.x, tap.param.y
    words = pn.bind(lambda x, y: _words(deformation, x, y), *place)
    right: list[Any] = [pn.pane.HTML(words, styles=WRAP)]
    if series is not None:
        curve = pn.bind(lambda x, y: _curve(series, model, x, y), *place)
        right.insert(0, pn.panel(curve, linked_axes=False))
    page.main.append(pn.Row(pn.panel(pn.bind(view, menu), linked_axes=False), pn.Column(*right)))
    return page


def serve(
    output_folder: str | os.PathLike[str] | None = None,
    *,
    port: int = 0,
    show: bool = True,
    threaded: bool = False,
) -> Any:
    """Serve the dashboard of a finished run to this machine alone (127.0.0.1), without needing a network.

    Parameters
    ----------
    output_folder : path, optional
        Output of ``qtp reproduce``; by default :func:`qtp_toolkit.products.output_folder`.
    port : int
        Port, or 0 for a free one.
    show : bool
        Open a browser.
    threaded : bool
        Return the running server and its address at once instead of serving until interrupted.

    Raises
    ------
    MissingSourceError
        The products are not there; the text names the notebook that makes them.
    QtpDataError
        The port is taken.
    """
    if output_folder is not None:
        os.environ["QTP_OUTPUT"] = str(Path(output_folder).expanduser().resolve())
    deformation = products.open("deformation")
    series = products.open("time_series") if products.exists("time_series") else None
    extra = {str(n): da for n, da in products.open("factors").items()} if products.exists("factors") else {}
    model = pixel_model(series) if series is not None else None
    holoviews()
    import panel as pn  # noqa: PLC0415

    port = _free_port(port)
    return pn.serve(
        {"/": lambda: dashboard(deformation, series, model=model, extra=extra)},
        address=LOOPBACK,
        port=port,
        show=show,
        websocket_origin=[f"{LOOPBACK}:{port}", f"localhost:{port}"],
        threaded=threaded,
        title="qtp_toolkit",
    )


def pixel_model(time_series: xr.Dataset | xr.DataArray) -> Model | None:
    """Fit the deformation model at one place on demand, from the products of the run; None if they are not there.

    The indices are computed from the land surface temperature products interpolated to the place, as the maps do, and
    fitted to the displacement of the nearest pixel.
    """
    if not (products.exists("freeze_thaw") and products.exists("conductivity")):
        return None
    seasons, soil, series = products.open("freeze_thaw"), products.open("conductivity"), _displacement(time_series)
    if series is None or TIME not in seasons.dims:
        return None
    to_degrees = pyproj.Transformer.from_crs(
        series.rio.crs or "EPSG:4326", seasons.rio.crs or "EPSG:4326", always_xy=True
    )

    def at(x: float, y: float) -> xr.Dataset | None:
        there = to_degrees.transform(x, y)
        local = seasons.interp({X: there[0], Y: there[1]}).compute()
        ratio = soil["conductivity_ratio"].sel({X: x, Y: y}, method="nearest").compute().reset_coords(drop=True)
        observed = series.sel({X: x, Y: y}, method="nearest").compute().reset_coords(drop=True)
        return _fit_here(observed, _restore_attributes(local, seasons), ratio)

    return at


def _fit_here(observed: xr.DataArray, local: xr.Dataset, ratio: xr.DataArray) -> xr.Dataset | None:
    mean = "_mean" if "thaw_onset_mean" in local else ""
    thaw, freeze = local[f"thaw_onset{mean}"], local[f"freeze_onset{mean}"]
    if not all(np.isfinite(onset).all() for onset in (thaw, freeze, ratio)) or np.isfinite(observed).sum() < 10:
        return None
    dates = np.intersect1d(observed[TIME].values, local[TIME].values)
    observed, local = observed.sel({TIME: dates}), local.sel({TIME: dates})
    ends: dict[str, Any] = {key: local[key] for key in ("addt_end", "addf_end", "permafrost_year") if key in local}
    composite = pecm.composite_index(local["addt"], local["addf"], ratio, **(ends if len(ends) == 3 else {}))
    linear = pecm.linear_index(observed[TIME], thaw, freeze)
    fitted = pecm.fit(observed, linear, composite, uncertainty="formal")
    return fitted.assign(displacement=pecm.forward(fitted, linear, composite))


def _restore_attributes(local: xr.Dataset, source: xr.Dataset) -> xr.Dataset:
    """Give the interpolated values back their attributes, and whole numbers where the source counts."""
    out = local.reset_coords(drop=True)
    for name in out.data_vars:
        out[name].attrs = dict(source[name].attrs)
    if "permafrost_year" in out:
        out["permafrost_year"] = out["permafrost_year"].round()
    return out


def _layers(deformation: xr.Dataset, extra: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    maps = {str(name): da for name, da in (dict(deformation.data_vars) | dict(extra)).items() if set(da.dims) == {Y, X}}
    if not maps:
        raise QtpDataError("no maps to show", expected="variables with dims (y, x)", found=list(deformation.data_vars))
    ordered = [*(name for name in FIRST if name in maps), *(name for name in maps if name not in FIRST)]
    return {name: maps[name] for name in ordered}


def _displacement(series: xr.DataArray | xr.Dataset | None) -> xr.DataArray | None:
    if series is None:
        return None
    out = series["displacement"] if isinstance(series, xr.Dataset) else series
    require(out, dims=(TIME, Y, X), quantity="displacement")
    return out


def _first_pixel(da: xr.DataArray) -> tuple[float, float]:
    """Place of the strongest value: something to look at before the first click."""
    values = np.abs(np.asarray(da.values, dtype="float64"))
    row, column = np.unravel_index(np.nanargmax(values), values.shape) if np.isfinite(values).any() else (0, 0)
    return float(da[X][column]), float(da[Y][row])


def _inside(da: xr.DataArray | xr.Dataset, x: float, y: float) -> bool:
    return bool(da[X].min() <= x <= da[X].max() and da[Y].min() <= y <= da[Y].max())


def _cross(x: float | None, y: float | None) -> Any:
    hv = holoviews()
    place = [] if x is None or y is None else [(x, y)]
    return hv.Points(place, [X, Y]).opts(marker="cross", size=14, color="black", line_width=2)


def _curve(series: xr.DataArray, model: Model | None, x: float | None, y: float | None) -> Any:
    if x is None or y is None or not _inside(series, x, y):
        empty = series.isel({Y: 0, X: 0}).compute() * np.nan
        return time_series(empty.assign_attrs(series.attrs), title="Click on the map", width=SERIES_WIDTH)
    one = series.sel({X: x, Y: y}, method="nearest").compute()
    fitted = model(x, y) if model is not None else None
    fit = None if fitted is None else fitted["displacement"]
    return time_series(one, fit=fit, title=f"x {x:,.0f}, y {y:,.0f}", width=SERIES_WIDTH)


def _words(deformation: xr.Dataset, x: float | None, y: float | None) -> str:
    if x is None or y is None or not _inside(deformation, x, y):
        return "Click on the map to read a pixel."
    one = deformation[[name for name, da in deformation.data_vars.items() if set(da.dims) == {Y, X}]]
    one = one.sel({X: x, Y: y}, method="nearest").compute()
    rows = []
    for name, da in one.data_vars.items():
        value = f"{float(da):.4g} {da.attrs.get('units', '')}"
        if name == "reason":
            value = REASONS.get(int(da), str(int(da)))
        rows.append(f"{str(name).replace('_', ' ')}: {value}")
    return "<br>".join(map(safe, rows))


def _about(deformation: xr.Dataset) -> str:
    note = provenance(deformation)
    lines = [f"Data: {note}." if note else "", "Displacement in the line of sight; positive is toward the satellite."]
    lines.append("Click on the map for the time series of a pixel; scroll to zoom.")
    return "<br>".join(safe(line) for line in lines if line)


def _free_port(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise QtpDataError(
                f"port {port} is in use on this machine", hint="Give another port, or 0 for a free one."
            ) from None
        return int(probe.getsockname()[1])
