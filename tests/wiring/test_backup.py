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
from tests.wiring.conftest import Place, data_of, keys_of
from tests.wiring.copies import ON_FILES, back, custodian, files, size_of, take_back, wish

from fivesafes.core.errors import InvalidInput, PolicyInvalid, Refused
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState, ProjectState, WithdrawalKind
from fivesafes.flow.haven.retention import Force, dispose
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.interfaces.forms.consent import read_consent_table
from fivesafes.setting.trail.checkpoint import Checkpoint, signed
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores import trail
from fivesafes.stores.identity_files import write_identity
from fivesafes.wiring.backup import (
    back_up_data,
    back_up_keyring,
    test_restore,
)
from fivesafes.wiring.consent import carry_on, means_of
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.projects import ingest_paths, record_stated
from fivesafes.wiring.trail import make_checkpoint, trail_signer

test_restore.__test__ = False  # type: ignore[attr-defined]  # a command of that name, and no test of ours


@pytest.fixture
def new_database(haven_database: Any, request: pytest.FixtureRequest) -> str:  # noqa: ANN401 - of tests.databases
    """Name an empty database of the same kind, to restore into."""
    if haven_database.kind == "sqlite":
        return ""
    cluster: Cluster = request.getfixturevalue("postgresql")
    cluster.do(f"CREATE DATABASE restored_{haven_database.config['NAME']}")
    return cluster.url(f"restored_{haven_database.config['NAME']}")


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
