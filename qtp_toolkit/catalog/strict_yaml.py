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

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan")
"""Plain scalars of the YAML 1.2 core schema, without octal and hexadecimal; everything else is text."""


def _refused(code: str, text: str, mark: yaml.Mark, hint: str | None = None) -> QtpDataError:
    return QtpDataError(text, where=f"line {mark.line + 1}, column {mark.column + 1}", hint=hint, code=code)


def _refuse_unsafe(text: str) -> None:
    """Look through the events before anything is built: they come one by one, however deep the nesting."""
    depth = nodes = 0
    event: Any  # the stubs of PyYAML know neither marks nor tags
    for event in yaml.parse(text, yaml.SafeLoader):
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("C01", "aliases and anchors are not allowed", mark, "Write the value out.")
        if getattr(event, "tag", None):
            raise _refused("C03", f"the tag {event.tag!r} is not allowed", mark, "A catalog holds plain data.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth + isinstance(event, yaml.ScalarEvent) > MAX_DEPTH:
            raise _refused("C02", f"nested more than {MAX_DEPTH} deep", mark)
        if nodes > MAX_NODES:
            raise _refused("C01", f"more than {MAX_NODES} entries", mark)


def _build(node: Any) -> Any:
    """Plain data of a node."""
    if isinstance(node, yaml.SequenceNode):
        return [_build(child) for child in node.value]
    if not isinstance(node, yaml.MappingNode):
        return None if node is None else node.value if node.style else _scalar(node.value)
    data: dict[Any, Any] = {}
    lines: dict[Any, int] = {}
    for key_node, child in node.value:
        mark = key_node.start_mark
        if not isinstance(key_node, yaml.ScalarNode):
            raise _refused("C11", "a key must be a plain word", mark)
        key = _build(key_node)
        if key in data:
            text = f"the key {key!r} stands twice, on lines {lines[key]} and {mark.line + 1}"
            raise _refused("C04", text, mark, "Keep one of them.")
        data[key], lines[key] = _build(child), mark.line + 1
    return data


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if _DECIMAL.fullmatch(text) else text


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
        _refuse_unsafe(text)
        data = _build(yaml.compose(text, yaml.SafeLoader))
    except QtpDataError as error:
        raise error.restated(path=path) from None
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
