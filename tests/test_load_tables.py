"""Tables of stations: text, dates, depths and fill values as people write them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_files import refused

from qtp_toolkit import catalog, load, validation

HEAD = "station,date,depth,soil_temperature\n"
LONG = {"index": ["time", "station", "depth"], "rename": {"date": "time"}}
PARTS = {"index": ["time", "station"], "date_columns": ["year", "month", "day"]}
DEPTH = (0.05, 0.5, 1.0, 2.0, 3.0)


def table(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


def year_of_ground(tmp_path, *, factor=1.0, code=None):
    """One year of a profile that thaws to 2.60 m."""
    rows = []
    for day in pd.date_range("2015-01-01", "2015-12-31"):
        wave = 12 * np.sin(2 * np.pi * (day.day_of_year - 110) / 365)
        for z in DEPTH:
            lost = code is not None and day.day_of_year % 3 == 0 and z == 2.0
            value = code if lost else f"{-1.5 + wave * np.exp(-z / 1.2):.2f}"
            rows.append(f"S1,{day:%Y-%m-%d},{z * factor:g},{value}")
    return table(tmp_path, HEAD + "\n".join(rows))


def thickness(path, **options):
    data = load.station_series(path, **LONG, **options)
    return validation.alt_from_temperature(data["soil_temperature"]).item(), data


# fill values


@pytest.mark.parametrize("code", [None, 6999, 32766, 32744, -9999, -999, 9999, 999999])
def test_fill_values_that_nobody_declared_are_missing(tmp_path, code):
    """S06: of a quantity that the variable table knows."""
    found, data = thickness(year_of_ground(tmp_path, code=code))
    assert found == pytest.approx(2.60, abs=0.01)
    assert -60 < data["soil_temperature"].min() < data["soil_temperature"].max() < 60
    count = data.attrs.get("outside_range", {})
    assert count == ({} if code is None else {"soil_temperature": 121})


def test_fill_values_of_quantities_that_nobody_knows(tmp_path):
    """S06: large usual ones that stand apart; a number that others come near is kept."""
    path = table(tmp_path, "time,rain\n2018-01-01,1.2\n2018-01-02,999.9\n2018-01-03,inf\n2018-01-04,-9999.9\n")
    np.testing.assert_array_equal(load.station_series(path, index=["time"])["rain"], [1.2, np.nan, np.nan, np.nan])
    path = table(tmp_path, "time,rain\n2015,310\n2016,-999\n2017,420\n")
    np.testing.assert_array_equal(load.station_series(path, index=["time"])["rain"], [310, np.nan, 420])
    path = table(tmp_path, "time,snow,wind\n2018-01-01,12,-2500\n2018-01-02,32766,-9999\n2018-01-03,-9999,4000\n")
    data = load.station_series(path, index=["time"])
    np.testing.assert_array_equal(data["snow"], [12, np.nan, np.nan])
    np.testing.assert_array_equal(data["wind"], [-2500, -9999, 4000])
    assert data.attrs["outside_range"] == {"snow": 2}


def test_fill_values_in_another_unit_and_of_thickness(tmp_path):
    """S06, M11: held in the unit that is said; a thickness in cm is told."""
    path = table(tmp_path, "time,soil_temperature\n2018-01-01,271\n2018-01-02,6999\n2018-01-03,270\n")
    data = load.station_series(path, index=["time"], units={"soil_temperature": "K"})["soil_temperature"]
    np.testing.assert_array_equal(data, [271, np.nan, 270])
    path = table(tmp_path, "station,longitude,latitude,active_layer_thickness\nA,93,35,2.1\nB,92,34,-9999\n")
    np.testing.assert_array_equal(load.stations(path)["active_layer_thickness"], [2.1, np.nan])
    path = table(tmp_path, "station,longitude,latitude,active_layer_thickness\nA,93,35,210\nB,92,34,180\n")
    assert "looks like cm" in refused(load.stations, path, code="M11")


def test_dashes_are_missing_and_other_words_are_told(tmp_path):
    path = table(tmp_path, HEAD + "A,2015-03-08,0.1,12\nA,2015-03-09,0.1,--\nA,2015-03-10,0.1,\u2014\n")
    data = load.station_series(path, **LONG, scale={"soil_temperature": 0.1})["soil_temperature"]
    np.testing.assert_allclose(data.values.ravel(), [1.2, np.nan, np.nan])
    path = table(tmp_path, HEAD + "A,2015-03-08,0.1,12\nA,2015-03-09,0.1,none yet\n")
    message = refused(load.station_series, path, **LONG, scale={"soil_temperature": 0.1})
    assert "row 3" in message
    assert "'none yet'" in message or "none yet" in message
    assert "parameters.missing" in message


# dates


@pytest.mark.parametrize(
    "written",
    [
        *("2015-03-08", "2015/3/8", "2015.03.08", "2015\u5e743\u67088\u65e5", "2015-03-08 00:00"),
        *("2015-03-08T00:00:00Z", "20150308", "2015030800", "201503080000", "20150308000000"),
        *("08-Mar-2015", "8 March 2015 00:00", '"Mar 8, 2015"', "2015-067"),
    ],
)
def test_dates_with_the_year_first(tmp_path, written):
    data = load.station_series(table(tmp_path, HEAD + f"A,{written},0.1,1\n"), **LONG)
    assert data["time"].values == np.datetime64("2015-03-08", "ns")


def test_offsets_from_utc_leave_the_day_that_is_written(tmp_path):
    """M24: summer time begins within the table."""
    rows = "A,2015-03-28T00:00:00+01:00,0.1,1\nA,2015-03-30T00:00:00+02:00,0.1,1\n"
    data = load.station_series(table(tmp_path, HEAD + rows), **LONG)
    assert data["time"].values.astype("datetime64[D]").astype(str).tolist() == ["2015-03-28", "2015-03-30"]
    assert data["time"].dtype == "datetime64[ns]"
    path = table(tmp_path, HEAD + rows + "A,2015-03-31T00:00:00,0.1,1\n")
    message = refused(load.station_series, path, **LONG, code="M24")
    assert "row 4" in message
    assert "offset" in message


@pytest.mark.parametrize(
    "written", ["15-03-08", "08.03.2015", "3/8/2015", "2015-02-30", "2015-3.8", "1066-10-14", "2015-03-08 24:00", ""]
)
def test_dates_that_are_not_guessed(tmp_path, written):
    """M24: the first row that will not do is named."""
    path = table(tmp_path, HEAD + f"A,2015-03-07,0.1,1\nA,{written},0.1,1\n")
    message = refused(load.station_series, path, **LONG, code="M24")
    assert "row 3" in message
    assert "YYYY-MM-DD" in message


def test_dates_of_columns(tmp_path):
    """M24: days that no month has are let through where they hold nothing."""
    path = table(tmp_path, "station,year,month,day,soil_temperature\nA,2015,2,28,1\nA,2015,2,30,\n")
    data = load.station_series(path, **PARTS)
    assert data["time"].values.astype("datetime64[D]").astype(str).tolist() == ["2015-02-28"]
    path = table(tmp_path, "station,year,month,day,soil_temperature\nA,2015,2,28,1\nA,2015,2,30,4\n")
    message = refused(load.station_series, path, **PARTS, code="M24")
    assert "row 3" in message
    assert "day 30" in message
    path = table(tmp_path, "station,year,mon,day,soil_temperature\nA,2015,2,27,1\n")
    assert "['month']" in refused(load.station_series, path, **PARTS)
    path = table(tmp_path, "station,year,month,day,soil_temperature\nA,15,2,27,1\n")
    assert "four digits" in refused(load.station_series, path, **PARTS, code="M24")


@pytest.mark.parametrize(
    ("second", "number", "expected"),
    [
        *(("doy", 1, "2015-01-01"), ("doy", 365, "2015-12-31"), ("month", 3, "2015-03-01")),
        *(("dayno", 60, "2015-03-01"), ("day", 9, "2015-01-09"), ("\u65e5", 9, "2015-01-09")),
        *(("part", 9, "2015-09-01"), ("part", 60, "2015-03-01")),
    ],
)
def test_dates_of_two_columns(tmp_path, second, number, expected):
    path = table(tmp_path, f"station,year,{second},soil_temperature\nA,2015,{number},1\n")
    data = load.station_series(path, index=["time", "station"], date_columns=["year", second])
    assert str(data["time"].values[0])[:10] == expected
    path = table(tmp_path, f"station,year,{second},soil_temperature\nA,2015,366,1\n")
    refused(load.station_series, path, index=["time", "station"], date_columns=["year", second], code="M24")


def test_a_thirteenth_month_is_none(tmp_path):
    """M24: tables of months end with the whole year as 13; the other rows are no days of January for that."""
    path = tmp_path / "t.csv"
    path.write_text("station,year,month,soil_temperature\n" + "\n".join(f"A,2015,{m},1" for m in range(1, 14)))
    message = refused(load.station_series, path, index=["time", "station"], date_columns=["year", "month"], code="M24")
    assert "row 14" in message
    assert "month 13" in message


def test_hints_of_dates_fit_their_cause(tmp_path):
    for written, words in {
        "8.3.2015": "write the year first",
        "2015-02-30": "Is there such a day",
        "2015-03-08 2:30 PM": "Hours run from 00:00",
        "20150230": "Is there such a day",
        "": "remove it",
    }.items():
        assert words in refused(load.station_series, table(tmp_path, HEAD + f"A,{written},0.1,1\n"), **LONG, code="M24")


# what spreadsheets leave behind


def test_rows_and_columns_of_nothing_are_left_out(tmp_path):
    """Commas without values at the end, rows without any, and row numbers without a heading."""
    for text in (
        "station,longitude,latitude,\nA,93,35,\n,,,\n\nB,92,34,\n,,,\n",
        ",station,longitude,latitude\n0,A,93,35\n1,B,92,34\n",
        '"",station,longitude,latitude\n"1",A,93,35\n"2",B,92,34\n',
    ):
        sites = load.stations(table(tmp_path, text))
        assert list(sites.columns) == ["station", "longitude", "latitude"]
        assert sites["station"].tolist() == ["A", "B"]
    wide = table(tmp_path, ",time,A,B,\n0,2015-01-01,1.0,2.0,\n1,2015-01-02,1.5,2.5,\n")
    data = load.station_series(wide, index=["time", "station"], wide="station", value="soil_temperature")
    assert data["station"].values.tolist() == ["A", "B"]
    nameless = table(tmp_path, "time,A,\n2015-01-01,1.0,2.0\n2015-01-02,1.5,7.5\n")
    message = refused(load.station_series, nameless, index=["time", "station"], wide="station")
    assert "no heading" in message
    assert "['2.0', '7.5']" in message


def test_rows_are_those_of_the_file(tmp_path):
    """Whatever was left out above, and however the table was turned."""
    path = table(tmp_path, "station,longitude,latitude\n\nA,93,35\n,,\nB,92,x\n")
    assert "row 5" in refused(load.stations, path)
    path = table(tmp_path, "station,year,month,day,soil_temperature\nA,2015,2,30,\nA,2015,3,1,cold\n")
    assert "row 3" in refused(load.station_series, path, **PARTS)
    wide = {"index": ["time", "station"], "wide": "station", "value": "soil_temperature"}
    path = table(tmp_path, "time,A,B\n2015-01-01,1,2\n2015-01-02,1,cold\n")
    assert "row 3" in refused(load.station_series, path, **wide)
    path = table(tmp_path, "LST2008_01_01,lon,lat\n1,93,35\ncold,92,34\n")
    assert "row 3" in refused(load.lst_table, path)


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["1,5", "2"], "without commas"), (["good", "bad"], "parameters.columns"), (["1", "bad"], "parameters.missing")],
)
def test_hints_of_words_fit_their_cause(tmp_path, words, hint):
    rows = "".join(f'A,2015-03-0{k},0.1,1,"{word}"\n' for k, word in enumerate(words, 1))
    path = table(tmp_path, HEAD.strip() + ",note\n" + rows)
    assert hint in refused(load.station_series, path, **LONG)


def test_settings_that_cannot_be_followed_are_told(tmp_path):
    """No exception of a library where rename collides or no index is given; an index among the columns is no fault."""
    path = table(tmp_path, "station,Lon,longitude,latitude\nA,93,93.1,35\n")
    assert "one name" in refused(load.stations, path, rename={"Lon": "longitude"})
    path = table(tmp_path, HEAD + "A,2015-03-08,0.1,1\n")
    assert "parameters.index" in refused(load.station_series, path, index=[])
    data = load.station_series(path, **LONG, columns=["depth", "soil_temperature"])
    assert list(data) == ["soil_temperature"]


def test_quantities_of_stations_are_numbers(tmp_path):
    path = table(tmp_path, "station,longitude,latitude,elevation,vegetation\nA,93,35,4612 m,meadow\nB,92,34,4500,\n")
    message = refused(load.stations, path)
    assert "row 2" in message
    assert "elevation" in message


@pytest.mark.parametrize(
    ("longitude", "words"),
    [("", "is missing"), ("-9999", "is missing"), ("452000", "projection"), ("93E", "decimals"), ("93;35", "decimals")],
)
def test_coordinates_that_are_none_are_told_with_their_row(tmp_path, longitude, words):
    """I08: in tables of stations and of cells alike; swapped headings are not blamed for all of it."""
    path = table(tmp_path, f"station,longitude,latitude\nB,92,34\nA,{longitude},35\n")
    message = refused(load.stations, path)
    assert "row 3" in message
    assert words in message
    assert "swapped" not in message
    path = table(tmp_path, f"lon,lat,LST2008_01_01\n92,34,1\n{longitude},35,2\n")
    assert "row 3" in refused(load.lst_table, path)
    path = table(tmp_path, "lon,lat,LST2008_01_01\n34,92,1\n35,93,2\n")
    assert "swapped" in refused(load.lst_table, path, code="I08")


def test_a_comma_at_the_end_of_each_row_shifts_no_column(tmp_path):
    path = table(tmp_path, "lon,lat,LST2008_01_01\n93.0,35.0,-3.5,\n93.1,35.0,-2.5,\n")
    assert "more values than there are headings" in refused(load.lst_table, path)


@pytest.mark.parametrize(("west", "east"), [(359.9, 0.0), (179.9, -180.0)])
def test_cells_on_both_sides_of_the_seam_are_neighbors(tmp_path, west, east):
    cells = load.lst_table(table(tmp_path, f"lon,lat,LST2008_01_01\n{west},35.0,1\n{east},35.0,2\n"))["lst"]
    assert cells.values.tolist() == [[[1.0, 2.0]]]
    assert cells["x"].values.tolist() == pytest.approx([west, west + 0.1])


def test_cells_as_modis_stores_them(tmp_path):
    """M11: the hint names a setting that this table has."""
    path = table(tmp_path, "lon,lat,LST2008_01_01\n93.0,35.0,13500\n93.1,35.0,13600\n93.2,35.0,0\n")
    assert "parameters.units or scale" in refused(load.lst_table, path, code="M11")
    cells = load.lst_table(path, units="K", scale=0.02)["lst"]
    np.testing.assert_allclose(cells.values.ravel(), [-3.15, -1.15, np.nan], atol=1e-4)
    path = table(tmp_path, "time,soil_temperature\n2018-01-01,271\n2018-01-02,272\n")
    assert "parameters.units or scale." in refused(load.station_series, path, index=["time"], code="M11")


# stations


def test_station_numbers_keep_their_zeros(tmp_path):
    sites = load.stations(table(tmp_path, "station,longitude,latitude\n04018,93.1,35.2\n 04021 ,92.1,34.2\n"))
    assert sites["station"].tolist() == ["04018", "04021"]
    wide = table(tmp_path, "date,04018, 04021\n2015-01-01,1.0,2.0\n2015-01-02,1.5,2.5\n")
    options = {"index": ["time", "station"], "wide": "station", "value": "soil_temperature"}
    data = load.station_series(wide, rename={"date": "time"}, **options)
    assert sites.set_index("station")["longitude"].reindex(data["station"].values).tolist() == [93.1, 92.1]
    path = table(tmp_path, "station,longitude,latitude\nWudaoliang ,93.1,35.2\n")
    assert load.stations(path)["station"].tolist() == ["Wudaoliang"]
    path = table(tmp_path, HEAD + "4018.0,2015-01-01,0.1,1\n")
    assert load.station_series(path, **LONG)["station"].values.tolist() == ["4018"]
    path = table(tmp_path, "station,longitude,latitude\nA,93.1,35.2\n,92,34\n")
    assert "row 3" in refused(load.stations, path)
    path = table(tmp_path, "station,longitude,latitude\nA,93.1,35.2\nA ,92,34\n")
    assert "twice" in refused(load.stations, path)
    path = table(tmp_path, "date,04018,04018\n2015-01-01,1.0,2.0\n")
    assert "heading stands twice" in refused(load.station_series, path, rename={"date": "time"}, **options)


# depths


@pytest.mark.parametrize(
    ("factor", "units"),
    [(1, None), (-1, None), (1, "m"), (100, "cm"), (-100, "cm")],
    ids=["m", "heights", "m said", "cm said", "heights in cm"],
)
def test_depths_run_downwards_in_meters(tmp_path, factor, units):
    found, data = thickness(year_of_ground(tmp_path, factor=factor), units={"depth": units} if units else {})
    assert found == pytest.approx(2.60, abs=0.01)
    np.testing.assert_allclose(data["depth"], DEPTH)


@pytest.mark.parametrize(
    "depths", [(5, 50, 100, 200, 300), (5, 10, 20, 40), (10, 120), (4, 10, 20), (0, 2.5, 7.5), (50, 100)]
)
def test_depths_that_may_be_in_cm_must_be_said(tmp_path, depths):
    path = table(tmp_path, HEAD + "\n".join(f"A,2015-01-01,{z},-1" for z in depths))
    assert "are they in cm?" in refused(load.station_series, path, **LONG)
    said = load.station_series(path, **LONG, units={"depth": "m"})
    assert said["depth"].values.tolist() == list(depths)


@pytest.mark.parametrize(("depths", "words"), [((-0.1, 2.0), "either sign"), (("deep", 0.1), "no number")])
def test_depths_that_are_none(tmp_path, depths, words):
    path = table(tmp_path, HEAD + "\n".join(f"A,2015-01-01,{z},-1" for z in depths))
    assert words in refused(load.station_series, path, **LONG)


def test_a_single_deep_sensor_is_in_meters(tmp_path):
    data = load.station_series(table(tmp_path, HEAD + "A,2015-01-01,15,-1\n"), **LONG)
    assert data["depth"].values.tolist() == [15.0]


@pytest.mark.parametrize(
    "headings", ["5cm,10cm", "0.05,0.1", "T_5cm,T_10cm", "50 mm,0.1 m", "ST1_5cm,ST2_10cm", "T-5cm,T-10cm"]
)
def test_depths_as_headings(tmp_path, headings):
    path = table(tmp_path, f"station,date,{headings}\nA,2015-03-08,1,2\n")
    data = load.station_series(path, **LONG, wide="depth", value="soil_temperature")
    assert data["depth"].values.tolist() == [0.05, 0.1]
    assert data["soil_temperature"].values.ravel().tolist() == [1, 2]


@pytest.mark.parametrize("headings", ["0-10cm,10-40cm", "0_10 cm,10_40 cm", "0cm-10cm,10cm-40cm", "T 0-10cm,T 10-40cm"])
def test_depths_of_layers_are_not_guessed(tmp_path, headings):
    """The value of 10-40cm is not that of 40 cm."""
    path = table(tmp_path, f"station,date,{headings}\nA,2015-03-08,1,2\n")
    assert "depths of layers" in refused(load.station_series, path, **LONG, wide="depth", value="soil_temperature")


def test_headings_that_are_no_depths_are_listed(tmp_path):
    path = table(tmp_path, "station,date,5,note\nA,2015-03-08,1,2\n")
    assert "['note']" in refused(load.station_series, path, **LONG, wide="depth", value="soil_temperature")
    path = table(tmp_path, "site,date,5cm\nA,2015-03-08,1\n")
    assert "['station']" in refused(load.station_series, path, **LONG, wide="depth", value="soil_temperature")


# empty


def test_tables_without_rows_or_columns_are_refused_by_name(tmp_path):
    for text in ("station,longitude,latitude\n", "", "\n"):
        path = table(tmp_path, text)
        assert "t.csv" in refused(load.stations, path)
        assert "t.csv" in refused(load.station_series, path, **LONG)
        assert "t.csv" in refused(load.lst_table, path)
    path = table(tmp_path, "station,longitude,latitude\nA,93,35\n")
    assert "['height']" in refused(load.stations, path, columns=["station", "height"])
    assert "['rain']" in refused(load.stations, path, scale={"rain": 0.1})


def test_other_separators_gaps_of_years_and_wide_tables_in_tenths(tmp_path):
    path = table(tmp_path, "station;date;depth;soil_temperature\nA;2015-01-01;0.1;1\n")
    assert "parted by commas" in refused(load.station_series, path, **LONG)
    path = table(tmp_path, "time,alt\n1951,1\n,2\n")
    assert "row 3" in refused(load.station_series, path, index=["time"], code="M24")
    wide = {"index": ["time", "station"], "wide": "station", "value": "soil_temperature"}
    path = table(tmp_path, "time,A,B\n2015-01-01,12,32766\n2015-01-02,-31,20\n")
    data = load.station_series(path, **wide, scale={"soil_temperature": 0.1})["soil_temperature"]
    np.testing.assert_allclose(data, [[1.2, np.nan], [-3.1, 2.0]])
    path = table(tmp_path, "time\n2015-01-01\n")
    assert "no heading spells a station" in refused(load.station_series, path, **wide)


def test_check_goes_on_after_a_table_that_will_not_read(tmp_path):
    """The other sources are looked at, and the fault is told as one line."""
    (tmp_path / "gst.csv").write_text(HEAD + "A,28.3.2015,0.1,1\n")
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\nA,92.1,34.5\n")
    source = "  {}: {{kind: table, driver: csv, uri: {}, provenance: observed, parameters: {{{}}}}}\n"
    (tmp_path / "data_catalog.yaml").write_text(
        "catalog_version: 1\nroots: ['.']\nsources:\n"
        + source.format("gst", "gst.csv", "table: series, rename: {date: time}, index: [time, station, depth]")
        + source.format("stations", "stations.csv", "table: stations, angle: degrees")
    )
    found = catalog.open_catalog(tmp_path / "data_catalog.yaml")
    rows = {name: found.check(name) for name in found}
    assert rows["gst"]["status"] == "broken"
    assert "28.3.2015" in rows["gst"]["problem"]
    assert rows["stations"]["status"] == "found"


def test_a_table_that_was_cut_short_or_is_empty_is_told_as_such(tmp_path):
    path = tmp_path / "lst.csv"
    path.write_text("LST2008_01_01,lon,lat\n1,14.0,45.0\n2,14.1,45.0\n3,14.2,45.0\n4,14")
    assert refused(load.lst_table, path, longitude="lon", latitude="lat", code="I08").endswith(
        "was the file cut short?"
    )
    path.write_text("LST2008_01_01,lon,lat\n1,14.0,\n2,14.1,45.0\n3,14.2,45.0\n")
    assert "cut short" not in refused(load.lst_table, path, longitude="lon", latitude="lat", code="I08")
    path.write_bytes(b"")
    assert "zero bytes on disk" in refused(load.lst_table, path, code="M04")


def test_columns_by_their_old_headings_are_told_the_new_ones(tmp_path):
    path = tmp_path / "borehole.csv"
    path.write_text("date,borehole_id,temperature\n2018-01-01,662,-2.5\n")
    names = {"date": "time", "borehole_id": "station", "temperature": "soil_temperature"}
    told = refused(load.station_series, path, rename=names, index=["time", "station"], columns=["temperature"])
    assert told.endswith("By parameters.rename they are ['soil_temperature'] here: write that.")
