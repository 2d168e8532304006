"""The data catalog: ``data_catalog.yaml`` read, validated, resolved and described.

The catalog is the only thing that changes between the embedded scene and a real region::

    catalog = open_catalog()
    catalog.describe()          # what is there, what is missing and how to get it
    catalog["modis_lst"]        # opens lazily, in the toolkit's dims and units
    catalog.settings.wavelength
"""

from qtp_toolkit.catalog.messages import named
from qtp_toolkit.catalog.opening import Catalog, Request, open_catalog
from qtp_toolkit.catalog.paths import inside
from qtp_toolkit.catalog.schema import Settings, Source
from qtp_toolkit.catalog.strict_yaml import read_yaml

__all__ = [
    "Catalog",
    "Request",
    "Settings",
    "Source",
    "inside",
    "named",
    "open_catalog",
    "read_yaml",
]
