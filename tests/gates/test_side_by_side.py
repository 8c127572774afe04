"""The page that sets defacers side by side tells of what its command takes, and knows wrong answers."""

from typing import Any

import pytest
from benchmarks.bet_port import BetPort
from benchmarks.side_by_side import PAGE, RUNS
from benchmarks.side_by_side_page import LABELS, SHOWN, page, wrong
from tests.heads.variants import variants

from fivesafes.core.plugins import names

CLEAN = dict.fromkeys(("eyes", "nose", "mouth", "chin", "ears"), 0.0)


def row(variant: str, answer: str, **measured: Any) -> dict[str, Any]:  # noqa: ANN401 - a row holds figures and words
    """Make a row as the comparison measures it."""
    right = next(answer in one.answers for one in variants() if one.name == variant)
    spent = {"cpu": 1.0, "tool_cpu": 0.0, "mb": 100}
    return {"variant": variant, "answer": answer, "right": right, "why": "", **spent, **measured}


def test_each_image_is_one_variant_and_the_beginning_of_no_other() -> None:
    """The comparison takes variants by how their names begin."""
    every = [one.name for one in variants()]
    for name in SHOWN:
        assert [one for one in every if one.startswith(name)] == [name]


def test_the_page_tells_of_every_tool_and_image() -> None:
    """Made by one command: python -m benchmarks.side_by_side HEAD."""
    assert set(LABELS) == set(RUNS)
    text = PAGE.read_text(encoding="utf-8")
    for told in [*LABELS.values(), *SHOWN.values()]:
        assert told in text, told


def test_the_port_of_bet_is_no_engine_of_the_package() -> None:
    """It cuts brain: it is there to be compared with."""
    assert BetPort.name not in names("defacer")


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (row("as-it-is", "defaced", left=CLEAN), ""),
        (row("as-it-is", "defaced", left=CLEAN | {"nose": 0.11}), "face left"),
        (row("as-it-is", "defaced", left=CLEAN | {"ears": 0.29}), ""),
        (row("as-it-is", "defaced", left=CLEAN | {"ears": 0.31}), "face left"),
        (row("as-it-is", "needs-review", left=CLEAN | {"nose": 1.0}), ""),
        (row("as-it-is", "defaced", left=CLEAN, brain_share=0.001), "brain cut"),
        (row("as-it-is", "refused"), ""),
        (row("as-it-is", "nothing-to-do"), "a face, called none"),
        (row("already-defaced", "defaced", left=CLEAN | {"nose": 1.0}), ""),
        (row("already-defaced", "nothing-to-do"), ""),
        (row("phantom", "defaced", left={}), "no head, called defaced"),
    ],
)
def test_an_answer_is_wrong_when_it_promises_what_is_not_so(answered: dict[str, Any], told: str) -> None:
    """A refusal and a call for a person promise nothing."""
    assert wrong(answered) == told


def test_a_tool_that_wrote_nothing_has_its_row_too() -> None:
    """It failed on the head, and left the phantom to us."""
    failed = [row("as-it-is", "refused", why="pydeface failed: its time was up"), row("phantom", "refused")]
    text = page({("pydeface", "remove"): failed}, others=("pydeface==2.1.0", "brainextractor==0.3.0"))
    assert "| pydeface | – | – | – | – | 1 of 1 (as it is: the tool failed) |" in text
    assert "| pydeface | 0 | 0 | 0 | 0 | 0 | 0 |" in text
