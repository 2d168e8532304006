"""Figures: labels carry units, synthetic data say so, maps are thinned, NaN and lazy input work, files are whole."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import plot
from qtp_toolkit.conventions import SYNTHETIC, VARIABLES, QtpDataError, describe
from qtp_toolkit.plot import maps, overlay, style, vectors
from qtp_toolkit.plot.figure import LIMITS_GID, NOTE_GID

mpl.use("Agg")
PERCENTILES = [2, 25, 50, 75, 98]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def grid(name="linear_rate", *, shape=(58, 25), crs="EPSG:32646", note=SYNTHETIC, dtype="float64", **attrs):
    """A small map near 34 N, 92 E with a hole."""
    values = np.random.default_rng(3).normal(0, 3, shape).astype(dtype)
    if dtype.startswith("float"):
        values[3:6, 3:6] = np.nan
    y, x = 4.0e6 - 1e4 * np.arange(shape[0]), 2.6e5 + 1e4 * np.arange(shape[1])
    if crs == "EPSG:4326":
        y, x = 36.0 - 0.1 * np.arange(shape[0]), 91.0 + 0.1 * np.arange(shape[1])
    extra = {"provenance_note": note} if note else {}
    da = describe(xr.DataArray(values, dims=("y", "x"), coords={"y": y, "x": x}), name, **attrs, **extra)
    return da.rio.write_crs(crs) if crs else da


def series(name="displacement", n=40):
    time = pd.date_range("2017-03-01", periods=n, freq="24D")
    values = 10 * np.cos(np.arange(n) / 2.4)
    return describe(xr.DataArray(values, dims="time", coords={"time": time}), name, provenance_note=SYNTHETIC)


def boxes(strata=6, groups=None):
    shape = (strata,) if groups is None else (strata, groups)
    quantile = np.sort(np.random.default_rng(1).gamma(3, 4, (*shape, 5)), axis=-1)
    dims = ("stratum",) if groups is None else ("stratum", "stratum2")
    left = np.arange(strata, dtype="float64")
    coords = {
        "percentile": PERCENTILES,
        "left": ("stratum", left, {"long_name": "terrain slope angle", "units": "degree"}),
        "right": ("stratum", left + 1),
        "label": ("stratum", [f"{i:g} to {i + 1:g}" for i in left]),
    }
    if groups:
        coords["label2"] = ("stratum2", [f"group {i}" for i in range(groups)])
    data = {
        "quantile": describe(xr.DataArray(quantile, dims=(*dims, "percentile")), "seasonal_amplitude"),
        "count": (dims, np.full(shape, 1000)),
    }
    return xr.Dataset(data, coords=coords)


def notes(fig):
    return [text.get_text() for text in fig.texts if text.get_gid() == NOTE_GID]


def limits_said(fig):
    return [text.get_text() for text in fig.texts if text.get_gid() == LIMITS_GID]


def bar_label(ax):
    return next(child for child in ax.child_axes if child.get_gid() == "colorbar").get_ylabel()


class TestStyle:
    @pytest.mark.parametrize("name", sorted(plot.STYLE))
    def test_every_row_names_a_variable_and_a_known_color_map(self, name):
        assert name in VARIABLES
        assert plot.STYLE[name].cmap in mpl.colormaps

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("linear_rate", "LOS linear rate (mm/yr)"),
            ("lst", "Mean daily land surface temperature (°C)"),
            ("bulk_density", "Soil bulk density (kg m$^{-3}$)"),
            ("coherence", "Interferometric coherence"),
        ],
    )
    def test_label_is_long_name_and_unit(self, name, expected):
        assert plot.label(describe(xr.DataArray(0.0), name)) == expected

    def test_signed_variables_are_symmetric_about_zero(self):
        da = describe(xr.DataArray(np.linspace(-3.0, 11.0, 500)), "linear_rate")
        how = plot.style_of(da)
        assert how["vmin"] == -how["vmax"]
        assert plot.style_of(da, vmax=5.0)["vmin"] == -5.0

    @pytest.mark.parametrize("values", [np.full(9, np.nan), np.full(9, 2.0)])
    def test_limits_exist_without_a_range(self, values):
        how = plot.style_of(describe(xr.DataArray(values), "elevation"))
        assert how["vmax"] > how["vmin"]

    @pytest.mark.parametrize(("width", "mm"), [("single", 84), ("double", 174), (120.0, 120)])
    def test_widths_are_those_of_the_journal(self, width, mm):
        fig, _ = plot.new(width=width)
        assert fig.get_figwidth() == pytest.approx(mm / 25.4)

    def test_unknown_width_is_refused(self):
        with pytest.raises(QtpDataError, match="double"):
            plot.new(width="triple")

    def test_house_style_does_not_leak(self):
        before = mpl.rcParams["font.size"], mpl.rcParams["figure.dpi"]
        plot.quicklook(series())
        assert (mpl.rcParams["font.size"], mpl.rcParams["figure.dpi"]) == before

    def test_panel_letters(self):
        _, axes = plot.new(2, 2)
        plot.panel_letters(axes)
        assert [ax.get_title(loc="left") for ax in axes.ravel()] == ["(a)", "(b)", "(c)", "(d)"]


class TestProvenance:
    def test_synthetic_is_printed_once_a_figure(self):
        fig, axes = plot.new(2, 1, like=grid())
        for ax in axes:
            plot.deformation_map(grid(), ax=ax)
        assert notes(fig) == [SYNTHETIC]

    def test_real_data_carry_no_note(self):
        assert notes(plot.deformation_map(grid(note=None)).figure) == []

    def test_a_second_argument_counts_too(self):
        observed = series().assign_attrs(provenance_note=None)
        assert notes(plot.time_series(observed, fit=series()).figure) == [SYNTHETIC]

    def test_a_dataset_speaks_through_its_variables(self):
        table = boxes()
        table["quantile"].attrs["provenance_note"] = SYNTHETIC
        assert notes(plot.box(table).figure) == [SYNTHETIC]


class TestMaps:
    @pytest.mark.parametrize("crs", ["EPSG:32646", "EPSG:4326", None])
    @pytest.mark.parametrize("coordinates", ["graticule", "km", "none"])
    def test_draws_on_any_grid(self, crs, coordinates):
        ax = plot.deformation_map(grid(crs=crs), coordinates=coordinates, north_arrow=True)
        assert bar_label(ax) == "LOS linear rate (mm/yr)"
        ax.figure.draw_without_rendering()

    def test_graticule_is_in_degrees(self):
        ax = plot.deformation_map(grid())
        assert "34°N" in [tick.get_text() for tick in ax.get_yticklabels()]
        assert "92°E" in [tick.get_text() for tick in ax.get_xticklabels()]

    def test_all_nan(self):
        plot.deformation_map(grid() * np.nan).figure.draw_without_rendering()

    def test_blank_pixels_stay_blank(self):
        image = plot.deformation_map(grid()).images[0].get_array()
        assert (image[3:6, 3:6, 3] == 0).all()
        assert (image[10:, 10:, 3] == 1).all()

    def test_row_order_does_not_matter(self):
        down, up = grid(), grid().sortby("y")
        pictures = []
        for da in (down, up):
            ax = plot.deformation_map(da, hillshade=grid("elevation"))
            array = ax.images[0].get_array()
            pictures.append(array if ax.images[0].origin == "upper" else array[::-1])
            assert ax.get_ylim()[0] < ax.get_ylim()[1]
        np.testing.assert_allclose(pictures[0][..., 3], pictures[1][..., 3])

    def test_thinned_to_the_pixels_of_the_figure(self):
        fig, axes = plot.new(2, 1)
        large = xr.DataArray(np.zeros((5000, 4000), "float32"), dims=("y", "x"), name="linear_rate")
        large = large.assign_coords(y=-np.arange(5000.0), x=np.arange(4000.0))
        ax = plot.deformation_map(large, ax=axes[0], coordinates="none")
        assert max(ax.images[0].get_array().shape[:2]) <= 2 * fig.get_figwidth() * style.DPI
        assert ax.get_xlim() == (-0.5, 3999.5)

    def test_thinning_is_lazy_and_reads_before_nothing(self, no_compute):
        large = xr.DataArray(np.zeros((4000, 4000), "float32"), dims=("y", "x")).chunk({"y": 1000})
        with no_compute():
            thin = maps.decimate(large.assign_coords(y=np.arange(4000.0), x=np.arange(4000.0)))
        assert thin.sizes["y"] == 2000
        assert thin.chunks is not None

    def test_lazy_input_gives_the_same_picture(self):
        eager = plot.deformation_map(grid()).images[0].get_array()
        lazy = plot.deformation_map(grid().chunk({"y": 10})).images[0].get_array()
        np.testing.assert_array_equal(eager, lazy)

    def test_input_is_not_changed(self):
        da = grid()
        before = da.copy(deep=True)
        plot.deformation_map(da, hillshade=grid("elevation"))
        xr.testing.assert_identical(da, before)

    def test_classes_get_a_legend_with_names(self):
        da = grid("vegetation", dtype="int16", classes={"0": "desert", "1": "alpine steppe", "99": "absent"})
        ax = plot.deformation_map(da)
        assert {text.get_text() for text in ax.get_legend().get_texts()} == {"desert", "alpine steppe"}

    def test_reason_codes_are_named(self):
        da = grid("reason", dtype="uint8").copy(data=np.zeros((58, 25), "uint8"))
        assert plot.deformation_map(da).get_legend().get_texts()[0].get_text() == "ok"

    def test_onsets_are_dates(self):
        ax = plot.onset_map(grid("thaw_onset") * 2 + 140)
        bar = next(child for child in ax.child_axes if child.get_gid() == "colorbar")
        assert "21 May" in [tick.get_text() for tick in bar.get_yticklabels()]
        assert bar.get_ylabel() == "Thaw onset (date)"

    def test_onset_map_refuses_other_units(self):
        with pytest.raises(QtpDataError, match="day of year"):
            plot.onset_map(grid())

    @pytest.mark.parametrize("dims", [("time",), ("time", "y", "x"), ("y", "x"), ("station", "time")])
    def test_quicklook_takes_any_shape(self, dims):
        one, time = grid(), series(n=4)
        shapes = {
            ("time",): time,
            ("y", "x"): one,
            ("time", "y", "x"): one.expand_dims(time=time.time),
            ("station", "time"): time.expand_dims(station=3),
        }
        ax = plot.quicklook(shapes[dims])
        assert "mm" in (ax.get_ylabel() + ax.get_xlabel() + "".join(c.get_ylabel() for c in ax.child_axes))


class TestOverlays:
    table = pd.DataFrame(
        [
            {"name": "R1", "geometry": {"type": "Polygon", "coordinates": [[[91, 34], [92, 34], [92, 35], [91, 34]]]}},
            {"name": "line", "geometry": {"type": "MultiLineString", "coordinates": [[[91, 34], [92, 35]]]}},
            {"name": "dot", "geometry": {"type": "Point", "coordinates": [92, 34, 4500]}},
            {"name": "none", "geometry": None},
        ]
    )

    def test_every_geometry_is_drawn_and_limits_stay(self):
        ax = plot.deformation_map(grid(), scale=False, coordinates="none")
        limits, lines, patches = (ax.get_xlim(), ax.get_ylim()), len(ax.lines), len(ax.patches)
        vectors(ax, self.table, name="regions")
        assert (len(ax.lines) - lines, len(ax.patches) - patches) == (2, 1)
        assert (ax.get_xlim(), ax.get_ylim()) == limits
        assert "R1" in [text.get_text() for text in ax.texts]

    def test_points_land_where_the_projection_puts_them(self):
        ax = plot.deformation_map(grid(), scale=False, coordinates="none")
        vectors(ax, pd.DataFrame({"longitude": [93.0], "latitude": [34.0]}), name="stations")
        # the central meridian of UTM zone 46 is 93 E, false easting 500 km
        np.testing.assert_allclose(ax.lines[-1].get_xdata(), [500_000.0], atol=1e-3)

    def test_other_tables_are_refused(self):
        ax = plot.deformation_map(grid())
        with pytest.raises(QtpDataError, match="longitude and latitude"):
            vectors(ax, pd.DataFrame({"a": [1]}))

    def test_unknown_geometry_is_refused(self):
        ax = plot.deformation_map(grid())
        with pytest.raises(QtpDataError, match="Circle"):
            vectors(ax, pd.DataFrame([{"geometry": {"type": "Circle", "coordinates": [1, 2]}}]))

    @pytest.mark.parametrize(("value", "sides", "text"), [(92.0, "EW", "92°E"), (-0.5, "NS", "0°30'S")])
    def test_degrees(self, value, sides, text):
        assert overlay._degree(value, sides) == text


class TestLines:
    dates = pd.date_range("2017-01-01", periods=4, freq="12D")

    def pairs(self, **coords):
        first, second = self.dates[[0, 0, 1, 2]], self.dates[[1, 2, 2, 3]]
        coords = {"reference": ("pair", first), "secondary": ("pair", second), **coords}
        return xr.DataArray(np.arange(4), dims="pair", coords=coords)

    def test_network_solves_the_baselines_of_the_dates(self):
        truth = np.array([-30.0, 10.0, 50.0, -30.0])
        known = ("pair", truth[[1, 2, 2, 3]] - truth[[0, 0, 1, 2]])
        ax = plot.network(self.pairs(perpendicular_baseline=known))
        np.testing.assert_allclose(ax.lines[1].get_ydata(), truth - truth.mean(), atol=1e-9)
        assert ax.get_ylabel() == "Perpendicular baseline (m)"

    def test_network_draws_no_baseline_that_nothing_tells(self):
        truth = np.array([-30.0, 10.0, 50.0, -30.0])
        known = truth[[1, 2, 2, 3]] - truth[[0, 0, 1, 2]]
        known[3] = np.nan
        ax = plot.network(self.pairs(perpendicular_baseline=("pair", known)))
        expected = [*(truth[:3] - truth[:3].mean()), np.nan]
        np.testing.assert_allclose(ax.lines[1].get_ydata(), expected, atol=1e-9)
        assert ax.get_title(loc="right") == "4 acquisitions, 4 pairs; 1 of unknown baseline not drawn"
        nothing = plot.network(self.pairs(perpendicular_baseline=("pair", known * np.nan)), reference_date="20170113")
        assert np.isnan(nothing.lines[1].get_ydata()).all()
        pairs = self.pairs()
        dates = np.unique([pairs["reference"].values, pairs["secondary"].values])
        given = xr.DataArray([1.0, 2.0, 3.0], {"time": dates[:3]}, "time", attrs={"units": "m"})
        with pytest.raises(QtpDataError, match="have no baseline") as told:
            plot.network(pairs, baseline=given)
        assert str(dates[3])[:10] in str(told.value)

    def test_network_marks_the_reference_image_and_counts_from_it(self):
        truth = np.array([-30.0, 10.0, 50.0, -30.0])
        known = ("pair", truth[[1, 2, 2, 3]] - truth[[0, 0, 1, 2]])
        ax = plot.network(self.pairs(perpendicular_baseline=known), reference_date="20170113")
        np.testing.assert_allclose(ax.lines[1].get_ydata(), truth - 10.0, atol=1e-9)
        assert ax.lines[2].get_ydata() == pytest.approx([0.0], abs=1e-9)
        assert [text.get_text() for text in ax.texts] == ["2017-01-13"]
        with pytest.raises(QtpDataError, match="no acquisition") as told:
            plot.network(self.pairs(), reference_date="2017-01-14")
        assert told.value.code == "I22"

    def test_network_without_baselines_uses_the_day_of_year(self):
        ax = plot.network(self.pairs())
        assert ax.get_ylabel() == "Day of year"
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1, 13, 25, 37])

    def test_pairs_of_one_year_without_baselines_do_not_hide_each_other(self):
        """By the day of the year all dates of a year lie on one line; so did the pairs, long ones under short ones."""
        line = plot.network(self.pairs()).lines[0]
        height = np.reshape(line.get_ydata(), (4, -1))[:, :-1]
        days = np.reshape(line.get_xdata(), (4, -1))[:, :-1]
        bow = height - 1 - (days - self.dates.to_numpy()[0]) / np.timedelta64(1, "D")
        np.testing.assert_allclose(np.ptp(bow, axis=1), [3, 6, 3, 3], atol=0.01)
        np.testing.assert_allclose(bow[:, [0, -1]], 0.0, atol=1e-9)

    def test_a_pair_across_new_year_and_one_of_a_year_are_straight(self):
        dates = np.array(["2017-06-01", "2017-12-20", "2018-01-01", "2018-06-01"], dtype="datetime64[ns]")
        coords = {"reference": ("pair", dates[[0, 1]]), "secondary": ("pair", dates[[3, 2]])}
        height = plot.network(xr.DataArray([0, 1], coords, "pair")).lines[0].get_ydata()
        np.testing.assert_allclose(height[:13], 152.0)
        np.testing.assert_allclose(np.diff(height[14:27], 2), 0.0, atol=1e-9)

    def test_network_refuses_what_has_no_pairs(self):
        with pytest.raises(QtpDataError, match="pair"):
            plot.network(series())

    def test_time_series_has_points_fit_and_seasons(self):
        ax = plot.time_series(series(), fit=series(), thaw_onset=140.0, freeze_onset=280.0, error=1.0)
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert sorted(words) == ["InSAR", "Model", "Thaw season"]
        named = plot.time_series(series(), fit=series(), name="A", fit_name="B").get_legend().get_texts()
        assert sorted(text.get_text() for text in named) == ["A", "B"]
        assert ax.get_ylabel() == "LOS displacement (mm)"

    def test_several_models_are_told_apart_by_color_and_by_dashes(self):
        models = {"first": series(), "second": series() + 1.0}
        lines = {line.get_label(): line for line in plot.time_series(series(), fit=models).get_lines()}
        assert lines["first"].get_color() != lines["second"].get_color()
        assert lines["first"].get_linestyle() != lines["second"].get_linestyle()
        assert lines["first"].get_zorder() > lines["second"].get_zorder()

    def test_profile_in_kilometers_with_band_elevation_and_fault(self):
        distance = xr.DataArray(np.arange(0, 5e4, 1e3), dims="distance")
        swath = xr.DataArray(np.random.default_rng(0).normal(size=(50, 3)), dims=("distance", "percentile"))
        swath = describe(swath.assign_coords(distance=distance, percentile=[25, 50, 75]), "linear_rate")
        height = describe(xr.DataArray(np.linspace(4500, 5000, 50), dims="distance"), "elevation")
        ax = plot.profile(swath, elevation=height, faults={"Kunlun fault": 20.0})
        assert ax.get_xlim() == (0.0, 49.0)
        assert "Elevation (m)" in [other.get_ylabel() for other in ax.figure.axes]
        assert "Kunlun fault" in [text.get_text() for text in ax.texts]

    def test_alt_scatter_states_r2_and_rmse(self):
        alt = xr.DataArray([1.5, 2.0, np.nan, 3.0], dims="station")
        amplitude = describe(xr.DataArray([10.0, 14.0, 3.0, 20.0], dims="station"), "seasonal_amplitude")
        scores = {"slope": 6.5, "intercept": 0.5, "r2": 0.99, "rmse": 0.2}
        ax = plot.alt_scatter(alt, amplitude, calibrated=alt, vegetation=list("aabb"), scores=scores, error=amplitude)
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert words == ["a", "b", "Measured: R² 0.99, RMSE 0.2 mm", "Calibrated"]
        assert ax.get_xlabel() == "Active layer thickness (m)"
        assert sum(len(points.get_offsets()) for points in ax.collections if hasattr(points, "get_sizes")) >= 6

    def test_station_scatter_has_equal_axes_and_says_what_it_compares(self):
        measured = describe(xr.DataArray([1.5, 2.0, np.nan, 3.0], dims="station"), "active_layer_thickness")
        found = measured + 0.5
        scores = {"slope": 1.0, "intercept": 0.5, "r2": 0.99, "rmse": 0.024}
        about = {"vegetation": list("aabb"), "error": 0.1 * measured, "scores": scores}
        ax = plot.station_scatter(measured, found, **about)
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert words == ["a", "b", "equal", "Line: R² 0.99, RMSE 0.02 m"]
        assert ax.get_xlim() == ax.get_ylim() == pytest.approx((1.5 - 0.16, 3.5 + 0.16))
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Measured (m)", "Estimated (m)")
        assert ax.get_title() == "Active layer thickness (m)"
        without = plot.station_scatter(measured, found, keys=False).get_legend()
        assert [text.get_text() for text in without.get_texts()] == ["equal"]

    def test_station_scatter_of_nothing(self):
        nothing = describe(xr.DataArray([np.nan, np.nan], dims="station"), "mean_water_content")
        ax = plot.station_scatter(nothing, nothing)
        assert ax.get_xlabel() == "Measured"
        assert ax.get_xlim()[0] < ax.get_xlim()[1]


class TestStatistics:
    def test_box_labels_edges_and_whiskers(self):
        table = boxes()
        ax = plot.box(table, counts=True)
        assert ax.get_xlabel() == "Terrain slope angle (°)"
        assert ax.get_ylabel() == "LOS seasonal amplitude (mm)"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == list("0123456")
        heights = np.concatenate([line.get_ydata() for line in ax.lines])
        assert heights.max() == pytest.approx(float(table["quantile"].sel(percentile=98).max()))
        assert heights.min() == pytest.approx(float(table["quantile"].sel(percentile=2).min()))

    def test_box_without_edges_uses_names(self):
        ax = plot.box(boxes().drop_vars(["left", "right"]), xlabel="Class")
        assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["0 to 1", "1 to 2"]

    def test_empty_strata_are_left_out(self):
        table = boxes()
        table["count"][2] = 0
        table["quantile"][2] = np.nan
        assert len(plot.box(table).patches) == 5

    def test_box_needs_its_percentiles(self):
        with pytest.raises(QtpDataError, match="five percentiles"):
            plot.box(boxes().isel(percentile=[0, 2, 4]))

    def test_box2_has_a_color_for_each_second_stratum(self):
        ax = plot.box2(boxes(3, groups=2), legend_title="Bulk density")
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["group 0", "group 1"]
        assert len({patch.get_facecolor() for patch in ax.patches}) == 2
        assert len(ax.patches) == 6

    @pytest.mark.parametrize("kind", ["mapping", "series", "array", "dataset", "frame"])
    def test_q_bars_sorts_and_takes_any_table(self, kind):
        q = pd.Series({"slope": 0.3, "latitude": 0.5, "none": np.nan, "sand": 0.1})
        array = xr.DataArray(q.to_numpy(), dims="factor", coords={"factor": q.index.to_numpy()})
        table = {
            "mapping": q.to_dict(),
            "series": q,
            "array": array,
            "dataset": array.to_dataset(name="q"),
            "frame": q.to_frame("q"),
        }[kind]
        ax = plot.q_bars(table, highlight=["slope"])
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["latitude", "slope", "sand fraction"]
        assert ax.patches[1].get_facecolor() != ax.patches[0].get_facecolor() == ax.patches[2].get_facecolor()

    def test_q_bars_refuses_nothing(self):
        with pytest.raises(QtpDataError, match="no factor"):
            plot.q_bars({"slope": np.nan})


class TestSave:
    def test_writes_a_whole_png_and_leaves_the_figure_open(self, tmp_path):
        ax = plot.deformation_map(grid(), title="<b>&")
        path = plot.save(ax.figure, "fig03")
        assert path == tmp_path / "output" / "figures" / "fig03.png"
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert sorted(file.name for file in path.parent.iterdir()) == ["fig03.pdf", "fig03.png"]
        assert plt.fignum_exists(ax.figure.number)

    @pytest.mark.parametrize("name", ["", "../fig", "a/b"])
    def test_refuses_paths(self, name):
        fig, _ = plot.new()
        with pytest.raises(QtpDataError, match="figure name"):
            plot.save(fig, name)

    def test_nothing_is_cut_off(self):
        ax = plot.onset_map(grid("thaw_onset") + 140)
        plot.save(ax.figure, "onset")
        page = ax.figure.get_tightbbox()
        assert page.x0 >= -0.01
        assert page.x1 <= ax.figure.get_figwidth() + 0.01


def test_name_of_a_line_that_starts_off_the_map_is_written_on_the_map():
    table = pd.DataFrame(
        {"name": ["fault"], "geometry": [{"type": "LineString", "coordinates": [[-5, 0.5], [5, 0.5]]}]}
    )
    table.attrs["crs"] = "EPSG:4326"
    ax = plt.figure().add_subplot(xlim=(0, 1), ylim=(0, 1))
    plot.vectors(ax, table, name="faults", text=True)
    (words,) = [text for text in ax.texts if text.get_text() == "fault"]
    assert 0 <= words.xy[0] <= 0.1
    assert words.xy[1] == pytest.approx(0.5)


def test_dates_of_southern_onsets_are_named():
    """Freeze onsets after New Year exceed 365 and are not wrapped."""
    named = dict(plot.maps.date_ticks(300, 480))
    assert list(named.values()) == ["1 Nov", "1 Dec", "1 Jan", "1 Feb", "1 Mar", "1 Apr"]
    assert named[366] == "1 Jan"
    assert plot.maps.date_ticks(-10, 5) == [(-10, "21 Dec"), (-5, "26 Dec"), (1, "1 Jan")]


def test_a_map_of_one_row_has_no_relief():
    row = grid("linear_rate").isel(y=[0])
    plot.deformation_map(row, hillshade=row, scale=False)


def test_stations_in_another_order_are_no_pairs():
    thickness = xr.DataArray([1.5, 2.5], {"station": ["A", "B"]}, "station", attrs={"units": "m"})
    amplitude = xr.DataArray([9.0, 16.0], {"station": ["B", "A"]}, "station", attrs={"units": "mm"})
    with pytest.raises(QtpDataError, match="Choose the same of both"):
        plot.alt_scatter(thickness, amplitude)


def test_house_style_ends_with_its_block():
    before = mpl.rcParams["savefig.dpi"]
    with plot.house():
        assert mpl.rcParams["savefig.dpi"] == style.DPI
    assert mpl.rcParams["savefig.dpi"] == before


def test_rows_of_many_panels_stay_readable():
    """A page is 240 mm high; a figure grows beyond rather than have rows below 50 mm."""
    heights = [plot.new(2, rows, aspect=0.6)[0].get_figheight() * 25.4 for rows in (2, 4, 20)]
    assert heights == pytest.approx([2 * 52.2 + 6, 4 * 52.2 + 6, 20 * 50])


def test_a_series_without_any_value_says_so_on_its_own_dates():
    time = pd.date_range("2015-01-01", periods=60, freq="30D")
    empty = xr.DataArray(np.full(60, np.nan), {"time": time}, attrs={"units": "mm", "long_name": "displacement"})
    ax = plot.time_series(empty)
    assert [text.get_text() for text in ax.texts] == ["no valid date"]
    assert ax.get_xlim()[1] - ax.get_xlim()[0] == pytest.approx(59 * 30)


@pytest.mark.parametrize("shape", [(60, 120), (60, 100), (40, 100), (30, 100)])
@pytest.mark.parametrize("layout", [(2, 1), (2, 2), (1, 1)])
def test_wide_maps_fill_their_panels(shape, layout):
    """A long label beside a low map, or a color bar beneath a flat one, once left a few millimeters of the map."""
    wide = grid("temporal_coherence", shape=shape, long_name="temporal coherence of the network inversion")
    fig, axes = plot.new(*layout, like=wide, squeeze=False)
    for ax in axes.flat:
        plot.deformation_map(wide, ax=ax, title="2018-07-17 since 2018-03-07")
    plot.save(fig, "wide")
    fig.draw_without_rendering()
    for ax in axes.flat:
        assert ax.get_window_extent().width > 0.5 / layout[0] * fig.get_figwidth() * fig.dpi
        bar = next(inset for inset in ax.child_axes if inset.get_gid() == "colorbar")
        ticks = [text.get_window_extent() for text in ax.get_xticklabels() if text.get_text()]
        assert not any(bar.get_window_extent().overlaps(box) for box in ticks)


def test_a_foot_that_is_wider_than_the_figure_is_broken():
    fig, ax = plot.new()
    words = "color bars end at percentiles 0.5 and 99.5 of the panels together"
    plot.figure.mark_limits(ax, words)
    plot.figure.mark_limits(ax, "hatched: no value")
    plot.figure.mark_limits(ax, "hatched: no value")
    plot.figure.mark_provenance(ax, grid())
    plot.save(fig, "foot")
    fig.draw_without_rendering()
    assert " ".join(limits_said(fig)[0].split()) == f"{words}; hatched: no value"
    limits, note = (text.get_window_extent() for text in fig.texts)
    assert limits.x1 <= fig.bbox.x1
    assert note.y1 <= (limits.y0 + limits.y1) / 2 + 1  # beside the lower line
