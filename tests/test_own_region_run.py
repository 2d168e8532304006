"""A region as docs/data.md teaches it, through the whole workflow: few sources, other physics, known truth."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from own_region import region, write

from qtp_toolkit import products
from qtp_toolkit.reproduce import reproduce

MORE = """\
  incidence: {kind: raster, driver: licsar_look, uri: "GEOC/metadata/*.geo.[ENU].tif", provenance: synthetic}
  regions: {kind: vector, driver: geojson, uri: regions.geojson, provenance: synthetic}
  profiles: {kind: vector, driver: geojson, uri: profiles.geojson, provenance: synthetic}
"""


def features(path, *rows):
    listed = [{"type": "Feature", "properties": {"name": n}, "geometry": g} for n, g in rows]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))


def box(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


@pytest.mark.notebooks
@pytest.mark.timeout(1800)
def test_a_region_with_two_sources_and_soil_of_one_layer_makes_its_maps(tmp_path, monkeypatch):
    made = region(1)
    catalog = write(made, tmp_path / "data")
    areas = ("lake", box(91.65, 34.7, 91.85, 34.85)), ("pass", box(92.0, 34.9, 92.3, 35.1))
    features(catalog.parent / "regions.geojson", *areas)
    line = {"type": "LineString", "coordinates": [[91.7, 35.15], [92.2, 34.65]]}
    features(catalog.parent / "profiles.geojson", ("north to south", line))
    text = re.sub(r"^settings:", "settings:\n  ramp: none", catalog.read_text(), flags=re.MULTILINE)
    catalog.write_text(text + MORE)
    done = reproduce(catalog=catalog, out=tmp_path / "out", progress=False)
    assert {nb["name"][:2]: nb["status"] for nb in done["notebooks"]} == {
        f"{number:02d}": "done" for number in range(14)
    }
    ends = {nb["name"][:2]: nb["reason"] for nb in done["notebooks"] if nb["reason"]}
    assert "compared with no borehole" in ends["11"]  # no station: its maps of water stand by themselves
    assert (tmp_path / "out" / "maps" / "water_water_column.tif").is_file()
    assert done["red"] == []
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "out"))
    maps = products.open("deformation").load()
    assert float(maps["linear_rate"].notnull().mean()) > 0.9
    for name, limit in (("linear_rate", 0.3), ("seasonal_amplitude", 1.3)):
        truth = relative(made, name)
        assert float(abs(maps[name].values - truth).median()) < limit


def relative(made, name):
    """Truth against its mean within 3 km of the reference; an amplitude has no sign."""
    truth = made.truth[name]
    north, east = truth["y"] - made.reference[1], truth["x"] - made.reference[0]
    near = 111.2 * np.hypot(north, east * np.cos(np.deg2rad(made.reference[1]))) <= 3.0
    apart = truth - truth.where(near).mean()
    return abs(apart) if name == "seasonal_amplitude" else apart
