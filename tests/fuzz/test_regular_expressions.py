"""No text makes a regular expression take more than linear time: neither those of the code nor those of the policies.

Attacks are made from each expression's own parts: what leads to each of its repetitions, then thousands of what it
repeats, then something that fits nowhere.
"""

import csv
import importlib
import itertools
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from re import _constants as kinds  # type: ignore[attr-defined] # the parser of the standard library, for its own trees
from re import _parser as parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any, Final

import pytest

from fivesafes.data import header
from fivesafes.data.header.profile import POLICIES
from fivesafes.data.header.words import Vocabulary

LENGTH: Final = 16_000
MOST_SECONDS: Final = 0.05
"""Linear expressions take less than a tenth of that, quadratic ones more."""

_TAILS: Final = ("", "\x00", '"')
_SAMPLES: Final = {kinds.CATEGORY_DIGIT: "1", kinds.CATEGORY_WORD: "a", kinds.CATEGORY_SPACE: " "}


class _TooSlow(Exception):
    """An expression took its time."""


def _letters(tree: Iterable[Any]) -> Iterator[str]:
    """Give a letter for each thing that an expression names."""
    for kind, told in tree:
        if kind in {kinds.LITERAL, kinds.NOT_LITERAL}:
            yield chr(told)
        elif kind is kinds.RANGE:
            yield chr(told[0])
        elif kind is kinds.CATEGORY:
            yield _SAMPLES.get(told, "a")
        elif kind is kinds.IN:
            yield from _letters(told)
        else:
            for part in _parts(kind, told):
                yield from _letters(part)


def _parts(kind: object, told: Any) -> list[Any]:  # noqa: ANN401 - a node of the parser
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT}:
        return [told[2]]
    if kind is kinds.SUBPATTERN:
        return [told[3]]
    if kind is kinds.BRANCH:
        return list(told[1])
    if kind in {kinds.ASSERT, kinds.ASSERT_NOT}:
        return [told[1]]
    return [told] if kind is kinds.ATOMIC_GROUP else []


def _example(tree: Iterable[Any]) -> str:
    """Give a short text that a tree matches, near enough."""
    text = ""
    for kind, told in tree:
        if kind is kinds.BRANCH:
            text += _example(told[1][0])
        elif kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT}:
            text += _example(told[2]) * told[0]
        elif parts := _parts(kind, told):
            text += _example(parts[0]) if kind in {kinds.SUBPATTERN, kinds.ATOMIC_GROUP} else ""
        else:
            text += next(_letters([(kind, told)]), "")
    return text


def _ways_in(tree: Iterable[Any], before: str = "") -> Iterator[str]:
    """Give what leads to each repetition, however deep."""
    for kind, told in tree:
        if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT}:
            yield before
        for part in _parts(kind, told):
            yield from _ways_in(part, before)
        before += _example([(kind, told)])


def attacks(pattern: str) -> Iterator[str]:
    """Give texts that would make a careless expression take long."""
    tree = parser.parse(pattern)
    letters = sorted({*_letters(tree), " "})[:7]
    ways = sorted({"", *_ways_in(tree)})
    pumps = [*letters, *map("".join, itertools.permutations(letters, 2)), _example(tree) or "a", *filter(None, ways)]
    for way, pump, tail in itertools.product(ways, pumps, _TAILS):
        yield way + pump * (LENGTH // len(pump)) + tail


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow


def slowest(pattern: str, uses: Iterable[Callable[[str], object]]) -> float:
    """Give the processor time of the slowest attack, in seconds; that of one that never ends is its limit."""
    before = signal.signal(signal.SIGPROF, _ring)
    most = 0.0
    try:
        for text, use in itertools.product(attacks(pattern), list(uses)):
            signal.setitimer(signal.ITIMER_PROF, 10 * MOST_SECONDS)
            began = time.process_time()
            try:
                use(text)
            except _TooSlow:
                return 10 * MOST_SECONDS
            signal.setitimer(signal.ITIMER_PROF, 0)
            most = max(most, time.process_time() - began)
            if most > MOST_SECONDS:
                break
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return most


def _of_code() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in pkgutil.iter_modules(header.__path__, f"{header.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name.rpartition('.')[2]}.{name}", value


def _of_policies() -> Iterator[tuple[str, str]]:
    for path in sorted(POLICIES.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                yield from ((path.name, cell.removeprefix("re:")) for cell in row if cell.startswith("re:"))


def _uses(compiled: re.Pattern[Any]) -> list[Callable[[str], object]]:
    """Give the ways in which the code uses an expression: matched whole, and looked for everywhere."""

    def given(text: str) -> str | bytes:
        return text.encode("latin-1") if isinstance(compiled.pattern, bytes) else text

    return [
        lambda text: compiled.fullmatch(given(text)),
        lambda text: sum(1 for _ in compiled.finditer(given(text))),
    ]


CODE: Final = dict(_of_code())
POLICY: Final = sorted({pattern for _, pattern in _of_policies()})


@pytest.mark.parametrize("name", sorted(CODE))
def test_expressions_of_the_code_take_linear_time(name: str) -> None:
    """Matched whole or looked for, whatever the text."""
    compiled = CODE[name]
    pattern = compiled.pattern if isinstance(compiled.pattern, str) else compiled.pattern.decode("latin-1")
    assert slowest(pattern, _uses(compiled)) < MOST_SECONDS


@pytest.mark.parametrize("pattern", POLICY)
def test_expressions_of_the_policies_take_linear_time(pattern: str) -> None:
    """As grammars use them: matched whole."""
    compiled = re.compile(pattern.encode("ascii"))
    assert slowest(pattern, _uses(compiled)[:1]) < MOST_SECONDS


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "([a-z]+)*=",
        "(_?[a-z]+)*!",
        r"(\d+\.?\d*)*x",
        r'[a-z]+ *= *("{0,2})([^"]*?)"{0,2} *$',
        "(a|a)*b",
        "B[^x]*x",
    ],
)
def test_expressions_that_are_known_to_take_long_are_seen(pattern: str) -> None:
    """Or the tests above could not fail."""
    assert slowest(pattern, _uses(re.compile(pattern.encode()))) > MOST_SECONDS


@pytest.mark.parametrize("way", ["keep_words", "keep_code"])
def test_the_vocabulary_takes_linear_time(way: str) -> None:
    """Lost words make neighbours of what stood beside them, which must not take a round each."""
    words = Vocabulary.of(["t1", "echo"])
    for text in ("t1 1 x ", "t1 ", "1 ", "x 1 ", "t1 1.", "-", "t1-1 x 1 "):
        began = time.process_time()
        getattr(words, way)(text.encode() * (20_000 // len(text)))
        assert time.process_time() - began < 20 * MOST_SECONDS, text
