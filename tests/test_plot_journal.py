"""What a journal asks of a figure: limits that are said and shared, sizes, vectors, names, colors for everyone."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import font_manager
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from qtp_toolkit import plot
from qtp_toolkit.conventions import SYNTHETIC, describe
from qtp_toolkit.plot import detector, names, overlay, style
from qtp_toolkit.plot.figure import LIMITS_GID

mpl.use("Agg")
SMALLEST = 6.0
"""Points: what is smaller cannot be read in print."""


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def field(name="linear_rate", low=-8.0, high=8.0, shape=(60, 30)):
    values = np.linspace(low, high, shape[0] * shape[1]).reshape(shape)
    y, x = 4.0e6 - 1e3 * np.arange(shape[0]), 2.6e5 + 1e3 * np.arange(shape[1])
    da = describe(xr.DataArray(values, {"y": y, "x": x}, ("y", "x")), name, provenance_note=SYNTHETIC)
    return da.rio.write_crs("EPSG:32646")


def table(tops, name="seasonal_amplitude"):
    """Boxes whose percentiles are shares of their tops."""
    rows = np.array([[0.02, 0.25, 0.5, 0.75, 1.0]]) * np.asarray(tops, dtype="float64")[:, None]
    left = np.arange(len(tops), dtype="float64")
    coords = {"percentile": [2, 25, 50, 75, 98], "left": ("stratum", left), "right": ("stratum", left + 1)}
    quantile = describe(xr.DataArray(rows, dims=("stratum", "percentile")), name)
    return xr.Dataset({"quantile": quantile, "count": ("stratum", np.full(len(tops), 100))}, coords)


def limits_said(figure):
    return [text.get_text() for text in figure.texts if text.get_gid() == LIMITS_GID]


def written(ax):
    return {text.get_text(): text for text in ax.texts}


def bars(ax):
    return [child.get_ylim() for child in ax.child_axes if child.get_gid() == "colorbar"]


class TestLimits:
    def test_panels_that_are_compared_have_the_same_limits_from_all_of_them(self):
        calm, lively = field(low=-2, high=2), field(low=-8, high=8)
        shared = plot.limits(calm, lively)
        fig, axes = plot.new(2, 1)
        for ax, da in zip(axes, (calm, lively), strict=True):
            plot.deformation_map(da, ax=ax, **shared)
        pooled = np.percentile(np.concatenate([calm.values.ravel(), lively.values.ravel()]), 99.5)
        assert bars(axes[0]) == bars(axes[1])
        assert pooled <= bars(axes[0])[0][1] <= 1.25 * pooled
        assert limits_said(fig) == ["color bars end at percentiles 0.5 and 99.5 of the panels together"]

    @pytest.mark.parametrize(
        ("name", "given", "said"),
        [
            ("phase", {}, ["color bars end at percentiles 2 and 98"]),
            ("phase", {"ends": (10, 90)}, ["color bars end at percentiles 10 and 90"]),
            ("elevation", {}, ["color bars span all values"]),
            ("phase", {"vmax": 3.0}, []),
            ("coherence", {}, []),
        ],
    )
    def test_the_foot_says_where_the_colors_end_unless_they_were_given(self, name, given, said):
        assert limits_said(plot.deformation_map(field(name), **given).figure) == said

    def test_panels_with_other_percentiles_are_both_said_once(self):
        fig, axes = plot.new(3, 1)
        for ax, name in zip(axes, ("phase", "elevation", "phase"), strict=True):
            plot.deformation_map(field(name), ax=ax)
        assert limits_said(fig) == ["color bars end at percentiles 2 and 98; others span all values"]

    def test_percentiles_are_those_of_the_data(self):
        how = plot.style_of(describe(xr.DataArray(np.arange(101.0)), "ndvi"))
        assert (how["vmin"], how["vmax"]) == (2.0, 98.0)

    def test_a_map_on_one_side_of_zero_shows_the_colors_of_that_side(self):
        how = plot.style_of(describe(xr.DataArray(np.linspace(-8.0, -1.0, 101)), "lst"))
        whole = mpl.colormaps[style.STYLE["lst"].cmap]
        assert (how["vmin"], how["vmax"]) == pytest.approx((-7.86, -1.14))
        np.testing.assert_allclose(how["cmap"](0.0), whole(0.0), atol=0.02)
        np.testing.assert_allclose(how["cmap"](1.0), whole(0.5 - 0.5 * 1.14 / 7.86), atol=0.02)

    @pytest.mark.parametrize(("low", "whole"), [(-8.0, True), (-2.5, True), (-1.0, False), (1.0, False)])
    def test_signed_maps_are_symmetric_unless_one_side_is_small(self, low, whole):
        how = plot.style_of(describe(xr.DataArray(np.linspace(low, 10.0, 1001)), "phase"))
        assert (how["vmin"] == -how["vmax"]) is whole


class TestFoot:
    @pytest.mark.parametrize("width", ["single", "double"])
    def test_notes_of_a_narrow_figure_do_not_run_into_each_other(self, width):
        da = field()
        fig, ax = plot.new(width=width)
        plot.deformation_map(da.where(da < 7), ax=ax)
        plot.save(fig, "noted")
        fig.canvas.draw()
        boxes = [text.get_window_extent() for text in fig.texts]
        assert len(boxes) == 2
        assert not boxes[0].overlaps(boxes[1])
        assert min(box.y0 for box in boxes) >= 0
        assert max(box.y1 for box in boxes) < ax.get_tightbbox().y0 + 1

    @pytest.mark.parametrize("relief", [None, field("elevation", 4000, 5000)])
    def test_blank_pixels_are_hatched_and_said_and_others_are_not(self, relief):
        whole = plot.deformation_map(field("phase"), hillshade=relief)
        holed = plot.deformation_map(field("phase").where(field() < 7), hillshade=relief)
        assert (whole.images[0].get_array()[..., 3] == 1).all()
        assert (holed.images[0].get_array()[..., 3] == 0).sum() == int((field() >= 7).sum())
        assert not whole.patch.get_hatch()
        assert holed.patch.get_hatch()
        assert limits_said(whole.figure) == ["color bars end at percentiles 2 and 98"]
        assert limits_said(holed.figure) == ["color bars end at percentiles 2 and 98; hatched: no value"]

    def test_a_map_that_is_mostly_cut_out_is_not_hatched(self):
        ax = plot.deformation_map(field("phase").where(field() > 7))
        assert not ax.patch.get_hatch()


class TestSizes:
    def panels(self, width):
        """One figure of each kind."""
        rate = field()
        dates = pd.date_range("2015-01-01", periods=40, freq="24D")
        series = describe(xr.DataArray(np.sin(np.arange(40.0)), {"time": dates}, "time"), "displacement")
        sections = np.sort(np.random.default_rng(0).normal(size=(9, 3)))
        along = xr.DataArray(sections, {"distance": np.arange(9.0) * 1e3, "percentile": [25, 50, 75]})
        pairs = xr.Dataset(coords={"reference": ("pair", dates[:9]), "secondary": ("pair", dates[1:10])})
        alt, amplitude = (xr.DataArray([1.0, 2.0, 4.0], dims="station", attrs={"units": unit}) for unit in ("m", "mm"))
        q = {name: 0.3 / (k + 1) for k, name in enumerate(("slope", "ddt_ddf_ratio", "seasonal_amplitude", "magt"))}
        scores = {"slope": 3.0, "intercept": 1.0, "r2": 0.5, "rmse": 2.0}
        draw = {
            "map": lambda ax: plot.deformation_map(rate, ax=ax, hillshade=field("elevation", 4000, 5000)),
            "series": lambda ax: plot.time_series(series, ax=ax, fit=series, error=1.0, error_name="rms"),
            "profile": lambda ax: plot.profile(along, ax=ax, ends="PP'", key=True, faults={"Kunlun": 3.0}),
            "network": lambda ax: plot.network(pairs, ax=ax, reference_date=dates[3]),
            "box": lambda ax: plot.box(table([9, 5, 4, 3, 30]), ax=ax, counts=True),
            "q": lambda ax: plot.q_bars(q, ax=ax, chance=q),
            "alt": lambda ax: plot.alt_scatter(alt, amplitude, ax=ax, calibrated=alt, scores=scores),
            "stations": lambda ax: plot.station_scatter(alt, 2 * alt, ax=ax, scores=scores, vegetation=list("aab")),
        }
        for name, one in draw.items():
            fig, ax = plot.new(width=width)
            one(ax)
            yield name, fig

    @pytest.mark.parametrize("width", ["single", "double"])
    def test_text_can_be_read_and_nothing_is_cut_off(self, width):
        for name, fig in self.panels(width):
            plot.save(fig, name)
            sizes = [
                text.get_fontsize() for text in fig.findobj(Text) if text.get_visible() and text.get_text().strip()
            ]
            assert min(sizes) >= SMALLEST, name
            with plot.house():  # which the number of ticks depends on
                page = fig.get_tightbbox()
            assert page.x0 >= -0.02, name
            assert page.x1 <= fig.get_figwidth() + 0.02, name

    def test_what_a_map_of_fixed_shape_leaves_blank_is_cut(self):
        fig, axes = plot.new(2, 1, aspect=2.0)
        for ax in axes:
            plot.deformation_map(field(shape=(20, 30)), ax=ax)
        before = fig.get_figheight()
        plot.save(fig, "flat")
        tall = max(ax.get_tightbbox().y1 for ax in axes) - min(ax.get_tightbbox().y0 for ax in axes)
        assert tall / fig.dpi > 0.8 * fig.get_figheight()
        assert fig.get_figheight() < before

    @pytest.mark.parametrize(
        "text", ["Soil bulk density (kg m$^{-3}$)", "Conductivity of the soil (W m$^{-1}$ K$^{-1}$)"]
    )
    @pytest.mark.parametrize("width", [8, 14, 20, 60])
    def test_units_are_never_broken(self, text, width):
        broken = plot.figure.wrap(text, width)
        assert " ".join(broken.split()) == text
        assert re.search(r"\([^\n]*\)$", broken)


class TestVector:
    def test_the_pdf_holds_text_as_text_and_the_map_as_an_image(self):
        path = plot.save(plot.deformation_map(field()).figure, "fig03")
        pdf = path.with_suffix(".pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"/Subtype /Image" in pdf
        assert b"/FontFile2" in pdf  # TrueType, which journals take; Type 3 they do not
        assert b"/Type3" not in pdf

    def test_the_same_figure_is_the_same_file(self):
        ax = plot.box(table([3, 4, 5]))
        first = plot.save(ax.figure, "one").with_suffix(".pdf").read_bytes()
        assert plot.save(ax.figure, "one").with_suffix(".pdf").read_bytes() == first

    def test_the_image_says_what_it_shows(self):
        from PIL import Image  # noqa: PLC0415

        path = plot.save(plot.deformation_map(field(), title="Rate").figure, "fig03")
        with Image.open(path) as opened:
            assert opened.info["Description"] == "fig03: Rate, LOS linear rate (mm/yr)"


class TestNames:
    def lakes(self, *sizes):
        rows = []
        for k, size in enumerate(sizes):
            lon, lat = 90.4 + 0.1 * k, 36.0
            ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
            rows.append({"name": f"Number {k}", "geometry": {"type": "Polygon", "coordinates": [ring]}})
        return pd.DataFrame(rows)

    def draw(self, **overlays):
        fig, ax = plot.new(width="double", aspect=1.2)
        plot.deformation_map(field(), ax=ax, overlays=overlays)
        return fig, ax

    def test_small_lakes_have_no_name_and_large_ones_say_that_they_are_lakes(self):
        _, ax = self.draw(lakes=self.lakes(0.12, 0.001))
        assert "Number 0 Lake" in written(ax)
        assert not any("Number 1" in text for text in written(ax))

    def test_names_hide_neither_each_other_nor_the_scale_bar(self):
        fig, ax = self.draw(
            lakes=self.lakes(*[0.06] * 3), points=pd.DataFrame({"longitude": [90.5], "latitude": [35.9]})
        )
        plot.figure.settle(fig)
        fig.canvas.draw()
        shown = [text.get_window_extent() for text in ax.texts if text.get_text().startswith(("Number", "0", "50"))]
        for k, one in enumerate(shown):
            assert not any(one.overlaps(other) for other in shown[k + 1 :])

    def test_names_keep_off_lines_and_points_that_are_drawn_after_them(self):
        """Stations above a lake, where its name would stand; a road that climbs to where its own name would."""
        low, high = [[90.30, 35.85], [90.75, 35.87]], [[90.37, 35.65], [90.60, 35.98]]
        roads = [{"name": name, "geometry": {"type": "LineString", "coordinates": at}}
                 for name, at in (("Low Road", low), ("Steep Road", high))]  # fmt: skip
        spots = pd.DataFrame({"longitude": np.linspace(90.36, 90.52, 9), "latitude": 36.072})
        fig, ax = self.draw(lakes=self.lakes(0.06), highway=pd.DataFrame(roads), stations=spots)
        plot.figure.settle(fig)
        fig.canvas.draw()
        shown = {text.get_text(): text.get_window_extent() for text in ax.texts if "Road" in text.get_text()}
        shown["lake"] = written(ax)["Number 0 Lake"].get_window_extent()
        assert len(shown) == 3
        marks = [np.column_stack(line.get_data()) for line in ax.lines if line.get_zorder() >= 4]
        assert len(marks) == 2 + 9 + 1  # roads, stations, scale bar
        for name, box in shown.items():
            for points in marks:
                steps = np.linspace(0, len(points) - 1, 500)
                dense = np.column_stack([np.interp(steps, np.arange(len(points)), axis) for axis in points.T])
                x, y = ax.transData.transform(dense).T
                inside = (x > box.x0 + 1) & (x < box.x1 - 1) & (y > box.y0 + 1) & (y < box.y1 - 1)
                assert not inside.any(), name

    def test_a_name_hides_a_line_rather_than_a_point(self):
        _, ax = self.draw()
        edges = np.array([ax.get_xlim(), ax.get_ylim()])
        spot, road = (edges[:, 0] + np.diff(edges)[:, 0] * np.array(at) for at in ([[0.2, 0.5]], [[0.6, 0], [0.6, 1]]))
        names.keep_off(ax, spot, size=4.0)
        names.keep_off(ax, road)
        over_spot, over_road = (names.Place(*edges[:, 0] + np.diff(edges)[:, 0] * at, 0, 0) for at in (0.2, 0.6))
        over_spot = over_spot._replace(y=float(edges[1].mean()))
        chosen = names._choose(ax, list(names._frames(ax, "Name", [over_spot, over_road])), must=True)
        assert chosen[0] == over_road

    def test_a_lake_that_reaches_beyond_the_map_is_named_last(self):
        whole, cut = self.lakes(0.1), self.lakes(0.1)
        cut["name"] = "Beyond"
        cut["geometry"] = [{"type": "Polygon", "coordinates": [[[lon + 0.15, lat + 0.05] for lon, lat in ring]]}
                           for (ring,) in (one["coordinates"] for one in cut["geometry"])]  # fmt: skip
        _, ax = self.draw(lakes=pd.concat([cut, whole], ignore_index=True))
        drawn = [text.get_text() for text in ax.texts if "Lake" in text.get_text()]
        assert drawn == ["Number 0 Lake", "Beyond Lake"]

    def test_a_name_that_has_no_room_loses_its_noun_first(self):
        _, ax = self.draw()
        ring = np.array([[0.4, 0.5], [0.45, 0.5], [0.45, 0.55], [0.4, 0.55]])
        edges = np.array([ax.get_xlim(), ax.get_ylim()])
        wide = 0.58 * 7 * len("Long Name") / names.size_in_points(ax)[0]
        ax.qtp_names = [(0, 0, 1, 0.49), (0, 0.56, 1, 1), (0.46 + 1.2 * wide, 0, 1, 1), (0, 0, 0.4, 1)]
        how = {"facecolor": "blue", "edgecolor": "k"}
        overlay._name(
            ax, "Long Name", "Lake", [names.beside(edges[:, 0] + np.diff(edges)[:, 0] * ring, filled=True)], how
        )
        assert {"Long Name"} == {text.get_text() for text in ax.texts} & {"Long Name", "Long Name Lake"}

    def test_a_profile_has_its_letters_at_its_ends(self):
        line = {"type": "LineString", "coordinates": [[90.4, 36.05], [90.6, 35.8]]}
        _, ax = self.draw(profiles=pd.DataFrame([{"name": "PP'", "geometry": line}]))
        start, end = written(ax)["P"].xy, written(ax)["P'"].xy
        assert start[1] > end[1]
        assert "PP'" not in written(ax)

    @pytest.mark.parametrize(
        ("name", "ends"), [("QQ'", ("Q", "Q'")), ("A-B", ("A", "B")), ("road", None), ("PQ'", None)]
    )
    def test_ends_of_a_name(self, name, ends):
        assert names.ends_of(name) == ends

    def test_a_place_just_beyond_the_map_is_pointed_at_and_a_far_one_left_out(self):
        _fig, ax = plot.new()
        plot.deformation_map(field(), ax=ax)
        for name, lon in (("near", 90.2), ("far", 10.0)):
            plot.vectors(ax, pd.DataFrame([{"name": name, "longitude": lon, "latitude": 35.9}]), name="epicenter")
        (words,) = [text for text in written(ax) if text.startswith(("near", "far"))]
        assert 10 < float(re.fullmatch(r"near, (\d+) km", words)[1]) < 40

    @pytest.mark.parametrize(("lon", "marker"), [(90.2, r"$\leftarrow$"), (90.5, "*"), (91.0, r"$\rightarrow$")])
    def test_the_key_shows_what_the_map_shows_of_a_place_beyond_it(self, lon, marker):
        _fig, ax = plot.new()
        plot.deformation_map(field(), ax=ax)
        plot.vectors(ax, pd.DataFrame([{"name": "quake", "longitude": lon, "latitude": 35.9}]), name="epicenter")
        (handle,) = plot.key(ax).legend_handles
        assert handle.get_marker() == marker

    def test_the_key_names_every_overlay_once(self):
        _, ax = self.draw(lakes=self.lakes(0.1), stations=pd.DataFrame({"longitude": [90.5], "latitude": [35.9]}))
        made = plot.key(ax, {"lakes": "lakes in 2018"})
        assert [text.get_text() for text in made.get_texts()] == ["lakes in 2018", "stations"]
        assert made.legend_handles[1].get_marker() == "^"

    @pytest.mark.parametrize("at", [(92.0, 34.0), (-150.0, 65.0), (0.0, -89.0)])
    def test_the_globe_has_the_map_in_its_middle(self, at):
        _fig, ax = plot.new()
        steps = np.linspace(-0.5, 0.5, 12)
        da = xr.DataArray(np.zeros((12, 12)), {"y": at[1] - steps, "x": at[0] + steps}, ("y", "x"), name="elevation")
        inset = plot.locator(plot.deformation_map(da.rio.write_crs("EPSG:4326"), ax=ax))
        frame = inset.patches[0].get_xy()
        assert np.abs(frame).max() < 0.03
        assert sum(len(line.get_xdata()) for line in inset.lines) > 1000


def test_the_scale_bar_of_a_narrow_panel_keeps_its_name_on_the_map():
    fig, axes = plot.new(6, 1, like=field(shape=(90, 30)))
    for ax in axes:
        plot.deformation_map(field(shape=(90, 30)), ax=ax, coordinates="none", colorbar=False)
    plot.save(fig, "narrow")
    fig.canvas.draw()
    (words,) = [text for text in axes[2].texts if text.get_text().endswith(" km")]
    assert words.get_window_extent().x0 >= axes[2].get_window_extent().x0


class TestDetector:
    def test_chance_is_drawn_at_its_level_beside_each_bar(self):
        q, chance = {"slope": 0.4, "sand": 0.1, "aspect": 0.05}, {"slope": 0.02, "sand": 0.2, "aspect": 0.01}
        ax = plot.q_bars(q, chance=chance)
        (marks,) = ax.lines
        assert list(marks.get_ydata()[::3]) == [0.02, 0.2, 0.01]
        np.testing.assert_allclose(marks.get_xdata()[0::3], np.arange(3) - 0.46)
        assert "without a cause" in ax.get_legend().get_texts()[0].get_text()

    def test_numbers_stand_upon_their_bars_and_above_a_mark_only_where_it_is_in_the_way(self):
        q, chance = {"low": 0.4, "near": 0.3, "high": 0.1}, {"low": 0.02, "near": 0.31, "high": 0.3}
        ax = plot.q_bars(q, chance=chance)
        assert [text.xy[1] for text in ax.texts] == [0.4, 0.31, 0.1]
        assert [text.xy[1] for text in plot.q_bars(q).texts] == [0.4, 0.3, 0.1]

    def test_panels_that_share_the_axis_have_one_range_whatever_the_order(self):
        for order in ((0.1, 0.5), (0.5, 0.1)):
            _, axes = plot.new(2, 1, sharey=True)
            for ax, top in zip(axes, order, strict=True):
                plot.q_bars({"slope": top}, ax=ax)
            assert axes[0].get_ylim() == axes[1].get_ylim() == (0.0, pytest.approx(0.575))

    def test_pairs_on_few_pixels_stand_in_brackets_and_those_beyond_the_sum_are_bold(self):
        factors = ["slope", "sand", "aspect"]
        q = np.array([[np.nan, 0.5, 0.1], [0.5, np.nan, 0.2], [0.1, 0.2, np.nan]])
        n = np.array([[0, 100, 30], [100, 0, 30], [30, 30, 0]])
        kind = np.full((3, 3), "Enhance, bi-", dtype=object)
        kind[0, 1] = kind[1, 0] = "Enhance, nonlinear"
        dims = ("factor", "other")
        pairs = xr.Dataset(
            {"q": (dims, q), "n": (dims, n), "interaction": (dims, kind)}, {"factor": factors, "other": factors}
        )
        ax = plot.q_matrix(pairs)
        said = {text.get_text(): text.get_fontweight() for text in ax.texts}
        assert said[".50"] == "bold"
        assert said["(.10)"] == said["(.20)"] == "normal"
        assert len([text for text in said if re.search(r"\.\d\d", text)]) == 3

    @pytest.mark.parametrize(("value", "text"), [(0.004, ".00"), (0.996, "1"), (0.53, ".53")])
    def test_numbers_have_two_digits(self, value, text):
        assert detector.number(value) == text


class TestBoxes:
    def test_the_whole_range_is_shown_and_what_is_empty_says_so(self):
        data = table([9, 5, 4, 3, 3, 3])
        data["count"][3:] = 5
        ax = plot.box(data, min_count=30, span=True)
        assert ax.get_xlim()[1] >= 6
        assert "fewer than\n30 pixels" in written(ax)
        assert plot.box(data, min_count=30).get_xlim()[1] < 4

    def test_one_tall_box_does_not_crush_the_others_and_says_how_tall_it_is(self):
        ax = plot.box(table([80, 10, 9, 8]))
        assert ax.get_ylim()[1] > 79  # its median would be cut off
        data = table([80, 10, 9, 8])
        data["quantile"][0] = [1, 3, 6, 20, 80]
        ax = plot.box(data)
        assert ax.get_ylim()[1] < 15
        assert any("98 %: 80" in text for text in written(ax))

    def test_names_of_classes_stand_level_where_they_fit_on_two_lines(self):
        left = np.array([0.0, 0.2, 0.4, 0.6])
        data = table([3, 3, 4, 5]).assign_coords(left=("stratum", left), right=("stratum", [0.2, 0.4, 0.6, 1.0]))
        data = data.assign_coords(label=("stratum", ["0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 1"]))
        _, axes = plot.new(3, 1)
        labels = plot.box(data, ax=axes[0]).get_xticklabels()
        assert [text.get_rotation() for text in labels] == [0.0] * 4
        assert labels[1].get_text() == "0.2 to\n0.4"


def test_negative_numbers_have_a_minus_sign_on_axes_and_in_legends():
    left = np.linspace(-1, 0.5, 4)
    data = table([3, 3, 4, 5]).assign_coords(left=("stratum", left), right=("stratum", left + 0.5))
    assert [text.get_text() for text in plot.box(data).get_xticklabels()] == ["\u22121", "\u22120.5", "0", "0.5", "1"]
    cells = xr.concat([data, data], "stratum2").transpose("stratum", "stratum2", "percentile")
    cells = cells.assign_coords(label2=("stratum2", ["< -2", "> -2"]))
    cells["count"] = (("stratum", "stratum2"), np.full((4, 2), 100))
    assert [text.get_text() for text in plot.box2(cells).get_legend().get_texts()] == ["< \u22122", "> \u22122"]


def lab(color, matrix=None):
    """CIE L*a*b* of a color as somebody sees it whose cones the matrix mixes."""
    linear = np.where((c := np.array(to_rgb(color))) <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = linear if matrix is None else np.clip(np.array(matrix) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


SIGHT = {
    "usual": None,
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}
"""Mixed cones after Machado et al. (2009), at full severity."""


@pytest.mark.parametrize("sight", SIGHT)
def test_colors_of_groups_and_lines_are_told_apart(sight):
    cycle = [one["color"] for one in style.HOUSE["axes.prop_cycle"]]
    for colors in (style.GROUP_COLORS, style.STATION_COLORS, style.CLASS_COLORS, cycle):
        seen = [lab(color, SIGHT[sight]) for color in colors]
        apart = [np.linalg.norm(a - b) for k, a in enumerate(seen) for b in seen[k + 1 :]]
        assert min(apart) > 10


def test_fonts_and_numbers_are_the_same_on_every_machine(tmp_path, monkeypatch):
    """N09: the font is one that matplotlib brings, and a decimal point is a point whatever the user's settings say."""
    monkeypatch.setitem(mpl.rcParams, "font.family", ["no such font"])
    monkeypatch.setitem(mpl.rcParams, "axes.formatter.use_locale", True)
    with plot.house():
        found = font_manager.findfont(font_manager.FontProperties(), fallback_to_default=False)
        assert Path(found).is_relative_to(mpl.get_data_path())
        assert not mpl.rcParams["axes.formatter.use_locale"]
