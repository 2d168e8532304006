"""A YAML reader that trusts nothing: plain data only, no aliases, no tags, no duplicate keys, bounded depth and size.

PyYAML's safe loader already refuses to build Python objects, but it lets a later duplicate key win silently, expands
aliases into gigabytes, reads ``041`` as 33, ``12:30:45`` as 45045 and ``no`` as False. Catalogs come from other people.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from qtp_toolkit.conventions import QtpDataError

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
MAX_NODES = 20_000

_SCALARS = {  # YAML 1.2 core schema, without octal and hexadecimal
    "tag:yaml.org,2002:null": (r"^(?:~|null|)$", ["~", "n", ""]),
    "tag:yaml.org,2002:bool": (r"^(?:true|false)$", list("tf")),
    "tag:yaml.org,2002:int": (r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.inf$|^\.nan$",
        list("-+0123456789."),
    ),
}


class _RefusedError(Exception):
    """Something that a catalog may not hold, with the mark where it stands."""

    def __init__(self, code: str, text: str, mark: yaml.Mark, hint: str | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.mark, self.hint = code, text, mark, hint


class _StrictLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  filled below, per YAML 1.2

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError("C01", "aliases and anchors are not allowed", event.start_mark, "Write the value out.")
        if getattr(event, "tag", None) not in (None, "!"):
            raise _RefusedError(
                "C03", f"the tag {event.tag!r} is not allowed", event.start_mark, "A catalog holds plain data."
            )
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH:
            raise _RefusedError("C02", f"nested more than {MAX_DEPTH} deep", event.start_mark)
        if self.nodes > MAX_NODES:
            raise _RefusedError("C01", f"more than {MAX_NODES} entries", event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _RefusedError("C11", "a key must be a plain word", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _RefusedError(
                    "C04",
                    f"the key {key!r} stands twice, on lines {seen[key]} and {key_node.start_mark.line + 1}",
                    key_node.start_mark,
                    "Keep one of them.",
                )
            seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


for _tag, (_pattern, _first) in _SCALARS.items():
    _StrictLoader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def _decimal(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _float(loader: _StrictLoader, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _decimal)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _float)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping of plain data.

    Parameters
    ----------
    path : pathlib.Path
        The file, UTF-8, at most 1 MB.

    Returns
    -------
    dict
        Strings, whole and decimal numbers, booleans (``true`` and ``false`` only), null, lists and mappings. Dates stay
        strings.

    Raises
    ------
    QtpDataError
        Naming file and line: not YAML, not a mapping, empty, an alias or anchor, a tag, a key that stands twice, nested
        too deeply, too large.
    """
    if path.stat().st_size > MAX_BYTES:
        raise QtpDataError(
            "catalog is too large", path=path, expected=f"at most {MAX_BYTES} bytes", found=path.stat().st_size
        )
    try:
        text = path.read_text(encoding="utf-8")
        loader = _StrictLoader(text)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
    except _RefusedError as error:
        where = f"line {error.mark.line + 1}, column {error.mark.column + 1}"
        raise QtpDataError(error.text, path=path, where=where, hint=error.hint, code=error.code) from None
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}" if error.problem_mark else None
        raise QtpDataError(
            f"catalog is not valid YAML: {error.problem or error.context}", path=path, where=where, code="C11"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise QtpDataError(f"catalog is not valid YAML: {type(error).__name__}", path=path, code="C11") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise QtpDataError(
            "catalog is not a mapping",
            path=path,
            expected="catalog_version, roots and sources",
            found=found,
            code="C11",
            hint="Start from a copy of the embedded data_catalog.yaml.",
        )
    return data
