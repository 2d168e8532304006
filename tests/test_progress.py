"""The bar of long work: it moves on a terminal alone."""

from __future__ import annotations

import pytest

from qtp_toolkit import _progress
from qtp_toolkit._progress import progress_bar


def work(text="writing", *, progress=True):
    with progress_bar(text, total=100, progress=progress) as bar:
        for _ in range(100):
            bar.advance(1)


@pytest.mark.parametrize("forced", [True, False])
def test_a_log_gets_one_line_whatever_colors_are_forced(forced, monkeypatch, capsys):
    """A kernel sets FORCE_COLOR for its programs, and some logs do."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    work()
    shown = capsys.readouterr().err
    assert len(shown.strip().splitlines()) == 1
    assert "100/100" in shown
    assert "\x1b" not in shown


def test_a_notebook_shows_one_line_and_no_bar(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(_progress, "in_kernel", lambda: True)
    monkeypatch.setattr(_progress, "show", shown.append)
    work("writing the tiny scene")
    work("unasked", progress=False)
    assert shown == [{"text/plain": "writing the tiny scene ..."}]
    assert "".join(capsys.readouterr()) == ""


def test_a_line_of_its_own_is_said_where_it_was_asked_for(monkeypatch, capsys):
    for kernel in (True, False):
        monkeypatch.setattr(_progress, "in_kernel", lambda kernel=kernel: kernel)
        for progress in (True, False):
            with progress_bar("", total=1, progress=progress, stderr=False) as bar:
                bar.say("done    one")
            assert ("done    one" in capsys.readouterr().out) is progress
