"""Change the allow-list logic in one place at a time and see whether a test notices.

Usage: python tools/mutate.py [MODULE ...]      modules of fivesafes.data.header; default: all of TESTS

A mutant swaps a comparison, a Boolean word or an arithmetic sign, negates a condition, raises a number by one, returns
None, or leaves a statement out.  Each runs its module's tests in a fork of this process, which has imported everything
but the package; the first test that fails kills it.  One that nothing kills is printed and makes the exit code 1, but
for those that tools/mutants-equivalent.csv lists with the reason why nobody could tell the difference.
"""

import ast
import copy
import csv
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import attrs
import hypothesis
import numpy  # noqa: F401, ICN001 - imported once, before the forks
import pydicom.pixels  # noqa: F401 - as above
import pytest

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "src" / "fivesafes" / "data" / "header"
EQUIVALENT = ROOT / "tools" / "mutants-equivalent.csv"
TESTS: Final = {
    "values": ("test_values", "test_values_judged", "test_deidentify"),
    "cleaner": ("test_cleaner", "test_deidentify", "test_pixel_step", "test_runs"),
    "grammar": ("test_grammar",),
    "words": ("test_words",),
    "profile": ("test_profile", "test_compose", "test_siemens", "test_cleaner", "test_deidentify"),
    "judge": ("test_judge",),
    "ranges": ("test_numbers",),
    "runs": ("test_runs",),
}
MOST_SECONDS: Final = 120
EXAMPLES: Final = 25
os.environ["FIVESAFES_SCANNER"] = "plain"  # a compiled twin would run in place of the mutant
_QUIET: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_SWAPS: Final = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


_SHOWN: Final = frozenset({"repr", "eq", "maxsize", "strict"})
"""Arguments that say how a thing is shown or remembered, and nothing of what is kept."""


@attrs.frozen
class Mutant:
    """One changed place: its key says where and what, in words that outlive other changes of the file."""

    key: str
    line: int
    code: CodeType


def mutants(path: Path) -> Iterator[Mutant]:
    """Make each mutant of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    for place, (node, within) in enumerate(_nodes(tree)):
        for number in range(len(_changes(node))):
            other = copy.deepcopy(tree)
            twin = next(one for index, (one, _) in enumerate(_nodes(other)) if index == place)
            before = ast.unparse(twin)
            change = _changes(twin)[number]
            change()
            ast.fix_missing_locations(other)
            key = f"{within}: {_short(before)} -> {_short(ast.unparse(twin))}"
            seen[key] = seen.get(key, 0) + 1
            key += f" #{seen[key]}" if seen[key] > 1 else ""
            yield Mutant(key, getattr(node, "lineno", 0), compile(other, str(path), "exec"))


def _short(text: str) -> str:
    return " ".join(text.split())[:160]


def _nodes(tree: ast.AST, within: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Walk over what runs: annotations, docstrings and arguments of decorators are not mutated."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for node in value if isinstance(value, list) else [value]:
            said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not isinstance(node, ast.AST) or said or (isinstance(node, ast.keyword) and node.arg in _SHOWN):
                continue
            named = f"{within}.{node.name}" if isinstance(node, ast.FunctionDef | ast.ClassDef) else within
            yield node, named.strip(".")
            yield from _nodes(node, named)


def _changes(node: ast.AST) -> list["_Change"]:
    """List what can be changed at a node."""
    found: list[_Change] = []
    match node:
        case ast.Compare(ops=ops):
            found += [_Change(ops, index, _SWAPS[type(op)]()) for index, op in enumerate(ops) if type(op) in _SWAPS]
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _SWAPS:
            found.append(_Change(node, "op", _SWAPS[type(op)]()))
        case ast.Constant(value=bool(value)):
            found.append(_Change(node, "value", not value))
        case ast.Constant(value=int(value)):
            found.append(_Change(node, "value", value + 1))
        case ast.UnaryOp(op=ast.Not()):
            found.append(_Change(node, "operand", _negated(node.operand)))
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            found.append(_Change(node, "test", _negated(test)))
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and not value.value):
            found.append(_Change(node, "value", ast.Constant(None)))
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            found += [_Change(block, index, ast.Pass()) for index, one in enumerate(block) if _may_go(one)]
    return found


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _may_go(statement: ast.stmt) -> bool:
    call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Yield)
    return call or isinstance(statement, ast.AugAssign | ast.Raise | ast.Continue)


@attrs.frozen
class _Change:
    """Puts something else into a field of a node, or a place of a list."""

    where: ast.AST | list[ast.AST]
    place: str | int
    new: object

    def __call__(self) -> None:
        if isinstance(self.where, list):
            self.where[int(self.place)] = self.new  # type: ignore[call-overload]
        else:
            setattr(self.where, str(self.place), self.new)


@attrs.frozen
class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a mutant's code."""

    name: str
    path: Path
    code: CodeType

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Answer for this one module."""
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the default."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant's code."""
        exec(self.code, vars(module))  # noqa: S102 - that is what a loader does


class _Quick:
    """A pytest plugin: few examples, always the same."""

    @staticmethod
    def pytest_collection_modifyitems() -> None:
        """Take few examples once the tests' own profile was loaded."""
        hypothesis.settings.register_profile(
            "quick", max_examples=EXAMPLES, derandomize=True, deadline=None, database=None
        )
        hypothesis.settings.load_profile("quick")


def is_killed(module: str, code: CodeType | None) -> bool:
    """Run a module's tests against a mutant in a fork of this process."""
    child = os.fork()
    if child == 0:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        signal.alarm(MOST_SECONDS)
        if code is not None:
            sys.meta_path.insert(0, _Mutated(f"fivesafes.data.header.{module}", HEADER / f"{module}.py", code))
        tests = [str(ROOT / "tests" / "data" / "header" / f"{name}.py") for name in TESTS[module]]
        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--rootdir", str(ROOT), *_QUIET]
        os._exit(int(pytest.main([*options, *tests], plugins=[_Quick()])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def main(modules: Sequence[str]) -> int:
    """Try every mutant, and print those that live."""
    os.chdir(ROOT)
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        equivalent = {(row["module"], row["mutant"]): row["why"] for row in csv.DictReader(file)}
    lived = 0
    for module in modules or TESTS:
        if is_killed(module, None):
            print(f"{module}: its tests fail without any mutant")
            return 1
        made = list(mutants(HEADER / f"{module}.py"))
        known = {key for name, key in equivalent if name == module}
        began, left = time.monotonic(), []
        for mutant in made:
            if mutant.key not in known and not is_killed(module, mutant.code):
                left.append(mutant)
                print(f"{module}.py:{mutant.line} lives: {mutant.key}", flush=True)
        stale = known - {mutant.key for mutant in made}
        lived += len(left) + len(stale)
        for key in sorted(stale):
            print(f"{module}: listed as equivalent, and no mutant: {key}")
        print(f"{module}: {len(made)} mutants, {len(left)} live, {len(known)} alike ({time.monotonic() - began:.0f} s)")
    return 1 if lived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
