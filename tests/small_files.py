"""Small true files for the loader tests: GeoTIFF, AppEEARS NetCDF, HDF4-EOS granules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from qtp_toolkit.conventions import QtpDataError

UTM = "EPSG:32646"


def tif(path: Path, values, *, crs=UTM, origin=(400000.0, 3800000.0), pixel=80.0, nodata=None, tags=None, upward=False):
    values = np.asarray(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = rasterio.Affine(pixel, 0, origin[0], 0, -pixel, origin[1])
    if upward:
        transform = rasterio.Affine(pixel, 0, origin[0], 0, pixel, origin[1] - pixel * values.shape[0])
        values = values[::-1]
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, nodata=nodata, **shape) as dataset:
        dataset.write(values, 1)
        dataset.update_tags(**(tags or {}))
    return path


def refused(function, *arguments, code=None, **options) -> str:
    with pytest.raises(QtpDataError) as caught:
        function(*arguments, **options)
    if code is not None:
        assert caught.value.code == code, caught.value
    return str(caught.value)


LAT, LON = np.array([35.02, 35.01, 35.0]), np.array([93.0, 93.01, 93.02, 93.03])
DN = np.array([[0, 13500, 14000, 14500], [7499, 7500, 15000, 13657], [65535, 13600, 0, 13700]], "uint16")


def appeears(path: Path, days, *, qc=1, units="days since 2000-01-01 00:00:00", dn=DN, drop=(), flip=False):
    days = np.asarray(days)
    dims = ("time", "lat", "lon")
    lst = np.broadcast_to(dn, (len(days), *dn.shape))
    lst = lst[:, ::-1] if flip else lst
    data = {
        name: (dims, lst, {"scale_factor": 0.02, "_FillValue": np.uint16(0)})
        for name in ("LST_Day_1km", "LST_Night_1km")
    }
    data |= {
        name: (dims, np.full(lst.shape, qc, "uint8"), {"_FillValue": np.uint8(0)}) for name in ("QC_Day", "QC_Night")
    }
    coords = {
        "time": ("time", days, {"units": units, "calendar": "julian"}),
        "lat": LAT[::-1] if flip else LAT,
        "lon": LON,
    }
    raw = xr.Dataset({k: v for k, v in data.items() if k not in drop}, coords=coords)
    raw["crs"] = ((), np.int8(0), {"grid_mapping_name": "latitude_longitude"})
    raw.to_netcdf(path, engine="h5netcdf")
    return path


def day_number(*dates):
    return [int((np.datetime64(d) - np.datetime64("2000-01-01")).astype(int)) for d in dates]


def appeears_tifs(folder: Path, product="MOD11A2.061", dates=("2019001", "2019009000000")):
    degrees = {"crs": "EPSG:4326", "origin": (93, 35), "pixel": 0.01}
    values = {"LST_Day_1km": DN, "LST_Night_1km": DN, "QC_Day": np.full(DN.shape, 65, "uint8")}
    values["QC_Night"] = values["QC_Day"]
    names = [(f"{product}_{layer}_doy{date}_aid0001.tif", layer) for date in dates for layer in values]
    return [tif(folder / name, values[layer], **degrees) for name, layer in names]


TILE = 1111950.519767
STRUCT = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
	GROUP=GRID_1
		GridName="MODIS_Grid_8Day_1km_LST"
		XDim={columns}
		YDim={rows}
		UpperLeftPointMtrs=({left:.6f},{top:.6f})
		LowerRightMtrs=({right:.6f},{bottom:.6f})
		Projection=GCTP_SNSOID
		ProjParams=(6371007.181000,0,0,0,0,0,0,0,0,0,0,0,0)
	END_GROUP=GRID_1
END_GROUP=GridStructure
END
"""
CORE = """
    OBJECT                 = {key}
      NUM_VAL              = 1
      VALUE                = {value}
    END_OBJECT             = {key}
"""
LST_TAGS = {"units": "K", "scale_factor": 0.02, "_FillValue": 0, "long_name": "8-Day {part}time 1km grid LST"}


def core_metadata(product, date, *, collection=61, made="2021-01-01T00:00:00.000Z"):
    """Write CoreMetadata.0 as far as the reader asks for it."""
    rows = {
        "PRODUCTIONDATETIME": f'"{made}"',
        "VERSIONID": collection,
        "SHORTNAME": f'"{product}"',
        "RANGEENDINGDATE": '"2000-01-01"',
        "RANGEBEGINNINGDATE": f'"{date}"',
    }
    text = "".join(CORE.format(key=key, value=value) for key, value in rows.items())
    return f"\nGROUP = INVENTORYMETADATA\n{text}\nEND_GROUP = INVENTORYMETADATA\n\nEND\n"


def hdf4_tile(path: Path, layers, *, tile, core=None, struct=STRUCT) -> Path:
    """Write a true HDF-EOS2 tile: SDS with attributes, StructMetadata.0, CoreMetadata.0 and a Vgroup of class GRID.

    ``layers`` is {name: (array, attributes)}, ``tile`` its (h, v).
    """
    from pyhdf.HDF import HC, HDF  # noqa: PLC0415
    from pyhdf.SD import SD, SDC  # noqa: PLC0415
    from pyhdf.V import V  # noqa: F401, PLC0415

    types = {"uint8": SDC.UINT8, "int8": SDC.INT8, "uint16": SDC.UINT16, "int16": SDC.INT16, "float32": SDC.FLOAT32}
    rows, columns = next(iter(layers.values()))[0].shape
    left, top = (tile[0] - 18) * TILE, (9 - tile[1]) * TILE
    sd = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    references = []
    for name, (values, attributes) in layers.items():
        kind = types[str(values.dtype)]
        sds = sd.create(name, kind, values.shape)
        sds[:] = values
        for key, value in attributes.items():
            text = isinstance(value, str)
            sds.attr(key).set(SDC.CHAR if text else kind if key == "_FillValue" else SDC.FLOAT64, value)
        references.append(sds.ref())
        sds.endaccess()
    text = struct.format(rows=rows, columns=columns, left=left, top=top, right=left + TILE, bottom=top - TILE)
    sd.attr("StructMetadata.0").set(SDC.CHAR, text)
    if core is not None:
        sd.attr("CoreMetadata.0").set(SDC.CHAR, core)
    sd.end()
    hdf = HDF(str(path), HC.WRITE)
    groups = hdf.vgstart()
    group = groups.create("MODIS_Grid_8Day_1km_LST")
    group._class = "GRID"
    for reference in references:
        group.add(HC.DFTAG_NDG, reference)
    group.detach()
    groups.end()
    hdf.close()
    return path


def lst_layers(values, *, names=("LST_Day_1km", "LST_Night_1km"), qc=0, tags=None):
    """Layers of an LST granule: day and night alike, and their quality bytes."""
    own = LST_TAGS | (tags or {})
    layers = {
        name: (values, own | {"long_name": own["long_name"].format(part=part)})
        for name, part in zip(names, ("day", "night"), strict=False)
    }
    byte = np.full(values.shape, qc, "uint8")
    return layers | {"QC_Day": (byte, {}), "QC_Night": (byte, {})}


def granule(folder: Path, name: str, values, *, qc=0, core=None, tile=None, **options) -> Path:
    """Write an LST granule; its tile by its name unless told otherwise."""
    place = tile or (int(name.split(".")[2][1:3]), int(name.split(".")[2][4:6]))
    return hdf4_tile(folder / name, lst_layers(values, qc=qc, **options), tile=place, core=core)
