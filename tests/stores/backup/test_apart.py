"""Data and keys never come together, and neither backup writes among what it does not know."""

import json
from pathlib import Path

import pytest
from attrs import evolve
from tests.stores.backup.sites import ON_FILES, Site

from fivesafes.core.errors import FiveSafesError, UsageMistake
from fivesafes.stores.backup import manifest


def refusal(site: Site, to: Path, *, keys: bool = False) -> FiveSafesError:
    """Back up to a place where it must not go; give the error."""
    with pytest.raises(UsageMistake) as told:
        site.back_up_keys(to) if keys else site.back_up(to)
    return told.value


@ON_FILES
def test_data_and_keys_never_share_a_folder(site: Site) -> None:
    """Inside, around or beside: the haven, its key folder, the other backup, a folder with keys in it."""
    for to in (site.haven.path / "backup", site.haven.path, site.root, site.root / "keys", site.root / "keys" / "b"):
        assert "lie in one another" in str(refusal(site, to))
        assert "lie in one another" in str(refusal(site, to, keys=True))
    site.back_up()
    site.back_up_keys()
    for to in (site.keys, site.keys / "data", site.keys.parent):
        assert "apart" in str(refusal(site, to))
    for to in (site.data, site.data / "keys", site.data.parent):
        assert "apart" in str(refusal(site, to, keys=True))
    stray = site.root / "stray"
    stray.mkdir()
    (stray / "worker.agekey").touch()
    assert "holds keys" in str(refusal(site, stray))
    moved = evolve(site, haven=evolve(site.haven, key_backups=(site.root / "third",)))
    assert "lie in one another" in str(refusal(moved, site.root / "third" / "data"))
    link = site.root / "link"
    link.symlink_to(site.haven.path)
    assert "lie in one another" in str(refusal(site, link / "x"))


@ON_FILES
def test_a_folder_with_something_else_or_of_another_haven_is_left_alone(site: Site) -> None:
    """Neither backup writes among what it does not know."""
    holiday = site.root / "holiday"
    holiday.mkdir()
    (holiday / "beach.jpg").touch()
    for keys in (False, True):
        assert "something that is no backup" in str(refusal(site, holiday, keys=keys))
    site.back_up()
    site.back_up_keys()
    other = evolve(site, haven=evolve(site.haven, id="f" * 16))
    (site.haven.keyring / "haven.json").write_text(json.dumps({"haven": "f" * 16}))
    assert "another haven" in str(refusal(other, site.data))
    assert "another haven" in str(refusal(other, site.keys, keys=True))


@ON_FILES
def test_data_and_keys_never_lie_beside_one_another(site: Site) -> None:
    """Whoever copies the folder around them would have both; on another disk they are apart."""
    site.back_up()
    site.back_up_keys()
    assert "lies beside" in str(refusal(site, site.keys.parent / "data"))
    assert "lies beside" in str(refusal(site, site.data.parent / "keys", keys=True))


@ON_FILES
def test_two_disks_under_one_folder_are_not_beside_one_another(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As below /mnt."""
    site.back_up_keys()
    monkeypatch.setattr(manifest, "device_of", lambda path: path.name)
    assert site.back_up(site.keys.parent / "data").copied == 3


@ON_FILES
@pytest.mark.parametrize("content", ["{}", "[1]", "not ours", '{"generation": 1}'])
def test_a_file_of_somebody_elses_that_bears_our_name_does_not_stand_in_the_way(site: Site, content: str) -> None:
    """Many programs call something backup.json."""
    for name in ("backup.json", "keys.json"):
        (site.root / name).write_text(content)
    assert site.back_up().copied == 3
    assert site.back_up_keys().copied == 3
