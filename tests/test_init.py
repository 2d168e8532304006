"""Names of the package arrive when they are first used; what that imports: test_startup."""

from __future__ import annotations

import pytest


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
