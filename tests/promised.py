"""What the modules promise to users who say nothing."""

from __future__ import annotations

import inspect

import pytest

from qtp_toolkit.conventions import QtpDataError


def defaults(module):
    """Numbers and words that stand in the signatures of a module's public functions."""
    found = {}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name[0] != "_" and function.__module__.startswith(module.__name__):
            given = inspect.signature(function).parameters.values()
            found[name] = {p.name: p.default for p in given if isinstance(p.default, int | float | str)}
    return {name: own for name, own in found.items() if own}


def refuse_strangers(call, good, *, units="", dims=""):
    """Refused in our own words: inputs named in ``units`` in another unit, those named in ``dims`` on other dims."""
    for name in units.split():
        with pytest.raises(QtpDataError, match="wrong unit"):
            call(**good | {name: good[name].assign_attrs(units="furlong")})
    for name in dims.split():
        other = good[name].drop_vars(good[name].coords).rename({dim: f"other_{dim}" for dim in good[name].dims})
        with pytest.raises(QtpDataError, match="lacks dims"):
            call(**good | {name: other})
