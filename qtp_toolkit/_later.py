"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def later(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package whose modules are imported when they are first used.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to sequence of str
        What stands in which module. No name is that of a module: an import would put the module in its place.

    Returns
    -------
    callable, callable
        A name that was found once stays an attribute of the package.

    Raises
    ------
    AttributeError
        By the first of them, for a name that is neither in the table nor a module of it.

    Examples
    --------
    >>> get, names = later("qtp_toolkit.kernels", {"reasons": ("OK",)})
    >>> names()
    ['OK', 'reasons']
    >>> get("OK")
    0
    """
    where = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in where and name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{where.get(name, name)}")
        value = getattr(module, name) if name in where else module
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*where, *homes})
