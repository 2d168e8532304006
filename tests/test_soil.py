"""Johansen conductivity against the published constants, worked by hand."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, refuse_strangers, without_note

from qtp_toolkit import soil
from qtp_toolkit.conventions import QtpDataError

# density, quartz, saturation, porosity, dry, solid, thawed fine, thawed coarse, frozen, frozen with 5 % liquid water
TABLE = [
    (1250, 0.4, 0.5, 0.537037, 0.153965, 3.429370, 0.960753, 1.064993, 1.427960, 1.339742),
    (1250, 0.4, 1.0, 0.537037, 0.153965, 3.429370, 1.308218, 1.308218, 2.701955, 2.525519),
    (1250, 0.4, 0.15, 0.537037, 0.153965, 3.429370, 0.357219, 0.642519, 0.536164, 0.509698),
    (1350, 0.5, 0.6, 0.5, 0.173719, 3.924283, 1.202348, 1.290326, 1.832449, 1.717329),
    (1500, 0.6, 0.3, 0.444444, 0.208832, 4.490621, 0.965287, 1.213988, 1.127256, 1.063192),
    (1500, 0.6, 0.8, 0.444444, 0.208832, 4.490621, 1.640642, 1.686736, 2.657963, 2.487127),
    (1600, 0.15, 0.5, 0.407407, 0.236918, 3.455626, 1.230436, 1.358801, 1.555941, 1.462075),
    (1400, 0.5, 0.05, 0.481481, 0.184617, 3.924283, 0.184617, 0.184617, 0.323882, 0.314185),
    (1400, 0.5, 1e-6, 0.481481, 0.184617, 3.924283, 0.184617, 0.184617, 0.184617, 0.184617),
]
RATIOS = [1.4863, 2.0654, 1.5009, 1.5241, 1.1678, 1.6201, 1.2645, 1.7544, 1.0]


def grid(values, units, name):
    return xr.DataArray(np.atleast_1d(np.asarray(values, float)), dims="x", name=name, attrs={"units": units})


def inputs(column=slice(None)):
    table = np.array(TABLE)[column]
    return (
        grid(table[:, 0], "kg m-3", "bulk_density"),
        grid(table[:, 1], "1", "quartz"),
        grid(table[:, 2], "1", "saturation"),
    )


class TestClosedForm:
    @pytest.mark.parametrize(
        ("options", "column"),
        [
            ({"state": "thawed"}, 6),
            ({"state": "thawed", "texture": "coarse"}, 7),
            ({"state": "frozen"}, 8),
            ({"state": "frozen", "unfrozen_water": 0.05}, 9),
        ],
    )
    def test_table(self, options, column):
        kappa = soil.thermal_conductivity(*inputs(), **options)
        np.testing.assert_allclose(kappa, np.array(TABLE)[:, column], atol=2e-6)
        assert kappa.name == f"conductivity_{options['state']}"
        assert kappa.attrs["units"] == "W m-1 K-1"

    def test_ratio(self):
        thawed = soil.thermal_conductivity(*inputs())
        frozen = soil.thermal_conductivity(*inputs(), state="frozen")
        ratio = soil.conductivity_ratio(frozen, thawed)
        np.testing.assert_allclose(ratio, RATIOS, atol=1e-4)
        assert ratio.attrs["units"] == "1"

    def test_porosity(self):
        np.testing.assert_allclose(soil.porosity(inputs()[0]), np.array(TABLE)[:, 3], atol=1e-6)
        assert soil.porosity(grid(1325, "kg m-3", "bulk_density"), particle_density=2650).item() == pytest.approx(0.5)

    def test_dry_coarse_soil_conducts_less_when_frozen(self):
        """A legal ratio below 1, though a map of nothing else looks swapped."""
        density, quartz = grid([1250, 1500], "kg m-3", "b"), grid([0.4, 0.6], "1", "q")
        wet = grid([0.15, 0.3], "1", "s")
        frozen = soil.thermal_conductivity(density, quartz, wet, state="frozen")
        with pytest.warns(UserWarning, match="very dry"):
            ratio = soil.conductivity_ratio(frozen, soil.thermal_conductivity(density, quartz, wet, texture="coarse"))
        np.testing.assert_allclose(ratio, [0.83, 0.93], atol=0.01)

    def test_dry_threshold(self):
        density, quartz = grid([1400] * 3, "kg m-3", "b"), grid([0.5] * 3, "1", "q")
        kappa = soil.thermal_conductivity(density, quartz, grid([0.0, 1e-5, 1.1e-5], "1", "s"), state="frozen")
        assert kappa[0] == kappa[1]
        assert kappa[2] > kappa[1]

    @pytest.mark.parametrize("scheme", ["johansen", "balland_arp"])
    def test_no_warning_when_dry_and_nan_stays_nan(self, scheme):
        """S05: no logarithm of zero; dry soil takes the dry value."""
        density, quartz = grid([1400] * 2, "kg m-3", "b"), grid([0.5] * 2, "1", "q")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for state in ("thawed", "frozen"):
                wet = grid([0.0, np.nan], "1", "s")
                kappa = soil.thermal_conductivity(density, quartz, wet, state=state, scheme=scheme)
                assert kappa[0].item() == pytest.approx(0.184617 if scheme == "johansen" else 0.234596, abs=1e-6)
                assert np.isnan(kappa[1])

    def test_texture_by_pixel(self):
        density, quartz, wet = inputs()
        coarse = xr.DataArray(np.arange(len(TABLE)) % 2 == 0, dims="x")
        mixed = soil.thermal_conductivity(density, quartz, wet, texture=coarse)
        np.testing.assert_allclose(mixed, np.where(coarse, np.array(TABLE)[:, 7], np.array(TABLE)[:, 6]), atol=2e-6)

    def test_saturation_is_clipped(self):
        """S04: more water than pores is full saturation, and counted."""
        out = soil.saturation(grid([0.0, 0.25, 0.7, np.nan], "1", "w"), grid([0.5, 0.5, 0.5, 0.5], "1", "n"))
        np.testing.assert_allclose(out, [0.0, 0.5, 1.0, np.nan])
        assert out.attrs["clipped"] == 1

    def test_quartz(self):
        assert soil.quartz_from_sand(grid(0.4, "1", "sand"), share=0.5).item() == pytest.approx(0.2)


class TestOracle:
    def test_noah_loam(self):
        """Loam of the Noah land surface model: its unfrozen water is the liquid share times the porosity."""
        density, quartz = grid(2700 * (1 - 0.439), "kg m-3", "b"), grid(0.4, "1", "q")
        wet = grid(0.2 / 0.439, "1", "s")
        assert soil.thermal_conductivity(density, quartz, wet).item() == pytest.approx(1.099889, abs=2e-6)
        frozen = soil.thermal_conductivity(density, quartz, wet, state="frozen", unfrozen_water=0.05 / 0.2 * 0.439)
        assert frozen.item() == pytest.approx(1.224385, abs=2e-6)

    def test_community_land_model(self):
        """43 % sand, 18 % clay: the model's own porosity, solids and ice, half saturated."""
        sand, clay = grid(0.43, "1", "sand"), grid(0.18, "1", "clay")
        density = grid(2700 * (1 - (0.489 - 0.00126 * 43)), "kg m-3", "b")
        assert soil.porosity(density).item() == pytest.approx(0.43482, abs=1e-6)
        given = {"scheme": "clm", "clay": clay}
        thawed = soil.thermal_conductivity(density, sand, grid(0.5, "1", "s"), **given)
        frozen = soil.thermal_conductivity(density, sand, grid(0.5, "1", "s"), state="frozen", **given)
        assert thawed.item() == pytest.approx(1.717686, abs=2e-6)
        assert frozen.item() == pytest.approx(2.272234, abs=2e-6)
        full = soil.thermal_conductivity(density, sand, grid(1.0, "1", "s"), **given)
        assert full.item() == pytest.approx(2.364547, abs=2e-6)
        with pytest.raises(QtpDataError, match="clay is missing"):
            soil.thermal_conductivity(density, sand, grid(0.5, "1", "s"), scheme="clm")

    def test_balland_and_arp(self):
        """1350 kg m-3, half quartz, 60 % saturated, every term by hand."""
        density, quartz, wet = grid(1350.0, "kg m-3", "b"), grid(0.5, "1", "q"), grid(0.6, "1", "s")
        solid = 7.7**0.5 * 2.0**0.5
        dry = ((0.053 * solid - 0.024) * 1350 + 0.024 * 2700) / (2700 - 0.947 * 1350)
        kersten = 0.6 ** ((1 - 0.24 * 0.5) / 2) * ((1 + np.exp(-18.1 * 0.6)) ** -3 - (0.4 / 2) ** 3)
        thawed = soil.thermal_conductivity(density, quartz, wet, scheme="balland_arp")
        frozen = soil.thermal_conductivity(density, quartz, wet, state="frozen", scheme="balland_arp")
        assert thawed.item() == pytest.approx((1.495607 - dry) * kersten + dry, abs=2e-6)
        assert frozen.item() == pytest.approx((2.938269 - dry) * 0.6 + dry, abs=2e-6)
        assert thawed.attrs["scheme"] == "balland_arp"

    def test_balland_and_arp_have_no_step(self):
        """Johansen's coarse soil jumps where its Kersten number begins; theirs does not."""
        wet = grid(np.linspace(0.04, 0.06, 201), "1", "s")
        density, quartz = (wet * 0 + 1350.0).assign_attrs(units="kg m-3"), (wet * 0 + 0.5).assign_attrs(units="1")
        jump = {
            scheme: np.abs(
                np.diff(soil.thermal_conductivity(density, quartz, wet, texture="coarse", scheme=scheme))
            ).max()
            for scheme in ("johansen", "balland_arp")
        }
        assert jump["johansen"] > 20 * jump["balland_arp"]


class TestDepth:
    def profile(self, values, units="kg m-3"):
        return xr.DataArray(
            np.asarray(values, float),
            dims=("depth", "x"),
            name="bulk_density",
            attrs={"units": units},
            coords={
                "depth": [0.1, 0.65, 1.5],
                "depth_top": ("depth", [0.0, 0.3, 1.0]),
                "depth_bottom": ("depth", [0.3, 1.0, 2.0]),
            },
        )

    def test_weights_are_thicknesses(self):
        out = soil.depth_mean(self.profile([[1000.0], [1200.0], [1500.0]]))
        assert out.item() == pytest.approx((0.3 * 1000 + 0.7 * 1200 + 1.0 * 1500) / 2)
        assert out.attrs["units"] == "kg m-3"
        shallow = soil.depth_mean(self.profile([[1000.0], [1200.0], [1500.0]]), to_m=0.5)
        assert shallow.item() == pytest.approx((0.3 * 1000 + 0.2 * 1200) / 0.5)

    def test_point_values_by_trapezoids(self):
        points = [0.0, 0.05, 0.15, 0.3, 0.6, 1.0, 2.0]
        line = xr.DataArray(
            1000 + 100 * np.array(points),
            dims="depth",
            name="bulk_density",
            attrs={"units": "kg m-3"},
            coords={"depth": points, "depth_top": ("depth", points), "depth_bottom": ("depth", points)},
        )
        assert soil.depth_mean(line).item() == pytest.approx(1100)
        assert soil.depth_mean(line, to_m=0.8).item() == pytest.approx(1040)
        assert soil.depth_mean(line.isel(depth=slice(None, None, -1))).item() == pytest.approx(1100)

    def test_layers_that_overlap_are_refused(self):
        """0 to 30 cm beside 0 to 100 cm would count the upper part twice."""
        limits = {"depth_top": ("depth", [0.0, 0.0]), "depth_bottom": ("depth", [0.3, 1.0])}
        with pytest.raises(QtpDataError, match="layers overlap"):
            soil.depth_mean(xr.DataArray([1000.0, 1400.0], limits, "depth"))

    def test_missing_layers(self):
        out = soil.depth_mean(self.profile([[1000.0, np.nan], [np.nan, np.nan], [1500.0, np.nan]]))
        np.testing.assert_allclose(out, [(0.3 * 1000 + 1500) / 1.3, np.nan])
        with pytest.raises(QtpDataError, match="layer limits"):
            soil.depth_mean(self.profile([[1.0], [1.0], [1.0]]).drop_vars("depth_top"))


WATER_TABLE = {"meadow": {"thawed": 0.35, "frozen": 0.3}, "steppe": 0.2}


def vegetation_map(classes=None):
    classes = {"1": "meadow", "2": "steppe", "3": "water"} if classes is None else classes
    return xr.DataArray(np.array([[1, 2, 3, 0]], "i2"), dims=("y", "x"), attrs={"classes": classes})


class TestVegetation:
    def test_lookup(self):
        out = soil.water_content_by_class(vegetation_map(), WATER_TABLE)
        np.testing.assert_allclose(out, [[0.35, 0.2, np.nan, np.nan]])
        frozen = soil.water_content_by_class(
            vegetation_map('{"1": "meadow", "2": "steppe"}'), WATER_TABLE, state="frozen"
        )
        np.testing.assert_allclose(frozen, [[0.3, 0.2, np.nan, np.nan]])

    def test_interpolated_classes_are_refused(self):
        """S06, S10: a class that is not in the map, and classes that were averaged."""
        filled = vegetation_map()
        filled[0, 3] = 255
        assert np.isnan(soil.water_content_by_class(filled, WATER_TABLE)[0, 3])
        with pytest.raises(QtpDataError, match="nearest") as found:
            soil.water_content_by_class(vegetation_map().astype(float) + 0.5, WATER_TABLE)
        assert found.value.code == "S10"

    def test_refusals(self):
        with pytest.raises(QtpDataError, match="tundra"):
            soil.water_content_by_class(vegetation_map(), {"tundra": 0.2})
        with pytest.raises(QtpDataError, match="not a fraction"):
            soil.water_content_by_class(vegetation_map(), {"meadow": 30})
        with pytest.raises(QtpDataError, match="class names"):
            soil.water_content_by_class(vegetation_map().drop_attrs(), WATER_TABLE)
        with pytest.raises(QtpDataError, match="unknown state"):
            soil.water_content_by_class(vegetation_map(), WATER_TABLE, state="wet")


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "units", "words"),
        [
            (1.3, "g cm-3", "wrong unit"),
            (1.3, "kg m-3", "Multiply by 1000"),
            (0.0, "kg m-3", "fill values"),
            (-32768.0, "kg m-3", "fill values"),
            (13000.0, "kg m-3", "physical range"),
        ],
    )
    def test_density(self, value, units, words):
        """S02, S06: zero, fill values and other units are no density."""
        density, (_, quartz, wet) = grid([1300.0, value], units, "bulk_density"), inputs(slice(2))
        for refuse in (soil.porosity, lambda d: soil.thermal_conductivity(d, quartz, wet)):
            with pytest.raises(QtpDataError, match=words):
                refuse(density)

    def test_density_in_cg_per_cm3(self):
        """S02: 130 kg m-3 could be peat, so it is told, not refused."""
        with pytest.warns(UserWarning, match="peat, or in cg cm-3"):
            soil.porosity(grid([130.0, 120.0, 140.0], "kg m-3", "bulk_density"))

    def test_particle_density(self):
        with pytest.raises(QtpDataError, match="particle density"):
            soil.porosity(grid(1300, "kg m-3", "bulk_density"), particle_density=2.7)

    @pytest.mark.parametrize(
        ("value", "words"), [(43.1, "Per cent"), (430.0, "g/kg"), (255.0, "g/kg"), (-9999.0, "fill value")]
    )
    @pytest.mark.parametrize("name", ["S01 porosity", "S03 sand", "S04 water", "S03 quartz", "S04 saturation"])
    def test_fractions(self, name, value, words):
        """S01, S03, S04, S06: per cent, g/kg and fill values are no fractions; the error says what they may be."""
        good, bad = grid([0.4, 0.4], "1", "good"), grid([0.4, value], "1", name)
        density = grid([1300.0, 1300.0], "kg m-3", "bulk_density")
        refuse = {
            "S01 porosity": lambda: soil.saturation(good, bad),
            "S03 sand": lambda: soil.quartz_from_sand(bad),
            "S04 water": lambda: soil.saturation(bad, good),
            "S03 quartz": lambda: soil.thermal_conductivity(density, bad, good),
            "S04 saturation": lambda: soil.thermal_conductivity(density, good, bad),
        }
        with pytest.raises(QtpDataError, match=words) as found:
            refuse[name]()
        assert found.value.code == name[:3]
        assert "50.0% of values" in str(found.value)

    @pytest.mark.parametrize("stray", [255.0, 1.05])
    def test_strays_tell_nothing_of_the_unit(self, stray):
        """S06: to divide a good map by 100 or 1000 for the sake of one pixel would spoil it."""
        with pytest.raises(QtpDataError, match="Mask what is no fraction") as found:
            soil.quartz_from_sand(grid([0.4, 0.3, 0.5, stray], "1", "sand"))
        assert "Divide" not in str(found.value)

    def test_unknown_texture_is_neither_coarse_nor_fine(self):
        density, quartz, wet = inputs(slice(3, 6))
        flags = grid([1.0, np.nan, 0.0], "1", "coarse")
        kappa = soil.thermal_conductivity(density, quartz, wet, texture=flags)
        np.testing.assert_allclose(kappa, [TABLE[3][7], np.nan, TABLE[5][6]], atol=2e-6)

    def test_lazy_values_out_of_range_become_nan(self):
        """S01 to S06: what cannot be looked at without computing is dropped when it is computed."""
        density = grid([1300.0, 1.3, 1300.0, 1300.0, 1300.0], "kg m-3", "b").chunk(x=2)
        sand = grid([0.4, 0.4, 43.0, 0.4, 0.4], "1", "sand").chunk(x=2)
        water = grid([0.2, 0.2, 0.2, 20.0, 0.2], "1", "water").chunk(x=2)
        wet = soil.saturation(water, soil.porosity(density))
        assert "clipped" not in wet.attrs
        kappa = soil.thermal_conductivity(density, soil.quartz_from_sand(sand), wet)
        assert np.isfinite(kappa).values.tolist() == [True, False, False, False, True]

    def test_missing_quartz(self):
        """S07: unknown grains give an unknown conductivity, dry or wet."""
        density, quartz = grid([1400.0] * 2, "kg m-3", "b"), grid([np.nan] * 2, "1", "q")
        for state in ("thawed", "frozen"):
            assert np.isnan(soil.thermal_conductivity(density, quartz, grid([0.0, 0.5], "1", "s"), state=state)).all()

    def test_impossible_ratios(self, no_compute):
        """S08: not positive, or outside 0.5 to 5: NaN and counted."""
        frozen = grid([1.5, 2.0, 0.0, -1.0, 1.5, 0.4, 8.0, np.nan], "W m-1 K-1", "f")
        thawed = grid([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0], "W m-1 K-1", "t")
        ratio = soil.conductivity_ratio(frozen, thawed)
        np.testing.assert_array_equal(ratio, [1.5, 2.0] + [np.nan] * 6)
        assert ratio.attrs["out_of_range"] == 5
        wide = soil.conductivity_ratio(frozen, thawed, valid_range=(0.1, 10))
        np.testing.assert_array_equal(wide, [1.5, 2.0, np.nan, np.nan, np.nan, 0.4, 8.0, np.nan])
        with no_compute():
            lazy = soil.conductivity_ratio(frozen.chunk(x=3), thawed.chunk(x=3))
        assert "out_of_range" not in lazy.attrs
        np.testing.assert_array_equal(lazy, ratio)

    def test_swapped_seasons(self):
        """S09: maps of frozen and thawed soil in the wrong order are told."""
        thawed, frozen = (soil.thermal_conductivity(*inputs(), state=s) for s in ("thawed", "frozen"))
        with pytest.warns(UserWarning, match="swapped"):
            soil.conductivity_ratio(thawed, frozen)

    def test_unknown_words(self):
        density, quartz, wet = inputs()
        for option in ({"texture": "sand"}, {"state": "wet"}, {"scheme": "farouki"}):
            (name,) = option
            with pytest.raises(QtpDataError, match=f"unknown {name}"):
                soil.thermal_conductivity(density, quartz, wet, **option)
        with pytest.raises(QtpDataError, match="not a fraction"):
            soil.thermal_conductivity(density, quartz, wet, unfrozen_water=5.0)
        with pytest.raises(QtpDataError, match="not a fraction"):
            soil.quartz_from_sand(quartz, share=50.0)


@given(
    density=st.floats(600, 2000),
    quartz=st.floats(0, 1),
    wet=st.floats(0, 1),
    state=st.sampled_from(["thawed", "frozen"]),
    scheme=st.sampled_from(["johansen", "balland_arp"]),
)
@settings(max_examples=40, deadline=None)
def test_between_dry_and_saturated(density, quartz, wet, state, scheme):
    b, q = grid(density, "kg m-3", "b"), grid(quartz, "1", "q")
    kappa, dry, full = (
        soil.thermal_conductivity(b, q, grid(s, "1", "s"), state=state, scheme=scheme).item() for s in (wet, 0.0, 1.0)
    )
    assert min(dry, full) - 1e-6 <= kappa <= max(dry, full) + 1e-6


def test_lazy(no_compute):
    density, quartz, wet = inputs()
    vegetation = vegetation_map()
    with no_compute():
        n = soil.porosity(density.chunk(x=3))
        sr = soil.saturation(wet.chunk(x=3), n)
        lazy = soil.thermal_conductivity(density.chunk(x=3), quartz.chunk(x=3), sr, state="frozen", unfrozen_water=0.05)
        ratio = soil.conductivity_ratio(lazy, lazy)
        content = soil.water_content_by_class(vegetation.chunk(x=2), WATER_TABLE)
    assert all(da.chunks for da in (n, sr, lazy, ratio, content))
    eager = soil.thermal_conductivity(
        density, quartz, soil.saturation(wet, soil.porosity(density)), state="frozen", unfrozen_water=0.05
    )
    xr.testing.assert_allclose(lazy.compute(), eager)
    xr.testing.assert_identical(content.compute(), soil.water_content_by_class(vegetation, WATER_TABLE))


def test_crs_survives():
    import rioxarray  # noqa: F401, PLC0415

    def raster(value, units, name):
        da = xr.DataArray(np.full((2, 3), value), dims=("y", "x"), name=name, attrs={"units": units})
        return da.assign_coords(y=[2.0, 1.0], x=[0.0, 1.0, 2.0]).rio.write_crs("EPSG:32646")

    density, quartz = raster(1300.0, "kg m-3", "bulk_density"), raster(0.4, "1", "quartz")
    wet = soil.saturation(raster(0.2, "1", "water_content"), soil.porosity(density))
    thawed = soil.thermal_conductivity(density, quartz, wet)
    frozen = soil.thermal_conductivity(density, quartz, wet, state="frozen", unfrozen_water=0.05)
    for da in (wet, thawed, frozen, soil.conductivity_ratio(frozen, thawed)):
        assert da.rio.crs.to_epsg() == 32646


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(soil) == {
        "depth_mean": {"to_m": 2.0},
        "porosity": {"particle_density": 2700.0},
        "quartz_from_sand": {"share": 1.0},
        "thermal_conductivity": {
            "state": "thawed",
            "texture": "fine",
            "unfrozen_water": 0.0,
            "particle_density": 2700.0,
            "scheme": "johansen",
        },
        "uniform_ratio": {"ratio": 1.0},
        "water_and_depth": {
            "texture": "fine",
            "scheme": "johansen",
            "particle_density": 2700.0,
            "surface_factor": 1.0,
            "heat_std": 0.0,
            "share": 1.0,
            "share_std": 0.0,
            "max_slope": 5.0,
            "least": 1.0,
        },
        "water_content_by_class": {"state": "thawed"},
    }


def test_strangers_are_refused():
    def one(value, units="1", **attrs):
        return xr.DataArray([value, value], dims="x", attrs={"units": units, **attrs})

    given = {"bulk_density": one(1300.0, "kg m-3"), "quartz": one(0.4), "saturation": one(0.5)}
    refuse_strangers(soil.thermal_conductivity, given, units=" ".join(given))
    refuse_strangers(soil.porosity, {"bulk_density": given["bulk_density"]}, units="bulk_density")
    refuse_strangers(soil.saturation, {"water_content": one(0.2), "porosity": one(0.5)}, units="water_content porosity")
    refuse_strangers(soil.quartz_from_sand, {"sand": one(0.4)}, units="sand")
    both = {"frozen": one(2.0, "W m-1 K-1"), "thawed": one(1.5, "W m-1 K-1")}
    refuse_strangers(soil.conductivity_ratio, both, units="frozen thawed")
    refuse_strangers(soil.depth_mean, {"profile": one(0.3).rename(x="depth")}, dims="profile")


def test_results_say_that_they_are_synthetic():
    def one(value, units="1"):
        return noted(xr.DataArray([value, value], dims="x", attrs={"units": units}))

    ground = one(1300.0, "kg m-3"), one(0.4), one(0.5)
    frozen, thawed = (soil.thermal_conductivity(*ground, state=state) for state in ("frozen", "thawed"))
    results = {"frozen": frozen, "thawed": thawed, "ratio": soil.conductivity_ratio(frozen, thawed)}
    results |= {"porosity": soil.porosity(ground[0]), "saturation": soil.saturation(one(0.2), one(0.4))}
    assert without_note(**results, quartz=soil.quartz_from_sand(one(0.4))) == []


def test_one_layer_is_the_mean_already():
    layer = xr.DataArray(np.full((2, 2), 1300.0), dims=("y", "x"), attrs={"units": "kg m-3"})
    xr.testing.assert_identical(soil.depth_mean(layer), layer)


def test_a_uniform_ratio_is_a_map():
    like = xr.DataArray(np.zeros((2, 3)), {"y": [1.0, 0.0]}, ("y", "x"))
    ratio = soil.uniform_ratio(like, 1.5)
    assert (ratio.name, ratio.dtype, ratio.shape) == ("conductivity_ratio", np.float32, (2, 3))
    assert (ratio == 1.5).all()
    with pytest.raises(QtpDataError, match="positive"):
        soil.uniform_ratio(like, 0.0)
