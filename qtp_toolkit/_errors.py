"""What the toolkit raises; imported from :mod:`qtp_toolkit.conventions`."""

from __future__ import annotations

from typing import Any


class QtpDataError(ValueError):
    """Input that the toolkit refuses: says what, where, expected, found and how to mend it."""

    def __init__(
        self,
        what: str,
        *,
        path: object = None,
        variable: str | None = None,
        where: object = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        self.what, self.path, self.variable, self.where = what, path, variable, where
        self.expected, self.found, self.hint, self.code = expected, found, hint, code
        parts = [
            ("file", path),
            ("variable", variable),
            ("where", where),
            ("expected", expected),
            ("found", found),
        ]
        text = what.rstrip(".") + "".join(f"; {key}: {value}" for key, value in parts if value is not None) + "."
        super().__init__(text + (f" {hint}" if hint else ""))

    def __reduce__(self) -> tuple:
        """Travel between processes with all fields, and with notes."""
        return _raised, (type(self), self._fields()), vars(self)

    def restated(self, kind: type[QtpDataError] | None = None, **changes: object) -> QtpDataError:
        """Return the same error with other fields, and of another kind if asked for."""
        return _raised(kind or type(self), self._fields() | changes)

    def _fields(self) -> dict[str, Any]:
        names = ("what", "path", "variable", "where", "expected", "found", "hint", "code")
        return {name: getattr(self, name) for name in names}


def _raised(kind: type[QtpDataError], fields: dict[str, Any]) -> QtpDataError:
    return kind(**fields)


class MissingSourceError(QtpDataError, FileNotFoundError):
    """A source of the catalog, or a product of an earlier notebook, that is not on disk."""
