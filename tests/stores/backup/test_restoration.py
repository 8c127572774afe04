"""Restore: everything back, verified first, whole or not at all."""

import hashlib
import json
import shutil
import stat

import pytest
from attrs import evolve
from tests.stores.backup.sites import ANN, CAT, ID, NOBODY, ON_FILES, WATCH, Site, tree

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.flow.haven.model import (
    WithdrawalKind,
)
from fivesafes.stores import trail
from fivesafes.stores.backup import Tombstones
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.haven_file import HavenFile
from fivesafes.stores.keyring_files import FileKeyRing


def test_what_was_backed_up_comes_back_whole(site: Site) -> None:
    """Rows, trail, objects, description, documents and releases; work in progress stays behind."""
    with site.opened() as books:
        before = (books.projects(), books.participants("p1"), books.series("p1"), books.instances(f"series-{ANN}"))
        lines = list(trail.entries())
    done = site.back_up()
    assert (done.copied, done.forgotten, done.lost) == (3, 0, 0)
    site.back_up_keys()
    held = tree(site.haven.keyring)
    shutil.rmtree(site.haven.path)
    back = site.restore()
    assert (back.away, back.lost, back.unknown, back.keys_missing) == (NOBODY, 0, 0, 0)
    with current_database(back.haven.database_config()):
        books = DjangoBooks()
        after = (books.projects(), books.participants("p1"), books.series("p1"), books.instances(f"series-{ANN}"))
        assert after == before
        assert list(trail.entries())[:-1] == lines
        told = books.told(len(lines))
        assert told is not None
        assert (told.verb, told.facts["backup_trail"]) == ("restore", len(lines))
    files = tree(back.haven.path)
    assert {f"keyring/{name}": content for name, content in held.items()}.items() <= files.items()
    assert FileKeyRing(back.haven.keyring, haven=ID).places() == (site.keys,)
    assert {"haven.toml", "documents/p1/receipt-1.txt", "projects/p1/release/sub-x1/anat/t1.json"} <= files.keys()
    assert sum(name.startswith("vault/") for name in files) == 3
    assert not any("private" in name for name in files)
    assert not [name for name in files if name.startswith(".")]
    assert {stat.S_IMODE(one.stat().st_mode) & 0o077 for one in back.haven.keyring.rglob("*")} == {0}
    assert stat.S_IMODE((back.haven.path).stat().st_mode) == 0o700


@ON_FILES
@pytest.mark.parametrize("kind", ["object", "database", "manifest", "head", "missing", "listed"])
def test_a_damaged_backup_is_refused_before_anything_is_restored(site: Site, kind: str) -> None:
    """One flipped bit anywhere, a missing file, a manifest that leads elsewhere: nothing appears."""
    done = site.back_up()
    site.back_up_keys()
    generation = site.data / done.manifest.generation
    victim = {
        "object": site.data / "vault" / done.manifest.objects[0],
        "database": next(generation.glob("state.*")),
        "manifest": generation / "manifest.sha256",
        "head": site.data / "backup.json",
        "missing": site.data / "vault" / done.manifest.objects[1],
        "listed": generation / "manifest.sha256",
    }[kind]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    if kind == "missing":
        victim.unlink()
    elif kind == "listed":
        victim.write_text(f"{'0' * 64}  ../../etc/passwd\n")
        head = json.loads((site.data / "backup.json").read_text())
        head["manifest"] = hashlib.sha256(victim.read_bytes()).hexdigest()
        (site.data / "backup.json").write_text(json.dumps(head))
    else:
        victim.write_bytes(content)
    if kind == "head":
        (site.data / "backup.json").write_text("{")
    with pytest.raises(InvalidInput, match="the backup is damaged"):
        site.restore()
    assert not (site.root / "back").exists()


def test_what_the_witnesses_contradict_is_not_restored(site: Site) -> None:
    """The check comes before anything is written, and its refusal leaves no folder."""
    site.back_up()
    site.back_up_keys()

    def refuse(_haven: HavenFile, _size: int, _tombstones: Tombstones) -> None:
        raise InvalidInput("the trail is shorter than a witness saw it", fix="use a newer backup")

    with pytest.raises(InvalidInput, match="witness"):
        site.restore(watch=evolve(WATCH, check=refuse))
    assert not (site.root / "back").exists()
    assert not list((site.root / ".back.restoring").rglob("*.age"))


@ON_FILES
def test_there_must_be_a_backup_to_restore(site: Site) -> None:
    """A folder without one is told as that; so is one with an unfinished first backup."""
    (site.data / "generation-000001").mkdir(parents=True)
    with pytest.raises(UsageMistake, match="no finished backup in"):
        site.restore()
    site.back_up()
    with pytest.raises(UsageMistake, match="no finished backup of keys"):
        site.restore()


@ON_FILES
def test_keys_of_another_haven_are_not_put_to_this_data(site: Site) -> None:
    """By the key backup's own word."""
    site.back_up()
    site.back_up_keys()
    head = json.loads((site.keys / "keys.json").read_text())
    (site.keys / "keys.json").write_text(json.dumps({**head, "haven": "f" * 16}))
    with pytest.raises(UsageMistake, match="of two havens"):
        site.restore()


@ON_FILES
def test_a_place_inside_a_backup_or_around_it_is_refused(site: Site) -> None:
    """Neither data nor keys get the other among them."""
    site.back_up()
    site.back_up_keys()
    for to in ("elsewhere/keys/back", "elsewhere", "backups/data/back", "backups"):
        with pytest.raises(UsageMistake, match="lie in one another"):
            site.restore(to=to)


@ON_FILES
def test_nothing_is_overwritten(site: Site) -> None:
    """A folder with something in it stays as it is; an empty one is taken."""
    site.back_up()
    site.back_up_keys()
    (site.root / "back").mkdir()
    site.restore()
    before = tree(site.root / "back")
    with pytest.raises(UsageMistake, match="not empty"):
        site.restore()
    assert tree(site.root / "back") == before


def test_what_is_lost_and_what_cannot_be_known_is_told_in_numbers(site: Site) -> None:
    """The trail's own end, what stands beside the keys, and what a witness tells of."""
    site.back_up()
    size = site.size()
    site.take_back(ANN, WithdrawalKind.NO_FACE)
    site.back_up_keys()
    back = site.restore(watch=evolve(WATCH, seen=size + 5))
    assert (back.trail, back.seen, back.lost) == (size, size + 5, 5)
    assert (back.known, back.unknown) == (size + 1, 4)
    with current_database(back.haven.database_config()):
        told = trail.last_of("restore")
    assert told is not None
    assert (told.facts["trail"], told.facts["seen"]) == (size, size + 5)


def test_keys_that_the_backup_lacks_are_counted(site: Site) -> None:
    """An older backup of keys, with somebody who came later."""
    site.back_up_keys()
    site.seal(CAT, b"cat 1")
    site.back_up()
    assert site.restore().keys_missing == 1
