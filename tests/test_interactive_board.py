"""The dashboard without a browser: what is laid out is what was given, a click is the model of the maps."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from board_case import COLUMNS, DATES, EVIL, ROWS, case, layer
from bokeh.events import SelectionGeometry, Tap

from qtp_toolkit import geodetector, interactive, pecm, products, validation
from qtp_toolkit.conventions import SYNTHETIC, MissingSourceError, QtpDataError
from qtp_toolkit.interactive.board import apart, difference, download, region, serving, words
from qtp_toolkit.interactive.board.maps import Maps
from qtp_toolkit.interactive.board.pixel import Change, read
from qtp_toolkit.interactive.board.prepare import prepare
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.session import Session

MASKED = ROWS - 1 - 5, 12
"""Row from the south, column."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    given = dict(case())
    args = [given.pop(name) for name in ("deformation", "time_series")]
    return Prepared(prepare(tmp_path_factory.mktemp("board") / "board", *args, **given))


@pytest.fixture
def session(prepared):
    return Session(prepared, title=EVIL, later=lambda task: task())


def at(row, column):
    """Index of a pixel from the south in arrays that begin in the north."""
    return {"y": ROWS - 1 - row, "x": column}


class TestLaidOut:
    def test_rate_amplitude_and_their_uncertainty_come_first(self, prepared):
        first = ["linear_rate", "seasonal_amplitude", "linear_rate_std", "seasonal_amplitude_std"]
        assert [*prepared.layers][:4] == first
        assert prepared.about["note"] == SYNTHETIC

    @pytest.mark.parametrize("turn", [slice(None), slice(None, None, -1)])
    def test_every_pixel_is_where_it_was_whichever_way_y_runs(self, tmp_path, turn):
        da = layer("linear_rate", np.random.default_rng(1).normal(size=(ROWS, COLUMNS))).isel(y=turn)
        made = Prepared(prepare(tmp_path / "board", da.to_dataset()))
        for x, y in ((2.6e5, 4.0e6), (2.75e5, 3.98e6), (3.03e5, 3.971e6)):
            row, column = made.frame.pixel(x, y)
            assert made.value("linear_rate", row, column) == np.float32(da.sel(x=x, y=y))
            assert made.frame.center(row, column) == (x, y)
        assert made.frame.pixel(2.6e5 - 501, 4.0e6) is None

    def test_series_is_that_of_the_pixel_however_it_was_chunked(self, prepared, tmp_path):
        given = case()
        chunked = given["time_series"].chunk({"y": 7, "x": 11})
        made = Prepared(prepare(tmp_path / "board", given["deformation"], chunked))
        for row, column in ((0, 0), (13, 30), (ROWS - 1, COLUMNS - 1)):
            expected = given["time_series"].isel(at(row, column)).astype("float32")
            for one in (prepared, made):
                np.testing.assert_array_equal(one.series(row, column)[0], expected)

    def test_overviews_are_means_of_what_is_known(self, tmp_path):
        values = np.arange(600.0 * 300).reshape(600, 300)
        values[:2, :2] = [[np.nan, 7.0], [np.nan, np.nan]]
        place = {"y": np.arange(600.0), "x": np.arange(300.0)}
        da = xr.DataArray(values, place, ("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
        made = Prepared(prepare(tmp_path / "board", da.to_dataset().rio.write_crs(32646)))
        coarse = made.array("map0_1")
        assert coarse.shape == (300, 150)
        assert coarse[0, 0] == 7.0
        assert coarse[5, 5] == values[10:12, 10:12].mean()
        assert made.layers["linear_rate"]["levels"] == 3

    def test_standard_deviation_of_the_phase_becomes_millimeters(self, tmp_path):
        given = case()
        series = given["time_series"].to_dataset(name="displacement")
        series["phase_std"] = xr.full_like(series["displacement"], 4 * np.pi / 100).assign_attrs(units="rad")
        made = Prepared(prepare(tmp_path / "b", given["deformation"], series.assign_attrs(wavelength=0.05)))
        np.testing.assert_allclose(made.series(0, 0)[1], 0.5, rtol=1e-6)  # 50 mm / (4 pi) a radian

    def test_a_failing_layout_leaves_the_earlier_one(self, tmp_path):
        given = case()
        prepare(tmp_path / "board", given["deformation"])
        before = (tmp_path / "board" / "about.json").read_bytes()
        with pytest.raises(QtpDataError, match="displacement"):
            prepare(tmp_path / "board", given["deformation"], given["time_series"].isel(y=slice(0, 9)))
        assert (tmp_path / "board" / "about.json").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["board"]

    def test_no_maps_is_refused(self, tmp_path):
        with pytest.raises(QtpDataError, match="no maps"):
            prepare(tmp_path / "board", xr.Dataset({"displacement": case()["time_series"]}))

    def test_names_and_outlines_cannot_carry_markup(self, prepared):
        assert "<" not in json.dumps(prepared.about)


class TestPicture:
    def test_whole_map_at_its_own_size_is_the_map(self, prepared):
        frame = prepared.frame
        got = prepared.picture("linear_rate", (frame.left, frame.right, frame.bottom, frame.top), 500, 500)
        np.testing.assert_array_equal(got.image[::-1], case()["deformation"]["linear_rate"].astype("float32"))
        assert (got.x, got.y, got.dw, got.dh) == (frame.left, frame.bottom, COLUMNS * 1e3, ROWS * 1e3)

    def test_part_has_no_more_pixels_than_the_screen_and_lies_where_it_says(self, prepared):
        frame = prepared.frame
        box = (frame.left + 5_300, frame.left + 20_700, frame.bottom - 9e3, frame.bottom + 6_100)
        got = prepared.picture("slope", box, 8, 4)
        assert got.image.shape == (4, 8)
        assert got.x == frame.left + 5e3
        assert got.y == frame.bottom
        assert (got.dw, got.dh) == (16e3, 7e3)

    def test_relief_is_dark_away_from_the_light_and_clear_where_flat(self, tmp_path):
        height = np.zeros((ROWS, COLUMNS))
        height[:, 10:20] = np.arange(10) * 500.0  # rises to the east: faces the light in the west
        height[:, 20:30] = (9 - np.arange(10)) * 500.0
        made = Prepared(prepare(tmp_path / "b", layer("elevation", height).to_dataset()))
        shade = made.array("shade_0")
        assert shade[5, 3] == 0
        assert shade[5, 25] > 60 > shade[5, 15]


class TestPixel:
    def test_neutral_sliders_give_the_numbers_of_the_maps(self, prepared):
        for row, column in ((3, 4), (20, 30), (28, 43)):
            reading = read(prepared, row, column)
            for name in ("linear_rate", "seasonal_amplitude", "linear_rate_std", "rms"):
                expected = float(case()["deformation"][name].isel(at(row, column)))
                assert reading.estimate(name) == pytest.approx(expected, rel=2e-4, abs=1e-4), name

    def test_the_model_goes_through_every_day(self, prepared):
        reading = read(prepared, 20, 30)
        days = pd.DatetimeIndex(reading.model["time"].values)
        assert (np.diff(days.values) == np.timedelta64(1, "D")).all()
        assert days[0] <= DATES[0]
        assert float((reading.model.sel(time=DATES) - reading.displacement).std()) < 1.5

    def test_sliders_do_what_they_say(self, prepared):
        plain, late, warm, cold = (
            read(prepared, 20, 30, change)
            for change in (Change(), Change(shift=10), Change(bias=3.0), Change(threshold=3.0))
        )
        assert late.weather.thaw - plain.weather.thaw == pytest.approx(10)
        assert warm.weather.thaw < plain.weather.thaw < cold.weather.thaw
        assert (warm.weather.lst - plain.weather.lst).mean() == pytest.approx(3.0)
        slow = read(prepared, 20, 30, Change(ratio=2.0))
        assert np.nansum(slow.weather.composite) < np.nansum(plain.weather.composite)

    def test_a_masked_pixel_says_why(self, prepared):
        reading = read(prepared, *MASKED)
        assert reading.why == "masked"
        assert reading.fit is None
        assert reading.weather is not None

    def test_without_temperature_there_is_a_series_and_no_model(self, tmp_path):
        given = case()
        made = Prepared(prepare(tmp_path / "b", given["deformation"], given["time_series"]))
        reading = read(made, 3, 4)
        assert reading.weather is None
        assert reading.model is None
        assert np.isfinite(reading.displacement).all()


class TestDifference:
    def test_of_a_pixel_less_itself_is_nothing(self, prepared):
        one = read(prepared, 20, 30)
        for value, sigma in difference.difference(prepared, one, one).values():
            assert value == 0
            assert sigma == pytest.approx(0, abs=1e-5)

    def test_errors_that_are_alike_cancel_and_others_add_up(self, prepared):
        one, other = read(prepared, 20, 30), read(prepared, 21, 31)
        told = difference.difference(prepared, one, other)["linear_rate"]
        sigmas = [prepared.value("linear_rate_std", *place) for place in ((20, 30), (21, 31))]
        assert told[0] == prepared.value("linear_rate", 20, 30) - prepared.value("linear_rate", 21, 31)
        assert told[1] == pytest.approx(np.hypot(*sigmas), rel=0.3)  # noise of its own in every pixel
        twin = one._replace(displacement=one.displacement + 5.0, model=one.model + 5.0)
        alike = difference.correlation(one, twin)
        assert alike["linear_rate"] == pytest.approx(1.0)
        mirrored = one._replace(displacement=2 * one.model - one.displacement)
        assert difference.correlation(one, mirrored)["linear_rate"] == pytest.approx(-1.0)

    def test_of_a_masked_pixel_there_is_none(self, prepared):
        told = difference.difference(prepared, read(prepared, 20, 30), read(prepared, *MASKED))
        assert all(np.isnan(value) and np.isnan(sigma) for value, sigma in told.values())

    def test_what_places_share_is_told_by_distance(self, prepared):
        """What still ground of the maps shows, fitted when they were laid out."""
        one, other = read(prepared, 20, 30), read(prepared, 8, 14)
        km, told = difference.difference_with_distance(prepared, one, other)
        assert km == pytest.approx(np.hypot(12, 16), rel=2e-3)
        maps = case()["deformation"]
        still = validation.stable_ground(maps)
        for name, found in told.items():
            model = validation.fit_variogram(validation.variogram(maps[name], where=still, max_km=np.inf))
            assert found.shared == pytest.approx(validation.difference_std(model, km).item(), rel=1e-3)
            assert found.sigma == max(found.alone, found.shared)
            assert still.attrs["chosen"] in prepared.about["apart"][name]["how"]
        assert apart.sigma_apart(prepared, "linear_rate", 0.0) == 0.0

    def test_errors_that_the_maps_tell_of_themselves_count(self, tmp_path):
        maps = case()["deformation"]
        models = {name: validation.error_model(10.0, 20.0, units=maps[name].units) for name in apart.ESTIMATES}
        told = {name: validation.with_errors(maps[name], models[name], how="guesses go") for name in models}
        made = Prepared(prepare(tmp_path / "b", maps.assign(told)))
        assert apart.sigma_apart(made, "linear_rate", 5.0) == pytest.approx(6.651, abs=5e-4)
        assert apart.how_known(made, 5.0) == "guesses go"

    @pytest.mark.parametrize(
        ("found", "sigma", "how"),
        [
            ({"shared_std": 10.0, "longest": None}, 6.651, "guesses"),
            ({"shared_std": 10.0, "longest": 4.0}, np.nan, "not known beyond 4 km"),
            ({"shared_std": 0.0, "longest": None, "pixel_std": 3.0}, 4.243, "guesses"),
            ({"why": "too few observations"}, np.nan, "not known: too few observations"),
            (None, np.nan, "not known: the maps lack rate or amplitude"),
        ],
    )
    def test_sigma_of_the_distance_or_why_there_is_none(self, prepared, monkeypatch, found, sigma, how):
        usual = {"shared_length": 20.0, "pixel_std": 0.0, "units": "mm/yr", "how": "guesses"}
        each = {} if found is None else dict.fromkeys(apart.ESTIMATES, found if "why" in found else usual | found)
        monkeypatch.setitem(prepared.about, "apart", each)
        assert apart.sigma_apart(prepared, "linear_rate", 5.0) == pytest.approx(sigma, abs=5e-4, nan_ok=True)
        assert apart.how_known(prepared, 5.0) == how

    def test_words_say_it_with_and_without(self, prepared, monkeypatch):
        one, other = read(prepared, 20, 30), read(prepared, 8, 14)
        told = {
            "shared_std": 10.0,
            "shared_length": 20.0,
            "pixel_std": 0.0,
            "longest": None,
            "units": "mm",
            "how": EVIL,
        }
        monkeypatch.setitem(prepared.about, "apart", dict.fromkeys(apart.ESTIMATES, told))
        said = words.describe_points(prepared, one, other, Change())
        assert "20.0 km apart" in said
        assert "by their two series alone" in said
        assert "With what places share (air, ramps), to ± 11.24 mm/yr and 11.2 mm" in said
        assert "± 11.24</td>" in said  # the larger one stands in the table
        assert "<img" not in said
        monkeypatch.setitem(prepared.about, "apart", {})
        said = words.describe_points(prepared, one, other, Change())
        assert "is not known: the maps lack rate or amplitude" in said
        alone = words.describe_points(prepared, one, None, Change())
        masked = words.describe_points(prepared, one, read(prepared, *MASKED), Change())
        assert "km apart" not in alone + masked

    def test_ground_that_is_known_to_stand_still_is_used(self, tmp_path):
        maps = case()["deformation"]
        where = xr.ones_like(maps["linear_rate"], dtype=bool) & (maps["x"] < 2.99e5)
        made = Prepared(prepare(tmp_path / "b", maps, stable=where))
        assert "the stable ground given" in made.about["apart"]["linear_rate"]["how"]


class TestRegion:
    def corners(self, prepared, rows, columns):
        frame = prepared.frame
        (low, high), (left, right) = rows, columns
        x, y = frame.left + np.array([left, right]) * frame.dx, frame.bottom + np.array([low, high]) * frame.dy
        return np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])

    def test_q_and_boxes_are_those_of_the_pixels_inside(self, prepared):
        found = region.look(prepared, self.corners(prepared, (2, 22), (18, 40)), "seasonal_amplitude", "slope")
        inside = {"y": slice(ROWS - 22, ROWS - 2), "x": slice(18, 40)}
        y = case()["deformation"]["seasonal_amplitude"].isel(inside)
        strata = geodetector.stratify(case()["extra"]["slope"].isel(inside), k=8)
        assert found.pixels == y.size
        assert found.q["slope"] == pytest.approx(float(geodetector.factor(y, strata)["q"]), abs=1e-5)
        median = found.table["quantile"].sel(percentile=50).values
        expected = [float(y.where(strata == k).median()) for k in range(8)]
        np.testing.assert_allclose(median, expected, rtol=1e-5)
        assert list(found.q.values()) == sorted(found.q.values(), reverse=True)

    def test_a_large_region_is_thinned_and_says_so(self, prepared, monkeypatch):
        monkeypatch.setattr(region, "MOST", 200)
        found = region.look(prepared, self.corners(prepared, (0, ROWS), (0, COLUMNS)), "linear_rate", "vegetation")
        assert found.step == 3
        assert "in 3" in words.describe_region(prepared, found, "linear_rate", "vegetation")

    @pytest.mark.parametrize(
        ("rows", "columns", "why"), [((-9, -3), (0, 9), "outside the map"), ((23, 25), (11, 15), "does not vary")]
    )
    def test_no_boxes_have_a_reason(self, prepared, rows, columns, why):
        found = region.look(prepared, self.corners(prepared, rows, columns), "linear_rate", "slope")
        assert found.table is None
        assert why in words.describe_region(prepared, found, "linear_rate", "slope")


class TestWords:
    def test_places_numbers_and_reasons_are_for_people(self, prepared):
        said = words.describe_points(prepared, read(prepared, 20, 30), None, Change())
        assert "° N" in said
        assert "mm/yr" in said
        assert "nan" not in said
        masked = words.describe_points(prepared, read(prepared, *MASKED), None, Change())
        assert "no deformation, masked" in masked
        assert "nan" not in masked

    def test_sliders_stand_beside_the_maps_only_when_they_were_moved(self, prepared):
        moved = Change(bias=2.0)
        assert "sliders" in words.describe_points(prepared, read(prepared, 20, 30, moved), None, moved)
        assert "sliders" not in words.describe_points(prepared, read(prepared, 20, 30), None, Change())

    def test_names_from_files_are_text(self, prepared):
        said = words.describe_points(prepared, read(prepared, 20, 20), None, Change())
        assert "onerror" in said  # it is a name of a class
        assert "<img" not in said


class TestSession:
    def tap(self, session, row, column, *, shift=False):
        x, y = session.prepared.frame.center(row, column)
        plot = session.maps.panels[1].plot
        plot._trigger_event(Tap(plot, x=x, y=y, modifiers={"shift": shift, "ctrl": False, "alt": False}))

    def test_something_is_shown_before_the_first_click(self, session):
        assert len(session.curves.seen[0].data["value"]) == len(DATES)
        assert [panel.name for panel in session.maps.panels][:3] == [*session.prepared.layers][:3]

    def test_click_and_second_click(self, session):
        self.tap(session, 20, 30)
        assert (session.points["A"].row, session.points["A"].column) == (20, 30)
        assert session.said.text.count("<th") == 2
        self.tap(session, 10, 5, shift=True)
        assert set(session.points) == {"A", "B"}
        assert "A − B" in session.said.text
        assert list(session.maps.picked.data["name"]) == ["A", "B"]
        session.forget()
        assert set(session.points) == {"A"}

    def test_error_bars_and_daily_line(self, session):
        self.tap(session, 20, 30)
        seen = session.curves.seen[0].data
        np.testing.assert_allclose(seen["high"] - seen["value"], session.points["A"].estimate("rms"))
        assert len(session.curves.models[0].data["time"]) > 1700
        assert len(session.curves.daily.data["index"]) == len(session.curves.daily.data["lst"]) > 1700

    def test_a_masked_pixel_shows_its_reason_and_no_points(self, session):
        self.tap(session, *MASKED)
        assert session.curves.series.title.text.count("masked") == 1
        assert len(session.curves.seen[0].data["value"]) == 0

    def test_another_layer_keeps_the_zoom_and_tells_its_name(self, session):
        session.maps.x_range.update(start=2.7e5, end=2.8e5)
        panel = session.maps.panels[3]
        panel.menu.value = "vegetation"
        assert (session.maps.x_range.start, session.maps.x_range.end) == (2.7e5, 2.8e5)
        assert panel.plot.title.text == "Vegetation class"
        assert set(panel.bar.major_label_overrides) == {0, 1, 2}

    def test_what_is_shown_is_drawn_true_to_scale(self, prepared):
        maps = Maps(prepared, later=lambda task: task())
        maps.resized(0, 300)
        maps.resized(1, 600)
        left, right, bottom, top = maps.box
        assert (right - left) / 300 == pytest.approx((top - bottom) / 600)
        maps.zoom(2.7e5, 3.98e6, 20.0)
        maps.x_range.update(start=maps.x_range.start + 500, end=maps.x_range.end + 500)
        maps.resized(0, 500)
        assert (maps.box[1] - maps.box[0]) / 500 == pytest.approx(20.0)
        assert (maps.box[0] + maps.box[1]) / 2 == pytest.approx(2.7e5 + 500)

    def test_a_drawn_region_and_another_factor(self, session):
        frame, plot = session.prepared.frame, session.maps.panels[0].plot
        ring = {"x": [frame.left, frame.right, frame.right], "y": [frame.bottom, frame.bottom, frame.top]}
        plot._trigger_event(SelectionGeometry(plot, geometry={"type": "poly", **ring}, final=True))
        assert session.tabs.active == 1
        assert "q = " in session.said_of_region.text
        session.factor.value = "vegetation"
        assert next(iter(session.boxes.table.data["class"])) == "desert"
        assert len(session.maps.outline.data["x"]) == 4

    def test_sliders_recompute_the_clicked_pixel(self, session):
        before = np.array(session.curves.models[0].data["value"])
        session.sliders["bias"].value = 3.0
        assert not np.allclose(before, session.curves.models[0].data["value"][: before.size], equal_nan=True)
        assert "A, sliders" in session.said.text
        session.to_neutral()
        np.testing.assert_allclose(before, session.curves.models[0].data["value"])

    def test_files(self, session):
        sent = []
        session.files.send = lambda name, body: sent.append((name, body))
        session._send("csv", of_region=False)
        session._send("csv", of_region=True)  # none was drawn: nothing happens
        table = pd.read_csv(io.BytesIO(sent[0][1]), comment="#", parse_dates=["date"])
        expected = session.points["A"].displacement.to_series()
        got = table.set_index("date")["displacement_mm"].dropna()
        np.testing.assert_allclose(got, expected.dropna(), rtol=1e-5)
        assert SYNTHETIC in sent[0][1].decode()
        assert len(sent) == 1

    def test_pictures_are_pictures(self, prepared):
        point = {"A": read(prepared, 20, 30), "B": read(prepared, *MASKED)}
        assert download.points_png(prepared, point).startswith(b"\x89PNG")
        corners = np.array([[2.6e5, 3.98e6], [3.0e5, 3.98e6], [2.8e5, 4.0e6]])
        found = region.look(prepared, corners, "linear_rate", "slope")
        assert download.region_png(found).startswith(b"\x89PNG")
        table = pd.read_csv(io.BytesIO(download.region_csv(prepared, found)), comment="#")
        assert len(table) == found.pixels
        assert {"longitude", "latitude", "linear_rate", "slope"} <= set(table)

    def test_a_file_reaches_the_browser_as_it_is(self, session):
        session.files.send("a.csv", b"x\n1\n")
        assert base64.b64decode(session.files.source.data["body"][0]) == b"x\n1\n"


class TestServing:
    @pytest.fixture
    def board(self, prepared):
        board = serving.Board(prepared, title=EVIL)
        board.start()
        yield board
        board.stop()

    def test_answers_this_machine_by_name_alone(self, board):
        """N05."""
        with urllib.request.urlopen(board.address, timeout=30) as answer:
            page = answer.read().decode()
        assert "<img src=x" not in page
        assert "https://" not in page.replace("https://bokeh.org", "")
        for host in ("evil.example", f"evil.example:{board.port}"):
            request = urllib.request.Request(board.address, headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(request, timeout=30)

    def test_a_page_from_elsewhere_cannot_speak_to_it(self, board):
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        handshake |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "http://evil.example"}
        connection = http.client.HTTPConnection("127.0.0.1", board.port, timeout=30)
        connection.request("GET", "/ws", headers=handshake)
        assert connection.getresponse().status == 403
        connection.close()

    def test_when_it_ends_no_connection_stays_open(self, prepared):
        board = serving.Board(prepared, title="short")
        board.start()
        connection = http.client.HTTPConnection("127.0.0.1", board.port, timeout=30)
        connection.request("GET", "/")
        connection.getresponse().read()  # the connection is kept alive
        board.stop()
        assert connection.sock.recv(1) == b""
        connection.close()

    def test_port_in_use_is_said_with_one_that_is_free(self):
        """N04."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(QtpDataError, match=rf"port {port} is in use.*Port \d+ is free"):
                serving.free_port(port)


class TestRun:
    def save(self):
        given = case()
        products.save(given["deformation"], "deformation")
        products.save(given["time_series"].to_dataset(name="displacement"), "time_series")

    def test_missing_products_name_their_notebook(self):
        with pytest.raises(MissingSourceError, match="06_deformation_maps"):
            interactive.serve(show=False)

    def test_products_are_laid_out_once_and_again_when_they_change(self):
        self.save()
        first = interactive.lay_out()
        stamp = (first.folder / "about.json").stat().st_mtime_ns
        assert (interactive.lay_out().folder / "about.json").stat().st_mtime_ns == stamp
        products.save(case()["deformation"] * 2, "deformation")
        again = interactive.lay_out()
        assert again.value("linear_rate", 3, 4) == pytest.approx(2 * first.value("linear_rate", 3, 4))

    def test_outlines_are_those_of_the_run_or_none(self, tmp_path, monkeypatch):
        self.save()
        (tmp_path / "data_catalog.yaml").write_text("catalog_version: 1\n")
        monkeypatch.chdir(tmp_path)  # another region: its lakes do not belong here
        assert interactive.lay_out().about["overlays"] == {}

    def test_a_dashboard_of_arrays_takes_its_folder_with_it(self):
        made = interactive.dashboard(case()["deformation"])
        folder = made.prepared.folder
        assert folder.is_dir()
        del made
        assert not folder.exists()


def test_a_notebook_shows_it(prepared):
    interactive.setup()
    shown = interactive.board.build.Dashboard(prepared)._repr_mimebundle_()
    assert "text/html" in shown[0]


def test_indices_of_a_pixel_are_those_of_the_maps(prepared):
    """Bilinear between four pixels, as ``pecm.indices`` does it for all."""
    from qtp_toolkit import lst, seasons  # noqa: PLC0415

    given = case()
    ends = given["onsets"][["thaw_onset_mean", "freeze_onset_mean"]]
    sums = seasons.degree_days(lst.to_daily(given["temperature"]), *ends.values()).assign(ends).rio.write_crs(4326)
    index = pecm.indices(sums, given["extra"]["conductivity_ratio"])
    for row, column in ((0, 0), (13, 21), (ROWS - 1, COLUMNS - 1)):
        weather = read(prepared, row, column).weather
        for name, mine in (("composite_index", weather.composite), ("linear_index", weather.linear)):
            np.testing.assert_allclose(mine, index[name].isel(at(row, column)), rtol=1e-5, atol=1e-4)
