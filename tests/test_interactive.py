"""Interactive twins: same names, labels and colors as the static panels; no markup from files; this machine only."""

from __future__ import annotations

import base64
import inspect
import re
from pathlib import Path

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
import xarray as xr
from bokeh.resources import INLINE
from panel.io.resources import CDN_DIST, DIST_DIR

from qtp_toolkit import interactive, plot
from qtp_toolkit.conventions import SYNTHETIC, describe
from qtp_toolkit.interactive import loading

EVIL = "<img src=x onerror=alert(1)>"
PANELS = [
    "alt_scatter", "box", "box2", "deformation_map", "network", "onset_map", "profile", "q_bars", "quicklook",
    "time_series",
]  # fmt: skip


def grid(name="linear_rate", shape=(20, 12), **attrs):
    values = np.random.default_rng(5).normal(0, 3, shape)
    values[2, 2] = np.nan
    coords = {"y": 4.0e6 - 1e3 * np.arange(shape[0]), "x": 2.6e5 + 1e3 * np.arange(shape[1])}
    da = describe(xr.DataArray(values, dims=("y", "x"), coords=coords), name, **attrs)
    return da.rio.write_crs("EPSG:32646")


def cube(n=30):
    time = pd.date_range("2015-01-06", periods=n, freq="24D")
    one = grid()
    values = one.values * np.linspace(0, 2, n)[:, None, None]
    da = xr.DataArray(values, dims=("time", "y", "x"), coords={"time": time, "y": one.y, "x": one.x})
    return describe(da, "displacement").rio.write_crs("EPSG:32646")


def table(groups=None):
    shape, dims = ((4,), ("stratum",)) if groups is None else ((4, groups), ("stratum", "stratum2"))
    quantile = np.sort(np.random.default_rng(1).gamma(3, 4, (*shape, 5)), axis=-1)
    coords = {"percentile": [2.0, 25.0, 50.0, 75.0, 98.0], "label": ("stratum", list("abcd"))}
    data = {
        "quantile": describe(xr.DataArray(quantile, dims=(*dims, "percentile")), "seasonal_amplitude"),
        "count": (dims, np.full(shape, 9)),
    }
    return xr.Dataset(data, coords=coords)


def rendered(obj):
    """The bokeh figure of an object."""
    return hv.render(obj, backend="bokeh")


class TestTwins:
    @pytest.mark.parametrize("name", PANELS)
    def test_every_panel_has_a_twin_that_takes_the_same_data(self, name):
        def positional(function):
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            return [key for key, value in inspect.signature(function).parameters.items() if value.kind is kind]

        assert positional(getattr(interactive, name)) == positional(getattr(plot, name))

    @pytest.mark.parametrize("rasterize", [False, True])
    def test_map_has_the_colors_and_label_of_the_static_one(self, rasterize):
        figure = rendered(interactive.deformation_map(grid(), rasterize=rasterize))
        (bar,) = [item for item in figure.right if type(item).__name__ == "ColorBar"]
        assert bar.title == "LOS linear rate (mm/yr)"
        how = plot.style_of(grid())
        assert (bar.color_mapper.low, bar.color_mapper.high) == (how["vmin"], how["vmax"])

    def test_large_maps_are_rasterized(self):
        """N07: a browser is sent an image, not a rectangle a pixel."""
        big = describe(
            xr.DataArray(
                np.zeros((900, 900), "float32"), dims=("y", "x"), coords={"y": np.arange(900.0), "x": np.arange(900.0)}
            ),
            "linear_rate",
        )
        assert type(interactive.deformation_map(big)).__name__ == "DynamicMap"
        assert type(interactive.deformation_map(grid())).__name__ == "Image"

    def test_onset_map_has_dates(self):
        onset = describe(grid() * 2 + 140, "thaw_onset")
        figure = rendered(interactive.onset_map(onset))
        (bar,) = [item for item in figure.right if type(item).__name__ == "ColorBar"]
        assert "21 May" in bar.major_label_overrides.values()

    def test_classes_are_named(self):
        codes = grid("vegetation", classes={"0": "desert", "1": "meadow"})
        codes = codes.copy(data=np.arange(240).reshape(20, 12) % 2)
        figure = rendered(interactive.deformation_map(codes))
        (bar,) = [item for item in figure.right if type(item).__name__ == "ColorBar"]
        assert bar.major_label_overrides == {0: "desert", 1: "meadow"}

    def test_every_other_twin_renders(self):
        dates = pd.date_range("2017-01-01", periods=3, freq="12D")
        pairs = xr.DataArray(
            [0, 1], dims="pair", coords={"reference": ("pair", dates[:2]), "secondary": ("pair", dates[1:])}
        )
        swath = describe(
            xr.DataArray(
                np.random.default_rng(0).normal(size=(9, 3)),
                dims=("distance", "percentile"),
                coords={"distance": np.arange(9.0) * 1e3, "percentile": [25, 50, 75]},
            ),
            "linear_rate",
        )
        alt = xr.DataArray([1.0, 2.0], dims="station")
        amplitude = describe(xr.DataArray([9.0, 12.0], dims="station"), "seasonal_amplitude")
        series = cube().isel(x=3, y=3)
        figures = {
            "network": interactive.network(pairs, reference_date=pairs["reference"].values[0]),
            "box": interactive.box(table()),
            "box2": interactive.box2(table(groups=2)),
            "q": interactive.q_bars({"slope": 0.4, "aspect": 0.1}),
            "profile": interactive.profile(swath, faults={"fault": 3.0}),
            "alt": interactive.alt_scatter(alt, amplitude, calibrated=alt, vegetation=["a", "b"]),
            "series": interactive.time_series(series, fit=series),
            "line": interactive.quicklook(series),
            "histogram": interactive.quicklook(cube().isel(x=0, drop=True)),
            "cube": interactive.quicklook(cube().isel(time=slice(0, 2))),
        }
        labels = {name: rendered(figure).yaxis[0].axis_label for name, figure in figures.items()}
        assert labels["box"] == labels["box2"] == labels["alt"] == "LOS seasonal amplitude (mm)"
        assert labels["series"] == labels["line"] == "LOS displacement (mm)"
        assert labels["network"] == "Day of year"
        assert labels["q"] == "q statistic"

    def test_synthetic_is_said_in_the_title(self):
        figure = rendered(interactive.deformation_map(grid(provenance_note=SYNTHETIC), title="Rate"))
        assert figure.title.text == f"Rate · {SYNTHETIC}"

    def test_a_long_title_is_broken_to_the_width_of_the_map(self):
        title = "Amplitude of the seasonal deformation in the line of sight"
        figure = rendered(interactive.deformation_map(grid(provenance_note=SYNTHETIC), title=title))
        lines = figure.title.text.splitlines()
        assert " ".join(lines) == f"{title} · {SYNTHETIC}"
        assert max(map(len, lines)) * 8 < figure.frame_width

    def test_meters_of_a_map_projection_are_read_in_kilometers_at_few_places(self):
        figure = rendered(interactive.deformation_map(grid()))
        assert figure.xaxis[0].axis_label == "Easting (km)"
        assert "/ 1000" in figure.xaxis[0].formatter.code
        assert figure.xaxis[0].ticker.desired_num_ticks * 60 < figure.frame_width

    def test_text_has_the_proportions_of_the_printed_figure(self):
        figure = rendered(interactive.q_bars({"slope": 0.4}))
        title, tick = figure.title.text_font_size, figure.xaxis[0].major_label_text_font_size
        share = float(title.removesuffix("pt")) / float(tick.removesuffix("pt"))
        assert share == pytest.approx(plot.style.TEXT["title"] / plot.style.TEXT["tick"], rel=0.1)

    def test_factors_have_their_short_names_and_chance_its_mark(self):
        overlay = interactive.q_bars({"magt": 0.4, "sand": 0.1}, chance={"magt": 0.05, "sand": 0.2})
        assert list(overlay.get(1).dimension_values("factor")) == ["MAGT", "sand fraction"]
        assert list(overlay.get(1).dimension_values("chance")) == [0.05, 0.2]

    def test_several_models_of_a_series_have_their_names(self):
        place = cube().isel(x=3, y=3)
        overlay = interactive.time_series(place, fit={"first": place, "second": place + 1.0})
        assert [part.label for part in overlay] == ["InSAR", "second", "first"]
        assert len(interactive.time_series(place)) == 1

    def test_bars_of_a_series_are_as_long_as_the_error(self):
        overlay = interactive.time_series(cube().isel(x=3, y=3), error=2.0)
        assert set(overlay.get(0).dimension_values("error")) == {2.0}

    def test_input_is_not_changed(self):
        da = grid().chunk({"y": 5})
        interactive.deformation_map(da)
        assert da.chunks is not None


class TestSecurity:
    def test_safe_leaves_no_markup_and_no_control_characters(self):
        text = interactive.safe(EVIL + '"\x00\u2028' + "a" * 500)
        assert not set('<>"\x00') & set(text)
        assert len(text) <= 200

    def test_text_is_drawn_as_it_is_written(self):
        assert interactive.safe("Stefan & Terzaghi, R1") == "Stefan & Terzaghi, R1"  # a canvas shows no entities
        assert "$$" not in interactive.safe("$$x$$ \\(y\\)")

    def test_attributes_cannot_carry_markup_into_a_figure(self):
        """N06."""
        da = grid().assign_attrs(long_name=EVIL, units=EVIL, provenance_note=EVIL)
        figure = rendered(interactive.deformation_map(da, title=EVIL))
        (bar,) = [item for item in figure.right if type(item).__name__ == "ColorBar"]
        assert "<" not in figure.title.text + bar.title


def test_setup_puts_the_javascript_into_the_page(monkeypatch):
    seen = {}
    monkeypatch.setattr(pn, "extension", lambda *names, **options: seen.update(options))
    loading.setup()
    assert seen == {"inline": True}


def test_nothing_is_fetched_from_elsewhere(tmp_path):
    hv.save(interactive.deformation_map(grid()), tmp_path / "map.html", resources=INLINE)
    text = (tmp_path / "map.html").read_text()
    assert not re.findall(r"<script[^>]+src=|<link[^>]+stylesheet", text)


def test_style_sheets_of_panel_are_put_into_the_figure():
    known, unknown = f"{CDN_DIST}css/loading.css?v=1.2.3", f"{CDN_DIST}css/none.css"
    text = loading.with_styles(f'{{"url":"{known}"}}, {{"url":"{unknown}"}}')
    sheet = base64.b64decode(re.search(r"data:text/css;base64,([\w+/=]+)", text)[1])
    assert sheet == (Path(DIST_DIR) / "css" / "loading.css").read_bytes()
    assert known not in text
    assert unknown in text
