"""Verification sees what is missing, damaged, forged, stray or left; and cleaning takes nothing that a row names."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from django.db import connection
from tests.setting.vault.havens import SealedHaven

from fivesafes.core.errors import Refused
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState
from fivesafes.flow.sealed import Sealed, sealed_in
from fivesafes.flow.verify_vault import Checked, clean, move_damaged, verify_vault
from fivesafes.setting.vault.keys import participant_key
from fivesafes.setting.vault.seal import seal
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.identity_files import read_identity
from fivesafes.stores.models import Instance
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.vault import holding_of

OBJECTS = 3 * 5 + 1


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


def test_a_missing_key_is_seen_and_nothing_is_said_against_what_it_opens(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path], opened: OpenHaven
) -> None:
    """Ann has two series of five objects: the fault is one file of the keyring."""
    opened.keyring.destroy(first[0].key)
    found = verify(None)
    assert (found.keys_missing, found.opened, found.damaged) == (1, OBJECTS - 10, ())
    assert [finding.code for finding in found.verdict().findings] == ["setting.vault.key-missing", "setting.vault.seen"]


@pytest.mark.parametrize("fault", ["bit", "cut", "emptied", "swapped"])
@pytest.mark.parametrize("sample", [0, None])
def test_a_damaged_key_is_one_fault_of_the_keyring_and_none_of_its_objects(
    verify: Callable[[int | None], Checked],
    first: tuple[Sealed, Path],
    haven: SealedHaven,
    fault: str,
    sample: int | None,
) -> None:
    """Named by its file, with the fix that helps; seen also where no object is opened."""
    path = haven.path / "keyring" / first[0].key
    content = path.read_bytes()
    other = next(one for one in path.parent.glob("*.age") if one != path)
    damage = {"bit": content[:-1] + bytes([content[-1] ^ 1]), "cut": content[:-9], "emptied": b"", "swapped": b""}
    path.write_bytes(other.read_bytes() if fault == "swapped" else damage[fault])
    found = verify(sample)
    assert (found.damaged, found.keys_missing) == ((), 0)
    assert [(one.name, one.objects) for one in found.keys_damaged] == [(first[0].key, 10)]
    (finding,) = [one for one in found.verdict().findings if one.gravity.word == "refuse"]
    assert finding.code == "setting.vault.key-damaged"
    assert "backup of the keys" in finding.fix


@pytest.mark.parametrize("name", ["*.address.age", "*.trail.age", "projects/*.pseudonyms.age"])
def test_a_damaged_key_that_no_object_needs_is_seen(
    verify: Callable[[int | None], Checked], haven: SealedHaven, name: str
) -> None:
    """Found when it is needed it would be too late: the backup of the keys may have forgotten it."""
    path = next((haven.path / "keyring").glob(name))
    path.write_bytes(path.read_bytes()[:-1])
    found = verify(0)
    assert [(one.name, one.objects) for one in found.keys_damaged] == [
        (path.relative_to(haven.path / "keyring").as_posix(), 0)
    ]
    assert found.verdict().refuses


def altered(sql: str, *values: str | bytes) -> None:
    """Change rows as somebody with a database's shell would."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount


def exchange_addresses(one: str, other: str) -> None:
    """Exchange the first original of two series."""
    rows = Instance.objects.filter(series_id__in=[one, other], number=0).values_list("series_id", "address")
    there = {series: bytes(address) for series, address in rows}
    for series, address in ((one, there[other]), (other, there[one])):
        altered("UPDATE haven_instance SET address = %s WHERE series_id = %s AND number = 0", address, series)


def test_originals_exchanged_between_two_series_of_one_person_are_seen_though_all_open(
    verify: Callable[[int | None], Checked], haven: SealedHaven
) -> None:
    """The trail has each series' digest: rows that a shell changed do not fit it."""
    one, _, other = haven.contents
    exchange_addresses(one, other)
    found = verify(None)
    assert (found.opened, found.damaged) == (OBJECTS, ())
    assert [told.series for told in found.not_as_told] == [one, other]
    (finding,) = [one for one in found.verdict().findings if one.gravity.word == "refuse"]
    assert finding.code == "setting.vault.not-as-told"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM haven_instance WHERE series_id = %s AND number = 3",
        "DELETE FROM haven_instance WHERE series_id = %s",
        "UPDATE haven_series SET sheet = X'' WHERE id = %s",
        "UPDATE haven_series SET trail_n = trail_n + 1 WHERE id = %s",
        "UPDATE haven_series SET state = 'in-place' WHERE id = %s",
        "UPDATE haven_series SET state = 'shredded' WHERE id = %s",
    ],
)
def test_rows_that_are_gone_or_changed_are_seen_and_cleaning_then_takes_nothing(
    verify: Callable[[int | None], Checked], haven: SealedHaven, opened: OpenHaven, sql: str
) -> None:
    """What no row names any more is an original all the same."""
    series = next(iter(haven.contents))
    altered(sql, series)
    found = verify(None)
    assert [one.series for one in found.not_as_told] == [series]
    before = dict(opened.blobs.walk())
    with pytest.raises(Refused):
        clean(opened.books, opened.blobs, opened.keyring, found)
    assert dict(opened.blobs.walk()) == before


def test_a_series_whose_row_is_gone_or_goes_by_an_older_event_is_seen(
    verify: Callable[[int | None], Checked], haven: SealedHaven, opened: OpenHaven
) -> None:
    """The trail's last word about a series counts."""
    one, other, _ = haven.contents
    row = opened.books.one_series(other)
    assert row is not None
    event = opened.books.told(row.trail_n)
    assert event is not None
    with opened.books.deed():
        opened.books.tell(evolve(event, facts={**event.facts, "digest": "0" * 64}))
    altered("DELETE FROM haven_instance WHERE series_id = %s", one)
    altered("DELETE FROM haven_series WHERE id = %s", one)
    assert [told.series for told in verify(0).not_as_told] == [one, other]


def test_a_cut_that_its_size_shows_is_seen_without_opening(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path]
) -> None:
    """The books have the size of each original: less than that and the seal can't be whole."""
    first[1].write_bytes(first[1].read_bytes()[:300])
    assert [one.why for one in verify(0).damaged] == ["the object was cut"]


def test_damaged_objects_are_moved_aside_and_nothing_is_lost(
    verify: Callable[[int | None], Checked], first: tuple[Sealed, Path], haven: SealedHaven, opened: OpenHaven
) -> None:
    """The bytes stay, beside their place; they go with --clean once a whole one was opened in that place."""
    one, path = first
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    damaged = holding_of(opened.config, opened.keys, read_identity(haven.identities["Ada"])).damaged

    def moved(found: Checked) -> int | None:
        author = opened.author("test")
        return move_damaged(opened.books, opened.blobs, opened.keyring, found, damaged=damaged, author=author)

    with opened.keyring.working():
        assert moved(verify(None)) is None
    assert moved(verify(None)) == 1
    (beside,) = path.parent.glob(f"{path.name}.*")
    assert beside.read_bytes() == content[:-1] + bytes([content[-1] ^ 1])
    found = verify(None)
    assert ([one.why for one in found.damaged], found.stray_objects) == (["the vault lacks the object"], ())
    assert (len(found.beside), found.replaced) == (1, ())
    assert moved(found) == 0
    assert clean(opened.books, opened.blobs, opened.keyring, found)
    assert beside.exists()
    opened.vault("p1").keep([haven.contents[one.series][1]], recipient=one.recipient)
    healed = verify(None)
    assert (healed.damaged, len(healed.replaced)) == ((), 1)
    assert clean(opened.books, opened.blobs, opened.keyring, healed)
    assert not beside.exists()
    assert verify(None).verdict().gravity.word == "note"


def test_nothing_is_moved_aside_where_the_key_of_all_names_is_another(haven: SealedHaven, opened: OpenHaven) -> None:
    """A wrong address.key makes every object look like another: that is no damage to objects."""
    right = holding_of(opened.config, opened.keys, read_identity(haven.identities["Ada"]))
    wrong = evolve(right, address_key=bytes(32)).damaged
    found = verify_vault(opened.books, opened.blobs, opened.keyring, damaged=wrong, sample=None, progress=Silent())
    before = dict(opened.blobs.walk())
    with pytest.raises(Refused, match="address key"):
        move_damaged(opened.books, opened.blobs, opened.keyring, found, damaged=wrong, author=opened.author("test"))
    assert dict(opened.blobs.walk()) == before


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
