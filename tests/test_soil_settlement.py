"""Water and depth from one amplitude: the vectors, single roots, simulated noise, flags."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import noted, refuse_strangers, without_note
from scipy.optimize import brentq
from scipy.special import lambertw

from qtp_toolkit import conventions, soil, validation
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.soil.kernels import conductivity, settlement

THETA, DEPTH = [0.15, 0.25, 0.35, 0.45], [1.505907, 1.371704, 1.260581, 1.174017]
DELTA = [20.4455, 31.0391, 39.9344, 47.8185]
SCHEMES = [
    {},
    {"texture": "coarse"},
    {"scheme": "clm", "clay": xr.DataArray(0.18, attrs={"units": "1"})},
    {"scheme": "balland_arp"},
]
NAMES = ("water_column", "active_layer_thickness", "mean_water_content")


def one(value, units="1", **attrs):
    return xr.DataArray(value, dims="x" if np.ndim(value) else (), attrs={"units": units, **attrs})


def ground(density=1250.0, quartz=0.4):
    return {"bulk_density": one(density, "kg m-3"), "quartz": one(quartz)}


ADDT, KAPPA = one(983.0, "degC d"), one(1.2, "W m-1 K-1")


def invert(delta, relative=0.1, *, addt=ADDT, **options):
    delta = one(delta, "mm") if not isinstance(delta, xr.DataArray) else delta
    options = {"incidence": None, **options}
    options = options if "conductivity" in options or "bulk_density" in options else ground() | options
    return soil.water_and_depth(delta, abs(relative * delta).assign_attrs(units="mm"), addt, **options)


def forward(theta, *, addt=ADDT, density=1250.0, quartz=0.4, **options):
    """Thickness and amplitude of a saturated layer, by the functions that go the other way."""
    made = {key: one(np.broadcast_to(value, np.shape(theta)), unit) for key, value, unit in
            (("bulk_density", density, "kg m-3"), ("quartz", quartz, "1"))}  # fmt: skip
    wet = soil.saturation(one(theta), soil.porosity(made["bulk_density"]))
    kappa = soil.thermal_conductivity(*made.values(), wet, **options)
    depth = validation.stefan_alt(addt, kappa, one(theta))
    return depth, validation.pore_water_settlement(depth, one(theta))


class TestClosedForm:
    def test_fixed_conductivity(self):
        """Heat for 0.610284 m2 of depth squared times water: theta 0.3 goes with 1.426282 m and 38.7289 mm."""
        out = invert(38.7289, conductivity=KAPPA)
        assert (out["mean_water_content"] * out["active_layer_thickness"] ** 2).item() == pytest.approx(
            0.610284, abs=1e-6
        )
        assert out["mean_water_content"].item() == pytest.approx(0.3, abs=1e-5)
        assert out["active_layer_thickness"].item() == pytest.approx(1.426282, abs=1e-5)
        assert out["water_column"].item() == pytest.approx(0.3 * 1.426282, abs=1e-5)
        assert out["conductivity_thawed"].item() == pytest.approx(1.2)
        assert {name: out[name].attrs["units"] for name in NAMES} == dict(zip(NAMES, ("m", "m", "1"), strict=True))

    def test_conductivity_that_knows_its_water_forward(self):
        depth, delta = forward(THETA)
        np.testing.assert_allclose(depth, DEPTH, atol=1e-6)
        np.testing.assert_allclose(delta, DELTA, atol=1e-4)

    def test_conductivity_that_knows_its_water_and_back(self):
        out = invert(DELTA)
        np.testing.assert_allclose(out["mean_water_content"], THETA, atol=3e-6)
        np.testing.assert_allclose(out["active_layer_thickness"], DEPTH, atol=1e-5)
        exact = invert(forward(THETA)[1])
        np.testing.assert_allclose(exact["mean_water_content"], THETA, rtol=1e-12)
        np.testing.assert_allclose(exact["active_layer_thickness"], forward(THETA)[0], rtol=1e-12)
        assert (exact["flag"] == 0).all()

    def test_published_a_centimeter_in_the_line_of_sight_is_fourteen_of_water(self):
        """Wang et al. 2025; under 39 degrees."""
        los = xr.DataArray(10.0, attrs={"units": "mm"})
        about = {"incidence": xr.DataArray(39.0, attrs={"units": "degree"}), "conductivity": KAPPA}
        addt = xr.DataArray(983.0, attrs={"units": "degC d"})
        water = soil.water_and_depth(los, 0.1 * los, addt, **about)["water_column"]
        assert water.item() == pytest.approx(0.14, abs=0.005)

    def test_ten_per_cent_of_the_amplitude(self):
        out = invert(38.7289, conductivity=KAPPA)
        relative = {name: (out[f"{name}_std"] / out[name]).item() for name in NAMES}
        assert relative == pytest.approx(dict(zip(NAMES, (0.1, 0.1, 0.2), strict=True)))
        heated = invert(38.7289, conductivity=KAPPA, heat_std=0.15, share_std=0.05)
        relative = {name: (heated[f"{name}_std"] / heated[name]).item() for name in NAMES}
        motion = np.hypot(0.1, 0.05)
        assert relative == pytest.approx(
            dict(zip(NAMES, (motion, np.hypot(motion, 0.15), np.hypot(2 * motion, 0.15)), strict=True))
        )

    def test_errors_shrink_by_the_elasticity(self):
        """Fine soil: e = (saturated - dry) / ln 10 over the conductivity itself, from the table of conductivities."""
        out = invert(DELTA, 1e-4)
        kappa = 0.153965 + (1.308218 - 0.153965) * (1 + np.log10(np.array(THETA) / 0.537037))
        e = (1.308218 - 0.153965) / np.log(10) / kappa
        np.testing.assert_allclose(out["mean_water_content_std"] / THETA, 2e-4 / (1 + e), rtol=1e-4)
        np.testing.assert_allclose(out["active_layer_thickness_std"] / DEPTH, 1e-4 * (1 - e) / (1 + e), rtol=1e-4)

    def test_a_centimeter_in_the_line_of_sight_is_fourteen_of_water(self):
        out = invert(10.0, incidence=one(39.0, "degree"), conductivity=KAPPA)
        assert out["water_column"].item() == pytest.approx(0.01 / (0.777146 * 0.0905125), rel=1e-6)
        vertical = invert(10.0 / np.cos(np.deg2rad(39.0)), conductivity=KAPPA)
        xr.testing.assert_allclose(out, vertical)

    def test_a_share_and_a_factor_of_the_surface(self):
        """Half the motion of twice the share is the same water; twice the heat of half the days the same depth."""
        whole = invert(40.0, conductivity=KAPPA)
        half = invert(20.0, conductivity=KAPPA, share=0.5, surface_factor=2.0, addt=one(491.5, "degC d"))
        for name in NAMES:
            assert half[name].item() == pytest.approx(whole[name].item())
        assert half.attrs["share"] == 0.5


class TestOracle:
    @pytest.mark.parametrize("options", SCHEMES, ids=lambda o: o.get("scheme", o.get("texture", "fine")))
    def test_single_roots(self, options):
        """brentq in the water content itself, on the public conductivity of one pixel at a time."""
        rng = np.random.default_rng(5)
        density, quartz = rng.uniform(900, 1700, 4), rng.uniform(0.05, 0.9, 4)
        delta, addt = rng.uniform(8, 60, 4), rng.uniform(200, 1600, 4)
        out = invert(delta, addt=one(addt, "degC d"), **ground(density, quartz), **options)
        for k in range(delta.size):
            room = 1 - density[k] / 2700

            def excess(theta, k=k, room=room):
                wet = one(min(theta / room, 1.0))
                kappa = soil.thermal_conductivity(*ground(density[k], quartz[k]).values(), wet, **options)
                depth = validation.stefan_alt(one(addt[k], "degC d"), kappa, one(min(theta, 1.0))).item()
                depth /= np.sqrt(max(theta, 1.0))  # Stefan's own range of water ends at 1
                return theta * depth - delta[k] / 90.5125408942

            assert out["mean_water_content"][k].item() == pytest.approx(
                brentq(excess, 1e-6, 60.0, xtol=1e-13), rel=1e-8
            )

    def test_fine_soil_in_lamberts_function(self):
        """Sr (A + B ln Sr) = q has the root exp(v - A / B), v e^v = q / B e^(A / B)."""
        delta = np.linspace(12.0, 52.0, 40)
        supply = 2 * 983.0 * 86400 / 3.34e8
        a, b = 1.308218, (1.308218 - 0.153965) / np.log(10)
        q = (delta / 90.5125408942) ** 2 / supply / 0.537037
        expected = 0.537037 * np.exp(lambertw(q / b * np.exp(a / b)).real - a / b)
        np.testing.assert_allclose(invert(delta)["mean_water_content"], expected, rtol=2e-6)

    @pytest.mark.parametrize("options", SCHEMES, ids=lambda o: o.get("scheme", o.get("texture", "fine")))
    def test_sigma_is_the_slope_of_the_answer(self, options):
        delta, step = np.array([18.0, 27.0, 36.0, 44.0]), 1e-5
        out = invert(delta, 1e-4, heat_std=7e-5, **options)
        more, less = (invert(delta * (1 + s), **options) for s in (step, -step))
        warm, cold = (invert(delta, addt=one(983.0 * (1 + s), "degC d"), **options) for s in (step, -step))
        for name in NAMES[1:]:
            slopes = ((more - less)[name] / (2 * step), (warm - cold)[name] / (2 * step))
            expected = np.hypot(1e-4 * slopes[0], 7e-5 * slopes[1])
            np.testing.assert_allclose(out[f"{name}_std"], expected, rtol=1e-4)

    @pytest.mark.parametrize("scheme", ["johansen", "clm", "balland_arp"])
    def test_slope_of_the_kersten_number(self, scheme):
        wet, sand = np.linspace(0.12, 0.99, 30), np.full(30, 0.5)
        for coarse in (np.array(0.0), np.array(1.0)):
            ends = [conductivity.kersten(wet + s, sand, coarse, scheme=scheme) for s in (1e-6, -1e-6)]
            slope = conductivity.kersten_slope(wet, sand, coarse, scheme=scheme)
            np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)

    @pytest.mark.parametrize("fixed", [True, False])
    def test_noise_stays_within_the_stated_sigma(self, fixed):
        """Soils from dry to full, amplitudes 8 to 12 % wrong, heat 6 %: one sigma holds 60 to 75 %."""
        rng = np.random.default_rng(11)
        theta, n = rng.uniform(0.12, 0.5, 4000), 4000
        depth, delta = forward(theta)
        if fixed:
            depth = validation.stefan_alt(ADDT, KAPPA, one(theta))
            delta = validation.pore_water_settlement(depth, one(theta))
        spread = delta.values * rng.uniform(0.08, 0.12, n)
        seen = one(delta.values + spread * rng.standard_normal(n), "mm")
        warmth = one(983.0 * (1 + 0.06 * rng.standard_normal(n)), "degC d")
        soils = {"conductivity": KAPPA} if fixed else ground()
        out = soil.water_and_depth(seen, one(spread, "mm"), warmth, incidence=None, heat_std=0.06, **soils)
        truth = {"water_column": theta * depth, "active_layer_thickness": depth, "mean_water_content": one(theta)}
        for name, true in truth.items():
            error = out[name] - true
            assert 0.6 < validation.coverage(error, out[f"{name}_std"]) < 0.75, name
            assert abs(float((error / out[f"{name}_std"]).median())) < 0.1, name

    @pytest.mark.parametrize("delta", [12.0, 15.0, 18.0, 40.0, 53.0])
    def test_spread_of_simulated_answers(self, delta):
        """Also where the thickness is largest, near 15 mm, and does not feel the amplitude to first order."""
        draws = delta * (1 + 0.1 * np.random.default_rng(2).standard_normal(20000))
        out, many = invert(delta), invert(draws)
        for name in NAMES:
            found = many[name].std().item()
            assert out[f"{name}_std"].item() == pytest.approx(found, rel=0.3 if name == NAMES[1] else 0.15), name
        assert out["active_layer_thickness_std"].item() > 0.002 * out["active_layer_thickness"].item()


class TestFlags:
    def test_each_by_itself(self):
        """Bits that add up; what is flagged keeps its numbers, what has no root or input has none."""
        delta = one([40.0, np.nan, -5.0, 0.0, 90.0, 4.0, 40.0, 40.0], "mm")
        spread = one([4.0, 4.0, 4.0, 4.0, 4.0, 6.0, 4.0, 4.0], "mm")
        slope = one([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, np.nan], "degree")
        cover = one(
            np.array([1, 1, 1, 1, 1, 1, 2, 0], np.int16), classes={1: "alpine swamp meadow", 2: "alpine steppe"}
        )
        about = {"incidence": None, "slope": slope, "vegetation": cover}
        out = soil.water_and_depth(delta, spread, ADDT, **about, **ground())
        bits = [0, 1, 2 + 8, 2 + 8, 4, 8, 16 + 32, 16 + 32]
        assert out["flag"].values.tolist() == bits
        assert out["flag"].dtype == np.uint8
        assert np.isfinite(out["active_layer_thickness"]).values.tolist() == [bit & 3 == 0 for bit in bits]
        assert np.isfinite(out["mean_water_content_std"]).values.tolist() == [bit & 3 == 0 for bit in bits]
        assert np.isfinite(out["water_column"]).values.tolist() == [bit != 1 for bit in bits]
        assert out["mean_water_content"][4] > 0.537037
        assert soil.main_flag(out["flag"]).values.tolist() == [0, 1, 2, 2, 4, 8, 16, 16]

    def test_bits_are_told_as_the_conventions_tell_them(self):
        flag = invert([40.0])["flag"]
        words = flag.attrs["flag_meanings"].split()
        assert flag.attrs["flag_masks"] == list(soil.FLAGS) == [1, 2, 4, 8, 16, 32]
        assert [word.replace("_", " ") for word in words] == list(soil.FLAGS.values())
        classes = soil.main_flag(flag).attrs["classes"]
        assert classes["8"] == "amplitude below its sigma"
        assert "1" not in classes

    def test_ground_that_never_thaws_has_no_depth(self):
        out = invert([20.0, 20.0], addt=one([0.0, 500.0], "degC d"))
        assert out["flag"].values.tolist() == [2, 0]
        assert np.isnan(out["active_layer_thickness"][0])

    def test_a_conductivity_that_jumps_over_the_root(self):
        """Coarse soil begins to conduct with a step at a saturation of 0.05: what it would need lies between."""
        theta = 0.05 * (1 - 1250 / 2700)
        ends = [forward(np.array([theta * s]), texture="coarse")[1].item() for s in (1 - 1e-6, 1 + 1e-6)]
        assert ends[1] > 1.05 * ends[0]
        out = invert([0.99 * ends[0], 0.5 * sum(ends), 1.01 * ends[1]], texture="coarse")
        assert out["flag"].values.tolist() == [0, 2, 0]

    def test_porosity_beside_a_conductivity_that_is_given(self):
        given = {"conductivity": KAPPA, "bulk_density": one(1890.0, "kg m-3")}
        assert invert([38.0, 34.0], **given)["flag"].values.tolist() == [0, 0]
        assert invert([41.0], **given)["flag"].values.tolist() == [4]  # theta 0.336 in pores of 0.3
        assert invert([41.0], conductivity=KAPPA)["flag"].values.tolist() == [0]

    def test_unknown_density_beside_a_conductivity_is_unknown(self):
        """Pores that nobody knows hold no water content of 8."""
        given = {"conductivity": KAPPA, "bulk_density": one([1890.0, np.nan], "kg m-3")}
        out = invert([38.0, 200.0], **given)
        assert out["flag"].values.tolist() == [0, 1]
        assert np.isfinite(out["mean_water_content"]).values.tolist() == [True, False]

    def test_other_words_for_what_is_saturated(self):
        cover = one(np.array([1, 2], np.int16), classes={1: "fen", 2: "heath"})
        assert invert([40.0, 40.0], vegetation=cover, saturated=["fen"])["flag"].values.tolist() == [0, 32]
        assert invert([40.0, 40.0], vegetation=cover, saturated=())["flag"].values.tolist() == [32, 32]
        with pytest.raises(QtpDataError, match="no such classes") as told:
            invert([40.0, 40.0], vegetation=cover)
        assert "fen" in str(told.value)
        with pytest.raises(QtpDataError, match="not integers"):
            invert([40.0, 40.0], vegetation=cover + 0.5)


class TestRefusals:
    def test_no_conductivity(self):
        for part in ({}, {"quartz": one(0.4)}, {"bulk_density": one(1250.0, "kg m-3")}):
            with pytest.raises(QtpDataError, match="conductivity of the thawed ground is not known"):
                soil.water_and_depth(one(30.0, "mm"), one(3.0, "mm"), ADDT, incidence=None, **part)

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            ({"share": 0.0}, "share must be positive"),
            ({"surface_factor": -1.0}, "surface_factor must be positive"),
            ({"heat_std": 15.0}, "relative standard deviation"),
            ({"share_std": -0.1}, "relative standard deviation"),
            ({"scheme": "farouki"}, "unknown scheme"),
            ({"texture": "sand"}, "unknown texture"),
        ],
    )
    def test_options(self, option, words):
        with pytest.raises(QtpDataError, match=words):
            invert(30.0, **option)

    def test_what_is_out_of_range_is_unknown_where_it_is_computed_later(self):
        """Of a lazy sigma below 0 was read that the amplitude is above it: flag 0, with errors of the wrong size."""
        good = {"amplitude": one([30.0] * 2, "mm"), "amplitude_std": one([3.0] * 2, "mm")}
        good |= {"addt": one([983.0] * 2, "degC d"), "conductivity": one([1.2] * 2, "W m-1 K-1")}
        good |= {"incidence": one([39.0] * 2, "degree")}
        for name, wrong, words in (
            ("amplitude_std", -3.0, "'amplitude_std' leaves its physical range"),
            ("addt", -983.0, "'addt' leaves its physical range"),
            ("conductivity", -1.2, "'conductivity' leaves its physical range"),
            ("incidence", 90.0, "'incidence' leaves its physical range.*Radians"),
            ("incidence", 0.68, "'incidence' leaves its physical range.*Radians"),
        ):
            given = good | {name: one([good[name].values[0], wrong], good[name].attrs["units"])}
            with pytest.raises(QtpDataError, match=words):
                soil.water_and_depth(**given)
            out = soil.water_and_depth(**{key: da.chunk() for key, da in given.items()}).compute()
            assert out["flag"].values.tolist() == [0, 1], name
            assert all(np.isnan(out[key][1]) for key in out if key != "flag"), name

    def test_negative_sigma(self):
        with pytest.raises(QtpDataError, match="physical range"):
            soil.water_and_depth(one(30.0, "mm"), one(-3.0, "mm"), ADDT, incidence=None, **ground())

    def test_strangers(self):
        good = {"amplitude": one([30.0], "mm"), "amplitude_std": one([3.0], "mm"), "addt": one([983.0], "degC d")}
        good |= {"slope": one([1.0], "degree"), "incidence": one([39.0], "degree"), "conductivity": KAPPA}
        refuse_strangers(soil.water_and_depth, good, units="amplitude amplitude_std addt slope incidence conductivity")

    def test_other_pixels(self):
        """I05: maps that lie half a pixel off are refused, not joined by what they share."""
        there = {"y": [0.0, -90.0], "x": [0.0, 90.0]}
        delta = xr.DataArray(np.full((2, 2), 30.0), there, ("y", "x"), attrs={"units": "mm"})
        off = delta.assign_coords(x=[45.0, 135.0])
        with pytest.raises(QtpDataError) as told:
            soil.water_and_depth(delta, off, ADDT, incidence=None, conductivity=KAPPA)
        assert told.value.code == "I05"

    def test_synthetic_data_stay_marked(self):
        marked = noted(one([30.0], "mm"))
        out = soil.water_and_depth(marked, one([3.0], "mm"), ADDT, incidence=None, conductivity=KAPPA)
        assert without_note(out=out, main=soil.main_flag(out["flag"])) == []


SOILS = st.fixed_dictionaries({"density": st.floats(800, 1800), "quartz": st.floats(0.02, 0.95)})


@given(made=SOILS, share=st.floats(0.12, 0.99), addt=st.floats(50, 3000), options=st.sampled_from(SCHEMES))
@settings(max_examples=40, deadline=None)
def test_round_trip(made, share, addt, options):
    """Any soil, by any scheme, from nearly dry to full."""
    theta, warmth = np.array([share * (1 - made["density"] / 2700)]), one(addt, "degC d")
    depth, delta = forward(theta, addt=warmth, **made, **options)
    out = invert(delta, addt=warmth, **ground(**made), **options)
    np.testing.assert_allclose(out["mean_water_content"], theta, rtol=1e-10)
    np.testing.assert_allclose(out["active_layer_thickness"], depth, rtol=1e-10)
    assert out["flag"].item() == 0


@given(made=SOILS, delta=st.floats(0.5, 150.0), step=st.floats(1.001, 3.0), options=st.sampled_from(SCHEMES))
@settings(max_examples=40, deadline=None)
def test_more_amplitude_is_more_water(made, delta, step, options):
    out = invert([delta, delta * step], **ground(**made), **options)
    theta = out["mean_water_content"].dropna("x").values  # coarse soil may jump over one of them
    assert (np.diff(theta) > 0).all()
    assert (out["water_column"][1] > out["water_column"][0]).item()
    product = (out["mean_water_content"] * out["active_layer_thickness"]).dropna("x")
    np.testing.assert_allclose(product, out["water_column"].where(out["mean_water_content"] > 0).dropna("x"))


def test_roots_do_not_depend_on_their_neighbors():
    """A pixel alone, and among others that take more or fewer steps."""
    rng = np.random.default_rng(3)
    wanted = np.exp(rng.uniform(-6, 2, 500))
    soil_of = (np.full(500, 0.5), rng.uniform(0.1, 0.3, 500), rng.uniform(0.8, 2.5, 500), np.full(500, 0.4))
    coarse = (rng.random(500) > 0.5).astype(float)
    found = settlement.water_content(wanted, np.full(500, 0.2), *soil_of, coarse, scheme="johansen")
    for k in range(0, 500, 25):
        about = (np.array(0.2), *(a[k] for a in soil_of), coarse[k])
        alone = settlement.water_content(wanted[k], *about, scheme="johansen")
        np.testing.assert_allclose([layer[k] for layer in found], alone, rtol=1e-13)
    assert np.isfinite(found[0]).mean() > 0.95


def test_lazy_equals_eager_and_waits(no_compute):
    rng = np.random.default_rng(7)
    axes = {"y": -90.0 * np.arange(6), "x": 90.0 * np.arange(8)}

    def layer(low, high, units):
        return xr.DataArray(rng.uniform(low, high, (6, 8)), axes, ("y", "x"), attrs={"units": units})

    maps = {"amplitude": layer(-2, 60, "mm"), "amplitude_std": layer(1, 8, "mm"), "addt": layer(200, 1500, "degC d")}
    maps |= {"incidence": layer(36, 42, "degree"), "slope": layer(0, 9, "degree")}
    maps |= {"bulk_density": layer(1000, 1600, "kg m-3"), "quartz": layer(0.1, 0.8, "1")}
    cover = xr.DataArray(rng.integers(0, 4, (6, 8), dtype=np.int16), axes, ("y", "x"))
    maps["vegetation"] = cover.assign_attrs(classes={1: "alpine swamp meadow", 2: "alpine meadow", 3: "barren"})
    maps["amplitude"][2, 3] = np.nan
    with no_compute():
        lazy = soil.water_and_depth(**{name: da.chunk(y=2, x=3) for name, da in maps.items()})
        main = soil.main_flag(lazy["flag"])
    assert all(da.chunks for da in (*lazy.data_vars.values(), main))
    eager = soil.water_and_depth(**maps)
    xr.testing.assert_allclose(lazy.compute(), eager, rtol=1e-13)
    xr.testing.assert_identical(lazy["flag"].compute(scheme="synchronous"), eager["flag"])
    assert conventions.is_lazy(lazy)
    assert not conventions.is_lazy(eager)
    assert {name: lazy[name].dtype for name in lazy} == {name: eager[name].dtype for name in eager}
