"""Recall: the notice says what to delete and nothing else; later releases know which earlier ones to compare with."""

import json
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.flow.haven.model import KeptWithdrawal, WithdrawalKind
from fivesafes.flow.haven.recall import Document, recall_notices, to_compare
from fivesafes.flow.haven.withdraw import withdraw

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"


@pytest.mark.parametrize("kind", WithdrawalKind)
def test_a_notice_names_the_pseudonym_and_what_to_do(world: "World", kind: WithdrawalKind) -> None:
    """For people and programs the same; no keyed id, which would join it to the haven."""
    person = world.admit("DOE^JANE", subject="aaaaaaaa")
    world.release("r1", [person])
    asked = KeptWithdrawal(id=1, participant=person.id, project=PROJECT, kind=kind, requested_at=world.watch())
    (notice,) = recall_notices(world.books.project(PROJECT), world.books.releases()[0], asked, subject="aaaaaaaa")
    assert "whoever published it" in notice.text
    assert notice.data["subjects"] == ["sub-aaaaaaaa"]
    for text in (notice.text, json.dumps(notice.data)):
        assert person.id not in text
        assert "DOE" not in text
    assert "data@university.example" in notice.text


def test_a_new_release_is_compared_with_each_that_holds_somebody_it_does_not(world: "World") -> None:
    """The difference of the two would be that person; it is told how many, and how many of them have withdrawn."""
    one, two = world.admit("A", subject="aaaaaaaa"), world.admit("B", subject="bbbbbbbb")
    world.release("both", [one, two])
    world.release("first", [one])

    def compared(*people: str) -> list[tuple[str, int, int]]:
        found = to_compare(world.books, PROJECT, people)
        return [(each.release.id, each.missing, each.withdrawn) for each in found]

    assert compared(one.id) == [("both", 1, 0)]
    assert compared(one.id, two.id) == []
    assert compared(two.id) == [("both", 1, 0), ("first", 1, 0)]
    withdraw(world.means, one.id, WithdrawalKind.FULL)
    assert compared(two.id) == [("both", 1, 1), ("first", 1, 1)]
    assert compared() == [("both", 2, 1), ("first", 1, 1)]
    both, first = to_compare(world.books, PROJECT, [])
    assert both.why.startswith("it holds 2 participants whom this one does not, 1 of them withdrawn:")
    assert first.why.startswith("it holds 1 participant whom this one does not, 1 of them withdrawn:")


def test_a_document_is_written_whole_or_not_at_all(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the earlier one; a name with a path is refused."""
    document = Document(project=PROJECT, name="notice", text="first", data={"n": 1})
    outbox = world.means.outbox
    outbox.put([document])
    path = world.document("notice.txt")
    assert path.read_text() == "first"
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] == document.digest

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fivesafes.stores.outbox.os.fsync", full)
    with pytest.raises(TryAgain, match="No space"):
        outbox.put([evolve(document, text="second")])
    assert path.read_text() == "first"
    assert len(list(path.parent.iterdir())) == 2
    with pytest.raises(InvalidInput):
        outbox.put([evolve(document, name="../notice")])
