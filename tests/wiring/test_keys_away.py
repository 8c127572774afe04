"""Keys that are not where they should be, and copies of them: nothing unseen counts as destroyed."""

import json
import shutil

import pytest
from tests.wiring.conftest import Place, data_of, keys_of
from tests.wiring.copies import ON_FILES, take_back

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.retention import Force, dispose
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.setting.vault.keys import rewrap
from fivesafes.stores import trail
from fivesafes.wiring.backup import (
    Restoring,
    back_up_keyring,
    forget_key_place,
    restore_haven,
    test_restore,
)
from fivesafes.wiring.consent import carry_on, desk_at, means_of
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.projects import ingest_paths

test_restore.__test__ = False  # type: ignore[attr-defined]  # a command of that name, and no test of ours


@ON_FILES
def test_half_a_copy_of_a_projects_key_is_destroyed_with_the_project(sealed: Place) -> None:
    """A killed backup of keys may have left it."""
    halves = [path.with_name(f".{path.name}.new") for path in keys_of(sealed).rglob("journey.*.age")]
    assert len(halves) == 2
    for half in halves:
        half.write_bytes(b"half a key")
    with sealed.open() as haven:
        means_of(haven, by="test").keys.destroy_project("journey")
    assert not [half for half in halves if half.exists()]
    assert not list(keys_of(sealed).rglob("journey.*"))


@ON_FILES
def test_a_copy_of_the_keys_that_nobody_named_keeps_a_withdrawal_open_until_it_is_reached_or_forgotten(
    sealed: Place,
) -> None:
    """It is told where it lies."""
    away = keys_of(sealed).rename(sealed.folder / "unplugged")
    assert not take_back(sealed, WithdrawalKind.FULL)
    with sealed.open() as haven:
        (open_,) = carry_on(haven)
        assert set(open_.waits_for) == {
            f"{what}: the backup of the keyring at {keys_of(sealed)} can't be reached"
            for what in ("tombstones", "keys")
        }
        with pytest.raises(UsageMistake, match="no copy of the keys"):
            forget_key_place(haven, sealed.folder / "elsewhere")
    away.rename(keys_of(sealed))
    with sealed.open() as haven:
        assert [one.done for one in carry_on(haven)] == [True]
    assert not list(keys_of(sealed).rglob("participants/*.age"))


@ON_FILES
@pytest.mark.parametrize("kind", [WithdrawalKind.FULL, WithdrawalKind.NO_FACE])
@pytest.mark.parametrize("named", ["", "sealed-keys", "."])
def test_the_empty_mount_point_of_an_unplugged_disk_is_not_taken_for_the_disk(
    place: Place, kind: WithdrawalKind, named: str
) -> None:
    """Nothing is written into it, and the withdrawal waits: whether haven.toml names the folder, or one above it."""
    if named:
        description = place.path / "haven.toml"
        above = (place.folder / "mnt" / named).resolve()
        description.write_text(description.read_text().replace("key_backups = []", f'key_backups = ["{above}"]'))
    keys = place.folder / "mnt" / "sealed-keys"
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        back_up_keyring(haven, keys)
    disk = keys.rename(place.folder / "unplugged")
    keys.mkdir()
    assert not take_back(place, kind)
    assert list(keys.iterdir()) == []
    with place.open() as haven:
        with pytest.raises(TryAgain, match="plugged in"):
            back_up_keyring(haven, keys)
        assert [one.done for one in carry_on(haven)] == [False]
    assert list(keys.iterdir()) == []
    keys.rmdir()
    disk.rename(keys)
    with place.open() as haven:
        assert [one.done for one in carry_on(haven)] == [True]
    assert bool(list(keys.rglob("participants/*.age"))) == (kind is not WithdrawalKind.FULL)
    assert len(json.loads((keys / "tombstones.json").read_text())["withdrawals"]) == 1


@ON_FILES
def test_a_copy_of_the_keys_that_was_destroyed_can_be_forgotten(sealed: Place) -> None:
    """By a person's word, which stands in the trail."""
    shutil.rmtree(keys_of(sealed))
    assert not take_back(sealed, WithdrawalKind.NO_FACE)
    with sealed.open() as haven:
        forget_key_place(haven, keys_of(sealed))
        assert [one.done for one in carry_on(haven)] == [True]
        told = trail.last_of("backup")
        assert told is not None
        assert (told.outcome, told.facts["places"]) == ("keys forgotten", 0)


@ON_FILES
def test_a_withdrawal_waits_for_the_participants_keys_when_they_alone_are_away(sealed: Place) -> None:
    """The ring's mark stayed; the key was written, not destroyed, and is not there.  No custodian changes meanwhile."""
    folder = sealed.path / "keyring" / "participants"
    away = folder.rename(sealed.folder / "away")
    with sealed.open() as haven, desk_at(haven, by="Dr C") as desk:
        (person,) = haven.books.participants("journey")
        done = withdraw(desk.means, person.id, WithdrawalKind.FULL)
        assert not done.done
        assert ["not destroyed here" in one for one in done.waits_for] == [True]
        with pytest.raises(TryAgain, match="1 keys of the keyring are not there"):
            rewrap(haven.keyring, by=[], openers=haven.openers())
    away.rename(folder)
    with sealed.open() as haven:
        assert [one.done for one in carry_on(haven)] == [True]
    assert not list(sealed.folder.rglob("participants/*.age"))


@ON_FILES
@pytest.mark.parametrize("left", ["nothing", "a mount point"])
def test_a_withdrawal_waits_for_a_keyring_that_is_away(sealed: Place, left: str) -> None:
    """Nothing that is not there to be seen counts as destroyed; the haven goes on when it is back."""
    ring = sealed.path / "keyring"
    away = ring.rename(sealed.folder / "away")
    if left == "a mount point":
        ring.mkdir()
    with sealed.open() as haven, desk_at(haven, by="Dr C") as desk:
        (person,) = haven.books.participants("journey")
        done = withdraw(desk.means, person.id, WithdrawalKind.FULL)
    assert not done.done
    assert {one.partition(":")[0] for one in done.waits_for} == {"tombstones", "keys"}
    assert all("keyring is away" in one for one in done.waits_for)
    assert not ring.exists() or not list(ring.iterdir())
    shutil.rmtree(ring, ignore_errors=True)
    away.rename(ring)
    with sealed.open() as haven:
        assert [one.done for one in carry_on(haven)] == [True]
    assert not list(sealed.folder.rglob("participants/*.age"))
    assert len(json.loads((keys_of(sealed) / "tombstones.json").read_text())["withdrawals"]) == 1


@ON_FILES
def test_a_disposal_waits_for_a_keyring_that_is_away(sealed: Place) -> None:
    """No certificate is written while a key may open."""
    away = (sealed.path / "keyring").rename(sealed.folder / "away")
    force = Force(reason="the committee asks for it", custodians=("one", "two"))

    def disposed() -> bool:
        with sealed.open() as haven:
            means, two = means_of(haven, by="Dr C"), frozenset({"one", "two"})
            return dispose(means, "journey", custodians=two, force=force).certificate is not None

    assert not disposed()
    away.rename(sealed.path / "keyring")
    assert disposed()
    assert not list(sealed.folder.rglob("journey.*.age"))


@ON_FILES
@pytest.mark.parametrize("content", [None, "", "[1]"])
def test_with_a_damaged_list_of_places_all_is_destroyed_that_can_be_reached(sealed: Place, content: str | None) -> None:
    """The withdrawal waits and says for what; the haven's other commands go on; mended, it is finished."""
    listed = sealed.path / "keyring" / "places.json"
    if content is None:
        listed.unlink()
    else:
        listed.write_text(content)
    assert not take_back(sealed, WithdrawalKind.FULL)
    assert not list(sealed.path.rglob("participants/*.age"))
    with sealed.open() as haven:
        (open_,) = carry_on(haven)
        assert {one.partition(":")[0] for one in open_.waits_for} == {"tombstones", "keys"}
        assert all("places.json" in one and "keyring/ in a backup" in one for one in open_.waits_for)
        assert not list(haven.blobs.walk())
    shutil.copy(keys_of(sealed) / "keyring" / "places.json", listed)
    with sealed.open() as haven:
        assert [one.done for one in carry_on(haven)] == [True]
    assert not list(keys_of(sealed).rglob("participants/*.age"))


@ON_FILES
def test_a_copy_of_the_keys_that_a_restore_did_without_has_its_say_when_it_is_seen(sealed: Place) -> None:
    """Before a key is copied to it: the withdrawal that it alone knows of is done again, and finished."""
    old = shutil.copytree(keys_of(sealed), sealed.folder / "old" / "keys")
    assert take_back(sealed, WithdrawalKind.FULL)
    away = keys_of(sealed).rename(sealed.folder / "unplugged")
    wished = Restoring(backup=data_of(sealed), keys=old, without=(keys_of(sealed),))
    done = restore_haven(wished, to=sealed.folder / "back", database="", progress=Silent(), clock=sealed.clock)
    assert (done.away.withdrawn, done.places_unread) == (0, (str(keys_of(sealed)),))
    away.rename(keys_of(sealed))
    with opened_haven(done.haven.path, clock=sealed.clock) as haven:
        assert list(haven.keyring.names("participants/"))
        assert back_up_keyring(haven, keys_of(sealed)).copied == 0
        (person,) = haven.books.participants("journey")
        (asked,) = haven.books.withdrawals()
        assert (person.state, asked.done_at is None) == (ParticipantState.WITHDRAWN, False)
        assert not list(haven.keyring.names("participants/"))
        assert not list(haven.blobs.walk())
    assert not list(keys_of(sealed).rglob("participants/*.age"))


@ON_FILES
def test_a_disposal_that_a_restore_did_not_know_of_is_done_when_its_copy_of_the_keys_is_seen(sealed: Place) -> None:
    """As a withdrawal is: nothing of the project stays."""
    old = shutil.copytree(keys_of(sealed), sealed.folder / "old" / "keys")
    force = Force(reason="the committee asks for it", custodians=("one", "two"))
    with sealed.open() as haven:
        means = means_of(haven, by="Dr C")
        assert dispose(means, "journey", custodians=frozenset({"one", "two"}), force=force).certificate
    away = keys_of(sealed).rename(sealed.folder / "unplugged")
    wished = Restoring(backup=data_of(sealed), keys=old, without=(keys_of(sealed),))
    done = restore_haven(wished, to=sealed.folder / "back", database="", progress=Silent(), clock=sealed.clock)
    away.rename(keys_of(sealed))
    with opened_haven(done.haven.path, clock=sealed.clock) as haven:
        assert haven.project("journey").state is ProjectState.OPEN
        back_up_keyring(haven, keys_of(sealed))
        assert haven.project("journey").state is ProjectState.DISPOSED
        assert list(haven.keyring.names()) == ["haven.address.age", "haven.trail.age"]
        assert not list(haven.blobs.walk())
