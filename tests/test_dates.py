"""Dates as people write them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from small_files import refused

from qtp_toolkit._dates import read_time, read_times

SPELLINGS = ("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y_%m_%d", "%d%b%Y", "%d %B %Y", "%Y%j", "%Y-%j", "%Y%b%d")


@given(st.dates(dt.date(1978, 1, 1), dt.date(2069, 12, 31)))
def test_property_all_spellings_of_a_day_are_that_day(day):
    """I27, I28: year first, or the month by its name."""
    for spelling in (*SPELLINGS, "%y%m%d"):
        assert read_time(day.strftime(spelling)) == np.datetime64(day)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20180106T234712", "2018-01-06T23:47:12"),
        ("2018-01-06 23:47", "2018-01-06T23:47"),
        ("2018-01-06T23:47:12Z", "2018-01-06T23:47:12"),
        ("2018-01-07T07:47:12+08:00", "2018-01-06T23:47:12"),
        ("20180106_234712", "2018-01-06T23:47:12"),
    ],
)
def test_times_of_day_are_utc(text, utc):
    """I27: local time is not the day of the satellite."""
    assert read_time(text) == np.datetime64(utc)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "06/01/2018",
        "06012018",
        "20181301",
        "20180230",
        "2018366",
        "201801",
        "20180106.0",
        "120180106",
        "06Foo2018",
    ],
)
def test_what_may_be_another_day_is_no_date(text):
    """I27, I28."""
    with pytest.raises(ValueError, match=r"."):
        read_time(text)


def test_dates_of_callers_are_read_whatever_their_kind():
    """I28: text, numbers, dates of Python, pandas and numpy, with a time zone or without."""
    day = np.datetime64("2018-01-06", "ns")
    kinds = [
        "20180106",
        20180106,
        np.int64(20180106),
        dt.date(2018, 1, 6),
        pd.Timestamp("2018-01-06"),
        np.datetime64("2018-01-06"),
    ]
    zoned = pd.DatetimeIndex(["2018-01-06T08:00"]).tz_localize("Asia/Shanghai")
    arrays = [
        np.array([20180106]),
        np.array(["20180106"]),
        pd.DatetimeIndex([day]),
        xr.DataArray([day]),
        [np.array(day)[()]],
    ]
    for dates in ([kind] for kind in kinds), [zoned], arrays:
        for given_ in dates:
            np.testing.assert_array_equal(read_times(given_), [day])
    assert read_times("2018-01-06") == day


@pytest.mark.parametrize(
    "dates", [[20180106.0], np.array([20180106], "f4"), [17500], [True], [None], [pd.NaT], ["2018-1"]]
)
def test_what_is_no_date_is_refused(dates):
    """I28: decimals lose days, small numbers are days of an epoch that nobody named."""
    assert "when" in refused(read_times, dates, name="when", code="I28")
