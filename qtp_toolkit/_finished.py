"""Which notebooks of a run ended well, on disk as soon as they do: what ``qtp reproduce --resume`` goes by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtp_toolkit import products
from qtp_toolkit._execute import Outcome


class Finished:
    """The notebooks that ended well with these inputs; what was noted of other inputs is forgotten."""

    def __init__(self, path: Path, inputs: Mapping[str, str]) -> None:
        self.path, self.inputs = path, dict(inputs)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            said = {}
        self.rows: dict[str, Any] = said.get("notebooks", {}) if said.get("inputs") == self.inputs else {}

    def add(self, notebook: Path, outcome: Outcome) -> None:
        """Note how a notebook ended."""
        self.rows.pop(outcome.name, None)
        if outcome.status == "done":
            self.rows[outcome.name] = {
                "seconds": outcome.seconds,
                "reason": outcome.reason,
                "sha256": hashlib.sha256(notebook.read_bytes()).hexdigest(),
            }
        self.path.write_text(json.dumps({"inputs": self.inputs, "notebooks": self.rows}, indent=1), encoding="utf-8")

    def unchanged(self, chosen: Sequence[Any], order: Sequence[str], makers: Mapping[str, str]) -> dict[str, Outcome]:
        """Those of ``chosen`` that need not run again.

        They are the same file, their products are there, and they were made from what need not run again either.
        """
        kept: dict[str, Outcome] = {}
        by_name = {nb.name: nb for nb in chosen}
        for name in order:
            nb, row = by_name[name], self.rows.get(name, {})
            same = row.get("sha256") == hashlib.sha256(nb.path.read_bytes()).hexdigest()
            skipped = [product for product in nb.products_used if not products.exists(product)]
            made = all(makers[p] in kept for p in nb.awaits if p in makers and p not in skipped)
            if same and made and all(products.exists(product) for product in nb.products_out):
                kept[name] = Outcome(name, "done", row["seconds"], reason=row["reason"])
        return kept
