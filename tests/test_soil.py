"""Johansen conductivity against the published constants, worked by hand."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

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
        density, quartz = grid([1250, 1500], "kg m-3", "b"), grid([0.4, 0.6], "1", "q")
        wet = grid([0.15, 0.3], "1", "s")
        ratio = soil.conductivity_ratio(
            soil.thermal_conductivity(density, quartz, wet, state="frozen"),
            soil.thermal_conductivity(density, quartz, wet, texture="coarse"),
        )
        np.testing.assert_allclose(ratio, [0.83, 0.93], atol=0.01)

    def test_dry_threshold(self):
        density, quartz = grid([1400] * 3, "kg m-3", "b"), grid([0.5] * 3, "1", "q")
        kappa = soil.thermal_conductivity(density, quartz, grid([0.0, 1e-5, 1.1e-5], "1", "s"), state="frozen")
        assert kappa[0] == kappa[1]
        assert kappa[2] > kappa[1]

    def test_no_warning_when_dry_and_nan_stays_nan(self):
        density, quartz = grid([1400] * 2, "kg m-3", "b"), grid([0.5] * 2, "1", "q")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for state in ("thawed", "frozen"):
                kappa = soil.thermal_conductivity(density, quartz, grid([0.0, np.nan], "1", "s"), state=state)
                assert kappa[0].item() == pytest.approx(0.184617, abs=1e-6)
                assert np.isnan(kappa[1])

    def test_texture_by_pixel(self):
        density, quartz, wet = inputs()
        coarse = xr.DataArray(np.arange(len(TABLE)) % 2 == 0, dims="x")
        mixed = soil.thermal_conductivity(density, quartz, wet, texture=coarse)
        np.testing.assert_allclose(mixed, np.where(coarse, np.array(TABLE)[:, 7], np.array(TABLE)[:, 6]), atol=2e-6)

    def test_saturation_is_clipped(self):
        out = soil.saturation(grid([0.0, 0.25, 0.7], "1", "w"), grid([0.5, 0.5, 0.5], "1", "n"))
        np.testing.assert_allclose(out, [0.0, 0.5, 1.0])

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


class TestDepth:
    def profile(self, values, units="kg m-3"):
        return xr.DataArray(
            np.asarray(values, float), dims=("depth", "x"), name="bulk_density", attrs={"units": units},
            coords={"depth": [0.1, 0.65, 1.5], "depth_top": ("depth", [0.0, 0.3, 1.0]),
                    "depth_bottom": ("depth", [0.3, 1.0, 2.0])},
        )  # fmt: skip

    def test_weights_are_thicknesses(self):
        out = soil.depth_mean(self.profile([[1000.0], [1200.0], [1500.0]]))
        assert out.item() == pytest.approx((0.3 * 1000 + 0.7 * 1200 + 1.0 * 1500) / 2)
        assert out.attrs["units"] == "kg m-3"
        shallow = soil.depth_mean(self.profile([[1000.0], [1200.0], [1500.0]]), to_m=0.5)
        assert shallow.item() == pytest.approx((0.3 * 1000 + 0.2 * 1200) / 0.5)

    def test_point_values_by_trapezoids(self):
        points = [0.0, 0.05, 0.15, 0.3, 0.6, 1.0, 2.0]
        line = xr.DataArray(
            1000 + 100 * np.array(points), dims="depth", name="bulk_density", attrs={"units": "kg m-3"},
            coords={"depth": points, "depth_top": ("depth", points), "depth_bottom": ("depth", points)},
        )  # fmt: skip
        assert soil.depth_mean(line).item() == pytest.approx(1100)
        assert soil.depth_mean(line, to_m=0.8).item() == pytest.approx(1040)
        assert soil.depth_mean(line.isel(depth=slice(None, None, -1))).item() == pytest.approx(1100)

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
    def test_density_units(self):
        with pytest.raises(QtpDataError, match="kg m-3"):
            soil.porosity(grid(1.3, "g cm-3", "bulk_density"))
        with pytest.raises(QtpDataError, match="physical range"):
            soil.porosity(grid(1.3, "kg m-3", "bulk_density"))
        with pytest.raises(QtpDataError, match="physical range"):
            soil.porosity(grid(0.0, "kg m-3", "bulk_density"))
        with pytest.raises(QtpDataError, match="particle density"):
            soil.porosity(grid(1300, "kg m-3", "bulk_density"), particle_density=2.7)

    def test_fractions(self):
        with pytest.raises(QtpDataError, match="physical range"):
            soil.quartz_from_sand(grid(43.0, "1", "sand"))
        with pytest.raises(QtpDataError, match="physical range"):
            soil.saturation(grid(30.0, "1", "w"), grid(0.5, "1", "n"))
        density, quartz, wet = inputs()
        with pytest.raises(QtpDataError, match="unknown texture"):
            soil.thermal_conductivity(density, quartz, wet, texture="sand")
        with pytest.raises(QtpDataError, match="unknown state"):
            soil.thermal_conductivity(density, quartz, wet, state="wet")


@given(
    density=st.floats(600, 2000),
    quartz=st.floats(0, 1),
    wet=st.floats(0, 1),
    state=st.sampled_from(["thawed", "frozen"]),
)
@settings(max_examples=40, deadline=None)
def test_between_dry_and_saturated(density, quartz, wet, state):
    b, q = grid(density, "kg m-3", "b"), grid(quartz, "1", "q")
    kappa, dry, full = (soil.thermal_conductivity(b, q, grid(s, "1", "s"), state=state).item() for s in (wet, 0.0, 1.0))
    assert min(dry, full) - 1e-12 <= kappa <= max(dry, full) + 1e-12


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
