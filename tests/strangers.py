"""Files of every producer by writers that know none of the readers, after FORMATS and public documents only.

One motion of a bowl and a wave, both orbits, north and south of the equator, with a void, and a constant of each pair.
"""

from __future__ import annotations

from datetime import datetime
from itertools import combinations

import h5py
import numpy as np
import rasterio
from rasterio.transform import Affine
from scipy.io import netcdf_file

WAVELENGTH = 0.05546576
DAYS = ("20191227", "20200108", "20200229", "20200312")
PAIRS = tuple(pair for pair in combinations(range(4), 2) if pair != (0, 3))


class Scene:
    """Truth on 14 rows and 17 columns; ``utm`` or degrees."""

    def __init__(self, orbit="ascending", *, south=False, utm=False):
        rows, columns = np.mgrid[0:14, 0:17].astype(float)
        self.orbit, self.shape = orbit, rows.shape
        west, north = (
            (696000.0, 7520000.0 if south else 3840000.0) if utm else (-68.4, -22.6) if south else (93.2, 34.9)
        )
        self.epsg, step = ((32719 if south else 32646), 80.0) if utm else (4326, 0.001)
        self.place = Affine(step, 0, west - step / 2, 0, -step, north + step / 2)
        self.x, self.y = west + step * np.arange(17), north - step * np.arange(14)
        self.heading = 349.2 if orbit == "ascending" else 190.4
        across = columns / 17 if orbit == "ascending" else 1 - columns / 17
        self.incidence = np.deg2rad(33 + 12 * across + rows / 140)
        left = np.deg2rad(self.heading - 90 + rows / 28)  # where the satellite stands: to the left of its flight
        flat = np.sin(self.incidence)
        self.east, self.north, self.up = flat * np.sin(left), flat * np.cos(left), np.cos(self.incidence)
        self.elevation = 4500 + 8 * rows + 3 * columns
        bowl = np.exp(-((rows - 8) ** 2 + (columns - 6) ** 2) / 20)
        wave = 0.002 * np.sin(columns / 5) * np.cos(rows / 4)
        self.motion = np.stack([-0.01 * k * bowl + wave * np.sin(k) for k in range(4)])  # m, toward the satellite
        self.baseline = np.array([0.0, -41.2345, 87.5, 12.25])
        self.void = (rows < 3) & (columns < 4)
        self.water = (rows > 10) & (columns > 12)
        self.component = np.where(columns < 8, 1, 2) * ~self.void

    def phase(self, pair):
        a, b = pair
        return -4 * np.pi / WAVELENGTH * (self.motion[b] - self.motion[a]) + 3.3 * a - 1.7 * b

    def coherence(self, pair):
        """Whole 255ths, which bytes hold as they are."""
        return np.round(255 * (0.3 + 0.05 * pair[0] + 0.5 * np.abs(np.sin(self.elevation + pair[1])))) / 255

    def lengths(self):
        return [self.baseline[b] - self.baseline[a] for a, b in PAIRS]

    def holed(self, values, missing=0.0):
        return np.where(self.void, missing, values)

    def radar(self, values):
        """Lines in the direction of flight, samples away from the satellite."""
        return np.flip(values, -2 if self.orbit == "ascending" else -1)


def names():
    return [(pair, f"{DAYS[pair[0]]}_{DAYS[pair[1]]}") for pair in PAIRS]


def tif(path, values, scene, *, nodata=None, kind="Area", shift=(0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    place = scene.place * Affine.translation(*shift)
    how = {"dtype": values.dtype, "crs": f"EPSG:{scene.epsg}", "transform": place, "nodata": nodata}
    with rasterio.open(path, "w", "GTiff", *values.shape[::-1], 1, **how) as file:
        file.update_tags(AREA_OR_POINT=kind)
        file.write(values, 1)


def hyp3(folder, scene, *, burst=False):
    """Of GAMMA: S1C beside S1A, pixels as points, extents a pixel apart; or of several bursts."""
    for k, (pair, name) in enumerate(names()):
        first, second = name.split("_")
        stem = f"S1CA_{first}T120436_{second}T120437_VVP012_INT80_G_ueF_{4096 + k:04X}"
        if burst:
            stem = f"S1_064_000000s1n00-136231s2n02-136229s3n01_IW_{name}_VV_INT80_{40960 + k:04X}"
        away = (0, 0) if burst else (k % 2, 0)
        angles = {"lv_theta": np.pi / 2 - scene.incidence, "lv_phi": np.arctan2(scene.north, scene.east)}
        own = {"unw_phase": scene.phase(pair), "corr": scene.coherence(pair), "dem": scene.elevation, **angles}
        for layer, values in own.items():
            kind = "Area" if burst else "Point"
            cut = scene.holed(values)[:, away[0] :].astype("f4")
            tif(folder / stem / f"{stem}_{layer}.tif", cut, scene, nodata=0, kind=kind, shift=away)
        text = [
            f"Baseline: {scene.baseline[pair[1]] - scene.baseline[pair[0]]:.4f}",
            "UTC time: 43476.123456",
            f"Heading: {scene.heading - 360}",
            f"Unwrapping type: {'snaphu_mcf' if burst else 'mcf'}",
        ]
        (folder / stem / f"{stem}.txt").write_text("\r\n".join(text))
        (folder / stem / f"{stem}.README.md.txt").write_text("Baseline: see below\n")


def licsar(folder, scene, *, portal=True):
    """With baselines of nine columns and bytes (portal), or of four under a heading and decimals (LiCSBAS)."""
    frame = "012A_05021_131313" if scene.orbit == "ascending" else "121D_05021_131313"
    home = folder / frame / ("interferograms" if portal else "GEOC")
    beside = folder / frame / "metadata" if portal else home
    for pair, name in names():
        phase = scene.holed(scene.phase(pair), 0 if portal else np.nan)
        tif(home / name / f"{name}.geo.unw.tif", phase.astype("f4"), scene)
        gray = scene.holed(scene.coherence(pair))
        gray = np.round(gray * 255).astype("u1") if portal else gray.astype("f4")
        tif(home / name / f"{name}.geo.cc.tif", gray, scene)
    for what, values in (("E", scene.east), ("N", scene.north), ("U", scene.up), ("hgt", scene.elevation)):
        tif(beside / f"{frame}.geo.{what}.tif", scene.holed(values).astype("f4"), scene)
    b = scene.baseline
    old = [f"{k} {DAYS[i]} {DAYS[j]} {b[j] - b[i]} 0 0 0 {b[i]} {b[j]}" for k, (i, j) in enumerate(PAIRS)]
    new = ["smdate sdate bp dt", *(f"{DAYS[0]} {day} {length:.4f} 12" for day, length in zip(DAYS, b, strict=True))]
    (beside / "baselines").write_text("\n".join(old if portal else new))
    (beside / "metadata.txt").write_text(f"master={DAYS[0]}\ncenter_time=12:04:36.5\nheading={scene.heading - 360}\n")


def licsbas(folder, scene, *, decimals=False):
    home = folder / "GEOCml1GACOS"
    for pair, name in names():
        (home / name).mkdir(parents=True)
        scene.holed(scene.phase(pair), np.nan).astype("<f4").tofile(home / name / f"{name}.unw")
        gray = scene.holed(scene.coherence(pair))
        (gray.astype("<f4") if decimals else np.round(gray * 255).astype("u1")).tofile(home / name / f"{name}.cc")
    maps = {"E.geo": scene.east, "N.geo": scene.north, "U.geo": scene.up, "hgt": scene.elevation}
    for name, values in maps.items():
        scene.holed(values, np.nan).astype("<f4").tofile(home / name)
    rows, columns = scene.shape
    size = f"range_samples:   {columns}\nazimuth_lines:   {rows}\nradar_frequency: 5405000454.33 Hz\n"
    (home / "slc.mli.par").write_text(size + "center_time: 12:04:36.5 UTC\n")
    corner = f"corner_lat:     {scene.y[0]}  decimal degrees\ncorner_lon:    {scene.x[0]}  decimal degrees\n"
    steps = "post_lat: -0.001 decimal degrees\npost_lon: 0.001 decimal degrees\n"
    (home / "EQA.dem_par").write_text(f"title: DEM\nwidth: {columns}\nnlines: {rows}\n{corner}{steps}")
    lines = (f"{DAYS[0]} {day} {length:.4f} 12\n" for day, length in zip(DAYS, scene.baseline, strict=True))
    (home / "baselines").write_text("".join(lines))


def gmtsar(folder, scene):
    """Days of the year from 0, NetCDF-3, rows from south to north."""
    for pair, name in names():
        days = [np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in name.split("_")]
        days = [f"{str(d)[:4]}{(d - d.astype('M8[Y]')).astype(int):03d}" for d in days]
        home = folder / "intf_all" / "_".join(days)
        home.mkdir(parents=True)
        for grid, values in (("unwrap_ll", scene.phase(pair)), ("corr_ll", scene.coherence(pair))):
            with netcdf_file(home / f"{grid}.grd", "w") as file:
                for axis, numbers, unit in (("lon", scene.x, "east"), ("lat", scene.y[::-1], "north")):
                    file.createDimension(axis, len(numbers))
                    variable = file.createVariable(axis, "f8", (axis,))
                    variable[:], variable.units = numbers, f"degrees_{unit}"
                variable = file.createVariable("z", "f4", ("lat", "lon"))
                variable[:] = scene.holed(values, np.nan)[::-1]


def snap(folder, scene):
    for pair, _ in names():
        first, second = (datetime.strptime(DAYS[k], "%Y%m%d").strftime("%d%b%Y") for k in pair)
        tif(folder / f"Unw_Phase_ifg_{first}_{second}_VV.tif", scene.holed(scene.phase(pair)).astype("f4"), scene)
        tif(folder / f"coh_IW2_VV_{first}_{second}.tif", scene.holed(scene.coherence(pair)).astype("f4"), scene)


def aria(folder, scene):
    """Later date first: phase and baseline of the other sign; angles at four heights, from east."""
    for (a, b), name in names():
        first, second = name.split("_")
        stem = f"S1-GUNW-{scene.orbit[0].upper()}-R-012-tops-{second}_{first}-120436-00093E_00034N-PP-0a1b-v3_0_1"
        with h5py.File(folder / f"{stem}.nc", "w") as file:
            data = file.create_group("science/grids/data")
            data["latitude"], data["longitude"] = scene.y, scene.x
            data["unwrappedPhase"] = scene.holed(-scene.phase((a, b))).astype("f4")
            data["coherence"] = scene.holed(scene.coherence((a, b))).astype("f4")
            data["connectedComponents"] = scene.holed(scene.component, -1).astype("f4")
            cube = file.create_group("science/grids/imagingGeometry")
            latitude = scene.y[0] + 0.1 - 0.1 * np.arange(4)
            longitude = scene.x[0] - 0.1 + 0.1 * np.arange(4)
            heights = np.array([-1500.0, 0, 3000, 9000])
            axes = {"heightsMeta": heights, "latitudeMeta": latitude, "longitudeMeta": longitude}
            for key, numbers in axes.items():
                cube.create_dataset(key, data=numbers).make_scale(key)
            rows, columns = (scene.y[0] - latitude[:, None]) / 0.001, (longitude - scene.x[0]) / 0.001
            across = columns / 17 if scene.orbit == "ascending" else 1 - columns / 17
            azimuth = (180 - scene.heading - rows / 28 + 180) % 360 - 180 + 0 * columns
            length = scene.baseline[a] - scene.baseline[b]
            for key, plane in (
                ("incidenceAngle", 33 + 12 * across + rows / 140),
                ("azimuthAngle", azimuth),
                ("perpendicularBaseline", np.full((4, 4), length)),
            ):
                values = cube.create_dataset(key, data=np.repeat(plane[None], 4, 0).astype("f4"))
                for dim, axis in zip(values.dims, axes, strict=True):
                    dim.attach_scale(cube[axis])
            file["science/radarMetaData/wavelength"] = WAVELENGTH
            for which, day in (("reference", second), ("secondary", first)):
                slc = f"S1A_IW_SLC__1SDV_{day}T120436_{day}T120503_030712_038513_3D1B"
                file[f"science/radarMetaData/inputSLC/{which}/L1InputGranules"] = np.array([slc], dtype=object)


def image(path, values, kind, *, header="vrt"):
    """Bare numbers, band by band in each line, and the .xml or .vrt of ISCE2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = values if values.ndim == 3 else values[None]
    bands, rows, columns = values.shape
    dtype, name = {"FLOAT": ("<f4", "Float32"), "DOUBLE": ("<f8", "Float64"), "BYTE": ("u1", "Byte")}[kind]
    np.moveaxis(values, 0, 1).astype(dtype).tofile(path)
    own = {"width": columns, "length": rows, "number_bands": bands, "data_type": kind, "scheme": "BIL"}
    text = "".join(f'<property name="{key}"><value>{value}</value></property>' for key, value in own.items())
    size = np.dtype(dtype).itemsize
    if header == "vrt":
        text = "".join(
            f'<VRTRasterBand band="{k + 1}" dataType="{name}" subClass="VRTRawRasterBand"><ByteOrder>LSB</ByteOrder>'
            f"<SourceFilename relativeToVRT='1'>{path.name}</SourceFilename>"
            f"<ImageOffset>{k * columns * size}</ImageOffset><PixelOffset>{size}</PixelOffset>"
            f"<LineOffset>{bands * columns * size}</LineOffset></VRTRasterBand>"
            for k in range(bands)
        )
    root = f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}">{text}</VRTDataset>'
    text = root if header == "vrt" else f"<imageFile>{text}</imageFile>"
    path.with_name(f"{path.name}.{header}").write_text(text)


def topsstack(folder, scene, *, header="vrt"):
    """Radar geometry; a header of MintPy, of another size, beside each interferogram."""
    for pair, name in names():
        home = folder / "merged" / "interferograms" / name
        both = np.stack([scene.holed(0.4), scene.holed(scene.phase(pair))])
        image(home / "filt_fine.unw", scene.radar(both), "FLOAT", header=header)
        image(home / "filt_fine.cor", scene.radar(scene.holed(scene.coherence(pair))), "FLOAT", header=header)
        image(home / "filt_fine.unw.conncomp", scene.radar(scene.component), "BYTE", header=header)
        (home / "filt_fine.unw.rsc").write_text("WIDTH 17\nFILE_LENGTH 14\nwidth 2956\nlength 9999\n")
    longitude, latitude = np.meshgrid(scene.x, scene.y)
    azimuth = np.rad2deg(np.arctan2(scene.north, scene.east)) - 90
    maps = {
        "lat": (scene.holed(latitude), "DOUBLE"),
        "lon": (scene.holed(longitude), "DOUBLE"),
        "hgt": (scene.elevation, "DOUBLE"),
        "los": (np.stack([scene.holed(np.rad2deg(scene.incidence)), scene.holed(azimuth)]), "FLOAT"),
    }
    for name, (values, kind) in maps.items():
        image(folder / "merged" / "geom_reference" / f"{name}.rdr", scene.radar(values), kind, header=header)
    for day, length in zip(DAYS[1:], scene.baseline[1:], strict=True):
        path = folder / "baselines" / f"{DAYS[0]}_{day}" / f"{DAYS[0]}_{day}.txt"
        path.parent.mkdir(parents=True)
        swaths = (f"swath: IW{k}\nBperp (average): {length + k - 2}\nBpar (average): 3.3\n" for k in (1, 2, 3))
        path.write_text("".join(swaths))
    own = {
        "radarwavelength": WAVELENGTH,
        "burststartutc": "2019-12-27 12:04:36.5",
        "passdirection": scene.orbit.upper(),
    }
    text = "".join(f'<property name="{key}"><value>{value}</value></property>' for key, value in own.items())
    (folder / "reference").mkdir()
    path = folder / "reference" / "IW2.xml"
    for name in ("burst1", "bursts", "instance"):
        text = f'<component name="{name}">{text}</component>'
    path.write_text(f"<productmanager_name>{text}</productmanager_name>")


def mintpy(folder, scene):
    """Attributes are text; those in small letters are of the whole radar image."""
    a, _, c, _, e, f = tuple(scene.place)[:6]
    unit = "degrees" if scene.epsg == 4326 else "meters"
    own = {"WAVELENGTH": WAVELENGTH, "HEADING": scene.heading - 360, "ORBIT_DIRECTION": scene.orbit.upper()}
    own |= {"PROCESSOR": "isce", "LENGTH": 14, "WIDTH": 17, "length": 9999, "width": 2956, "CENTER_LINE_UTC": 43476.5}
    own |= {"X_FIRST": c, "Y_FIRST": f, "X_STEP": a, "Y_STEP": e, "X_UNIT": unit, "Y_UNIT": unit, "EPSG": scene.epsg}
    (folder / "inputs").mkdir()
    with h5py.File(folder / "inputs" / "ifgramStack.h5", "w") as file:
        file.attrs.update({key: str(value) for key, value in own.items()} | {"FILE_TYPE": "ifgramStack"})
        file["date"] = np.array([[DAYS[a].encode(), DAYS[b].encode()] for a, b in PAIRS])
        file["bperp"], file["dropIfgram"] = np.array(scene.lengths(), "f4"), np.ones(len(PAIRS), bool)
        file["unwrapPhase"] = np.stack([scene.holed(scene.phase(pair)) for pair in PAIRS]).astype("f4")
        file["coherence"] = np.stack([scene.holed(scene.coherence(pair)) for pair in PAIRS]).astype("f4")
    with h5py.File(folder / "inputs" / "geometryGeo.h5", "w") as file:
        file.attrs.update({key: str(value) for key, value in own.items()} | {"FILE_TYPE": "geometry"})
        azimuth = np.rad2deg(np.arctan2(scene.north, scene.east)) - 90
        angles = {"incidenceAngle": np.rad2deg(scene.incidence), "azimuthAngle": (azimuth + 180) % 360 - 180}
        for name, values in {"height": scene.elevation, **angles}.items():
            file[name] = values.astype("f4")
