"""Verification sees what is missing, damaged, forged, stray or left; and cleaning takes nothing that a row names."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.setting.vault.havens import SealedHaven, make_haven

from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState
from fivesafes.flow.sealed import Sealed, sealed_in
from fivesafes.flow.verify_vault import Checked, clean, verify_vault
from fivesafes.setting.vault.keys import participant_key
from fivesafes.setting.vault.seal import seal
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.keyring_files import read_identity
from fivesafes.wiring.haven import OpenHaven, opened_haven
from fivesafes.wiring.vault import holding_of

OBJECTS = 3 * 5 + 1


@pytest.fixture
def haven(tmp_path: Path) -> SealedHaven:
    """Make a haven with 15 objects of three series and one that was set aside."""
    return make_haven(tmp_path)


@pytest.fixture
def opened(haven: SealedHaven) -> Iterator[OpenHaven]:
    """Open it."""
    with opened_haven(haven.path) as opened:
        yield opened


@pytest.fixture
def verify(haven: SealedHaven, opened: OpenHaven) -> Callable[[int | None], Checked]:
    """Verify with Ada's identity, opening so many (None: all)."""
    holding = holding_of(opened.config, opened.keys, read_identity(haven.identities["Ada"]))
    return lambda sample: verify_vault(
        opened.books, opened.blobs, opened.keyring, damaged=holding.damaged, sample=sample, progress=Silent()
    )


@pytest.fixture
def first(haven: SealedHaven, opened: OpenHaven) -> tuple[Sealed, Path]:
    """Give the first series and where its second original lies."""
    one = next(sealed_in(opened.books))
    return one, haven.path / "vault" / object_name(one.addresses[1], one.recipient)


def test_a_whole_vault_passes_with_all_opened(verify: Callable[[int | None], Checked]) -> None:
    """Nothing to say but how much was looked at."""
    found = verify(None)
    assert (found.objects, found.opened, found.damaged) == (OBJECTS, OBJECTS, ())
    assert [finding.code for finding in found.verdict().findings] == ["setting.vault.seen"]


@pytest.mark.parametrize("sample", [0, 1, 7, 15, 16, 99])
def test_a_sample_opens_so_many(verify: Callable[[int | None], Checked], sample: int) -> None:
    """Or all when there are fewer."""
    assert verify(sample).opened == min(sample, OBJECTS)


def test_a_missing_object_is_seen_without_opening_any(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path]
) -> None:
    """Named by series, number and object, for whoever restores it."""
    first[1].unlink()
    found = verify(0)
    (damage,) = found.damaged
    assert (damage.series, damage.kind, damage.number) == (first[0].series, "original", 2)
    assert damage.name in str(first[1])
    assert found.verdict().refuses


@pytest.mark.parametrize("fault", ["bit", "cut", "forged", "emptied", "swapped"])
def test_an_object_that_is_not_what_was_received_is_seen(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path], haven: SealedHaven, fault: str
) -> None:
    """A flipped bit, a cut, another content sealed to the right person, another object under its name."""
    one, path = first
    content = path.read_bytes()
    other = haven.path / "vault" / object_name(one.addresses[2], one.recipient)
    path.write_bytes(
        {
            "bit": content[:-1] + bytes([content[-1] ^ 1]),
            "cut": content[:-1],
            "forged": seal(haven.contents[one.series][1] + b"!", (one.recipient,)),
            "emptied": b"",
            "swapped": other.read_bytes(),
        }[fault]
    )
    found = verify(None)
    assert [(damage.series, damage.number) for damage in found.damaged] == [(one.series, 2)]
    assert "CANARY" not in str(found.verdict())


def test_a_missing_key_is_seen_and_all_that_it_opens_is_damaged(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path], opened: OpenHaven
) -> None:
    """Ann has two series of five objects."""
    opened.keyring.destroy(first[0].key)
    found = verify(None)
    assert found.keys_missing == 1
    assert len(found.damaged) == 10
    assert {finding.code for finding in found.verdict().findings} >= {
        "setting.vault.key-missing",
        "setting.vault.damaged",
    }


def test_strays_are_reviewed_and_cleaned_only_when_asked_and_alone(
    verify: Callable[[int | None], Checked], opened: OpenHaven
) -> None:
    """Left by a killed ingest: objects and a key without rows."""
    (admitted,) = opened.newcomers("p1").admit([Identifying("KILLED")])
    opened.vault("p1").keep([b"one", b"two"], recipient=admitted.recipient)
    found = verify(None)
    assert (len(found.stray_objects), len(found.stray_keys)) == (2, 1)
    assert found.verdict().gravity.word == "review"
    with opened.keyring.working():
        assert not clean(opened.books, opened.blobs, opened.keyring, found)
    assert len(verify(0).stray_objects) == 2
    assert clean(opened.books, opened.blobs, opened.keyring, found)
    after = verify(None)
    assert (after.stray_objects, after.stray_keys, after.damaged) == ((), (), ())


def test_what_got_its_row_since_it_was_found_is_not_cleaned(
    verify: Callable[[int | None], Checked], opened: OpenHaven
) -> None:
    """The books are asked again: a stray of a minute ago may be somebody's original now."""
    (admitted,) = opened.newcomers("p1").admit([Identifying("LATE")])
    found = verify(0)
    assert len(found.stray_keys) == 1
    with opened.books.deed():
        opened.books.add_participants([admitted], at=opened.clock())
    assert clean(opened.books, opened.blobs, opened.keyring, found)
    assert verify(0).keys_missing == 0


def test_a_key_that_a_backup_brought_back_after_a_withdrawal_is_seen_and_destroyed(
    verify: Callable[[int | None], Checked], opened: OpenHaven
) -> None:
    """A restored keyring must not undo a withdrawal."""
    person = opened.books.participants("p1")[0]
    key = participant_key(person.id, person.recipient)
    with opened.books.deed():
        for series in opened.books.series_of(person.id):
            opened.books.set_series_state([series.id], type(series.state).SHREDDED)
        opened.books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
    found = verify(0)
    assert found.keys_left == 1
    assert found.verdict().refuses
    assert clean(opened.books, opened.blobs, opened.keyring, found)
    assert key not in set(opened.keyring.names())
    assert verify(None).verdict().gravity.word == "note"
