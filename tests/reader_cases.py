"""The one truth in the files of every reader, and ways to spoil them: pairs, series, delays."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import producers
import rasterio
from producers import DAYS, GEO, PAIRS, UTM
from radar_files import delay, disp_product, mintpy_attrs

from qtp_toolkit import load

ANGLES = ("incidence", "look")


class Reader(NamedTuple):
    """Writer of the truth, files of the phase, their opening, how the phase lies in them, and what they do not tell."""

    write: Callable[[Path, str], Any]
    find: str
    open: Callable[..., Any]
    kind: str
    without: tuple[str, ...] = ()
    zero_is_missing: bool = True


def plain(paths, **_):
    gamma = [path.with_name(path.name.replace("unw", "cc")) for path in paths]
    return load.interferograms(paths, coherence=[path for path in gamma if path.is_file()])


def on_the_map(paths, *, layers=(), **_):
    return load.isce2(paths, geometry="geocoded", resolution=0.001, layers=layers)


def mintpy_in_radar(paths, *, layers=(), **_):
    return load.mintpy(paths[0], geometry="geocoded", resolution=0.001, layers=layers)


def stripmap(paths, *, layers=(), wavelength=producers.WAVELENGTH):
    return load.isce2(paths, geometry="geocoded", resolution=0.001, wavelength=wavelength, layers=layers)


READERS = {
    "hyp3": Reader(producers.hyp3, "S1*/*_unw_phase.tif", load.hyp3, "tif"),
    "hyp3 burst": Reader(lambda f, o: producers.hyp3(f, o, "SINGLE"), "S1*/*_unw_phase.tif", load.hyp3, "tif"),
    "aria": Reader(producers.aria, "*.nc", lambda p, **k: load.aria(p, elevation=4600.0, **k), "h5"),
    "aria_tools": Reader(
        producers.aria_tools, "unwrappedPhase/????????_????????", load.aria_tools, "raw", ("overpass",)
    ),
    "licsar": Reader(producers.licsar, "GEOC/*/*.geo.unw.tif", load.licsar, "tif"),
    "licsbas": Reader(
        lambda f, _: producers.licsbas(f), "GEOCml1/*/*.unw", lambda p, **_: load.licsbas(p), "raw", ANGLES
    ),
    "gmtsar": Reader(
        producers.gmtsar,
        "intf_all/*/unwrap_ll.grd",
        lambda p, **_: load.gmtsar(p),
        "grd",
        (*ANGLES, "overpass", "baseline"),
        zero_is_missing=False,
    ),
    "geotiff": Reader(producers.geotiffs, "*_unw.tif", plain, "tif", (*ANGLES, "overpass", "baseline")),
    "geotiff, degrees": Reader(
        lambda f, o: producers.geotiffs(f, o, GEO), "*_unw.tif", plain, "tif", (*ANGLES, "overpass", "baseline")
    ),
    "isce2": Reader(producers.isce2, "merged/*/*/filt_fine.unw", on_the_map, "raw"),
    "stripmap": Reader(producers.stripmap, "Igrams/*/filt_*_snaphu.unw", stripmap, "raw", ("overpass",)),
    "mintpy": Reader(producers.mintpy, "inputs/ifgramStack.h5", lambda p, **k: load.mintpy(p[0], **k), "h5"),
    "mintpy, UTM": Reader(
        lambda f, o: producers.mintpy(f, o, UTM), "inputs/ifgramStack.h5", lambda p, **k: load.mintpy(p[0], **k), "h5"
    ),
    "mintpy, radar": Reader(
        lambda f, o: producers.mintpy(f, o, mapped=False), "inputs/ifgramStack.h5", mintpy_in_radar, "h5"
    ),
}


def disp_products(folder, _=None):
    """Each against the date before it."""
    moved = producers.motion()
    for (_, first), (k, day) in pairwise(enumerate(DAYS)):
        name = f"OPERA_L3_DISP-S1_IW_F08882_VV_{first}T005104Z_{day}T005103Z_v1.0_20250917T184125Z.nc"
        disp_product(folder / name, moved[k] - moved[k - 1])
        with h5py.File(folder / name, "r+") as file:
            apart = producers.BASELINES[k] - producers.BASELINES[k - 1]
            file["corrections/perpendicular_baseline"] = np.full(moved.shape[1:], apart, "f4")
            file["displacement"].attrs["units"] = "meters"


def mintpy_series(folder, _=None):
    with h5py.File(folder / "timeseries.h5", "w") as file:
        file["timeseries"], file["date"] = producers.motion().astype("f4"), np.array(DAYS, "S8")
        said = mintpy_attrs(producers.radar("ascending", UTM), kind="timeseries", mapped=True)
        file.attrs.update(said | {"UNIT": "m", "REF_DATE": DAYS[0]})


def delays(folder, _=None):
    for k, day in enumerate(DAYS):
        delay(folder / f"{day}.ztd", np.full(producers.SHAPE, 1.5 + k / 10))


SERIES = {
    "opera": Reader(disp_products, "*.nc", load.opera_disp, "h5"),
    "licsbas series": Reader(
        lambda f, _: producers.licsbas(f), "TS_GEOCml1/cum.h5", lambda p: load.licsbas_series(p[0]), "h5"
    ),
    "mintpy series": Reader(mintpy_series, "timeseries.h5", lambda p: load.mintpy(p[0]), "h5"),
    "gacos": Reader(delays, "*.ztd", lambda p: load.gacos(p, registration="corner"), "raw"),
}
"""What enters as series of dates: three of displacement, and delays."""
ALL = READERS | SERIES
_STORE = tempfile.TemporaryDirectory(prefix="one_truth_")


@cache
def _template(reader, orbit):
    folder = Path(tempfile.mkdtemp(dir=_STORE.name))
    ALL[reader].write(folder, orbit)
    return folder


def written(folder, reader, orbit="descending"):
    """Files of the phase (or of the series), written once a reader and copied from then on."""
    shutil.copytree(_template(reader, orbit), folder, dirs_exist_ok=True)
    return files_of(folder, reader)


def files_of(folder, reader):
    return sorted(folder.glob(ALL[reader].find))


def opened(folder, reader, **options):
    return ALL[reader].open(files_of(folder, reader), **options)


def edit(folder, reader, change, *, k=0, what="phase"):
    """Put the phase, or the coherence, of pair ``k`` of ``PAIRS`` through ``change``, wherever it is stored."""
    row = READERS[reader]
    path = files_of(folder, reader)[0 if "mintpy" in reader else k]
    if what == "coherence":
        path = gray_of(path, reader)
    if row.kind == "tif":
        with rasterio.open(path, "r+") as dataset:
            dataset.write(change(dataset.read(1)), 1)
    elif row.kind == "grd":  # rows from south to north
        with h5py.File(path, "r+") as file:
            file["z"][...] = change(file["z"][()][::-1])[::-1]
    elif row.kind == "h5":
        name = {"phase": "unwrapPhase", "coherence": "coherence"}[what]
        with h5py.File(path, "r+") as file:
            if "mintpy" in reader:  # which has the second and the third pair the other way round
                k, side = (0, 2, 1)[k], np.s_[:, :: -1 if "radar" in reader else 1]
                file[name][k] = change(file[name][k][side])[side]
            else:
                name = f"science/grids/data/{'unwrappedPhase' if what == 'phase' else what}"
                file[name][...] = change(file[name][()])
    else:
        one = path.stat().st_size == np.prod(producers.SHAPE)
        values = np.fromfile(path, "u1" if one else "<f4")
        both = reader in ("isce2", "stripmap") and what == "phase"
        plane = values.reshape(6, 2, 8)[:, 1] if both else values.reshape(6, 8)
        flipped = np.s_[:, ::-1] if reader in ("isce2", "stripmap") else np.s_[:]  # as a descending radar sees it
        plane[flipped] = change(plane[flipped].copy())
        if both:
            values.reshape(6, 2, 8)[:, 0] = plane != 0
        values.tofile(path)


def gray_of(path, reader):
    """File of the coherence of a pair."""
    if reader == "aria_tools":
        return path.parents[1] / "coherence" / path.name
    name = path.name
    for own, other in (
        ("_unw_phase", "_corr"),
        (".geo.unw", ".geo.cc"),
        ("unwrap_ll", "corr_ll"),
        ("_unw.tif", "_cc.tif"),
        ("_snaphu.unw", ".cor"),
        ("filt_fine.unw", "filt_fine.cor"),
        (".unw", ".cc"),
    ):
        if own in name:
            return path.with_name(name.replace(own, other))
    return path


def day_of_year(text):
    """As GMTSAR counts, from 0; 999 of what is no date."""
    try:
        return f"{text[:4]}{datetime.strptime(text, '%Y%m%d').timetuple().tm_yday - 1:03d}"
    except ValueError:
        return f"{text[:4]}999"


def redate(folder, reader, old, new):
    """Call a pair by other dates, in the names of its files and folders, or where the file tells them."""
    if "mintpy" in reader:
        with h5py.File(folder / "inputs" / "ifgramStack.h5", "r+") as file:
            rows = [tuple(day.decode() for day in row) for row in file["date"][()]]
            file["date"][rows.index(old)] = np.array(new, "S8")
        return
    if reader in ("aria", "aria_tools"):
        old, new = old[::-1], new[::-1]
    if reader == "gmtsar":
        old, new = map(day_of_year, old), map(day_of_year, new)
    (a, b), (c, d) = old, new
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        name = re.sub(rf"{a}(T\d{{6}})?_{b}", lambda m: f"{c}{m[1] or ''}_{d}", path.name)
        if name != path.name and "baselines" not in path.parts:
            path.rename(path.with_name(name))


def pair_days(k):
    return tuple(DAYS[end] for end in PAIRS[k])
