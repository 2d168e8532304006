"""What the modules promise to users who say nothing."""

from __future__ import annotations

import inspect

import pytest
import xarray as xr

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


NOTE = {"provenance_note": "synthetic scene"}


def noted(data):
    """Copy of an array, or of a Dataset and its variables, that says that it is synthetic."""
    return (data.map(noted) if isinstance(data, xr.Dataset) else data).assign_attrs(NOTE)


def without_note(**results):
    """Name the results, and variables of results, that no longer say so."""
    arrays = {}
    for name, result in results.items():
        arrays |= {f"{name}.{k}": da for k, da in result.items()} if isinstance(result, xr.Dataset) else {name: result}
    return [name for name, da in arrays.items() if not NOTE.items() <= da.attrs.items()]
