"""Tables about sources, and the marks that every opened source carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SYNTHETIC, TIME, QtpDataError, X, Y

if TYPE_CHECKING:
    import pandas as pd

    from qtp_toolkit.catalog.opening import Catalog
    from qtp_toolkit.catalog.schema import Source


def stamp(data: Any, name: str, source: Source) -> Any:
    """Put the source's name, citation, provenance (and that it is synthetic) into the attrs; returns a shallow copy."""
    marks: dict[str, Any] = {"source": name, "provenance": source.provenance}
    if source.citation:
        marks["citation"] = source.citation
    if source.provenance == "synthetic":
        marks["provenance_note"] = SYNTHETIC
    data = data.copy(deep=False)
    if isinstance(data, xr.Dataset):
        note = {key: marks[key] for key in ("provenance_note",) if key in marks}
        for variable in data.data_vars.values():
            variable.attrs = {**variable.attrs, **note}
    data.attrs = {**data.attrs, **marks}
    return data


def footprint(data: Any) -> tuple[float, float, float, float] | None:
    """West, south, east, north (degrees) of what has a grid and a CRS; None for the rest."""
    if not isinstance(data, (xr.Dataset, xr.DataArray)) or not {Y, X} <= set(data.coords):
        return None
    spatial = data.coords.get("spatial_ref")
    wkt = spatial.attrs.get("crs_wkt") if spatial is not None else None
    if wkt is None or data.sizes.get(Y, 0) == 0 or data.sizes.get(X, 0) == 0:
        return None
    from pyproj import CRS, Transformer  # noqa: PLC0415  takes its time, and most sources never ask

    x, y = data[X].to_numpy(), data[Y].to_numpy()
    half_x, half_y = (abs(float(v[-1] - v[0])) / max(len(v) - 1, 1) / 2 for v in (x, y))
    box = (x.min() - half_x, y.min() - half_y, x.max() + half_x, y.max() + half_y)
    bounds = Transformer.from_crs(CRS.from_wkt(wkt), "EPSG:4326", always_xy=True).transform_bounds(*box)
    return tuple(float(np.round(value, 6)) for value in bounds)


def refuse_elsewhere(data: Any, name: str, bounds: tuple[float, float, float, float] | None) -> None:
    """Raise if a grid lies wholly outside the bounds of the settings (a wrong tile, swapped axes)."""
    box = footprint(data) if bounds is not None else None
    if box is None:
        return
    if box[0] >= bounds[2] or box[2] <= bounds[0] or box[1] >= bounds[3] or box[3] <= bounds[1]:
        raise QtpDataError(
            f"source {name!r} lies outside the study area",
            expected=f"west, south, east, north within {list(bounds)}",
            found=list(box),
            hint="Wrong tile, wrong CRS, or longitude and latitude swapped? Else mend settings.bounds of the catalog.",
            code="M17",
        )


def describe_sources(catalog: Catalog) -> pd.DataFrame:
    """One row a source; opens nothing."""
    import pandas as pd  # noqa: PLC0415

    rows = []
    for name in catalog:
        source = catalog.source(name)
        try:
            files, problem = len(catalog.files(name)), ""
        except QtpDataError as error:
            files, problem = 0, str(error)
        found = not problem and catalog.available(name)
        rows.append(
            {
                "source": name,
                "status": "found" if found else "missing",
                "files": files,
                "kind": source.kind,
                "driver": source.driver,
                "provenance": source.provenance,
                "description": source.description,
                "what to do": "" if found else problem or catalog.how_to_get(name),
                "access": source.access,
                "citation": source.citation,
            }
        )
    return pd.DataFrame(rows).set_index("source")


def inspect(catalog: Catalog, name: str) -> dict[str, Any]:
    """Open a source and say what it holds; a source that will not open has status ``missing`` or ``broken``."""
    row: dict[str, Any] = {"source": name, "status": "missing", "files": 0, "problem": ""}
    try:
        row["files"] = len(catalog.files(name))
        if not catalog.available(name):
            return {**row, "problem": catalog.how_to_get(name)}
        data = catalog[name]
    except QtpDataError as error:
        return {**row, "status": "broken" if row["files"] else "missing", "problem": str(error)}
    row |= {"status": "found", "root": str(catalog.root(name)), "bounds": footprint(data)}
    return row | (_labelled(data) if isinstance(data, (xr.Dataset, xr.DataArray)) else _tabular(data))


def _labelled(data: xr.Dataset | xr.DataArray) -> dict[str, Any]:
    arrays = data.data_vars if isinstance(data, xr.Dataset) else {str(data.name): data}
    row: dict[str, Any] = {
        "dims": _sizes(data, list(arrays.values())),
        "units": {str(name): array.attrs.get("units", "") for name, array in arrays.items()},
        "bytes": int(data.nbytes),
    }
    for coord in (TIME, "reference", "secondary"):
        if coord in data.coords and data[coord].size:
            times = np.atleast_1d(data[coord].to_numpy()).astype("datetime64[D]")
            row["first"] = min(row.get("first", str(times.min())), str(times.min()))
            row["last"] = max(row.get("last", str(times.max())), str(times.max()))
    if "spatial_ref" in data.coords:
        attrs = data["spatial_ref"].attrs
        row["crs"] = attrs.get("projected_crs_name") or attrs.get("geographic_crs_name") or "named in crs_wkt"
    return row


def _sizes(data: xr.Dataset | xr.DataArray, arrays: list[xr.DataArray]) -> dict[str, int]:
    """Sizes by dim, in the order of the arrays (a Dataset's own order is that of its coords)."""
    return {str(dim): data.sizes[dim] for array in arrays for dim in array.dims}


def _tabular(data: pd.DataFrame) -> dict[str, Any]:
    return {
        "dims": {"rows": len(data)},
        "units": data.attrs.get("units", {}),
        "columns": [str(c) for c in data.columns],
    }
