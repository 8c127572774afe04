"""Backup and restore put together: what was taken back since the backup is taken back again and finished."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import Cluster
from tests.wiring.conftest import Place

from fivesafes.core.errors import InvalidInput, PolicyInvalid, Refused, TryAgain, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.retention import Force, dispose
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.interfaces.forms.consent import read_consent_table
from fivesafes.setting.trail.checkpoint import Checkpoint, signed
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores import trail
from fivesafes.stores.backup import Restored
from fivesafes.stores.keyring_files import write_identity
from fivesafes.wiring.backup import (
    Restoring,
    back_up_data,
    back_up_keyring,
    forget_key_place,
    restore_haven,
    test_restore,
)
from fivesafes.wiring.consent import carry_on, desk_at, means_of
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.projects import ingest_paths, record_stated
from fivesafes.wiring.trail import make_checkpoint, trail_signer

test_restore.__test__ = False  # type: ignore[attr-defined]  # a command of that name, and no test of ours

ON_FILES = pytest.mark.parametrize("haven_database", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""


@pytest.fixture
def new_database(haven_database: Any, request: pytest.FixtureRequest) -> str:  # noqa: ANN401 - of tests.databases
    """Name an empty database of the same kind, to restore into."""
    if haven_database.kind == "sqlite":
        return ""
    cluster: Cluster = request.getfixturevalue("postgresql")
    cluster.do(f"CREATE DATABASE restored_{haven_database.config['NAME']}")
    return cluster.url(f"restored_{haven_database.config['NAME']}")


@pytest.fixture
def sealed(place: Place) -> Place:
    """Take one person's scans in, and make both backups."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        back_up_keyring(haven, keys_of(place))
        make_checkpoint(haven)
        back_up_data(haven, data_of(place), progress=Silent())
    return place


def keys_of(place: Place) -> Path:
    """Say where the backup of keys lies."""
    return place.folder / "safe" / "sealed-keys"


def data_of(place: Place) -> Path:
    """Say where the backup of data lies."""
    return place.folder / "data"


def wish(place: Place, **more: Any) -> Restoring:  # noqa: ANN401 - any field
    """Wish for a restore of both."""
    return Restoring(backup=data_of(place), keys=keys_of(place), **more)


def back(place: Place, database: str, *, to: str = "back", **more: Any) -> Restored:  # noqa: ANN401 - as above
    """Restore."""
    return restore_haven(
        wish(place, **more), to=place.folder / to, database=database, progress=Silent(), clock=place.clock
    )


def custodian(place: Place) -> Path:
    """Find a custodian's identity."""
    with place.open() as haven:
        return min((haven.keys / "custodians").iterdir())


def take_back(place: Place, kind: WithdrawalKind) -> bool:
    """Let the person take something back; tell whether it is done."""
    with place.open() as haven:
        (person,) = haven.books.participants("journey")
        return withdraw(means_of(haven, by="Dr C"), person.id, kind).done


def files(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("kind", WithdrawalKind)
def test_a_withdrawal_after_both_backups_is_finished_again_in_the_restored_haven(
    sealed: Place, new_database: str, kind: WithdrawalKind
) -> None:
    """The withdrawal itself has left word beside the keys: no newer backup of them was made."""
    assert take_back(sealed, kind)
    done = back(sealed, new_database)
    full = kind is WithdrawalKind.FULL
    assert (done.away.withdrawn, done.away.narrowed) == (int(full), int(not full))
    assert done.lost >= 2
    with opened_haven(done.haven.path, clock=sealed.clock) as haven:
        (person,) = haven.books.participants("journey")
        (asked,) = haven.books.withdrawals()
        assert (asked.kind, asked.requested_at) == (kind, sealed.clock())
        assert asked.done_at is not None
        assert asked.receipt is not None
        kept = haven.books.consents("journey")[person.id].consent
        assert person.state is (ParticipantState.WITHDRAWN if full else ParticipantState.ACTIVE)
        assert not {
            WithdrawalKind.FULL: kept.in_force(sealed.clock().date()),
            WithdrawalKind.NO_FACE: kept.face,
            WithdrawalKind.NO_PUBLIC: kept.public,
            WithdrawalKind.NO_FUTURE_USE: kept.future_use,
        }[kind]
        assert bool(list(haven.keyring.names("participants/"))) != full
        assert bool(list(haven.blobs.walk())) != full


def test_a_project_that_was_disposed_of_after_both_backups_is_gone_in_the_restored_haven(
    sealed: Place, new_database: str
) -> None:
    """Nothing of it opens, and it takes nothing in; this haven's own keys stay."""
    with sealed.open() as haven:
        force = Force(reason="the committee asks for it", custodians=("one", "two"))
        assert dispose(
            means_of(haven, by="Dr C"), "journey", custodians=frozenset({"one", "two"}), force=force
        ).certificate
    done = back(sealed, new_database, identity=custodian(sealed))
    assert done.away.disposed == 1
    with opened_haven(done.haven.path, clock=sealed.clock) as haven:
        assert haven.project("journey").state is ProjectState.DISPOSED
        assert list(haven.blobs.walk()) == []
        assert list(haven.keyring.names()) == ["haven.address.age", "haven.trail.age"]
        assert carry_on(haven) == ()
        assert trail.last_of("restore") is not None


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
def test_who_came_and_withdrew_after_the_backup_stays_out_of_the_restored_haven(place: Place) -> None:
    """The table of consents is refused with that line, and so are the scans; the receipt is there again."""
    first, late = place.scans(), place.scans(seed=2)
    place.register(first.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [first.folder], workers=1, progress=Silent())
        back_up_keyring(haven, keys_of(place))
        back_up_data(haven, data_of(place), progress=Silent())
        before = haven.books.participants("journey")
    place.register(first.participant_id, late.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [late.folder], workers=1, progress=Silent())
        (newcomer,) = (one for one in haven.books.participants("journey") if one not in before)
        assert withdraw(means_of(haven, by="Dr C"), newcomer.id, WithdrawalKind.FULL).done
    done = back(place, "")
    assert (done.away.withdrawn, done.away.unknown, done.keys_missing) == (1, 0, 0)
    with opened_haven(done.haven.path, clock=place.clock) as haven:
        there = haven.books.participant(newcomer.id)
        assert there is not None
        assert (there.state, there.sealed_name, there.recipient) == (
            ParticipantState.WITHDRAWN,
            None,
            newcomer.recipient,
        )
        (asked,) = haven.books.withdrawals()
        assert (asked.participant, asked.kind, asked.done_at is None) == (newcomer.id, WithdrawalKind.FULL, False)
        with pytest.raises(InvalidInput, match="has withdrawn"):
            record_stated(haven, "journey", read_consent_table(place.folder / "consent.csv"), table="consent.csv")
        objects = list(haven.blobs.walk())
        ingest_paths(haven, "journey", [late.folder], workers=1, progress=Silent())
        assert list(haven.blobs.walk()) == objects
        assert haven.books.series_of(newcomer.id) == []
        assert not [name for name in haven.keyring.names("participants/") if newcomer.id in name]
        back_up_keyring(haven, place.folder / "safe" / "new-keys")  # a later restore knows it from there
    told = json.loads((place.folder / "safe" / "new-keys" / "tombstones.json").read_text())["withdrawals"]
    assert [(one["participant"], one["project"]) for one in told] == [(newcomer.id, "journey")]


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
def test_the_newest_checkpoint_beside_the_keys_convicts_a_trail_that_was_made_anew(sealed: Place) -> None:
    """With a custodian's key the signature is verified; without one it only tells a number."""
    listed = keys_of(sealed) / "tombstones.json"
    with sealed.open() as haven:
        size = trail.head().size - 2
        other = signed(Checkpoint(origin=haven.origin, size=size, root=bytes(32)), trail_signer(haven))
        back_up_keyring(haven, keys_of(sealed))
    told = json.loads(listed.read_text())
    assert told["checkpoint"]
    listed.write_text(json.dumps({**told, "checkpoint": other.note}))
    with pytest.raises(InvalidInput, match="another root"):
        back(sealed, "", identity=custodian(sealed))
    assert not (sealed.folder / "back").exists()
    listed.write_text(json.dumps({**told, "checkpoint": other.note.replace("— ", "— un", 1)}))
    with pytest.raises(InvalidInput, match="not signed by the key"):
        back(sealed, "", identity=custodian(sealed))
    assert back(sealed, "").trail > size


@ON_FILES
def test_a_witness_that_saw_more_is_told_of_in_numbers(sealed: Place) -> None:
    """Its newest checkpoint can't be compared with an older trail; how much is missing, and unknown, can be said."""
    with sealed.open() as haven:
        before = back_up_data(haven, data_of(sealed), progress=Silent()).manifest.trail
    shutil.copytree(keys_of(sealed), sealed.folder / "old")
    take_back(sealed, WithdrawalKind.NO_FACE)
    with sealed.open() as haven:
        seen = make_checkpoint(haven)
    here = back(sealed, "", notes=(seen.note,), identity=custodian(sealed))
    assert (here.trail, here.seen, here.unknown) == (before, seen.checkpoint.size, 1)  # the last: its own end
    shutil.rmtree(keys_of(sealed))
    (sealed.folder / "old").rename(keys_of(sealed))
    blind = back(sealed, "", to="blind", notes=(seen.note,), identity=custodian(sealed))
    assert blind.away.narrowed == 0
    assert blind.unknown == seen.checkpoint.size - before


@ON_FILES
def test_a_restore_test_touches_nothing_outside_of_its_own_folder(sealed: Place) -> None:
    """What was withdrawn since is seen to be kept away; finishing it is the real haven's matter."""
    identity = custodian(sealed)
    take_back(sealed, WithdrawalKind.NO_FACE)
    before = files(keys_of(sealed)), files(data_of(sealed))
    tested = test_restore(sealed.path, wish(sealed, identity=identity), database="", sample=3, progress=Silent())
    assert tested.equal, tested.why
    assert (files(keys_of(sealed)), files(data_of(sealed))) == before


@ON_FILES
def test_a_restore_test_leaves_the_bucket_alone(sealed: Place) -> None:
    """The description names a bucket that nobody answers for: what is tested lies in the folder that vanishes."""
    file = sealed.path / "haven.toml"
    described = file.read_text(encoding="utf-8")
    with sealed.open() as haven:
        file.write_text(described.replace('store = "vault"', 'store = "s3://nobody/there"'), encoding="utf-8")
        back_up_data(haven, data_of(sealed), progress=Silent())
    file.write_text(described, encoding="utf-8")
    done = wish(sealed, identity=custodian(sealed))
    tested = test_restore(sealed.path, done, database="", sample=3, progress=Silent())
    assert (tested.why, tested.equal, tested.opened) == ("", True, 3)


@ON_FILES
def test_a_key_of_this_machine_is_complete_or_absent_when_a_restore_is_killed(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again it is written; one that is there stays."""
    identity = sealed.folder / "custodian.agekey"
    shutil.copy(custodian(sealed), identity)
    with sealed.open() as haven:
        folder = haven.keys
    held = {name: (folder / name).read_bytes() for name in ("address.key", "trail.key")}
    real: Callable[..., Path] = Path.replace

    def stopped(path: Path, to: Path) -> Path:
        if path.name == ".trail.key.new":
            raise KeyboardInterrupt
        return real(path, to)

    for name in held:
        (folder / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            back(sealed, "", identity=identity)
    assert not (folder / "trail.key").exists()
    assert not (sealed.folder / "back").exists()
    back(sealed, "", identity=identity)
    assert {name: (folder / name).read_bytes() for name in held} == held
    assert not list(folder.glob(".*"))


@ON_FILES
def test_a_haven_that_lost_entries_and_was_restored_can_be_backed_up_and_restored_again(sealed: Place) -> None:
    """What was seen of the entries that were lost does not convict the trail that went on without them."""
    with sealed.open() as haven:
        for _ in range(3):
            back_up_keyring(haven, keys_of(sealed))
        make_checkpoint(haven)
        back_up_keyring(haven, keys_of(sealed))
    identity = custodian(sealed)
    first = back(sealed, "", identity=identity)
    assert first.lost >= 4
    sealed.clock.now += timedelta(days=1)
    with opened_haven(first.haven.path, clock=sealed.clock) as haven:
        for _ in range(first.lost + 3):
            back_up_keyring(haven, keys_of(sealed))
        shutil.rmtree(data_of(sealed))
        back_up_data(haven, data_of(sealed), progress=Silent())
    second = back(sealed, "", to="twice", identity=identity)
    assert second.trail > first.seen
    assert second.lost == 0


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
@pytest.mark.parametrize("name", ["address.key", "trail.key"])
def test_another_key_of_this_machine_is_refused_with_the_way_to_the_right_one(sealed: Place, name: str) -> None:
    """By another address key everybody would be a newcomer; another trail key signs what nobody can verify."""
    identity = custodian(sealed)
    with sealed.open() as haven:
        file = haven.keys / name
        good = file.read_bytes()

        def used() -> object:
            return haven.addresser("journey") if name == "address.key" else trail_signer(haven)

        for content in (bytes([7] * 32), None):
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
            with pytest.raises(PolicyInvalid, match="never make a new one") as told:
                used()
        words = str(told.value).partition("umask 077; ")[2].partition(")")[0]
        subprocess.run(words.replace("CUSTODIAN.agekey", str(identity)).split(), check=True)
        assert file.read_bytes() == good
        file.chmod(0o600)
        assert used()


@ON_FILES
def test_a_wrong_identity_is_told_before_anything_is_made(sealed: Place) -> None:
    """Not after the whole restore, and not as damage; a restore test by it says nothing of the backup."""
    other = sealed.folder / "other.agekey"
    write_identity(Identity.made(), other)
    with pytest.raises(Refused, match="opens no key of this backup"):
        back(sealed, "", identity=other)
    with pytest.raises(Refused, match="opens no key of this backup"):
        test_restore(sealed.path, wish(sealed, identity=other), database="", sample=3, progress=Silent())
    assert not [one for one in sealed.folder.iterdir() if "back" in one.name]
    with sealed.open():
        assert trail.last_of("restore test") is None


@ON_FILES
def test_a_restore_onto_a_machine_with_another_address_key_is_refused(sealed: Place) -> None:
    """It would be used in the restored haven; nothing is overwritten either."""
    identity = custodian(sealed)
    with sealed.open() as haven:
        (haven.keys / "address.key").write_bytes(bytes(32))
    with pytest.raises(Refused, match=r"another address\.key"):
        back(sealed, "", identity=identity)
    assert not (sealed.folder / "back").exists()


@ON_FILES
def test_a_restore_test_that_opened_nothing_is_not_equal(place: Place) -> None:
    """It shows nothing; the trail holds how many were opened."""
    with place.open() as haven:
        back_up_keyring(haven, keys_of(place))
        back_up_data(haven, data_of(place), progress=Silent())
    done = wish(place, identity=custodian(place))
    tested = test_restore(place.path, done, database="", sample=3, progress=Silent())
    assert (tested.equal, tested.opened) == (False, 0)
    assert "nothing is shown" in tested.why
    with place.open():
        told = trail.last_of("restore test")
        assert told is not None
        assert (told.outcome, told.facts) == ("not equal", {"objects": 0, "opened": 0, "damaged": 0})


@ON_FILES
def test_a_restore_test_finds_a_torn_original_that_it_did_not_open(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of all are compared with what the books say, however few are opened."""
    blobs = sealed.path / "vault"
    victims = sorted((one for one in blobs.rglob("*") if one.is_file() and "aside" not in one.parts), key=size_of)[-2:]
    for torn in victims:
        torn.chmod(0o600)
        torn.write_bytes(torn.read_bytes()[: size_of(torn) // 2])
    shutil.rmtree(data_of(sealed))
    with monkeypatch.context() as patch:  # as a backup of before would have
        patch.setattr("fivesafes.stores.backup.data.cut_objects", lambda _: set())
        with sealed.open() as haven:
            back_up_data(haven, data_of(sealed), progress=Silent())
    done = wish(sealed, identity=custodian(sealed))
    tested = test_restore(sealed.path, done, database="", sample=1, progress=Silent())
    assert (tested.equal, tested.damaged) == (False, 2)


def size_of(path: Path) -> int:
    """Tell a file's size."""
    return path.stat().st_size


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
