"""One small stack of known motion, written as each producer of interferograms delivers it."""

from __future__ import annotations

import numpy as np
import rasterio
import xarray as xr
from radar_files import Truth, mintpy_stack, stripmap_stack, tops_stack
from small_files import tif

WAVELENGTH = 0.05546576
DAYS = ("20180807", "20180819", "20180831")
PAIRS = [(0, 1), (0, 2), (1, 2)]
SHAPE = (6, 8)
INCIDENCE = 39.0
HEADING = {"ascending": 349.95, "descending": 190.04}
BASELINES = (0.0, 45.0, -12.5)
"""Of the dates, m."""
CLOCK = "114512"
GEO = {"crs": "EPSG:4326", "origin": (93.0, 35.0), "pixel": 0.001}
UTM = {"crs": "EPSG:32646", "origin": (400000.0, 3800000.0), "pixel": 80.0}
LAT, LON = 35.0 - 0.001 * (np.arange(SHAPE[0]) + 0.5), 93.0 + 0.001 * (np.arange(SHAPE[1]) + 0.5)


def motion():
    """Displacement (date, y, x) toward the satellite, m, nowhere the same on two dates."""
    ramp = np.arange(np.prod(SHAPE)).reshape(SHAPE) / 1000.0
    return np.stack([ramp * 0, ramp + 0.0032, 0.0103 - ramp])


def truth():
    """Phase, coherence, baseline of the pairs (earlier, later) in the toolkit's convention."""
    moved = motion()
    phase = np.array([-4 * np.pi / WAVELENGTH * (moved[b] - moved[a]) for a, b in PAIRS]).astype("float32")
    phase[:, 0, 0] = np.nan
    coherence = np.round(np.linspace(0.2, 1, phase.size).reshape(phase.shape) * 255) / 255
    return phase, coherence.astype("float32"), [BASELINES[b] - BASELINES[a] for a, b in PAIRS]


def vector(orbit):
    """East, north and up to a satellite that looks to the right."""
    around, rise = np.deg2rad(180.0 - HEADING[orbit]), np.deg2rad(90.0 - INCIDENCE)
    return np.cos(rise) * np.cos(around), np.cos(rise) * np.sin(around), np.sin(rise)


def _full(value):
    return np.full(SHAPE, value, "float32")


def _zeros(values):
    return np.nan_to_num(values)


def hyp3(folder, orbit, kind="GAMMA"):
    """Products of GAMMA, or of ISCE of one burst (SINGLE), of several (MULTI), and of several under old names (OLD)."""
    stems = {
        "GAMMA": "S1AC_{0}T114512_{1}T114510_VVP012_INT80_G_ueF_AB1{2}",
        "SINGLE": "S1_056072_IW2_{0}_{1}_VV_INT80_E09{2}",
        "MULTI": "S1_044_000000s1n00-093117s2n01-093118s3n01_IW_{0}_{1}_VV_INT80_B4F{2}",
        "OLD": "S1A_064_E053_1_N27_3_E054_1_N27_8_{0}_{1}_VV_INT80_7EB{2}",
    }
    around = np.deg2rad(180.0 - HEADING[orbit])
    around = (around + np.pi) % (2 * np.pi) - np.pi
    for k, (phase, coherence, baseline) in enumerate(zip(*truth(), strict=True)):
        name = stems[kind].format(*(DAYS[end] for end in PAIRS[k]), k)
        layers = {
            "unw_phase": _zeros(phase),
            "corr": coherence,
            "lv_theta": _full(np.deg2rad(90 - INCIDENCE)),
            "lv_phi": _full(around),
            "dem": _full(4600.0),
        }
        if kind != "GAMMA":
            layers["conncomp"] = np.where(np.isfinite(phase), k + 1, 0).astype("float32")
        for layer, values in layers.items():
            tif(folder / name / f"{name}_{layer}.tif", values, nodata=0, **UTM)
        water = np.ones((SHAPE[0], SHAPE[1] + 1), "uint8")  # one column wider, as seen
        water[-1] = 0
        tif(folder / name / f"{name}_water_mask.tif", water, nodata=255, **UTM)
        (folder / name / f"{name}.txt").write_text(
            f"Reference Granule: x\nBaseline: {baseline}\nUTC time: 42312.25\nHeading: {HEADING[orbit] - 360}\n"
        )


def _cube(values):
    """Values at four heights and a coarse grid around the pixels."""
    axes = {
        "heightsMeta": [-1500.0, 0.0, 3000.0, 9000.0],
        "latitudeMeta": [35.1, 35.0, 34.9],
        "longitudeMeta": [92.9, 93.0, 93.1],
    }
    shape = tuple(map(len, axes.values()))
    cubes = {name: (tuple(axes), np.broadcast_to(array, shape).astype("f4")) for name, array in values.items()}
    return xr.Dataset(cubes, axes)


def aria(folder, orbit):
    """Products of the later and the earlier date, in this order, positive toward the satellite."""
    folder.mkdir(parents=True, exist_ok=True)
    axes = {"latitude": LAT, "longitude": LON}
    height = np.array([-1500.0, 0.0, 3000.0, 9000.0])[:, None, None]
    for (a, b), phase, coherence, baseline in zip(PAIRS, *truth(), strict=True):
        letter = orbit[0].upper()
        name = f"S1-GUNW-{letter}-R-048-tops-{DAYS[b]}_{DAYS[a]}-{CLOCK}-00093E_00035N-PP-ab1{a}-v3_0_1.nc"
        path = folder / name
        data = {
            "unwrappedPhase": -phase,
            "coherence": coherence,
            "unfilteredCoherence": coherence / 2,
            "connectedComponents": np.where(np.isfinite(phase), 1, -1),
        }
        data = xr.Dataset({key: (tuple(axes), _zeros(v).astype("f4")) for key, v in data.items()}, axes)
        data.to_netcdf(path, group="/science/grids/data", engine="h5netcdf")
        angles = {
            "incidenceAngle": INCIDENCE + (height - 4600.0) / 10000.0,
            "azimuthAngle": 180.0 - HEADING[orbit],
            "perpendicularBaseline": -baseline,
        }
        cube = _cube(angles)
        _add(path, cube, "/science/grids/imagingGeometry")
        _add(path, xr.Dataset({"wavelength": ((), np.float32(WAVELENGTH))}), "/science/radarMetaData")
        coarse = {"latitude": [35.01, 35.0, 34.99], "longitude": [92.99, 93.0, 93.01]}
        ionosphere = np.full((3, 3), -0.5 * (b - a), "f4")
        _add(
            path,
            xr.Dataset({"ionosphere": (tuple(coarse), ionosphere)}, coarse),
            "/science/grids/corrections/derived/ionosphere",
        )
        for end, date in (("reference", b), ("secondary", a)):
            tide = "/science/grids/corrections/external/tides/solidEarth"
            _add(path, _cube({"solidEarthTide": 2.0 + date}), f"{tide}/{end}")
            weather = "/science/grids/corrections/external/troposphere/HRRR"
            delays = {"troposphereWet": 1.0 + date, "troposphereHydrostatic": 40.0 + date - height / 1000.0}
            _add(path, _cube(delays), f"{weather}/{end}")


def _add(path, data, group):
    fills = {key: {"_FillValue": np.float32(0)} for key, array in data.items() if array.ndim}
    data.to_netcdf(path, group=group, mode="a", engine="h5netcdf", encoding=fills)


def licsar(folder, orbit, layout="GEOC", decimal=False):
    """A frame as LiCSBAS fetches it (GEOC), or as the portal has it; one pair has NaN where others have 0."""
    home = folder / ("GEOC" if layout == "GEOC" else "interferograms")
    frame = home if layout == "GEOC" else folder / "metadata"
    phase, coherence, _ = truth()
    for k, (a, b) in enumerate(PAIRS):
        name = f"{DAYS[a]}_{DAYS[b]}"
        tif(home / name / f"{name}.geo.unw.tif", phase[k] if k == 1 else _zeros(phase[k]), **GEO)
        stored = coherence[k] if decimal else np.round(coherence[k] * 255).astype("uint8")
        tif(home / name / f"{name}.geo.cc.tif", stored, **GEO)
    east, north, up = vector(orbit)
    for what, value in {"E": east, "N": north, "U": up, "hgt": 4600.0}.items():
        tif(frame / f"048{orbit[0].upper()}_05417_131313.geo.{what}.tif", _full(value), **GEO)
    rows = [f"{DAYS[1]} {day} {BASELINES[k] - BASELINES[1]:.4f} {12 * (k - 1)}" for k, day in enumerate(DAYS)]
    (frame / "baselines").write_text("\n".join([rows[1], rows[0], rows[2]]) + "\n")
    (frame / "metadata.txt").write_text(f"master={DAYS[1]}\ncenter_time=11:45:12.25\nheading={HEADING[orbit] - 360}\n")
    for k, day in enumerate(DAYS):
        where = folder / "GACOS" if layout == "GEOC" else folder / "epochs" / day
        tif(where / f"{day}.sltd.geo.tif", _full(40.0 + k), **GEO)


def licsbas(folder):
    """A GEOCml folder, and the series."""
    import h5py  # noqa: PLC0415

    home = folder / "GEOCml1"
    phase, coherence, _ = truth()
    for k, (a, b) in enumerate(PAIRS):
        pair = home / f"{DAYS[a]}_{DAYS[b]}"
        pair.mkdir(parents=True)
        phase[k].astype("<f4").tofile(pair / f"{pair.name}.unw")
        np.round(coherence[k] * 255).astype("u1").tofile(pair / f"{pair.name}.cc")
    place = {"corner_lat": LAT[0], "corner_lon": LON[0], "post_lat": -0.001, "post_lon": 0.001}
    lines = [f"width: {SHAPE[1]}", f"nlines: {SHAPE[0]}", *(f"{k}: {v} decimal degrees" for k, v in place.items())]
    (home / "EQA.dem_par").write_text("\n".join(lines) + "\n")
    (home / "slc.mli.par").write_text(
        f"range_samples: {SHAPE[1]}\nazimuth_lines: {SHAPE[0]}\n"
        f"radar_frequency: {299792458.0 / WAVELENGTH:.1f} Hz\ncenter_time: 11:45:12.25\n"
    )
    rows = [f"{k + 1} {DAYS[1]} {day} 0 0 0 0 {BASELINES[1]} {BASELINES[k]}" for k, day in enumerate(DAYS)]
    (home / "baselines").write_text("\n".join(rows) + "\n")
    (folder / "TS_GEOCml1").mkdir()
    with h5py.File(folder / "TS_GEOCml1" / "cum.h5", "w") as file:
        file["imdates"], file["cum"] = np.array([int(day) for day in DAYS], "i4"), (1000 * motion()).astype("f4")
        file["bperp"], file["refarea"] = np.array(BASELINES), np.bytes_("0:1/0:1")
        for key, value in place.items():
            file[key] = value


def radar(orbit, place=GEO):
    """Return the same stack for the writers of ISCE2 and MintPy, whose second pair is of the second and third date."""
    phase, coherence, baselines = (np.asarray(values)[[0, 2, 1]] for values in truth())
    (west, north), step = place["origin"], place["pixel"]
    component = np.where(np.isfinite(phase), 1, 0).astype("uint8")
    flat = {"elevation": 4600.0, "incidence": INCIDENCE, "land": 1}
    kinds = {"elevation": "f8", "incidence": "f4", "land": "u1"}
    layers = {name: np.full(SHAPE, value, kinds[name]) for name, value in flat.items()}
    pairs = tuple((DAYS[a], DAYS[b]) for a, b in (PAIRS[k] for k in (0, 2, 1)))
    made = Truth(west, north, step, _zeros(phase), coherence, component, baselines=baselines, **layers)
    return made._replace(pairs=pairs, heading=HEADING[orbit])


def isce2(folder, orbit):
    tops_stack(folder, radar(orbit), ascending=orbit == "ascending")


def stripmap(folder, orbit):
    """Write it with the geometry beside the pairs."""
    isce2(folder / "tops", orbit)
    (folder / "tops" / "merged" / "geom_reference").rename(folder / "geom_reference")
    stripmap_stack(folder, radar(orbit), ascending=orbit == "ascending")


def mintpy(folder, orbit, place=GEO, *, mapped=True):
    mintpy_stack(folder / "inputs", radar(orbit, place), mapped=mapped, ascending=orbit == "ascending")


def geotiffs(folder, orbit, place=UTM):
    """Plain pairs in bare numbers, wherever they come from."""
    phase, coherence, _ = truth()
    for k, (a, b) in enumerate(PAIRS):
        for kind, values in (("unw", _zeros(phase[k])), ("cc", coherence[k])):
            tif(folder / f"{DAYS[a]}_{DAYS[b]}_{kind}.tif", values, **place)


def aria_tools(folder, orbit):
    """Write what ARIA-tools extracts: a folder a layer, ENVI, (later, earlier), NaN where no component is."""
    place = {"crs": "EPSG:4326", "transform": rasterio.Affine(0.001, 0, 93.0, 0, -0.001, 35.0)}
    for (a, b), phase, coherence, baseline in zip(PAIRS, *truth(), strict=True):
        layers = {
            "unwrappedPhase": -phase,
            "coherence": coherence,
            "connectedComponents": np.where(np.isfinite(phase), 1, np.nan),
            "incidenceAngle": _full(INCIDENCE),
            "azimuthAngle": _full(180.0 - HEADING[orbit]),
            "bPerpendicular": _full(-baseline),
        }
        for layer, values in layers.items():
            path = folder / layer / f"{DAYS[b]}_{DAYS[a]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = {"width": SHAPE[1], "height": SHAPE[0], "count": 1, "dtype": "float32", "nodata": 0}
            with rasterio.open(path, "w", driver="ENVI", **size, **place) as dataset:
                dataset.write(values.astype("f4"), 1)
            path.with_name(path.name + ".vrt").write_text("<VRTDataset/>")


def grd(path, values, *, west=93.0, north=35.0, step=0.001, units="radians", kind="f4", **said):
    """Grid of GMT in longitude and latitude: rows from south to north, NaN where nothing is, or packed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    lat, lon = (north - step * (np.arange(height) + 0.5))[::-1], west + step * (np.arange(width) + 0.5)
    axes = {"lat": ("lat", lat, {"units": "degrees_north"}), "lon": ("lon", lon, {"units": "degrees_east"})}
    said = {"_FillValue": np.float32(np.nan)} | said
    data = xr.Dataset({"z": (("lat", "lon"), values[::-1].astype(kind), {"units": units} | said)}, axes)
    data.to_netcdf(path, engine="h5netcdf")


def gmtsar(folder, _=None):
    """Folders that count the days of the year from 0."""
    phase, coherence, _ = truth()
    days = [np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}") for day in DAYS]
    days = [f"{str(day)[:4]}{(day - day.astype('M8[Y]')).astype(int):03d}" for day in days]
    for k, (a, b) in enumerate(PAIRS):
        home = folder / "intf_all" / f"{days[a]}_{days[b]}"
        grd(home / "unwrap_ll.grd", phase[k])
        grd(home / "corr_ll.grd", coherence[k], units="dimensionless")
        (home / "S1.PRM").write_text(f"num_lines = 4\nradar_wavelength        = {WAVELENGTH}\n")
