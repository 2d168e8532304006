"""VNP21A2 and VJ121A2 as they are delivered: small true HDF-EOS5 granules, and what AppEEARS makes of them.

Layout by the file specification of the product (LADSWEB): fields of the grid VIIRS_Grid_8Day_1km_LST21 with their
attributes as arrays and bytes, ``_Fillvalue`` as it is spelled there, texts below ``HDFEOS INFORMATION``, and what the
granule is as attributes of the file.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from small_files import STRUCT, TILE

GRID = "VIIRS_Grid_8Day_1km_LST21"
NAMES = {"VNP": "SUOMI-NPP", "VJ1": "NOAA-20"}
LEGEND = "Bit Fields Description (Right to Left): [0-1] Mandatory QA flags [2-3] Data quality flag ..."


def layers(values, *, qc=0b11110000, night=None, clock=(13.4, 1.4)):
    """Fields of a granule: {name: (array, attributes)}; day and night alike unless told otherwise."""
    kelvin = {"scale_factor": [0.02], "add_offset": [0.0], "valid_range": np.array([7500, 65535], "u2"), "units": b"K"}
    kelvin |= {"_Fillvalue": np.array([0], "u2")}
    byte = np.broadcast_to(np.asarray(qc, "u1"), values.shape)
    out = {}
    for part, field, hour in zip(("Day", "Night"), (values, values if night is None else night), clock, strict=True):
        title = f"8-day {part.lower()}time 1km grid Land-surface Temperature".encode()
        out[f"LST_{part}_1KM"] = field, kelvin | {"long_name": title}
        out[f"QC_{part}"] = byte, {"scale_factor": b"n/a", "units": b"n/a", "QA Legend": LEGEND.encode()}
        angle = np.full(values.shape, 65, "u1")
        out[f"View_Angle_{part}"] = angle, {"add_offset": [-65.0], "units": b"deg"}
        times = np.where(field > 0, round(hour * 10), 255).astype("u1")
        out[f"View_Time_{part}"] = times, {"scale_factor": [0.1], "units": b"hrs", "_Fillvalue": np.array([255], "u1")}
    out["Emis_14"] = np.full(values.shape, 200, "u1"), {"scale_factor": [0.002], "add_offset": [0.49]}
    return out


def granule(folder: Path, name: str, values, *, tile=None, said=None, drop=(), **options) -> Path:
    """Write a granule; product, date and tile by its name unless told otherwise."""
    product, date, place = (name if name[:1] == "V" else "VNP21A2.A2016001.h25v05").split(".")[:3]
    h, v = tile or (int(place[1:3]), int(place[4:6]))
    rows, columns = values.shape
    left, top = (h - 18) * TILE, (9 - v) * TILE
    corners = {"left": left, "top": top, "right": left + TILE, "bottom": top - TILE}
    day = np.datetime64(f"{date[1:5]}-01-01") + int(date[5:]) - 1
    told = {
        "ShortName": product,
        "VersionID": "002",
        "RangeBeginningDate": str(day),
        "RangeBeginningTime": "00:00:00.000000",
        "ProductionTime": "2023-05-26 01:45:59.000",
        "PlatformShortName": NAMES[product[:3]],
    }
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / name, "w") as file:
        fields = file.create_group(f"HDFEOS/GRIDS/{GRID}/Data Fields")
        for key, (array, attributes) in layers(values, **options).items():
            if key in drop:
                continue
            field = fields.create_dataset(key, data=array, chunks=array.shape, compression="gzip", shuffle=True)
            field.attrs.update(attributes)
        text = STRUCT.replace("GCTP_SNSOID", "HE5_GCTP_SNSOID").format(rows=rows, columns=columns, **corners)
        file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(text.encode())
        for key, value in (told | (said or {})).items():
            if value is not None:
                file.attrs[key] = np.bytes_(value.encode())
    return folder / name
