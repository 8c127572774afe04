"""The backup of keys: keys come and go, and no copy lies where a withdrawal does not reach it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from tests.stores.backup.sites import ANN, BOB, ID, ON_FILES, Site, tree

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.stores.key_mark import KeyRingAway, make_keyring
from fivesafes.stores.keyring_files import FileKeyRing


def stop(*_: object) -> None:
    """Be killed."""
    raise KeyboardInterrupt


@ON_FILES
def test_keys_come_and_go_in_their_backup(site: Site) -> None:
    """New and rewrapped ones are copied, a withdrawal's leave, a lost one stays and is told."""
    done = site.back_up_keys()
    assert (done.copied, done.forgotten, done.lost, done.tombstones) == (3, 0, 0, 0)
    assert (site.back_up_keys().copied, len(list(site.keys.rglob("*.age")))) == (0, 3)
    (bobs,) = site.haven.keyring.rglob(f"{BOB}.*")
    ring = FileKeyRing(site.haven.keyring, haven=ID)
    ring.replace(bobs.relative_to(site.haven.keyring).as_posix(), lambda sealed: sealed + b"to a new custodian")
    site.withdraw(ANN)
    done = site.back_up_keys()
    assert (done.copied, done.forgotten, done.lost, done.tombstones) == (1, 1, 0, 1)
    (copy,) = site.keys.rglob(f"{BOB}.*.age")
    assert copy.read_bytes() == bobs.read_bytes()
    bobs.unlink()
    assert site.back_up_keys().lost == 1
    assert copy.exists()


@ON_FILES
def test_what_a_killed_backup_of_keys_left_is_swept_by_the_next(site: Site) -> None:
    """Half a copy holds a key, too."""
    site.back_up_keys()
    left = site.keys / "keyring" / "participants" / f".{ANN}.0.age.new"
    left.write_bytes(b"identity of ann")
    with left.open("rb") as open_before:
        site.back_up_keys()
        assert open_before.read() == bytes(15)
    assert not left.exists()


@ON_FILES
def test_where_keys_are_copied_to_is_written_down_before_the_first_of_them_lies_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the first copy, the haven knows the place; destroying then reaches it."""
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.stores.backup.keys.copy_durably", stop)
        with pytest.raises(KeyboardInterrupt):
            site.back_up_keys()
    assert FileKeyRing(site.haven.keyring, haven=ID).places() == (site.keys,)


@ON_FILES
def test_of_a_place_in_one_that_is_named_that_one_is_written_down(site: Site) -> None:
    """From then on it must show itself, whatever haven.toml says; dated copies in it may come and go."""
    named = evolve(site, haven=evolve(site.haven, key_backups=(site.keys.parent,)))
    named.back_up_keys()
    assert FileKeyRing(site.haven.keyring, haven=ID).filled() == (site.keys.parent,)
    site.back_up_keys()
    site.back_up_keys(site.keys.parent / "2027")
    shutil.rmtree(site.keys)
    site.back_up_keys()
    assert FileKeyRing(site.haven.keyring, haven=ID).filled() == (site.keys.parent,)


@ON_FILES
@pytest.mark.parametrize("gone", ["folder", "content"])
def test_a_place_that_is_away_is_not_begun_anew_beneath_its_disk(site: Site, gone: str) -> None:
    """Its mount point would look as if it was there; when it was destroyed, it is forgotten first."""
    site.back_up_keys()
    shutil.rmtree(site.keys)
    if gone == "content":
        site.keys.mkdir()
    with pytest.raises(TryAgain, match="plugged in") as told:
        site.back_up_keys()
    assert f"backup forget {site.keys}" in str(told.value)
    assert not list(site.keys.rglob("*"))
    assert FileKeyRing(site.haven.keyring, haven=ID).forget_place(site.keys)
    assert site.back_up_keys().copied == 3


@ON_FILES
def test_a_backup_that_was_killed_at_its_first_key_shows_itself_and_is_gone_on_with(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else withdrawals would wait for it, and it for them."""
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.stores.backup.keys.copy_durably", stop)
        with pytest.raises(KeyboardInterrupt):
            site.back_up_keys()
    FileKeyRing(site.haven.keyring, haven=ID).check_place(site.keys)
    assert site.back_up_keys().copied == 3


@ON_FILES
def test_keys_of_who_left_are_not_passed_over_where_they_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup is not called up to date."""
    site.back_up_keys()
    site.withdraw(ANN)
    real = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path) == site.keys / "keyring" / "participants":
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        with pytest.raises(TryAgain):
            site.back_up_keys()
    assert site.back_up_keys().forgotten == 1


@ON_FILES
def test_the_backup_says_where_other_copies_lie_and_a_restored_haven_knows_them(site: Site) -> None:
    """A later withdrawal in the restored haven must reach all of them."""
    site.back_up_keys(site.root / "second")
    site.back_up_keys()
    site.back_up()
    back = site.restore()
    assert set(FileKeyRing(back.haven.keyring, haven=ID).places()) == {site.keys, site.root / "second"}


@ON_FILES
def test_no_data_are_backed_up_to_where_keys_were_copied(site: Site) -> None:
    """Also when haven.toml does not name it, and its head is gone."""
    site.back_up_keys()
    shutil.rmtree(site.keys)
    with pytest.raises(UsageMistake, match="lie in one another"):
        site.back_up(site.keys / "data")


def cut(content: bytes) -> bytes:
    """Lose all of it, as a full disk may."""
    return content[:0]


def flipped(content: bytes) -> bytes:
    """Change one bit."""
    return content[:-1] + bytes([content[-1] ^ 1])


@ON_FILES
@pytest.mark.parametrize("damage", [cut, flipped])
def test_a_damaged_key_never_takes_the_place_of_its_copy(site: Site, damage: Callable[[bytes], bytes]) -> None:
    """The copy is the only one that opens: it stays, is told of, and put back all is well."""
    site.back_up_keys()
    (anns,) = site.haven.keyring.rglob(f"{ANN}.*.age")
    name = anns.relative_to(site.haven.keyring).as_posix()
    good = anns.read_bytes()
    anns.write_bytes(damage(good))
    for _ in range(2):
        done = site.back_up_keys()
        assert (done.copied, done.lost, done.damaged) == (0, 0, (name,))
    assert (site.keys / "keyring" / name).read_bytes() == good
    shutil.copy(site.keys / "keyring" / name, anns)
    assert site.back_up_keys().damaged == ()


@ON_FILES
def test_a_key_that_was_damaged_before_its_first_backup_is_not_called_backed_up(site: Site) -> None:
    """A copy of it would open as little."""
    (anns,) = site.haven.keyring.rglob(f"{ANN}.*.age")
    anns.write_bytes(flipped(anns.read_bytes()))
    done = site.back_up_keys()
    assert (done.copied, len(done.damaged)) == (2, 1)
    site.back_up()
    assert site.restore().keys_missing == 1


@ON_FILES
def test_a_copy_that_was_damaged_is_made_anew(site: Site) -> None:
    """Here the keyring has the good one; a restore from the damaged one says that the key is missing."""
    site.back_up_keys()
    site.back_up()
    (copy,) = site.keys.rglob(f"{ANN}.*.age")
    good = copy.read_bytes()
    copy.write_bytes(flipped(good))
    assert site.restore().keys_missing == 1
    done = site.back_up_keys()
    assert (done.copied, done.damaged, copy.read_bytes()) == (1, (), good)


@ON_FILES
def test_the_copy_of_a_keyring_can_take_its_place_as_it_is(site: Site) -> None:
    """It bears the haven's mark, knows how its keys were written, and where copies of them lie."""
    site.back_up_keys()
    shutil.rmtree(site.haven.keyring)
    shutil.copytree(site.keys / "keyring", site.haven.keyring)
    assert FileKeyRing(site.haven.keyring, haven=ID).places() == (site.keys,)
    done = site.back_up_keys()
    assert (done.copied, done.lost, done.damaged) == (0, 0, ())


@ON_FILES
def test_digests_that_were_lost_are_known_by_the_copy(site: Site) -> None:
    """Without any, no key is known to be whole, and none is copied."""
    site.back_up_keys()
    (site.haven.keyring / "digests.txt").unlink()
    assert site.back_up_keys().damaged == ()
    (site.keys / "keyring" / "digests.txt").unlink()
    assert len(site.back_up_keys().damaged) == 3


@ON_FILES
def test_no_key_of_who_withdrew_is_copied_whatever_the_keyring_holds(site: Site) -> None:
    """The list beside the copy may know what restored books don't."""
    site.back_up_keys()
    (anns,) = site.haven.keyring.rglob(f"{ANN}.*.age")
    content = anns.read_bytes()
    site.withdraw(ANN)
    site.back_up_keys()
    anns.write_bytes(content)
    assert site.back_up_keys().copied == 0
    assert not list(site.keys.rglob(f"{ANN}.*.age"))


@ON_FILES
@pytest.mark.parametrize("left", ["nothing", "a mount point", "another haven's"])
def test_a_keyring_that_is_away_is_not_begun_anew(site: Site, left: str) -> None:
    """Neither backup is made without it: the folders that hold copies are written down there."""
    away = site.haven.keyring.rename(site.root / "away")
    if left == "a mount point":
        site.haven.keyring.mkdir()
    elif left == "another haven's":
        make_keyring(site.haven.keyring, "f" * 16)
    before = tree(site.haven.path)
    for back_up in (site.back_up, site.back_up_keys):
        with pytest.raises(KeyRingAway, match="keyring is away"):
            back_up()
    assert tree(site.haven.path) == before
    assert not site.keys.exists()
    shutil.rmtree(site.haven.keyring, ignore_errors=True)
    away.rename(site.haven.keyring)
    assert site.back_up_keys().copied == 3
