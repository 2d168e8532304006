"""One small truth, written as producers write it: ISCE2's folders, MintPy's and OPERA's files, GACOS' delays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from pyproj import CRS

PAIRS = (("20180819", "20180831"), ("20180831", "20180912"), ("20180819", "20180912"))
WAVELENGTH = 0.05546576


class Truth(NamedTuple):
    """Pairs (earlier, later) on a map of 0.001 degrees, north up: phase (rad), coherence, elevation and so on."""

    west: float
    north: float
    step: float
    phase: np.ndarray
    coherence: np.ndarray
    component: np.ndarray
    elevation: np.ndarray
    incidence: np.ndarray
    land: np.ndarray
    baselines: np.ndarray
    pairs: tuple[tuple[str, str], ...] = PAIRS
    heading: float | None = None

    @property
    def days(self) -> list[str]:
        return sorted({day for pair in self.pairs for day in pair})

    def azimuth(self, *, ascending: bool) -> float:
        """Of the direction to the satellite, degrees from north anticlockwise, as ISCE2 counts it."""
        return (-259.5 if ascending else -100.25) if self.heading is None else 90.0 - self.heading

    @property
    def latitude(self) -> np.ndarray:
        rows = np.arange(self.phase.shape[1]) + 0.5
        return np.repeat((self.north - rows * self.step)[:, None], self.phase.shape[2], 1)

    @property
    def longitude(self) -> np.ndarray:
        columns = np.arange(self.phase.shape[2]) + 0.5
        return np.repeat((self.west + columns * self.step)[None], self.phase.shape[1], 0)


def truth(height=24, width=20, seed=5) -> Truth:
    rng = np.random.default_rng(seed)
    shape = len(PAIRS), height, width
    phase = rng.normal(0, 4, shape).astype("float32") + 9
    phase[0, 3, 4] = 0.0  # missing; the amplitude is 0 too
    return Truth(
        93.0,
        35.0,
        0.001,
        phase,
        rng.uniform(0.1, 0.95, shape).astype("float32"),
        rng.integers(0, 4, shape).astype("uint8"),
        rng.uniform(4500, 5000, shape[1:]),
        np.linspace(33, 43, height * width, dtype="float32").reshape(height, width),
        rng.integers(0, 2, shape[1:]).astype("uint8"),
        np.array([-31.5, 48.25, 16.75]),
    )


def isce_xml(path: Path, values: np.ndarray, *, kind: str, bands: int = 1) -> Path:
    """Write numbers (lines, samples), or (bands, lines, samples) line by line, and their ``.xml`` of ISCE2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values)
    (values if values.ndim == 2 else values.transpose(1, 0, 2)).tofile(path)
    height, width = values.shape[-2:]
    said = {
        "byte_order": "l",
        "data_type": kind,
        "file_name": f"elsewhere/{path.name}",
        "length": height,
        "number_bands": bands,
        "scheme": "BIL",
        "width": width,
    }
    inner = "".join(f'<property name="{key}"><value>{value}</value></property>' for key, value in said.items())
    path.with_name(path.name + ".xml").write_text(f"<imageFile>{inner}</imageFile>")
    return path


def seen(values: np.ndarray, *, ascending: bool) -> np.ndarray:
    """Lines in the direction of flight, samples away from a radar that looks to the right."""
    return values[..., ::-1, :] if ascending else values[..., ::-1]


def tops_stack(folder: Path, made: Truth, *, ascending=False, later_first=(), mintpy=False) -> list[Path]:
    """Write a stack of topsStack; returns the files of the phase."""
    out = []
    for k, (first, second) in enumerate(made.pairs):
        turned = k in later_first
        name = f"{second}_{first}" if turned else f"{first}_{second}"
        where = folder / "merged" / "interferograms" / name
        phase = seen(made.phase[k] * (-1 if turned else 1), ascending=ascending)
        path = isce_xml(where / "filt_fine.unw", np.stack([phase != 0, phase]).astype("<f4"), kind="FLOAT", bands=2)
        coherence = seen(made.coherence[k], ascending=ascending)
        isce_xml(where / "filt_fine.cor", coherence.astype("<f4"), kind="FLOAT")
        isce_xml(where / "filt_fine.unw.conncomp", seen(made.component[k], ascending=ascending), kind="BYTE")
        if mintpy:  # its headers hold the shape of the full image too
            height, width = phase.shape
            for name in ("filt_fine.unw", "filt_fine.cor"):
                text = f"FILE_LENGTH {height}\nWIDTH {width}\nlength {height * 7}\nwidth {width * 9}\n"
                (where / f"{name}.rsc").write_text(text)
        out.append(path)
    geometry = folder / "merged" / "geom_reference"
    layers = {"lat": made.latitude, "lon": made.longitude, "hgt": made.elevation}
    for name, values in layers.items():
        isce_xml(geometry / f"{name}.rdr", seen(values, ascending=ascending).astype("<f8"), kind="DOUBLE")
    azimuth = np.full(made.incidence.shape, made.azimuth(ascending=ascending))
    los = seen(np.stack([made.incidence, azimuth]), ascending=ascending)
    isce_xml(geometry / "los.rdr", los.astype("<f4"), kind="FLOAT", bands=2)
    isce_xml(geometry / "waterMask.rdr", seen(made.land, ascending=ascending), kind="BYTE")
    isce_xml(geometry / "shadowMask.rdr", seen(made.component[0], ascending=ascending), kind="BYTE")
    # of dates against the first: a block for each swath
    day, *others = made.days
    for date, value in zip(others, made.baselines[::2], strict=True):
        blocks = [
            f"swath: IW{k}\nBperp (average): {value + off}\nBpar (average): 3.0\n" for k, off in ((1, -1), (2, 1))
        ]
        path = folder / "baselines" / f"{day}_{date}" / f"{day}_{date}.txt"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(blocks))
    reference = folder / "reference"
    reference.mkdir()
    said = {"radarwavelength": WAVELENGTH, "passdirection": "ASCENDING" if ascending else "DESCENDING"}
    said["burststartutc"] = "2018-08-19 11:45:12.345678"
    inner = "".join(f'<property name="{key}"><value>{value}</value></property>' for key, value in said.items())
    text = '<productmanager_name><component name="instance"><component name="bursts"><component name="burst1">'
    (reference / "IW1.xml").write_text(f"{text}{inner}</component></component></component></productmanager_name>")
    return out


def stripmap_stack(folder: Path, made: Truth, *, ascending: bool | None = None) -> list[Path]:
    """Write a stack of stripmapStack: other names, and no wavelength; as a radar sees it that flies so, or as it is."""
    out = []
    for k, (first, second) in enumerate(made.pairs):
        where = folder / "Igrams" / f"{first}_{second}"
        name = f"filt_{first}_{second}"
        phase, coherence = made.phase[k], made.coherence[k]
        if ascending is not None:
            phase, coherence = (seen(part, ascending=ascending) for part in (phase, coherence))
        both = np.stack([phase != 0, phase]).astype("<f4")
        out.append(isce_xml(where / f"{name}_snaphu.unw", both, kind="FLOAT", bands=2))
        isce_xml(where / f"{name}.cor", coherence.astype("<f4"), kind="FLOAT")
    (folder / "baselines").mkdir()
    day, *others = made.days
    for date, value in zip(others, made.baselines[::2], strict=True):
        text = f"PERP_BASELINE_BOTTOM {value - 2}\nPERP_BASELINE_TOP {value + 2}\n"
        (folder / "baselines" / f"{day}_{date}.txt").write_text(text)
    return out


def mintpy_attrs(made: Truth, *, kind: str, mapped: bool) -> dict[str, str]:
    """Attributes as MintPy writes them, all text; ``width`` in small letters is of the full image."""
    height, width = made.phase.shape[1:]
    heading = 190.25 if made.heading is None else made.heading
    said = {
        "FILE_TYPE": kind,
        "LENGTH": str(height),
        "WIDTH": str(width),
        "length": str(height * 7),
        "width": str(width * 9),
        "WAVELENGTH": str(WAVELENGTH),
        "HEADING": str(heading - 360),
        "ORBIT_DIRECTION": "DESCENDING" if 90 < heading < 270 else "ASCENDING",
        "CENTER_LINE_UTC": "42312.4",
        "PROCESSOR": "isce",
    }
    place = {"X_FIRST": made.west, "Y_FIRST": made.north, "X_STEP": made.step, "Y_STEP": -made.step}
    unit = {"X_UNIT": "degrees", "Y_UNIT": "degrees"}
    if abs(made.north) > 90:
        unit = {"X_UNIT": "meters", "Y_UNIT": "meters", "UTM_ZONE": "46N"}
    return said | ({key: str(value) for key, value in place.items()} | unit if mapped else {})


def mintpy_stack(folder: Path, made: Truth, *, mapped=True, dropped=(), ascending=False) -> Path:
    """Write ifgramStack.h5 and its geometry; ``dropped`` pairs have a dropIfgram of False."""
    folder.mkdir(parents=True, exist_ok=True)
    look = (lambda values: values) if mapped else (lambda values: seen(values, ascending=ascending))
    path = folder / "ifgramStack.h5"
    with h5py.File(path, "w") as file:
        file["date"] = np.array(made.pairs, "S8")
        file["bperp"] = made.baselines.astype("f4")
        file["dropIfgram"] = np.array([k not in dropped for k in range(len(made.pairs))])
        file["unwrapPhase"], file["coherence"] = look(made.phase), look(made.coherence)
        file["connectComponent"] = look(made.component).astype("i2")
        file.attrs.update(mintpy_attrs(made, kind="ifgramStack", mapped=mapped))
    with h5py.File(folder / ("geometryGeo.h5" if mapped else "geometryRadar.h5"), "w") as file:
        file["height"], file["incidenceAngle"] = look(made.elevation).astype("f4"), look(made.incidence)
        file["azimuthAngle"] = np.full(made.incidence.shape, made.azimuth(ascending=ascending), "f4")
        file["waterMask"] = look(made.land) == 1
        if not mapped:
            file["latitude"], file["longitude"] = look(made.latitude), look(made.longitude)
        file.attrs.update(mintpy_attrs(made, kind="geometry", mapped=mapped))
    return path


def disp_product(path: Path, values: np.ndarray, *, tide: float = 0.0, good: np.ndarray | None = None) -> Path:
    """Write a product of DISP-S1 as far as it is read: displacement in m, y, x, mask and tide."""
    height, width = values.shape
    with h5py.File(path, "w") as file:
        file["displacement"] = values.astype("f4")
        file["y"], file["x"] = 3481725.0 - 30.0 * np.arange(height), 717615.0 + 30.0 * np.arange(width)
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(32613).to_wkt()
        file["recommended_mask"] = np.ones((height, width), "u1") if good is None else good.astype("u1")
        file["corrections/solid_earth_tide"] = np.full((height, width), tide, "f4")
    return path


def delay(path: Path, values: np.ndarray, *, hour: float | None = None, place=(93.0, 35.0, 0.001, -0.001)) -> Path:
    """Write a delay of GACOS and its header."""
    values.astype("<f4").tofile(path)
    keys = dict(zip(("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP"), place, strict=True))
    said = {"WIDTH": values.shape[1], "FILE_LENGTH": values.shape[0], **keys, "X_UNIT": "degres"}
    said |= {"TIME_OF_DAY": f"{hour:.6f}UTC"} if hour is not None else {}
    path.with_name(path.name + ".rsc").write_text("".join(f"{key}   {value}\n" for key, value in said.items()))
    return path


def radar(folder, values, name, suffix="slc"):
    """Raw pixels with a VRT beside them, as ISCE writes them."""
    raw, path = folder / name / f"{name}.{suffix}.full", folder / name / f"{name}.{suffix}.full.vrt"
    raw.parent.mkdir(parents=True, exist_ok=True)
    values.tofile(raw)
    kind = {"c": "CFloat32", "f": "Float64", "u": "Byte"}[values.dtype.kind]
    (rows, columns), size = values.shape, values.dtype.itemsize
    path.write_text(
        f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><VRTRasterBand dataType="{kind}" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">{raw.name}</SourceFilename>'
        f"<ByteOrder>LSB</ByteOrder><ImageOffset>0</ImageOffset><PixelOffset>{size}</PixelOffset>"
        f"<LineOffset>{size * columns}</LineOffset></VRTRasterBand></VRTDataset>"
    )
    return path
