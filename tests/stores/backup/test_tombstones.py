"""Tombstones: they only grow, and are never taken for empty."""

import json
import os
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.stores.backup.sites import ANN, BOB, ID, Site
from tests.stores.conftest import NOW

from fivesafes.core.errors import InvalidInput
from fivesafes.flow.haven.model import (
    WithdrawalKind,
)
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.stores import trail
from fivesafes.stores.backup import (
    Tombstones,
    add_tombstones,
    read_tombstones,
    tombstones_now,
    with_disposal,
)
from fivesafes.stores.backup.tombstones import TakenBack, add_here

HAVEN = "a" * 16
NOTE = "example.org/haven\n{size}\n" + "A" * 43 + "=\n\n— example.org/haven " + "A" * 96 + "\n"

MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
LISTS = st.builds(
    Tombstones,
    haven=st.just(HAVEN),
    told_at=MOMENTS,
    withdrawals=st.frozensets(
        st.builds(
            TakenBack,
            at=MOMENTS,
            participant=st.sampled_from("abc"),
            kind=st.sampled_from(WithdrawalKind),
            project=st.sampled_from(["p1", "p2"]),
            recipient=st.sampled_from(["", "age1x"]),
        )
    ),
    disposals=st.dictionaries(st.sampled_from(["p1", "p2"]), MOMENTS),
    trail=st.integers(0, 99),
    checkpoint=st.sampled_from(["", *(NOTE.format(size=size) for size in (3, 50))]),
)


def listed(*people: str, at: datetime = NOW) -> Tombstones:
    """List full withdrawals."""
    back = (
        TakenBack(at=at, participant=one, kind=WithdrawalKind.FULL, project="p1", recipient=f"age1{one}")
        for one in people
    )
    return Tombstones(haven=HAVEN, told_at=at, withdrawals=frozenset(back), trail=len(people))


def backup_of_keys(folder: Path, haven: str = HAVEN) -> Path:
    """Let a folder say whose keys it holds."""
    folder.mkdir(exist_ok=True)
    (folder / "keys.json").write_text(json.dumps({"haven": haven}))
    return folder


@given(one=LISTS, other=LISTS)
def test_two_lists_together_lose_nothing_and_read_as_they_were_written(one: Tombstones, other: Tombstones) -> None:
    """Whichever is added to which; the first disposal counts, and on the trail the later list has the word."""
    both = one.joined(other)
    assert both == other.joined(one) == both.joined(one)
    assert both.withdrawals == one.withdrawals | other.withdrawals
    assert both.disposals.keys() == one.disposals.keys() | other.disposals.keys()
    assert all(both.disposals[project] <= at for project, at in [*one.disposals.items(), *other.disposals.items()])
    if one.told_at != other.told_at:
        later = max(one, other, key=lambda each: each.told_at)
        assert (both.trail, both.checkpoint, both.seen) == (later.trail, later.checkpoint, later.seen)
    with tempfile.TemporaryDirectory() as folder:
        backup_of_keys(Path(folder))
        add_tombstones(Path(folder), one)
        add_tombstones(Path(folder), other)
        assert read_tombstones(Path(folder)) == both


def test_a_list_that_is_missing_or_damaged_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """Neither when it is read nor when it is added to."""
    with pytest.raises(InvalidInput, match="who withdrew"):
        read_tombstones(tmp_path)
    add_tombstones(backup_of_keys(tmp_path), listed("b"))
    (tmp_path / "tombstones.json").write_text("{")
    with pytest.raises(InvalidInput, match="who withdrew"):
        read_tombstones(tmp_path)
    with pytest.raises(InvalidInput, match="who withdrew"):
        add_tombstones(tmp_path, listed("c"))


def test_two_havens_are_not_mixed(tmp_path: Path) -> None:
    """A project of the other haven may have the same name."""
    add_here(backup_of_keys(tmp_path), evolve(listed("b"), haven="b" * 16))
    with pytest.raises(InvalidInput, match="another haven's"):
        add_tombstones(tmp_path, listed("c"))


def test_every_dated_copy_of_the_keys_in_a_place_learns_of_it(tmp_path: Path) -> None:
    """Also those that a user has copied themselves; another haven's beside them does not."""
    for name, haven in (("2026-01", HAVEN), ("2026-02", HAVEN), ("other", "b" * 16)):
        backup_of_keys(tmp_path / name, haven)
    add_tombstones(tmp_path, listed("a"))
    assert sorted(path.parent.name for path in tmp_path.rglob("tombstones.json")) == ["2026-01", "2026-02"]
    with pytest.raises(FileNotFoundError):
        add_tombstones(tmp_path / "away", listed("a"))


def test_nothing_is_written_into_an_empty_folder_and_beside_keys_that_a_person_copied_it_is(tmp_path: Path) -> None:
    """The one may be where a disk is to be plugged in, and would look like the disk from then on."""
    add_tombstones(tmp_path, listed("a"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "haven.address.age").touch()
    add_tombstones(tmp_path, listed("a"))
    assert read_tombstones(tmp_path).withdrew == {"a"}


@pytest.mark.parametrize("fault", ["unreadable", "damaged"])
def test_one_copy_that_cannot_be_reached_is_told_and_keeps_no_other_from_learning_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A dated copy that another user made may be what is restored one day."""
    first, last = (backup_of_keys(tmp_path / name) for name in ("2026-01", "2026-02"))
    (tmp_path / "2025").mkdir()
    real = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path) == tmp_path / "2025":
            raise PermissionError(13, "Permission denied")
        return real(path)

    if fault == "unreadable":
        monkeypatch.setattr(os, "scandir", refused)
    else:
        (backup_of_keys(tmp_path / "2025") / "tombstones.json").write_text("{")
    with pytest.raises(PermissionError if fault == "unreadable" else InvalidInput):
        add_tombstones(tmp_path, listed("a"))
    assert [read_tombstones(folder).withdrew for folder in (first, last)] == [{"a"}, {"a"}]


def test_two_who_add_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each reads what the other has written."""
    backup_of_keys(tmp_path)
    adders = [threading.Thread(target=add_tombstones, args=(tmp_path, listed(f"{number}"))) for number in range(12)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    assert len(read_tombstones(tmp_path).withdrew) == 12


def test_the_books_say_what_was_taken_back_and_how_far_the_trail_has_come(site: Site) -> None:
    """Begun and done, full and in part; and the newest checkpoint that was signed."""
    site.take_back(ANN, WithdrawalKind.NO_FACE)
    site.withdraw(BOB)
    with site.opened():
        note = trail.checkpoint(NoteSigner(bytes(32), "example.org/haven"), clock=lambda: NOW).note
        size = trail.head().size
        known = tombstones_now(lambda: NOW)
    assert {(one.participant, one.kind, one.project, one.recipient) for one in known.withdrawals} == {
        (ANN, WithdrawalKind.NO_FACE, "p1", f"age1{ANN}"),
        (BOB, WithdrawalKind.FULL, "p1", f"age1{BOB}"),
    }
    assert known.withdrew == {BOB}
    assert (known.haven, known.trail, known.checkpoint, known.seen) == (ID, size, note, size)
    assert with_disposal(known, "p1").disposals == {"p1": NOW}
    site.dispose()
    with site.opened():
        assert tombstones_now(lambda: NOW).disposals == {"p1": NOW}
