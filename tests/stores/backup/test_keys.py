"""The backup of keys: keys come and go, and no copy lies where a withdrawal does not reach it."""

import shutil

import pytest
from attrs import evolve
from tests.stores.backup.sites import ANN, BOB, ON_FILES, SECRET, Site

from fivesafes.core.errors import UsageMistake
from fivesafes.stores.keyring_files import FileKeyRing


@ON_FILES
def test_keys_come_and_go_in_their_backup(site: Site) -> None:
    """New and rewrapped ones are copied, a withdrawal's leave, a lost one stays and is told."""
    done = site.back_up_keys()
    assert (done.copied, done.forgotten, done.lost, done.tombstones) == (3, 0, 0, 0)
    assert (site.back_up_keys().copied, len(list(site.keys.rglob("*.age")))) == (0, 3)
    (bobs,) = site.haven.keyring.rglob(f"{BOB}.*")
    bobs.write_bytes(SECRET + b"wrapped to a new custodian")
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

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.stores.backup.keys.copy_durably", stop)
        with pytest.raises(KeyboardInterrupt):
            site.back_up_keys()
    assert FileKeyRing(site.haven.keyring).places() == (site.keys,)


@ON_FILES
def test_a_place_that_is_named_or_lies_in_one_that_is_named_is_not_written_down_again(site: Site) -> None:
    """What haven.toml says is enough."""
    named = evolve(site, haven=evolve(site.haven, key_backups=(site.keys.parent,)))
    named.back_up_keys()
    assert FileKeyRing(site.haven.keyring).places() == ()
    site.back_up_keys()
    assert FileKeyRing(site.haven.keyring).places() == (site.keys,)


@ON_FILES
def test_the_backup_says_where_other_copies_lie_and_a_restored_haven_knows_them(site: Site) -> None:
    """A later withdrawal in the restored haven must reach all of them."""
    site.back_up_keys(site.root / "second")
    site.back_up_keys()
    site.back_up()
    back = site.restore()
    assert set(FileKeyRing(back.haven.keyring).places()) == {site.keys, site.root / "second"}


@ON_FILES
def test_no_data_are_backed_up_to_where_keys_were_copied(site: Site) -> None:
    """Also when haven.toml does not name it, and its head is gone."""
    site.back_up_keys()
    shutil.rmtree(site.keys)
    with pytest.raises(UsageMistake, match="lie in one another"):
        site.back_up(site.keys / "data")
