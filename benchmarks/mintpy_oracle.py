"""MintPy beside the toolkit: its files through our reader, ours through its own, one inversion and one rate by both.

``PYTHONPATH=.:tests python benchmarks/mintpy_oracle.py`` prints a Markdown table of the largest differences and fails
where one is beyond its limit. MintPy (1.6.4 was tried) is no dependency: it is needed here only. The stack is written
as ISCE2 leaves it on disk; MintPy prepares and loads it by its own code.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import radar_files
import xarray as xr
from mintpy import prep_isce
from mintpy.cli import ifgram_inversion, timeseries2velocity
from mintpy.objects import geometry, ifgramStack, timeseries
from mintpy.objects.stackDict import geometryDict, ifgramDict, ifgramStackDict
from mintpy.utils import isce_utils, readfile
from mintpy.utils.utils import coordinate
from pyproj import Transformer

from qtp_toolkit import correct, export, inversion, load

REFERENCE = (10, 8)
"""Line and sample of the pixel that both refer to."""
METADATA = {
    "PROCESSOR": "isce",
    "PLATFORM": "Sen",
    "WAVELENGTH": str(radar_files.WAVELENGTH),
    "ORBIT_DIRECTION": "DESCENDING",
    "HEADING": "-169.75",
    "CENTER_LINE_UTC": "42312.4",
    "HEIGHT": "693000.0",
    "EARTH_RADIUS": "6337286.638938101",
    "STARTING_RANGE": "800000.0",
    "RANGE_PIXEL_SIZE": "2.3",
    "AZIMUTH_PIXEL_SIZE": "14.0",
    "ALOOKS": "3",
    "RLOOKS": "9",
}
MM = -1000 * radar_files.WAVELENGTH / (4 * np.pi)
"""From rad to mm toward the satellite."""
Row = tuple[str, float, float]
"""What is compared, the largest difference, and its limit."""


def apart(ours: Any, theirs: Any) -> float:
    """Largest difference; infinite where one of both is missing."""
    a, b = np.asarray(ours, float), np.asarray(theirs, float)
    return float(np.nanmax(np.abs(a - b))) if (np.isnan(a) == np.isnan(b)).all() else float("inf")


def loaded(folder: Path) -> Path:
    """Stack of ISCE2 through MintPy's preparation and loading; returns its ``ifgramStack.h5``."""
    made = radar_files.truth()
    made.phase[0, 3, 4] = 7.0  # MintPy takes an amplitude for no sign of data, so nothing is missing here
    radar_files.tops_stack(folder, made)
    baselines = isce_utils.read_baseline_timeseries(str(folder / "baselines"), processor="tops")
    prep_isce.prepare_geometry(str(folder / "merged/geom_reference"), metadata=METADATA)
    prep_isce.prepare_stack(str(folder / "merged/interferograms/*/filt_fine.unw"), METADATA, baselines)
    pairs = {}
    for path in sorted(folder.glob("merged/interferograms/*/filt_fine.unw")):
        names = {"unwrapPhase": ".unw", "coherence": ".cor", "connectComponent": ".unw.conncomp"}
        own = {name: str(path.with_name(f"filt_fine{ending}")) for name, ending in names.items()}
        pairs[tuple(path.parent.name.split("_"))] = ifgramDict(datasetDict=own)
    target = folder / "inputs" / "ifgramStack.h5"
    ifgramStackDict(pairsDict=pairs).write2hdf5(str(target))
    home = folder / "merged" / "geom_reference"
    layers = {"height": "hgt", "latitude": "lat", "longitude": "lon", "incidenceAngle": "los", "azimuthAngle": "los"}
    found = {name: str(home / f"{file}.rdr") for name, file in layers.items()}
    geometryDict(processor="isce", datasetDict=found).write2hdf5(str(folder / "inputs" / "geometryRadar.h5"))
    return target


def of_the_stack(folder: Path, path: Path) -> Iterator[Row]:
    ours = load.isce2(sorted(folder.glob("merged/interferograms/*/filt_fine.unw")), geometry="radar").compute()
    theirs = load.mintpy(path, geometry="radar").compute()
    for name, limit in (("phase", 0.0), ("coherence", 0.0), ("latitude", 1e-5), ("longitude", 1e-5)):
        yield f"{name}: stack as MintPy loaded it, and as ISCE2 wrote it", apart(ours[name], theirs[name]), limit
    lengths = [stack["perpendicular_baseline"] for stack in (ours, theirs)]
    yield "baseline, m", apart(*lengths), 1e-4
    stack = ifgramStack(str(path))
    stack.open(print_msg=False)
    yield "baseline as MintPy's object tells it, m", apart(lengths[1], stack.pbaseIfgram), 0.0


def of_the_inversion(folder: Path, path: Path) -> Iterator[Row]:
    row, column = REFERENCE
    with h5py.File(path, "r+") as file:
        file.attrs["REF_Y"], file.attrs["REF_X"] = str(row), str(column)
    names = [str(folder / name) for name in ("timeseries.h5", "temporalCoherence.h5", "numInvIfgram.h5")]
    ifgram_inversion.main([str(path), "-w", "no", "-o", *names, "--mask-thres", "0"])
    stack = load.mintpy(path, geometry="radar").compute()
    area = xr.zeros_like(stack["phase"][0], dtype=bool)
    area[row, column] = True
    phase = correct.set_reference(stack["phase"], area)
    ours = inversion.invert(phase.astype("f8"), norm="l2")["phase"] * MM
    series = load.mintpy(folder / "timeseries.h5", geometry="radar")["displacement"].compute()
    yield "displacement by both inversions, mm", apart(ours, series), 1e-3
    timeseries2velocity.main([names[0], "-o", str(folder / "velocity.h5")])
    rate = load.mintpy(folder / "velocity.h5", geometry="radar")["linear_rate"].compute()
    yield "rate as MintPy fits it to its series, mm/yr", apart(rate, slope(series)), 1e-3


def slope(series: xr.DataArray) -> np.ndarray:
    """Line by least squares over years of 365.25 days."""
    years = (series["time"] - series["time"][0]).values / np.timedelta64(1, "D") / 365.25
    flat = series.transpose("time", "y", "x").values.reshape(years.size, -1)
    return np.polyfit(years, flat, 1)[0].reshape(series.shape[1:])


def of_the_export(folder: Path) -> Iterator[Row]:
    rng = np.random.default_rng(2)
    days = np.array(["2018-08-19", "2018-08-31", "2018-09-24"], "M8[ns]")
    axes = {"time": days, "y": 3_900_000.0 - 80.0 * np.arange(12), "x": 400_000.0 + 80.0 * np.arange(9)}
    moved = xr.DataArray(rng.normal(0, 9, (3, 12, 9)), axes, ("time", "y", "x"), attrs={"units": "mm"})
    moved[0], moved[:, 1, 1] = 0.0, np.nan
    ds = moved.to_dataset(name="displacement").rio.write_crs(32646)
    ds["reference_area"] = xr.zeros_like(moved[0].drop_vars("time"))
    ds["reference_area"][5:8, 5:8] = 1
    flat = moved[1].drop_vars("time")
    maps = xr.Dataset({"linear_rate": flat.assign_attrs(units="mm/yr")}).rio.write_crs(32646)
    lay = {"elevation": (4600.0, "m"), "incidence": (39.0, "degree")}
    about = {name: (flat.fillna(0) * 0 + value).assign_attrs(units=unit) for name, (value, unit) in lay.items()}
    lengths = xr.DataArray([0.0, 45.0, -12.5], {"time": days}, ("time",), attrs={"units": "m"})
    told = {
        "heading": -169.0,
        "overpass": "11:45:12",
        "reference_date": "2018-08-19",
        "perpendicular_baseline": lengths,
    }
    export.mintpy(ds, folder, maps=maps, geometry=xr.Dataset(about).rio.write_crs(32646), **told)
    path = str(folder / "timeseries.h5")
    theirs = timeseries(path)
    theirs.open(print_msg=False)
    yield "our series by MintPy's object, mm", apart(theirs.read(print_msg=False) * 1000, moved), 1e-4
    yield "its baselines, m", apart(theirs.pbase, lengths), 0.0
    yield "its days since the first", apart(theirs.tbase, [0, 12, 36]), 0.0
    rate, said = readfile.read(str(folder / "velocity.h5"))
    yield f"our rates by MintPy's reader ({said['UNIT']}), mm/yr", apart(rate * 1000, flat), 1e-4
    own = geometry(str(folder / "geometryGeo.h5"))
    own.open(print_msg=False)
    yield (
        "incidence by MintPy's object, degree",
        apart(own.read("incidenceAngle", print_msg=False), about["incidence"]),
        0,
    )
    column, row = int(theirs.metadata["REF_X"]), int(theirs.metadata["REF_Y"])
    y, x = coordinate(theirs.metadata).yx2lalo(row, column)
    there = moved.isel(y=row, x=column)
    if abs(y) <= 90:  # some versions answer in degrees
        x, y = Transformer.from_crs(4326, 32646, always_xy=True).transform(x, y)
    yield "place of the reference pixel by MintPy's coordinates, m", abs(x - there["x"]) + abs(y - there["y"]), 1e-3
    timeseries2velocity.main([path, "-o", str(folder / "again.h5")])
    again = load.mintpy(folder / "again.h5")
    yield "rate that MintPy fits to our series, mm/yr", apart(again["linear_rate"], slope(moved)), 1e-3
    yield "its place, m", apart(again["x"], moved["x"]) + apart(again["y"], moved["y"]), 1e-6
    theirs.write2hdf5(theirs.read(print_msg=False), outFile=str(folder / "copy_timeseries.h5"), refFile=path)
    copied = load.mintpy(folder / "copy_timeseries.h5")["displacement"]
    yield "our series as MintPy writes it again, mm", apart(copied, moved), 1e-4


def rows(folder: Path) -> Iterator[Row]:
    path = loaded(folder / "stack")
    yield from of_the_stack(folder / "stack", path)
    yield from of_the_inversion(folder / "stack", path)
    yield from of_the_export(folder / "export")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        found = list(rows(Path(folder)))
    print("| compared | largest difference | limit |\n| --- | ---: | ---: |")
    for name, difference, limit in found:
        print(f"| {name} | {difference:.3g} | {limit:g} |")
    wrong = [name for name, difference, limit in found if not difference <= limit]
    assert not wrong, wrong


if __name__ == "__main__":
    main()
