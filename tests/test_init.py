"""`import qtp_toolkit` is light, and names arrive when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "matplotlib",
    "hvplot",
    "holoviews",
    "panel",
    "bokeh",
    "numba",
    "rasterio",
    "pyhdf",
    "distributed",
    "rioxarray",
)


def run(code: str) -> str:
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


@pytest.mark.parametrize("statement", ["import qtp_toolkit", "from qtp_toolkit import open_catalog, conventions"])
def test_import_is_light(statement):
    heavy = run(f"import sys; {statement}; print([m for m in {HEAVY} if m in sys.modules])")
    assert heavy == "[]"


def test_names_are_those_of_the_modules():
    import qtp_toolkit  # noqa: PLC0415
    from qtp_toolkit.catalog import open_catalog  # noqa: PLC0415
    from qtp_toolkit.conventions import QtpDataError  # noqa: PLC0415

    assert qtp_toolkit.open_catalog is open_catalog
    assert qtp_toolkit.QtpDataError is QtpDataError
    assert {"open_catalog", "lst", "pecm", "load"} <= set(dir(qtp_toolkit))


def test_unknown_name_is_an_attribute_error():
    import qtp_toolkit  # noqa: PLC0415

    with pytest.raises(AttributeError, match="no attribute 'lstt'"):
        _ = qtp_toolkit.lstt
