"""Change one line of the package at a time and see whether the tests that mirror it notice.

    uv run python tools/mutate.py --rooms pecm seasons --sample 40 --seed 1

A sample of lines is drawn over the rooms, with one change on each. Every change runs in a copy of the tree, against the
tests named after its room. Survivors are printed: write a test for each, or name it equal, with a reason, in
tools/equal.txt. With `--log FILE`, what was noticed in an earlier run is not run again.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import multiprocessing.connection
import os
import queue
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

SWAPS = """+:- -:+ *:/ /:* //:* %:* **:* &:| |:& +=:-= -=:+= *=:/= /=:*= |=:&= &=:|= <:<= <=:< >:>= >=:> ==:!= !=:==
and:or or:and is:is_not is_not:is in:not_in not_in:in min:max max:min minimum:maximum maximum:minimum any:all all:any
argmin:argmax argmax:argmin nanmin:nanmax nanmax:nanmin floor:ceil ceil:floor sin:cos cos:sin zeros:ones ones:zeros
mean:sum sum:mean ffill:bfill bfill:ffill"""
SWAPS = dict(pair.replace("_", " ").split(":") for pair in SWAPS.split())
DROPPED = {"clip", "sqrt", "abs", "sorted"}  # calls that give way to what they were called with
SILENT = {
    "QtpDataError",
    "warn",
    "isinstance",
    "cast",
    "lru_cache",
    "TYPE_CHECKING",
    "strict",
}  # messages, types, checks
Span = tuple[int, int, int, str]  # line, first byte, byte after the last, the text that takes their place


class Change(NamedTuple):
    """One changed line."""

    path: str
    line: int
    scope: str
    old: str
    new: str

    @property
    def key(self) -> tuple[str, ...]:
        """What is left of a change when its function moves."""
        return self.scope, self.old.strip(), self.new.strip()


def find_changes(path: str, source: str) -> list[Change]:
    """Find every change that could be made to a module."""
    lines, tree, found = source.splitlines(), ast.parse(source), []
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for line, start, end, text in Spans(lines).walk(tree):
        inside = [(node.lineno, node.name) for node in scopes if node.lineno <= line <= node.end_lineno]
        old = lines[line - 1].encode()
        new = old[:start].decode() + text + old[end:].decode()
        found.append(Change(path, line, max(inside, default=(0, "module"))[1], old.decode(), new))
    return found


def has_effect(change: Change, source: str) -> bool:
    """Whether a changed module is valid, and another one."""
    lines = source.splitlines()
    lines[change.line - 1] = change.new
    try:
        return ast.dump(ast.parse("\n".join(lines))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


class Spans:
    """Spans of a line that can be replaced."""

    def __init__(self, lines: list[str]):
        self.lines = [line.encode() for line in lines]

    def walk(self, node: ast.AST) -> Iterator[Span]:
        """Spans of a node and of all nodes inside that are behaviour: no messages, annotations, decorators."""
        named = getattr(node, "func", getattr(node, "test", node))
        if (
            isinstance(node, ast.Raise | ast.JoinedStr)
            or {getattr(named, k, "") for k in ("attr", "id", "arg")} & SILENT
        ):
            return
        yield from self.find(node)
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self.walk(child)

    def find(self, node: ast.AST) -> Iterator[Span]:  # noqa: C901, PLR0912 - one case for each kind of node
        """Spans of one node."""
        match node:
            case ast.BinOp(left=left, right=right) | ast.BoolOp(values=[left, right, *_]):
                yield from self.swap(left, right)
            case ast.AugAssign(target=left, value=right) | ast.Compare(left=left, comparators=[right, *_]):
                yield from self.swap(left, right)
            case ast.UnaryOp(op=op):
                yield from self.replace(node, self.text(node)[4 if isinstance(op, ast.Not) else 1 :])
            case ast.Constant(value=bool(value)):
                yield from self.replace(node, str(not value))
            case ast.Constant(value=int(value)):
                yield from self.replace(node, str(value + 1))
            case ast.Constant(value=float(value)):
                yield from self.replace(node, f"{value * 1.2:g}" if value else "1.0")
            case ast.Attribute(attr="nan"):
                yield from self.replace(node, "0.0")
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in SWAPS:
                yield from self.replace(node, self.text(node).removesuffix(name) + SWAPS[name])
            case ast.Call(func=func, args=args):
                *owner, name = self.text(func).split(".")
                if name in DROPPED and (args or owner):
                    kept = args[0] if owner in ([], ["np"], ["math"]) else func.value
                    yield from self.replace(node, self.text(kept))
                if len(args) > 1 and name not in SWAPS:
                    yield from self.exchange(*args[:2])
            case ast.Return(value=ast.BinOp(left=kept) as given):
                yield from self.replace(given, self.text(kept))
            case ast.Return(value=ast.Tuple(elts=[first, second, *_])):
                yield from self.exchange(first, second)
            case ast.If(test=test) | ast.IfExp(test=test):
                yield from self.replace(test, f"not ({self.text(test)})")
            case ast.Continue() | ast.Expr(value=ast.Call()):
                yield from self.replace(node, "pass")

    def swap(self, left: ast.expr, right: ast.expr) -> Iterator[Span]:
        """Another operator between two operands."""
        if left.end_lineno == right.lineno:
            between = self.lines[right.lineno - 1][left.end_col_offset : right.col_offset].decode()
            old = between.strip(" ()")
            if old in SWAPS:
                yield right.lineno, left.end_col_offset, right.col_offset, between.replace(old, SWAPS[old])

    def replace(self, node: ast.AST, text: str) -> Iterator[Span]:
        """Another text in place of a node."""
        if node.lineno == node.end_lineno and text:
            yield node.lineno, node.col_offset, node.end_col_offset, text

    def exchange(self, first: ast.expr, second: ast.expr) -> Iterator[Span]:
        """Two neighbours in exchanged order, unless they are not alike."""
        if first.lineno == second.end_lineno and isinstance(first, ast.Constant) == isinstance(second, ast.Constant):
            between = self.lines[first.lineno - 1][first.end_col_offset : second.col_offset].decode()
            exchanged = self.text(second) + between + self.text(first)
            yield first.lineno, first.col_offset, second.end_col_offset, exchanged

    def text(self, node: ast.AST) -> str:
        """Text of a node within one line."""
        inside = self.lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
        return inside if node.lineno == node.end_lineno else ""


class Tree:
    """A repository: modules of its rooms, tests that mirror them."""

    def __init__(self, root: Path, package: str):
        self.root, self.package = root, package
        self.tests = {path.stem: path.read_text() for path in sorted((root / "tests").glob("test_*.py"))}

    def find_modules(self, room: str) -> list[str]:
        """Find the modules of a room: a folder or a single file."""
        base = self.root / self.package / room
        found = sorted(base.rglob("*.py")) or [base.with_suffix(".py")]
        return [path.relative_to(self.root).as_posix() for path in found]

    def mirror(self, path: str) -> tuple[str, ...]:
        """Find the tests named after a module's room and those of its folder of kernels, the nearest first."""
        room, *inner = Path(path).with_suffix("").parts[1:]
        pattern, rooms = rf"\b{self.package}\.{room}\.kernels\b", {room}
        if room == "kernels":  # shared by the rooms that import it
            pattern = rf"\b{self.package}\.kernels(\.| import [\w, ]*\b){inner[-1]}\b"
            clients = [p for p in (self.root / self.package).rglob("*.py") if re.search(pattern, p.read_text())]
            rooms = {p.relative_to(self.root).with_suffix("").parts[1] for p in clients} - {room}
        named = [name for name in self.tests if any(f"{name}_".startswith(f"test_{room}_") for room in rooms)]
        if "kernels" in path:
            named += [name for name, text in self.tests.items() if "_kernels_" in name and re.search(pattern, text)]
        named.sort(key=lambda name: ("_kernels_" not in name, not name.endswith("_".join(["", *inner])[-9:])))
        return tuple(f"tests/{name}.py" for name in named)


class Copies:
    """Copies of a repository, one for each job, in which a change is made, judged and taken back."""

    def __init__(self, tree: Tree, folder: Path, jobs: int, limit: int):
        self.tree, self.limit, self.sound, self.free = tree, limit, set(), queue.Queue()
        self.turn = threading.Lock()  # to start a process asks after the others, and how one ended can be asked once
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "cache")
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["dask.array", "numba", "pandas", "rioxarray", "scipy.stats", "xarray"])
        for job in range(jobs):
            leave_out = shutil.ignore_patterns(".*", "__pycache__")
            self.free.put(Path(shutil.copytree(tree.root, folder / str(job), ignore=leave_out)))

    def judge(self, change: Change) -> str:
        """Say whether a change is noticed, or survives, or runs for ever."""
        copy, tests = self.free.get(), self.tree.mirror(change.path)
        changed, original = copy / change.path, copy / "original"
        shutil.copy2(changed, original)
        try:
            if tests not in self.sound and self.run(copy, tests) != "survived":
                told = (copy / "log.txt").read_text()
                raise SystemExit(f"without any change, tests fail: {' '.join(tests)}\n{told}")
            self.sound.add(tests)
            lines = original.read_text().splitlines()
            lines[change.line - 1] = change.new
            changed.write_text("\n".join(lines) + "\n")
            return self.run(copy, tests)
        finally:
            shutil.copy2(original, changed)
            shutil.rmtree(copy / ".hypothesis", ignore_errors=True)  # examples of this change
            self.free.put(copy)

    def run(self, copy: Path, tests: tuple[str, ...]) -> str:
        """Run tests in a copy, in a process that need not import what is the same for all."""
        child = self.context.Process(target=run_tests, args=(copy, tests, self.limit))
        with self.turn:
            child.start()
        multiprocessing.connection.wait([child.sentinel])
        with self.turn:
            child.join()
        return {0: "survived", -signal.SIGXCPU: "timed out"}.get(child.exitcode, "noticed")


def run_tests(copy: Path, tests: tuple[str, ...], limit: int) -> None:
    """Run tests in this process and leave it; what is limited is processor time, so that a busy machine fails none."""
    os.chdir(copy)
    os.environ["PYTHONPATH"] = sys.path[0] = str(copy)
    sys.dont_write_bytecode = False
    os.setsid()  # schedulers share processors among sessions
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    with (copy / "log.txt").open("w") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    sys.exit(pytest.main([*options, *tests], plugins=[Patience()]))


class Patience:
    """Hypothesis fails tests that are slow; on a busy machine that would count as noticed."""

    def pytest_configure(self) -> None:
        from hypothesis import HealthCheck, settings  # noqa: PLC0415 - pytest wants to be the first to import it

        settings.register_profile("patient", deadline=None, suppress_health_check=list(HealthCheck))
        settings.load_profile("patient")


def draw(tree: Tree, rooms: list[str], sample: int, seed: int) -> list[Change]:
    """Draw lines among all that can be changed, and one change on each."""
    sources = {path: (tree.root / path).read_text() for room in rooms for path in tree.find_modules(room)}
    lines: dict[tuple[str, int], list[Change]] = {}
    for change in (change for path, source in sources.items() for change in find_changes(path, source)):
        lines.setdefault((change.path, change.line), []).append(change)
    chance, drawn = random.Random(seed), []
    for place in chance.sample(sorted(lines), len(lines)):
        ways = chance.sample(lines[place], len(lines[place]))
        drawn += [change for change in ways if has_effect(change, sources[change.path])][:1]
        if len(drawn) == sample:
            break
    return drawn


def read_known(equal: Path, log: Path) -> dict[tuple[str, ...], str]:
    """Verdicts that need no run: blocks of `@ scope`, `- line`, `+ line`, `= reason`; and what was noticed before."""
    named = equal.read_text() if equal.exists() else ""
    known = dict.fromkeys(re.findall(r"^@ (.*)\n- (.*)\n\+ (.*)\n= .", named, re.MULTILINE), "equal")
    for *change, verdict in map(json.loads, log.read_text().splitlines() if log.exists() else ()):
        known |= {Change(*change).key: verdict} if verdict == "noticed" else {}
    return known


def main() -> None:
    """Draw, judge, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rooms", nargs="+", required=True, help="such as pecm, network, kernels")
    options.add_argument("--sample", type=int, default=40)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--limit", type=int, default=150, help="seconds of a processor that a change may take")
    options.add_argument("--log", type=Path, default=os.devnull)
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options.add_argument("--package", default="qtp_toolkit")
    given = options.parse_args()
    tree = Tree(given.root.resolve(), given.package)
    known, table = read_known(tree.root / "tools" / "equal.txt", given.log), {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool, given.log.open("a") as log:
        copies = Copies(tree, Path(folder), given.jobs, given.limit)
        changes = draw(tree, given.rooms, given.sample, given.seed)
        verdicts = pool.map(lambda change: known.get(change.key) or copies.judge(change), changes)
        for change, verdict in zip(changes, verdicts, strict=True):
            table.setdefault(Path(change.path).with_suffix("").parts[1], Counter())[verdict] += 1
            if verdict == "survived":
                print("{}:{}\n@ {}\n- {}\n+ {}\n".format(change.path, change.line, *change.key), flush=True)
            print(json.dumps([*change, verdict]), file=log, flush=True)
    for room, counts in [*sorted(table.items()), ("all", sum(table.values(), Counter()))]:
        seen, late, equal = counts["noticed"] + counts["timed out"], counts["timed out"], counts["equal"]
        judged = seen + counts["survived"]
        print(f"{room:12} {seen / max(judged, 1):4.0%} noticed of {judged}, {late} by time; {equal} equal")


if __name__ == "__main__":
    main()
