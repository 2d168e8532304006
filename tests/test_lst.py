"""Land surface temperature: quality byte, mask, gaps, mean daily values, interpolation."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from promised import defaults, noted, refuse_strangers, without_note

from qtp_toolkit import lst
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.kernels import daily as daily_kernel

QC_ORACLE = {
    0: (0, 0, 0, 0), 2: (2, 0, 0, 0), 17: (1, 0, 1, 0), 65: (1, 0, 0, 1), 81: (1, 0, 1, 1), 97: (1, 0, 2, 1),
    129: (1, 0, 0, 2), 145: (1, 0, 1, 2), 193: (1, 0, 0, 3),
}  # fmt: skip


def centers(first=2014, last=2019):
    """Composite centers: start + 3.5 days, the last of a year has 5 or 6 days."""
    out = []
    for year in range(first, last + 1):
        start = pd.date_range(f"{year}-01-01", periods=46, freq="8D")
        length = np.minimum(8, (pd.Timestamp(year + 1, 1, 1) - start).days)
        out.append(start + pd.to_timedelta((length - 1) / 2, unit="D"))
    return pd.DatetimeIndex(np.concatenate(out))


def curve(times):
    days = (times - pd.Timestamp("2014-01-01")) / pd.Timedelta(days=1)
    return -4 + 12 * np.cos(2 * np.pi * np.asarray(days) / 365.25 - 3.4)


def cube(times, shape=(3, 2), dtype="f4", name="lst"):
    values = np.broadcast_to(curve(times)[:, None, None], (len(times), *shape)).astype(dtype).copy()
    return xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times}, name=name, attrs={"units": "degC"})


@pytest.fixture
def composites(rng):
    times = centers()
    truth = cube(times)
    overpasses = {}
    for name, offset in (("terra_day", 12), ("terra_night", -8), ("aqua_day", 14), ("aqua_night", -10)):
        da = (truth + offset + rng.normal(0, 1, truth.shape)).astype("f4")
        da = da.where(rng.random(truth.shape) > 0.2)
        qc = np.where(np.isnan(da), 2, rng.choice([0, 65, 129], size=truth.shape, p=[0.7, 0.2, 0.1])).astype("u1")
        overpasses[name] = da.rename(name).assign_attrs(units="degC")
        overpasses[f"qc_{name}"] = xr.DataArray(qc, dims=da.dims, coords=da.coords)
    return xr.Dataset(overpasses, attrs={"provenance_note": "synthetic scene"})


# The table of the product guide, most significant bits first, written out: what each pair of bits says.
GUIDE = {
    "lst_error": {"00": 1.0, "01": 2.0, "10": 3.0, "11": np.inf},
    "emissivity_error": {"00": 0.01, "01": 0.02, "10": 0.04, "11": np.inf},
    "data_quality": {"00": 0, "01": 1, "10": 2, "11": 3},
    "mandatory": {"00": 0, "01": 1, "10": 2, "11": 3},
}
PAIRS = ("00", "01", "10", "11")
BYTES = [
    error + emissivity + data + flag for error in PAIRS for emissivity in PAIRS for data in PAIRS for flag in PAIRS
]


def every_byte():
    """A temperature of 5 degC under each of the 256 quality bytes, in the order of ``BYTES``."""
    qc = np.array([int(bits, 2) for bits in BYTES], dtype="u1")
    da = xr.DataArray(np.full((256, 1), 5.0, "f4"), dims=("x", "time"), attrs={"units": "degC"})
    return xr.Dataset({"terra_day": da, "qc_terra_day": (("x", "time"), qc[:, None])})


class TestQuality:
    def test_all_256_values_against_the_guide(self):
        """M14: the byte is read from the right end, two bits a field."""
        assert len(set(BYTES)) == 256
        out = lst.decode_qc(every_byte()["qc_terra_day"])
        for k, (name, table) in enumerate(GUIDE.items()):
            expected = [table[bits[2 * k : 2 * k + 2]] for bits in BYTES]
            np.testing.assert_array_equal(out[name].values[:, 0], np.array(expected, dtype=out[name].dtype))

    @pytest.mark.parametrize(
        ("options", "keep"),
        [
            ({}, {"mandatory": "00 01", "lst_error": "00 01"}),
            ({"max_error_K": 1}, {"mandatory": "00 01", "lst_error": "00"}),
            ({"max_error_K": 3}, {"mandatory": "00 01", "lst_error": "00 01 10"}),
            ({"max_error_K": np.inf}, {"mandatory": "00 01"}),
            ({"mandatory": (0,)}, {"mandatory": "00", "lst_error": "00 01"}),
            ({"mandatory": (0, 1, 2, 3), "max_error_K": np.inf}, {"mandatory": "00 01"}),
            ({"data_quality": (0,)}, {"mandatory": "00 01", "lst_error": "00 01", "data_quality": "00"}),
            (
                {"max_emissivity_error": 0.02, "max_error_K": np.inf},
                {"mandatory": "00 01", "emissivity_error": "00 01"},
            ),
        ],
    )
    def test_masks_of_all_256_values(self, options, keep):
        """M14: what is not produced never passes; every class of error can be chosen."""
        kept = np.isfinite(lst.mask_quality(every_byte(), **options)["terra_day"]).values[:, 0]
        place = {name: 2 * k for k, name in enumerate(GUIDE)}
        expected = [all(bits[place[n] : place[n] + 2] in pairs.split() for n, pairs in keep.items()) for bits in BYTES]
        np.testing.assert_array_equal(kept, expected)

    @pytest.mark.parametrize(("value", "fields"), QC_ORACLE.items())
    def test_published_decodings(self, value, fields):
        out = lst.decode_qc(xr.DataArray(np.array([value], "u1"), dims="x"))
        emissivity, error = (0.01, 0.02, 0.04, np.inf), (1, 2, 3, np.inf)
        expected = (fields[0], fields[1], np.float32(emissivity[fields[2]]), error[fields[3]])
        assert tuple(out[name].item() for name in out) == expected

    def test_float_quality_byte_is_refused(self):
        with pytest.raises(QtpDataError, match="uint8"):
            lst.decode_qc(xr.DataArray([0.0, np.nan], dims="x"))

    def test_fill_value_of_good_quality_is_masked(self):
        da = xr.DataArray([[-273.15, -3.15]], dims=("x", "time"), attrs={"units": "degC"})
        ds = xr.Dataset({"aqua_night": da, "qc_aqua_night": (("x", "time"), np.zeros((1, 2), "u1"))})
        out = lst.mask_quality(ds)["aqua_night"].values[0]
        assert np.isnan(out[0])
        assert out[1] == -3.15

    def test_mask_never_invents_values(self, composites):
        masked = lst.mask_quality(composites)
        for name in lst.OVERPASSES:
            both = np.isfinite(masked[name])
            assert (masked[name].where(both) == composites[name].where(both)).where(both, True).all()
            assert masked[name].dtype == np.float32
            assert masked[name].attrs["provenance_note"] == "synthetic scene"

    def test_single_variable_without_quality(self):
        ds = cube(centers(2014, 2014)).to_dataset()
        ds["lst"][0] = -100.0
        out = lst.mask_quality(ds)
        assert np.isnan(out["lst"][0]).all()
        assert np.isfinite(out["lst"][1:]).all()

    def test_report_counts(self, composites):
        masked = lst.mask_quality(composites)
        table = lst.quality_report(composites, masked).to_dataframe()
        assert list(table.index) == list(lst.OVERPASSES)
        assert (table["missing"] + table["rejected"] + table["kept"] == table["total"]).all()
        assert table.loc["aqua_day", "kept"] == int(np.isfinite(masked["aqua_day"]).sum())
        assert table.loc["terra_day", "mean"] > table.loc["terra_night", "mean"]

    def test_what_was_masked_is_counted(self, composites, no_compute):
        raw = composites[["terra_day", "qc_terra_day"]].copy(deep=True)
        raw["terra_day"][0, :, :] = 200.0
        raw["qc_terra_day"][0, :, :] = 0
        raw["qc_terra_day"][1, :, :] = 3
        masked = lst.mask_quality(raw)
        told = masked["terra_day"].attrs
        table = lst.quality_report(raw, masked).to_dataframe().loc["terra_day"]
        assert told["quality_missing"] == table["missing"] == int(np.isnan(raw["terra_day"]).sum())
        assert told["quality_out_of_range"] == table["out_of_range"] == 6
        assert told["quality_rejected"] + told["quality_out_of_range"] == table["rejected"]
        assert table["not_produced"] == int(((raw["qc_terra_day"] & 3) > 1).sum())
        assert "error at most 2 K" in told["quality_rule"]
        assert told["valid_range"] == [-80.0, 80.0]
        with no_compute():
            lazy = lst.mask_quality(raw.chunk(y=1))
            counts = lst.quality_report(raw.chunk(y=1), lazy)
        assert "quality_missing" not in lazy["terra_day"].attrs
        assert counts["rejected"].chunks
        assert counts["rejected"].compute().item() == table["rejected"]

    def test_swapped_day_and_night(self, composites):
        """M22: nights warmer than days are told, at once or in the report."""
        names = {"terra_day": "terra_night", "terra_night": "terra_day"}
        swapped = composites.rename(names | {f"qc_{a}": f"qc_{b}" for a, b in names.items()})
        with pytest.warns(UserWarning, match="terra.*swapped"):
            masked = lst.mask_quality(swapped)
        report = lst.quality_report(swapped, masked)["swapped"].to_series()
        assert report.to_dict() == {"terra_day": True, "terra_night": True, "aqua_day": False, "aqua_night": False}
        assert not lst.quality_report(composites, lst.mask_quality(composites))["swapped"].any()

    def test_refusals(self):
        with pytest.raises(QtpDataError, match="no temperature variable"):
            lst.mask_quality(xr.Dataset({"emissivity": ("time", [1.0])}))
        kelvin = cube(centers(2014, 2014)).assign_attrs(units="K").to_dataset()
        with pytest.raises(QtpDataError, match="wrong unit"):
            lst.mask_quality(kelvin)


class TestFillGaps:
    def test_exact_curve_with_gaps_and_clouds(self, rng):
        truth = cube(centers())
        holes = truth.where(rng.random(truth.shape) > 0.3)
        clouds = rng.random(truth.shape) < 0.05
        filled = lst.fill_gaps(holes - 15 * clouds, harmonics=1, interannual=None)
        np.testing.assert_allclose(filled, truth, atol=1e-4)
        assert filled.dims == truth.dims
        assert filled.attrs["units"] == "degC"

    def test_valid_values_stay(self, rng):
        da = cube(centers()) + rng.normal(0, 2, (276, 3, 2)).astype("f4")
        da = da.rename("lst").assign_attrs(units="degC").where(rng.random(da.shape) > 0.2)
        filled = lst.fill_gaps(da, reject="none")
        assert np.isfinite(filled).all()
        xr.testing.assert_equal(filled.where(np.isfinite(da)), da)

    def test_keeps_interannual_change(self):
        times = centers()
        warm = xr.DataArray(np.where(times.year >= 2017, 2.0, -2.0), dims="time")
        truth = (cube(times) + warm).astype("f4").rename("lst").assign_attrs(units="degC")
        hidden = xr.DataArray(np.arange(276) % 5 != 0, dims="time")
        with_drift = lst.fill_gaps(truth.where(hidden))
        one_curve = lst.fill_gaps(truth.where(hidden), interannual=None)
        error = [np.sqrt(float((((f - truth).where(~hidden)) ** 2).mean())) for f in (with_drift, one_curve)]
        assert error[0] < 0.6
        assert error[1] > 1.8

    def test_dataset_report_and_reasons(self, composites):
        masked = lst.mask_quality(composites)
        masked["terra_day"][:, 0, 0] = np.nan
        masked["aqua_day"][20:, 1, 1] = np.nan
        out = lst.fill_gaps(masked)
        assert out["reason"].dtype == np.uint8
        assert out["reason"].values[0, 0] == 5
        assert out["reason"].values[1, 1] == 4
        assert (out["reason"].values[2] == 0).all()
        assert np.isnan(out["terra_day"][:, 0, 0]).all()
        assert np.isfinite(out["terra_day"][:, 2]).all()
        assert (out["terra_night_replaced"] >= np.isnan(masked["terra_night"]).sum("time")).all()
        assert out["terra_night_max_gap"].min() >= 8

    def test_refusals(self):
        da = cube(centers(2014, 2014))
        with pytest.raises(QtpDataError, match="not increasing"):
            lst.fill_gaps(da.isel(time=[1, 0, 2]))
        with pytest.raises(QtpDataError, match="not increasing"):
            lst.fill_gaps(da.isel(time=[0, 0, 1]))
        for few, found in (([0], "2014-01-04"), ([], "none")):
            with pytest.raises(QtpDataError, match=f"one date is no series.*found: {found}"):
                lst.fill_gaps(da.isel(time=few))
        with pytest.raises(QtpDataError, match="datetime64"):
            lst.fill_gaps(da.assign_coords(time=np.arange(46)))
        with pytest.raises(QtpDataError, match="side of rejection"):
            lst.fill_gaps(da, reject="Lo")


COEFFICIENTS = {"intercept": -1.5, "terra_day": 0.2, "terra_night": 0.35, "aqua_day": 0.15, "aqua_night": 0.3}


class TestDailyMean:
    def test_coefficients(self, composites):
        table = {"intercept": -1.0, "terra_day": 0.3, "terra_night": 0.2, "aqua_day": 0.1, "aqua_night": 0.4}
        out = lst.daily_mean(composites, coefficients=table)
        expected = sum(composites[name] * value for name, value in table.items() if name != "intercept") - 1.0
        np.testing.assert_allclose(out, expected, atol=1e-4)
        assert (out.name, out.attrs["units"], out.dtype) == ("lst", "degC", np.float32)

    def test_equal_weights_say_so(self, composites):
        out = lst.daily_mean(composites)
        expected = sum(composites[name] for name in lst.OVERPASSES) / 4
        np.testing.assert_allclose(out, expected, atol=1e-4)
        assert "too warm" in out.attrs["daily_mean"]
        assert out.attrs["overpasses"] == "terra_day terra_night aqua_day aqua_night"

    @pytest.mark.parametrize("satellite", ["terra", "aqua"])
    def test_one_satellite_must_be_chosen(self, composites, satellite):
        """M21: without the other satellite there is no mean, unless this one is asked for by name."""
        names = [f"{satellite}_day", f"{satellite}_night"]
        one = composites[names]
        with pytest.raises(QtpDataError, match="overpasses=") as found:
            lst.daily_mean(one)
        assert found.value.code == "M21"
        out = lst.daily_mean(one, overpasses=satellite)
        xr.testing.assert_equal(out, lst.daily_mean(composites, overpasses=names))
        np.testing.assert_allclose(out, (one[names[0]] + one[names[1]]) / 2, atol=1e-5)
        assert out.attrs["overpasses"] == " ".join(names)
        assert "unknown amount" in out.attrs["daily_mean"]
        with pytest.raises(QtpDataError, match="unknown choice"):
            lst.daily_mean(one, overpasses="modis")

    def test_coefficients_for_four_are_no_use_for_two(self, composites):
        """M21: the keys of a regression say which overpasses it needs."""
        terra = composites[["terra_day", "terra_night"]]
        out = lst.daily_mean(terra, coefficients={"intercept": 0.0, "terra_day": 0.5, "terra_night": 0.5})
        np.testing.assert_allclose(out, (terra["terra_day"] + terra["terra_night"]) / 2, atol=1e-5)
        four = {"intercept": 0.0, **dict.fromkeys(lst.OVERPASSES, 0.25)}
        with pytest.raises(QtpDataError, match="aqua_day"):
            lst.daily_mean(terra, coefficients=four)
        with pytest.raises(QtpDataError, match="unknown terms"):
            lst.daily_mean(terra, coefficients={"terra": 1.0})

    def test_given_daily_mean_passes(self):
        ds = cube(centers(2014, 2014)).to_dataset()
        xr.testing.assert_equal(lst.daily_mean(ds), ds["lst"])

    @pytest.fixture
    def stations(self, rng):
        """Overpasses at six stations over three years, and surface temperatures that depend on them linearly."""
        times = centers(2015, 2017)
        base = np.broadcast_to(curve(times)[:, None], (len(times), 6))
        ds = xr.Dataset(
            {
                name: (("time", "station"), base + rng.normal(0, 4, base.shape), {"units": "degC"})
                for name in lst.OVERPASSES
            },
            coords={"time": times, "station": list("abcdef")},
        )
        surface = sum(ds[name] * COEFFICIENTS[name] for name in lst.OVERPASSES) - 1.5
        return ds, (surface + rng.normal(0, 0.3, base.shape)).assign_attrs(units="degC")

    def test_fit_recovers_the_coefficients(self, stations):
        ds, surface = stations
        surface[3, 2] = np.nan
        fit = lst.fit_daily_mean(ds, surface)
        for term, value in COEFFICIENTS.items():
            assert fit["coefficient"].sel(term=term).item() == pytest.approx(value, abs=0.06)
        assert fit["n"] == ds["terra_day"].size - 1
        assert 0.25 < fit["rmse"] <= fit["rmse_cross_validated"] < 0.35
        assert fit["mae"] < fit["rmse"]
        assert fit["r2"] >= fit["r2_cross_validated"] > 0.99
        assert abs(fit["bias_cross_validated"]) < 0.05
        assert "station" in fit.attrs["cross_validation"]
        assert fit["rmse"].attrs["units"] == "degC"
        out = lst.daily_mean(ds, coefficients=fit)
        assert np.sqrt(float(((out - surface) ** 2).mean())) < 0.35

    @pytest.mark.parametrize(
        ("folds", "names"), [("station", list("abcdef")), ("year", [2015, 2016, 2017]), (3, [0, 1, 2])]
    )
    def test_scores_against_a_loop(self, stations, folds, names):
        """A station that measures 2 K too high shows when it is left out, and only then."""
        ds, surface = stations
        surface = (surface + xr.DataArray([2.0, 0, 0, 0, 0, 0], dims="station")).assign_attrs(units="degC")
        fit = lst.fit_daily_mean(ds, surface, folds=folds)
        assert fit["fold"].values.tolist() == names
        x = np.stack([np.ones(surface.shape), *(ds[name].values for name in lst.OVERPASSES)], axis=-1)
        number = {
            "station": np.arange(6)[None],
            "year": ds["time"].dt.year.values[:, None] - 2015,
            3: np.arange(6)[None] % 3,
        }
        label = np.broadcast_to(number[folds], surface.shape)
        error = np.empty(surface.shape)
        for k in range(len(names)):
            out = label == k
            beta = np.linalg.lstsq(x[~out], surface.values[~out], rcond=None)[0]
            error[out] = x[out] @ beta - surface.values[out]
            assert fit["fold_bias"].values[k] == pytest.approx(error[out].mean())
            assert fit["fold_rmse"].values[k] == pytest.approx(np.sqrt((error[out] ** 2).mean()))
        assert fit["rmse_cross_validated"].item() == pytest.approx(np.sqrt((error**2).mean()))
        assert fit["mae_cross_validated"].item() == pytest.approx(np.abs(error).mean())
        assert fit["bias_cross_validated"].item() == pytest.approx(error.mean(), abs=1e-9)
        assert fit["r2_cross_validated"].item() == pytest.approx(1 - (error**2).mean() / surface.values.var())
        if folds == "station":
            assert fit["fold_bias"][0] < -1.5

    def test_fit_of_one_satellite(self, stations):
        """M21: a fit to Terra alone must be asked for, and its coefficients say so."""
        ds, surface = stations
        terra = ds[["terra_day", "terra_night"]]
        with pytest.raises(QtpDataError, match="aqua_day"):
            lst.fit_daily_mean(terra, surface)
        fit = lst.fit_daily_mean(terra, surface, overpasses="terra")
        assert fit["term"].values.tolist() == ["intercept", "terra_day", "terra_night"]
        assert fit["rmse"] > lst.fit_daily_mean(ds, surface)["rmse"]
        assert lst.daily_mean(ds, coefficients=fit).attrs["overpasses"] == "terra_day terra_night"

    def test_fit_is_lazy(self, stations, no_compute):
        ds, surface = stations
        with no_compute():
            lazy = lst.fit_daily_mean(ds.chunk(), surface.chunk(), folds=3)
        assert lazy.chunks
        xr.testing.assert_allclose(lazy.compute(scheduler="synchronous"), lst.fit_daily_mean(ds, surface, folds=3))

    def test_fit_with_too_little(self, stations):
        ds, surface = stations
        fit = lst.fit_daily_mean(ds.isel(time=slice(1)), surface.isel(time=slice(1), station=slice(None)), folds="year")
        assert np.isnan(fit["rmse_cross_validated"])
        nothing = lst.fit_daily_mean(ds, surface.where(False))
        assert nothing["n"] == 0
        assert np.isnan(nothing["coefficient"]).all()
        with pytest.raises(QtpDataError, match="unknown folds"):
            lst.fit_daily_mean(ds, surface, folds=7)

    def test_fit_to_other_times_or_stations_is_refused(self, stations):
        """An inner join would fit to what little they share."""
        ds, surface = stations
        for other in (surface.assign_coords(time=surface["time"] + np.timedelta64(1, "D")), surface[:, :3]):
            with pytest.raises(QtpDataError, match="labels do not agree"):
                lst.fit_daily_mean(ds, other)

    def test_fit_without_overpass(self):
        with pytest.raises(QtpDataError, match="no overpass"):
            lst.fit_daily_mean(xr.Dataset(), xr.DataArray([0.0], dims="time"))


class TestAxis:
    def test_composite_means(self):
        """M20: the last composite of a year has the days that are left, and the next begins on 1 January."""
        days = pd.date_range("2014-01-01", "2014-12-31")
        daily = xr.DataArray(np.arange(365.0), dims="time", coords={"time": days}, name="t", attrs={"units": "degC"})
        daily[10:14] = np.nan
        out = lst.to_composites(daily, xr.DataArray(centers(2014, 2014), dims="time"))
        assert out[0] == 3.5
        assert np.isnan(out[1])  # days 9 to 16, four of which are missing
        assert out[-1] == 362.0  # days 361 to 365
        assert out.sizes["time"] == 46
        assert out.attrs["units"] == "degC"

    @pytest.mark.parametrize("hours", [0, 12, 23])
    def test_days_stamped_at_any_hour_are_those_days(self, hours):
        days = pd.date_range("2014-01-01", "2014-12-31") + pd.Timedelta(hours=hours)
        daily = xr.DataArray(np.arange(365.0), {"time": days}, "time", attrs={"units": "degC"})
        out = lst.to_composites(daily, xr.DataArray(centers(2014, 2014), dims="time"), min_days=5)
        np.testing.assert_array_equal(out, [*np.arange(3.5, 360, 8), 362.0])

    def test_daily_covers_the_whole_period(self):
        """M20: no day is lost or doubled where the composites begin anew with the year."""
        da = cube(centers())
        daily = lst.to_daily(da)
        assert daily.sizes["time"] == 2191
        assert str(daily["time"].values[0])[:10] == "2014-01-01"
        assert str(daily["time"].values[-1])[:10] == "2019-12-31"
        assert daily.dtype == da.dtype
        assert np.isfinite(daily).all()

    def test_daily_ends_half_a_composite_beyond_the_last_center(self):
        """Nothing is carried further, neither within a year nor beyond it."""
        da = cube(centers(2014, 2014))
        daily = lst.to_daily(da.isel(time=slice(5, 20)))
        assert [str(daily["time"].values[k])[:10] for k in (0, -1)] == ["2014-02-10", "2014-06-09"]
        have, want = np.array([3.5, 11.5, 19.5]), np.array([-1.0, -0.5, 0.0, 11.5, 23.5, 24.0, 59.5])
        left, weight = daily_kernel.interpolation_weights(have, want, reach=daily_kernel.REACH)
        np.testing.assert_array_equal(left, [0, 0, 0, 1, 1, 1, 1])
        np.testing.assert_allclose(weight, [np.nan, -0.5, -0.4375, 0.0, 1.5, np.nan, np.nan])

    def test_composites_answer_for_half_a_composite_beyond_the_outer_centers(self):
        da = cube(centers(2014, 2014))
        edge = da["time"].values[-1] + np.array([0, 4, 5]) * np.timedelta64(1, "D")
        assert np.isfinite(lst.at_dates(da, edge[:2])).all()
        with pytest.raises(QtpDataError, match="1 dates lie outside"):
            lst.at_dates(da, edge)

    def test_linear_between_centers(self):
        da = cube(centers(2014, 2014))
        days = (da["time"] - da["time"][0]) / np.timedelta64(1, "D")
        ramp = (0 * da + days).astype("f8").rename("lst").assign_attrs(units="degC")
        daily = lst.to_daily(ramp)
        np.testing.assert_allclose(daily[:, 0, 0], np.arange(365) - 3.5)

    def test_nan_stays_between_its_neighbors(self):
        da = cube(centers(2014, 2014))
        da[10] = np.nan
        daily = lst.to_daily(da)
        missing = daily["time"].values[np.isnan(daily[:, 0, 0]).values]
        assert missing.min() > da["time"].values[9]
        assert missing.max() < da["time"].values[11]

    def test_disordered_times(self):
        """M23, M24: unsorted times and days of the year are refused."""
        da = cube(centers(2014, 2014))
        with pytest.raises(QtpDataError, match="not increasing"):
            lst.to_daily(da.isel(time=slice(None, None, -1)))
        with pytest.raises(QtpDataError, match="datetime64"):
            lst.to_daily(da.assign_coords(time=da["time"].dt.dayofyear.values))

    def test_interpolation_against_numpy(self, rng):
        """Any memory order, any number of series, NaN beside it: as np.interp."""
        da = cube(centers(2014, 2015), shape=(5, 7)) + rng.normal(0, 3, (92, 5, 7)).astype("f4")
        da = da.rename("lst").assign_attrs(units="degC")
        da[40, 2, 2] = np.nan
        days = pd.date_range("2014-01-05", "2015-12-20")
        here = (days - da["time"].values[0]) / pd.Timedelta(days=1)
        at = (da["time"].values - da["time"].values[0]) / np.timedelta64(1, "D")
        expected = np.stack([np.interp(here, at, series) for series in da.values.reshape(92, -1).T], axis=1)
        for one in (da, da.copy(data=np.asfortranarray(da.values))):
            found = lst.to_daily(one).sel(time=days)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found.values.reshape(len(days), -1), expected, atol=1e-5)

    def test_missing_composites_are_named(self):
        da = cube(centers(2014, 2014))
        with pytest.raises(QtpDataError, match="2014-04-"):
            lst.to_daily(da.isel(time=[*range(12), *range(20, 46)]))
        lst.to_daily(da.isel(time=[*range(12), *range(15, 46)]))

    def test_at_dates(self):
        daily = lst.to_daily(cube(centers()))
        dates = np.array(["2014-10-13", "2018-08-31", "2019-12-31"], dtype="datetime64[ns]")
        out = lst.at_dates(daily, dates)
        xr.testing.assert_allclose(out, daily.sel(time=dates))
        composites = lst.at_dates(cube(centers()), dates[:2])
        xr.testing.assert_allclose(composites, daily.sel(time=dates[:2]))

    def test_dates_outside_are_an_error(self):
        """M28: an acquisition outside the series is named, not interpolated."""
        daily = lst.to_daily(cube(centers()))
        with pytest.raises(QtpDataError, match="2014-01-01 to 2019-12-31") as error:
            lst.at_dates(daily, np.array(["2019-12-20", "2020-01-13"], dtype="datetime64[ns]"))
        assert "2020-01-13" in str(error.value)
        assert error.value.code == "M28"


def test_crs_survives(composites):
    import rioxarray  # noqa: F401, PLC0415

    placed = composites.assign_coords(y=[2.0, 1.0, 0.0], x=[0.0, 1.0]).rio.write_crs("EPSG:4326")
    masked = lst.mask_quality(placed)
    filled = lst.fill_gaps(masked)
    daily = lst.to_daily(lst.daily_mean(filled))
    for ds in (masked, filled, daily.to_dataset()):
        for name in ds:
            assert ds[name].rio.crs.to_epsg() == 4326
    assert filled["reason"].attrs["provenance_note"] == "synthetic scene"


def test_lazy(composites, no_compute):
    chunked = composites.chunk(y=2, x=1)
    table = {"intercept": -1.0, "terra_day": 0.5, "aqua_night": 0.5}
    dates = np.array(["2018-08-31"], dtype="datetime64[ns]")

    def chain(ds):
        masked = lst.mask_quality(ds)
        filled = lst.fill_gaps(masked)
        daily = lst.to_daily(lst.daily_mean(filled, coefficients=table))
        return masked, filled, daily, lst.at_dates(daily, dates), lst.quality_report(ds, masked)

    with no_compute():
        lazy = chain(chunked)
    eager = chain(composites)
    for a, b in zip(lazy, eager, strict=True):
        assert a.chunks
        assert not b.chunks
        xr.testing.assert_allclose(a.compute(scheduler="synchronous"), b, atol=1e-4)


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(lst) == {
        "composite_centers": {"days": 8},
        "daily_mean": {"overpasses": "all"},
        "fill_gaps": {
            "method": "harmonic",
            "harmonics": 2,
            "tolerance_K": 8.0,
            "spare": 10,
            "min_valid": 0,
            "reject": "low",
            "interannual": 4.0,
            "smoothing": 1.0,
            "pull": 1.0,
            "period_days": 365.25,
        },
        "fit_bridge": {"min_common": 12},
        "fit_daily_mean": {"overpasses": "all"},
        "hold_out": {"share": 0.2, "seed": 0},
        "mask_quality": {"max_error_K": 2.0, "max_emissivity_error": np.inf},
        "mean_of_hours": {"min_hours": 20},
        "overpass_drift": {"tolerance_minutes": 30.0},
        "to_composites": {"min_days": 5},
        "to_daily": {"max_gap_days": 40.0},
        "warn_of_drift": {"stacklevel": 2},
    }


def test_strangers_are_refused(composites):
    da = cube(centers(2014, 2015))
    daily = lst.to_daily(da)
    for call in (
        lst.to_daily,
        lst.fill_gaps,
        lst.hold_out,
        lambda lst, at=lst.at_dates: at(lst, daily["time"].values[:1]),
    ):
        refuse_strangers(call, {"lst": da}, units="lst", dims="lst")
    refuse_strangers(
        lambda lst, mean=lst.daily_mean: mean(lst.to_dataset(name="lst")), {"lst": da}, units="lst", dims="lst"
    )
    four = {name: composites[name] for name in ("terra_day", "terra_night", "aqua_day", "aqua_night")}
    refuse_strangers(lambda **four: lst.daily_mean(xr.Dataset(four)), four, units=" ".join(four))
    refuse_strangers(lambda daily: lst.to_composites(daily, da["time"]), {"daily": daily}, dims="daily")
    both, gap = {"truth": da, "filled": da}, xr.ones_like(da, dtype=int)
    refuse_strangers(lambda **both: lst.gap_errors(gap=gap, **both), both, units="truth filled", dims="truth filled")


def test_results_say_that_they_are_synthetic():
    da = noted(cube(centers(2014, 2015)))
    daily = lst.to_daily(da)
    results = {"filled": lst.fill_gaps(noted(da.to_dataset())), "daily": daily, "hidden": lst.hold_out(da)}
    results |= {"at": lst.at_dates(da, da["time"].values[:2]), "composites": lst.to_composites(daily, da["time"])}
    assert without_note(**results, mean=lst.daily_mean(noted(da.to_dataset()))) == []
