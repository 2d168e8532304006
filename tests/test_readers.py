"""A driver is one row: the schema, the messages and the table of docs/data.md follow from it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pandas as pd
import pytest

from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.catalog.options import options_of
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.readers import READERS, Reader

DATA = Path(__file__).resolve().parents[1] / "docs" / "data.md"
BEGIN, END = "<!-- the drivers: begin -->\n", "<!-- the drivers: end -->"


def needed(field) -> str:
    if field.is_required():
        return " (needed)"
    return "" if field.default is None else f" ({json.dumps(field.default)})"


def table() -> str:
    lines = ["| driver | reads | makes | parameters |", "|---|---|---|---|"]
    for driver, row in READERS.items():
        fields = options_of(driver).model_fields.items()
        said = [f"`{name}`" + needed(field) for name, field in fields]
        lines.append(f"| `{driver}` | {row.reads} | {row.makes} | {', '.join(said)} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_drivers_in_the_docs_is_that_of_the_rows():
    """If this fails, put what ``table()`` returns between the two marks."""
    assert DATA.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0] == table()


@pytest.mark.parametrize("driver", READERS)
def test_parameters_are_keywords_of_the_loader_with_its_defaults(driver):
    row = READERS[driver]
    signatures = [inspect.signature(function).parameters for function in (row.open, *row.keywords)]
    for name, field in options_of(driver).model_fields.items():
        parameter = next(own[name] for own in signatures if name in own)
        assert field.is_required() == (parameter.default is parameter.empty)
        assert field.is_required() or field.default == parameter.default


def waves(path: Path, *, height: float = 2.5, chunks: dict | None = None) -> pd.DataFrame:
    """Loader of a driver that is none."""
    return pd.DataFrame({"name": [path.name], "height": [height]})


def opened(request, **options):
    return waves(request.paths[0], **options)


def test_a_new_driver_is_a_loader_and_a_row(tmp_path, monkeypatch):
    """Schema, messages and defaults know it, and nothing else had to be told."""
    monkeypatch.setitem(READERS, "waves", Reader(opened, (waves,), "waves", "one row"))
    (tmp_path / "a.txt").write_text("a")
    catalog = tmp_path / "data_catalog.yaml"
    source = (
        "catalog_version: 1\nroots: ['.']\nsources:\n"
        "  sea: {{kind: table, driver: {}, uri: a.txt, provenance: observed, parameters: {}}}\n"
    )
    catalog.write_text(source.format("waves", "{}"))
    assert open_catalog(catalog)["sea"]["height"].tolist() == [2.5]
    catalog.write_text(source.format("waves", "{height: 3}"))
    assert open_catalog(catalog)["sea"]["height"].tolist() == [3]
    for driver, parameters, words in (
        ("wave", "{}", "did you mean 'waves'"),
        ("waves", "{hieght: 3}", "did you mean 'height'"),
        ("waves", "{chunks: {}}", "unknown key 'chunks'"),
        ("waves", "{height: high}", "sources.sea.parameters.height"),
    ):
        catalog.write_text(source.format(driver, parameters))
        with pytest.raises(QtpDataError, match=words):
            open_catalog(catalog)
