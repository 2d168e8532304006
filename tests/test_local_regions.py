"""Local regions of any name and number, with or without references and points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import regions
from qtp_toolkit.conventions import QtpDataError


@pytest.fixture
def maps(rng):
    axes = {"y": 34.95 - 0.1 * np.arange(10), "x": 92.05 + 0.1 * np.arange(10)}
    quality, interest = (xr.DataArray(rng.random((10, 10)), axes, ("y", "x")).rio.write_crs(4326) for _ in range(2))
    quality[6:9, 1:4] += 5.0
    interest[1:4, 6:9] += 5.0
    return quality, interest


def box(west, south, east, north, **told):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"geometry": {"type": "Polygon", "coordinates": [ring]}, **told}


def point(lon, lat, **told):
    return {"geometry": {"type": "Point", "coordinates": [lon, lat]}, **told}


def test_without_references_and_points_the_maps_choose(maps):
    found = regions.local_regions(pd.DataFrame([box(92, 34, 93, 35, name="basin")]), *maps)["basin"]
    assert found.bounds == (92, 34, 93, 35)
    assert found.reference == pytest.approx((92.25, 34.25))
    assert found.points == {"basin largest": pytest.approx((92.75, 34.75))}
    assert found.marks["points"].to_dict("records") == [
        {"longitude": pytest.approx(92.75), "latitude": pytest.approx(34.75), "name": "basin largest"}
    ]


def test_drawn_references_and_points_hold(maps):
    areas = pd.DataFrame([box(92, 34, 92.5, 35, name="a", reference=[92.1, 34.1]), box(92.5, 34, 93, 35, name="b")])
    drawn = [
        point(92.3, 34.3, name="P1"),
        point(92.2, 34.2, name="P2", region="b"),
        point(92.1, 34.1, name="a reference"),
    ]
    found = regions.local_regions(areas, *maps, points=pd.DataFrame(drawn))
    assert found["a"].reference == (92.1, 34.1)
    assert found["a"].reference_by == "the property reference"
    assert found["a"].points == {"P1": (92.3, 34.3)}
    assert found["b"].points == {"P2": (92.2, 34.2)}


def test_any_name_and_number(maps):
    west = np.linspace(92, 92.9, 7)
    areas = pd.DataFrame([box(w, 34, w + 0.2, 35) for w in west])
    assert len(regions.local_regions(areas, *maps)) == 7
    twice = pd.DataFrame([box(92, 34, 93, 35, name="lake"), box(92, 34, 92.5, 35, name="lake")])
    assert list(regions.local_regions(twice, *maps)) == ["lake (1)", "lake (2)"]


def test_regions_elsewhere_are_left_out_and_none_is_refused(maps):
    areas = pd.DataFrame([box(92, 34, 93, 35, name="here"), box(10, 10, 11, 11, name="there")])
    assert list(regions.local_regions(areas, *maps)) == ["here"]
    with pytest.raises(QtpDataError, match="no region has a part"):
        regions.local_regions(areas[1:], *maps)
    quality, interest = maps
    with pytest.raises(QtpDataError, match="no region has a part"):
        regions.local_regions(areas, quality * np.nan, interest)


def test_points_of_one_name_in_two_regions_are_two(maps):
    areas = pd.DataFrame([box(92, 34, 92.5, 35, name="a"), box(92.5, 34, 93, 35, name="b")])
    drawn = [
        point(92.2, 34.2, name="P1"),
        point(92.7, 34.3, name="P1"),
        point(92.8, 34.4, name="P1"),
        point(92.3, 34.1),
    ]
    found = regions.local_regions(areas, *maps, points=pd.DataFrame(drawn))
    assert found["a"].points == {"P1": (92.2, 34.2), "P4": (92.3, 34.1)}
    assert found["b"].points == {"P1 (1)": (92.7, 34.3), "P1 (2)": (92.8, 34.4)}


def test_points_by_any_longitude_and_of_no_region(maps):
    areas = pd.DataFrame([box(92, 34, 93, 35, name="a"), box(92, 34, 92.5, 35)])
    found = regions.local_regions(areas, *maps, points=pd.DataFrame([point(92.5 - 360, 34.5, name="P")]))
    assert list(found) == ["a", "region 2"]
    assert found["a"].points == {"P": (92.5 - 360, 34.5)}
    with pytest.raises(QtpDataError, match=r"not drawn.*found: \['A'\]"):
        regions.local_regions(areas, *maps, points=pd.DataFrame([point(92.5, 34.5, name="P", region="A")]))


@pytest.mark.parametrize("told", [[92.1, 34.2], "92.1, 34.2", "[92.1; 34.2]", "92.1 34.2", (92.1, 34.2, 4600.0)])
def test_references_as_text_hold(maps, told):
    """Tables of attributes know no lists."""
    areas = pd.DataFrame([box(92, 34, 93, 35, name="a", reference=told), box(92, 34, 93, 35, name="b")])
    found = regions.local_regions(areas, *maps)
    assert found["a"].reference == (92.1, 34.2)
    assert found["b"].reference_by == "the largest temporal coherence"


@pytest.mark.parametrize("told", ["P1", "92.1", [92.1], 92.1, {"x": 1}])
def test_references_that_are_no_place_are_told(maps, told):
    areas = pd.DataFrame([box(92, 34, 93, 35, name="a", reference=told)])
    with pytest.raises(QtpDataError, match="reference of region 'a' is no place"):
        regions.local_regions(areas, *maps)


def line(*corners):
    return {"geometry": {"type": "LineString", "coordinates": [list(corner) for corner in corners]}}


def test_lines_of_any_name_and_number():
    drawn = [{**line((92, 34 + k / 10), (93, 34)), "name": name} for k, name in enumerate(["PP'", None, 7, "PP'", ""])]
    found = regions.lines(pd.DataFrame(drawn))
    assert list(found) == ["PP' (1)", "line 2", "7", "PP' (4)", "line 5"]
    assert found["7"] == [(92.0, 34.2), (93.0, 34.0)]
    assert list(regions.lines(pd.DataFrame([line((92, 34), (93, 34))] * 9))) == [f"line {k}" for k in range(1, 10)]


def test_parts_of_a_line_are_one_and_what_is_no_line_is_left_out():
    parts = {
        "geometry": {"type": "MultiLineString", "coordinates": [[[92, 34, 4500], [92.5, 34]], [[92.6, 34], [93, 34]]]}
    }
    drawn = pd.DataFrame(
        [box(92, 34, 93, 35, name="area"), {**parts, "name": "road"}, {"geometry": None, "name": "gone"}]
    )
    assert regions.lines(drawn) == {"road": [(92.0, 34.0), (92.5, 34.0), (92.6, 34.0), (93.0, 34.0)]}
    with pytest.raises(QtpDataError, match="no line is drawn"):
        regions.lines(drawn[:1])


def test_regions_and_points_without_a_name_beside_named_ones(maps):
    """A table fills names that are missing with NaN, which is no name; points of one name are two places."""
    areas = pd.DataFrame([box(92, 34, 92.5, 35, name="lake"), box(92.5, 34, 93, 35)])
    drawn = pd.DataFrame([point(92.3, 34.3, name="P"), point(92.7, 34.3, name="P"), point(92.8, 34.2)])
    found = regions.local_regions(areas, *maps, points=drawn)
    assert list(found) == ["lake", "region 2"]
    assert len(found["lake"].points) == 1
    assert len(found["region 2"].points) == 2
