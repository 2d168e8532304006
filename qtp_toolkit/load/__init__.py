"""One loader a product family: files in, lazy labelled arrays in the toolkit's dims and units out.

The catalog calls these for you; called directly they take paths::

    from qtp_toolkit import load
    stack = load.hyp3(sorted(folder.glob("S1*/*_unw_phase.tif")))

What every loader promises: at open only headers are read; bad files are listed all at once; fill values go by the
product's specification, and tags that contradict it are refused; unsigned integers are cast before they are scaled;
quality bytes stay bytes; a wrong unit is an error, a stray value NaN; what is missing or dropped is counted in attrs;
grids are compared and never silently joined; y runs from north to south; every grid carries its CRS in
``spatial_ref``. Tasks carry paths and windows, so the arrays work under threads, processes and ``dask.distributed``.
"""

from qtp_toolkit.load.datasets import netcdf, zarr
from qtp_toolkit.load.insar.aria import aria
from qtp_toolkit.load.insar.aria_tools import aria_tools
from qtp_toolkit.load.insar.checks import check_stack, look_at_stack
from qtp_toolkit.load.insar.convention import interferograms
from qtp_toolkit.load.insar.gacos import gacos
from qtp_toolkit.load.insar.gmtsar import gmtsar
from qtp_toolkit.load.insar.hyp3 import hyp3
from qtp_toolkit.load.insar.isce2 import isce2, isce2_layer
from qtp_toolkit.load.insar.licsar import licsar
from qtp_toolkit.load.insar.licsbas import licsbas, licsbas_series
from qtp_toolkit.load.insar.look import check_incidence, hyp3_look, licsar_look, opera_look
from qtp_toolkit.load.insar.mintpy import mintpy
from qtp_toolkit.load.insar.opera import opera_disp
from qtp_toolkit.load.insar.opera_tropo import opera_tropo
from qtp_toolkit.load.insar.recognized import recognize
from qtp_toolkit.load.insar.slc import slc_stack
from qtp_toolkit.load.maps.features import vectors
from qtp_toolkit.load.maps.rasters import dem, raster, series, series_set
from qtp_toolkit.load.maps.soil import soilgrids
from qtp_toolkit.load.reanalysis import era5, era5_land
from qtp_toolkit.load.tables import station_series, stations
from qtp_toolkit.load.temperature.cells import lst_table
from qtp_toolkit.load.temperature.checks import check_lst
from qtp_toolkit.load.temperature.modis import modis_lst, ndvi
from qtp_toolkit.load.temperature.viirs import viirs_lst

__all__ = [
    "aria",
    "aria_tools",
    "check_incidence",
    "check_lst",
    "check_stack",
    "dem",
    "era5",
    "era5_land",
    "gacos",
    "gmtsar",
    "hyp3",
    "hyp3_look",
    "interferograms",
    "isce2",
    "isce2_layer",
    "licsar",
    "licsar_look",
    "licsbas",
    "licsbas_series",
    "look_at_stack",
    "lst_table",
    "mintpy",
    "modis_lst",
    "ndvi",
    "netcdf",
    "opera_disp",
    "opera_look",
    "opera_tropo",
    "raster",
    "recognize",
    "series",
    "series_set",
    "slc_stack",
    "soilgrids",
    "station_series",
    "stations",
    "vectors",
    "viirs_lst",
    "zarr",
]
