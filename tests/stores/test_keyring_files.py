"""The keyring's files: never overwritten by adding, never put back after destroying, never left beside themselves."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput, PolicyInvalid, TryAgain
from fivesafes.setting.vault.age_file import AGE_MAGIC
from fivesafes.setting.vault.keys import KeyGone, Openers, add_identity, not_opened_by, participant_key, rewrap
from fivesafes.setting.vault.seal import Identity, seal
from fivesafes.stores import key_bytes, key_places
from fivesafes.stores.identity_files import WORKER, next_worker, publish_worker, read_identity, write_identity
from fivesafes.stores.key_mark import KeyMissing, KeyRingAway, make_keyring, recorded
from fivesafes.stores.key_places import PlaceAway
from fivesafes.stores.keyring_files import FileKeyRing

ADA, BEN, CLEO = (Identity.made() for _ in range(3))
OPENERS = Openers(custodians=(ADA.recipient, BEN.recipient))
PERSON = "ab" * 32
NAME = f"participants/{PERSON}.0123456789abcdef.age"
KEY = AGE_MAGIC + b"sealed"
HAVEN = "0123456789abcdef"
OF_THE_RING = {"lock", "index", "working", "haven.json", "digests.txt", "places.json"}


@pytest.fixture
def ring(tmp_path: Path) -> FileKeyRing:
    """Give an empty ring."""
    return made(tmp_path / "keyring")


def made(folder: Path, *, backups: Sequence[Path] = ()) -> FileKeyRing:
    """Make a ring where none is."""
    make_keyring(folder, HAVEN)
    return FileKeyRing(folder, haven=HAVEN, backups=backups)


def everything(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder but the locks, and what a ring says of itself."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OF_THE_RING)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_key_is_added_once_read_listed_and_destroyed(ring: FileKeyRing, tmp_path: Path) -> None:
    """A second of the same name leaves the first."""
    assert ring.add(NAME, KEY)
    assert not ring.add(NAME, AGE_MAGIC + b"another")
    assert ring.get(NAME) == KEY
    assert list(ring.names()) == list(ring.names("participants/")) == [NAME]
    assert list(ring.names("projects/")) == []
    assert ring.destroy(NAME) == 1
    assert ring.destroy(NAME) == 0
    with pytest.raises(KeyGone):
        ring.get(NAME)
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("name", ["../x.age", "participants/../x.age", "x", "/x.age", "a/b.age", "participants/.age"])
def test_a_name_that_leads_elsewhere_is_refused(ring: FileKeyRing, name: str) -> None:
    """For every deed."""
    acts: list[Callable[[], object]] = [
        lambda: ring.add(name, KEY),
        lambda: ring.get(name),
        lambda: ring.replace(name, bytes),
        lambda: ring.destroy(name),
    ]
    for act in acts:
        with pytest.raises(InvalidInput):
            act()


def test_a_key_in_clear_is_not_taken(ring: FileKeyRing) -> None:
    """What is no age file can't lie here."""
    with pytest.raises(InvalidInput, match="sealed keys only"):
        ring.add(NAME, ADA.reveal().encode())


def test_files_are_the_owners_alone(ring: FileKeyRing, tmp_path: Path) -> None:
    """Folders too."""
    ring.add(NAME, KEY)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_a_replaced_key_is_overwritten_where_it_stood(ring: FileKeyRing, tmp_path: Path) -> None:
    """The former file, still open, holds zeros: it opened by who may not any more."""
    ring.add(NAME, KEY)
    with (tmp_path / "keyring" / NAME).open("rb") as former:
        assert ring.replace(NAME, lambda sealed: sealed + b" anew")
        assert former.read() == bytes(len(KEY))
    assert ring.get(NAME) == KEY + b" anew"
    assert everything(tmp_path) == {f"keyring/{NAME}": KEY + b" anew"}


def test_a_destroyed_key_is_overwritten_in_every_place(tmp_path: Path) -> None:
    """Here, in a backup, and in a dated copy within a backup."""
    backup = tmp_path / "backup"
    for folder in (backup, backup / "2026-01-01" / "keyring"):
        (folder / NAME).parent.mkdir(parents=True)
        (folder / NAME).write_bytes(KEY)
    ring = made(tmp_path / "keyring", backups=[backup])
    ring.add(NAME, KEY)
    with (backup / NAME).open("rb") as former:
        assert ring.destroy(NAME) == 3
        assert former.read() == bytes(len(KEY))
    assert everything(tmp_path) == {}


def filled(place: Path, *, haven: str = HAVEN) -> Path:
    """Let a folder look as a backup of the keys does, with one key in it."""
    (place / "keyring" / NAME).parent.mkdir(parents=True)
    (place / "keyring" / NAME).write_bytes(KEY)
    (place / "keys.json").write_text(json.dumps({"haven": haven}))
    return place


def test_a_backup_that_is_away_leaves_the_destruction_open(tmp_path: Path) -> None:
    """Here it is done; the rest is told, and can be tried again; the mount point of a disk is not the disk."""
    place = filled(tmp_path / "away")
    ring = made(tmp_path / "keyring", backups=[place])
    ring.record_place(place)
    ring.add(NAME, KEY)
    disk = place.rename(tmp_path / "unplugged")
    for _ in range(2):
        with pytest.raises(PlaceAway, match="backup forget") as told:
            ring.destroy(NAME)
        assert told.value.places == (place,)
        with pytest.raises(PlaceAway):
            ring.check_place(place)
        place.mkdir(exist_ok=True)
    with pytest.raises(KeyGone):
        ring.get(NAME)
    place.rmdir()
    disk.rename(place)
    assert ring.destroy(NAME) == 1
    assert ring.destroy(NAME) == 0
    assert list(everything(place)) == ["keys.json"]


@pytest.mark.parametrize("head", ["keys.json", "tombstones.json"])
def test_a_place_shows_itself_by_this_havens_word_at_any_depth(tmp_path: Path, head: str) -> None:
    """Not by another haven's, by one that can't be read, or by none."""
    place = tmp_path / "place"
    (place / "2026").mkdir(parents=True)
    ring = made(tmp_path / "keyring")
    ring.record_place(place)
    for content in (None, "{", "[]", json.dumps({"haven": "f" * 16}), json.dumps({"haven": ""})):
        if content is not None:
            (place / "2026" / head).write_text(content)
        with pytest.raises(PlaceAway):
            ring.check_place(place)
    (place / "2026" / head).write_text(json.dumps({"haven": HAVEN}))
    ring.check_place(place)
    assert ring.destroy(NAME) == 0


def test_a_place_that_is_named_and_was_never_filled_is_not_waited_for(tmp_path: Path) -> None:
    """It is looked in; one that does not exist is away."""
    ring = made(tmp_path / "keyring", backups=[tmp_path / "named"])
    with pytest.raises(PlaceAway):
        ring.destroy(NAME)
    (tmp_path / "named").mkdir()
    ring.check_place(tmp_path / "named")
    assert ring.destroy(NAME) == 0


def test_a_place_that_is_named_is_waited_for_from_when_keys_were_seen_in_it(tmp_path: Path) -> None:
    """Also where a person copied the keyring there, and no word of ours lies beside it."""
    place = tmp_path / "named"
    (place / "participants").mkdir(parents=True)
    (place / NAME).write_bytes(KEY)
    (place / "haven.address.age").write_bytes(KEY)
    ring = made(tmp_path / "keyring", backups=[place])
    assert ring.destroy(NAME) == 1
    assert ring.destroy(NAME) == 0
    place.rename(tmp_path / "unplugged")
    place.mkdir()
    with pytest.raises(PlaceAway):
        ring.destroy(NAME)
    assert ring.places() == (place,)
    with pytest.raises(TryAgain):
        ring.check_filling(place / "2026")
    (place / "haven.address.age").write_bytes(KEY)
    ring.check_filling(place / "2026")
    (place / "haven.address.age").unlink()
    assert ring.forget_place(place)  # what is named only is looked in again
    assert ring.destroy(NAME) == 0


def test_what_can_be_reached_in_a_place_that_cannot_be_read_in_full_is_destroyed_and_the_rest_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dated copy that another user made may hold the key."""
    place = filled(tmp_path / "place")
    hidden = filled(place / "2026-01-01")
    ring = made(tmp_path / "keyring", backups=[place])
    real = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path) == hidden / "keyring":
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        with pytest.raises(PlaceAway) as told:
            ring.destroy(NAME)
        with pytest.raises(PlaceAway):
            ring.check_place(place)
    assert told.value.places == (place,)
    assert [path for path in everything(place) if path.endswith(".age")] == [f"2026-01-01/keyring/{NAME}"]
    assert ring.destroy(NAME) == 1
    ring.check_place(place)


def test_a_folder_that_the_user_may_not_read_is_not_passed_over(tmp_path: Path) -> None:
    """As root nothing is closed to us: a process of another user looks."""
    place = filled(tmp_path / "place")
    place.chmod(0o755)
    (place / "2026").mkdir(mode=0)
    try:
        told = subprocess.run([sys.executable, "-c", STRANGER, str(place)], capture_output=True, text=True, check=False)
    finally:
        (place / "2026").chmod(0o700)
    assert told.stdout.split() == ["PermissionError"], told.stderr


STRANGER = """
import os, sys
from pathlib import Path
from fivesafes.stores.key_places import looked_through
os.chdir(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(*(type(one).__name__ for one in looked_through(Path()).faults))
"""


def test_half_a_copy_in_a_backup_is_destroyed_with_the_key(tmp_path: Path) -> None:
    """What a killed backup had begun to write holds the key as well."""
    half = tmp_path / "backup" / "keyring" / "participants" / f".{Path(NAME).name}.new"
    half.parent.mkdir(parents=True)
    half.write_bytes(KEY)
    with half.open("rb") as former:
        assert made(tmp_path / "keyring", backups=[tmp_path / "backup"]).destroy(NAME) == 1
        assert former.read() == bytes(len(KEY))
    assert not half.exists()


def test_a_place_that_is_written_down_is_reached_by_who_was_at_work_before(ring: FileKeyRing, tmp_path: Path) -> None:
    """Destroying looks at the list when it holds the ring, not when it was opened."""
    place = tmp_path / "copies"
    ring.add(NAME, KEY)
    made(tmp_path / "keyring").record_place(place)
    filled(place)
    assert ring.places() == (place,)
    assert ring.destroy(NAME) == 2
    shutil.rmtree(place)
    with pytest.raises(PlaceAway):
        ring.destroy(NAME)
    assert ring.forget_place(place)
    assert not ring.forget_place(place)
    assert ring.destroy(NAME) == 0


def test_places_are_written_down_once_and_not_below_one_that_is_known(ring: FileKeyRing, tmp_path: Path) -> None:
    """By whatever link they are named; of a place below one that haven.toml names, that one is."""
    named = made(tmp_path / "keyring", backups=[tmp_path / "named"])
    (tmp_path / "link").symlink_to(tmp_path / "copies")
    for place in ("named/2026", "named/2027", "copies", "link", "copies/2026", "other"):
        named.record_place(tmp_path / place)
    written = [tmp_path / "named", tmp_path / "copies", tmp_path / "other"]
    assert list(ring.places()) == list(ring.filled()) == list(named.places()) == written
    assert list(ring.names()) == []


def test_another_disk_below_a_place_that_is_known_is_a_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one may be there while the other is away."""
    named = made(tmp_path / "keyring", backups=[tmp_path / "mnt"])
    for disk in ("a", "b"):
        (tmp_path / "mnt" / disk / "2026").mkdir(parents=True)
    monkeypatch.setattr(key_places, "device_of", lambda path: path.name if path.name == "b" else "a")
    for disk in ("a", "b"):
        named.record_place(tmp_path / "mnt" / disk)
    assert named.filled() == (tmp_path / "mnt", tmp_path / "mnt" / "b")


@pytest.mark.parametrize("content", [None, "", "[", "{}", "null", "[1]"])
def test_a_list_of_places_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, content: str | None
) -> None:
    """Keys might lie anywhere: what can be reached is destroyed, and the rest waited for."""
    named = filled(tmp_path / "named")
    ring = made(tmp_path / "keyring", backups=[named])
    ring.record_place(tmp_path / "copies")
    ring.add(NAME, KEY)
    listed = tmp_path / "keyring" / "places.json"
    whole = listed.read_text()
    if content is None:
        listed.unlink()
    else:
        listed.write_text(content)
    for _ in range(2):
        with pytest.raises(PlaceAway, match=r"places\.json") as told:
            ring.destroy(NAME)
        assert (told.value.places, bool(told.value.unread)) == ((), True)
        assert everything(tmp_path) == {"named/keys.json": (named / "keys.json").read_bytes()}
    assert ring.known_places() == ((named,), told.value.unread)
    for act in (ring.places, lambda: ring.record_place(tmp_path / "more")):
        with pytest.raises(InvalidInput, match=r"places\.json"):
            act()
    listed.write_text(whole)
    filled(tmp_path / "copies")
    assert ring.destroy(NAME) == 1


@pytest.mark.parametrize("left", ["nothing", "a mount point", "another haven's", "a damaged mark"])
def test_a_ring_that_is_away_is_never_taken_for_an_empty_one(ring: FileKeyRing, tmp_path: Path, left: str) -> None:
    """Nothing is made in its place, and nothing is called destroyed."""
    ring.add(NAME, KEY)
    folder = tmp_path / "keyring"
    folder.rename(tmp_path / "away")
    if left == "a mount point":
        folder.mkdir()
    elif left == "another haven's":
        make_keyring(folder, "f" * 16)
    elif left == "a damaged mark":
        folder.mkdir()
        (folder / "haven.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    acts: list[Callable[[], object]] = [
        lambda: ring.add(NAME, KEY),
        lambda: ring.get(NAME),
        lambda: ring.replace(NAME, bytes),
        lambda: ring.destroy(NAME),
        lambda: list(ring.names()),
        lambda: ring.record_place(tmp_path),
        ring.sweep,
        ring.settled,
        ring.places,
        ring.known_places,
        ring.working().__enter__,
        ring.alone().__enter__,
    ]
    for act in acts:
        with pytest.raises(KeyRingAway):
            act()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_ring_that_goes_away_while_a_key_is_destroyed_leaves_that_open(
    ring: FileKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not seen was not destroyed."""
    ring.add(NAME, KEY)
    monkeypatch.setattr(ring, "known_places", lambda: ((tmp_path / "keyring").rename(tmp_path / "away"), ((), ""))[1])
    with pytest.raises(KeyRingAway):
        ring.destroy(NAME)


def test_a_key_that_was_moved_away_is_not_taken_for_destroyed(ring: FileKeyRing, tmp_path: Path) -> None:
    """Its folder alone went, and the ring's mark stayed; put back it is destroyed, and then it is gone."""
    ring.add(NAME, KEY)
    folder = tmp_path / "keyring" / "participants"
    folder.rename(tmp_path / "elsewhere")
    for act in (lambda: ring.destroy(NAME), lambda: ring.get(NAME)):
        with pytest.raises(KeyMissing, match="not destroyed here"):
            act()
    assert ring.missing() == {NAME}
    (tmp_path / "elsewhere").rename(folder)
    assert ring.missing() == frozenset()
    assert ring.destroy(NAME) == 1
    folder.rename(tmp_path / "elsewhere")
    assert ring.destroy(NAME) == 0
    assert ring.missing() == frozenset()


def test_a_key_whose_adding_was_killed_is_missed_by_nobody(
    ring: FileKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was recorded, and never stood; added again after it was destroyed, it stands again."""
    monkeypatch.setattr("fivesafes.stores.keyring_files.linked", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ring.add(NAME, KEY)
    monkeypatch.undo()
    assert recorded(tmp_path / "keyring").keys() == {NAME}
    assert ring.missing() == frozenset()
    assert ring.destroy(NAME) == 0
    for _ in range(2):
        ring.add(NAME, KEY)
        (tmp_path / "keyring" / NAME).rename(tmp_path / "away")
        assert ring.missing() == {NAME}
        (tmp_path / "away").rename(tmp_path / "keyring" / NAME)
        assert ring.destroy(NAME) == 1


def test_each_key_is_recorded_before_it_stands(ring: FileKeyRing, tmp_path: Path) -> None:
    """As added and as replaced; half a line that a killed process left spoils no other."""
    ring.add(NAME, KEY)
    with (tmp_path / "keyring" / "digests.txt").open("ab") as file:
        file.write(b"0123")
    ring.replace(NAME, lambda sealed: sealed + b" anew")
    assert not ring.add(NAME, KEY + b"a third")
    digests = {hashlib.sha256(one).hexdigest() for one in (KEY, KEY + b" anew")}
    assert recorded(tmp_path / "keyring") == {NAME: digests}


def test_what_a_killed_process_left_aside_goes_with_the_next_destruction(ring: FileKeyRing, tmp_path: Path) -> None:
    """It may be a copy of the very key that is destroyed."""
    ring.add(NAME, KEY)
    left = tmp_path / "keyring" / "aside" / "0123"
    left.write_bytes(KEY)
    ring.destroy(NAME)
    assert everything(tmp_path) == {}


def test_no_key_that_is_half_destroyed_has_its_name(
    ring: FileKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it is overwritten, a key is listed no more, and who runs it again counts it."""
    ring.add(NAME, KEY)

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(key_bytes, "overwrite", killed)
        with pytest.raises(KeyboardInterrupt):
            ring.destroy(NAME)
    assert list(ring.names()) == []
    assert list(everything(tmp_path).values()) == [KEY]
    assert ring.destroy(NAME) == 1
    assert everything(tmp_path) == {}


def test_what_was_taken_out_of_the_ring_can_be_swept_without_its_name(ring: FileKeyRing, tmp_path: Path) -> None:
    """A key whose row was never written is known by its file alone."""
    left = tmp_path / "keyring" / "aside" / "0123"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(KEY)
    with left.open("rb") as former:
        ring.sweep()
        assert former.read() == bytes(len(KEY))
    assert everything(tmp_path) == {}


def test_a_key_destroyed_while_it_is_rewrapped_stays_destroyed(ring: FileKeyRing, tmp_path: Path) -> None:
    """The two wait for one another, in whichever order they come."""
    ring.add(NAME, KEY)
    begun = threading.Event()

    def slow(sealed: bytes) -> bytes:
        begun.set()
        time.sleep(0.2)
        return sealed + b" anew"

    rewrapping = threading.Thread(target=ring.replace, args=(NAME, slow))
    rewrapping.start()
    begun.wait()
    assert made(tmp_path / "keyring").destroy(NAME) == 1
    rewrapping.join()
    assert everything(tmp_path) == {}
    assert not ring.replace(NAME, slow)


def test_a_change_waits_for_who_is_adding(ring: FileKeyRing, tmp_path: Path) -> None:
    """Who read the custodians of before has added before any key is rewrapped."""
    order: list[str] = []

    def settle() -> None:
        made(tmp_path / "keyring").settled()
        order.append("settled")

    with ring.adding():
        waiting = threading.Thread(target=settle)
        waiting.start()
        time.sleep(0.1)
        ring.add(NAME, KEY)
        order.append("added")
    waiting.join()
    assert order == ["added", "settled"]


def test_nobody_is_alone_while_somebody_works(ring: FileKeyRing, tmp_path: Path) -> None:
    """Two may work at once."""
    other = made(tmp_path / "keyring")
    with ring.working(), other.working(), other.alone() as alone:
        assert not alone
    with other.alone() as alone:
        assert alone


def test_a_full_disk_leaves_the_former_key(ring: FileKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding, replacing: told, nothing half-written, and the path is not in the message."""
    ring.add(NAME, KEY)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", str(tmp_path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        acts: list[Callable[[], bool]] = [
            lambda: ring.add("other.age", KEY),
            lambda: ring.replace(NAME, lambda sealed: sealed * 2),
        ]
        for act in acts:
            with pytest.raises(TryAgain, match="disk is full") as refusal:
                act()
            assert str(tmp_path) not in str(refusal.value)
    assert everything(tmp_path) == {f"keyring/{NAME}": KEY}


def test_after_custodians_change_no_file_opens_by_the_former(ring: FileKeyRing, tmp_path: Path) -> None:
    """Not by name: every file below the folder is tried, whatever it is called."""
    for _ in range(5):
        add_identity(ring, lambda recipient: participant_key(PERSON, recipient), lambda: OPENERS)
    rewrap(ring, by=(ADA,), openers=Openers(custodians=(ADA.recipient, CLEO.recipient)))
    other = made(tmp_path / "copy")
    for number, content in enumerate(everything(tmp_path / "keyring").values()):
        other.add(f"{number}.age", content)
    assert len(not_opened_by(other, (BEN,))) == len(list(other.names())) == 5
    assert not_opened_by(other, (CLEO,)) == ()


REWRAPPER = """
import sys
from pathlib import Path
from fivesafes.setting.vault.keys import Openers, rewrap
from fivesafes.stores.identity_files import read_identity
from fivesafes.stores.keyring_files import FileKeyRing
print("begun", flush=True)
while True:
    rewrap(FileKeyRing(Path(sys.argv[1]), haven="0123456789abcdef"), by=(read_identity(Path(sys.argv[2])),),
           openers=Openers(custodians=tuple(sys.argv[3:])))
"""


@pytest.mark.parametrize("milliseconds", [1, 4, 9, 15, 26])
def test_a_rewrapping_killed_at_any_moment_loses_no_key(ring: FileKeyRing, tmp_path: Path, milliseconds: int) -> None:
    """Each opens by who opens before and after."""
    for _ in range(10):
        add_identity(ring, lambda recipient: participant_key(PERSON, recipient), lambda: OPENERS)
    write_identity(ADA, tmp_path / "ada")
    words = [sys.executable, "-c", REWRAPPER, str(tmp_path / "keyring"), str(tmp_path / "ada"), ADA.recipient]
    process = subprocess.Popen([*words, CLEO.recipient], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(milliseconds / 1000)
    process.kill()
    process.communicate()
    assert len(list(ring.names())) == 10
    assert not_opened_by(ring, (ADA,)) == ()
    rewrap(ring, by=(ADA,), openers=OPENERS)
    assert not_opened_by(ring, (BEN,)) == ()
    assert len(everything(tmp_path / "keyring")) == 10


# identities in clear, outside the haven


def test_an_identity_file_is_read_as_age_keygen_writes_it(tmp_path: Path) -> None:
    """With its comments; and what we write, age-keygen's reader takes."""
    write_identity(ADA, tmp_path / "ada.agekey")
    assert (tmp_path / "ada.agekey").stat().st_mode & 0o777 == 0o600
    assert read_identity(tmp_path / "ada.agekey").recipient == ADA.recipient
    with pytest.raises(TryAgain):
        write_identity(BEN, tmp_path / "ada.agekey")
    assert read_identity(tmp_path / "ada.agekey").recipient == ADA.recipient


def test_an_identity_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Then it is not a secret any more."""
    write_identity(ADA, tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(PolicyInvalid, match="others"):
        read_identity(tmp_path / "key")


def test_a_file_without_an_identity_is_refused(tmp_path: Path) -> None:
    """Missing, empty, comments only, something else: never quoted."""
    for content in (None, "", "# public key: age1\n", "AGE-SECRET-KEY-1TYPO\n"):
        path = tmp_path / "key"
        path.unlink(missing_ok=True)
        if content is not None:
            path.touch(mode=0o600)
            path.write_text(content)
        with pytest.raises(InvalidInput) as refusal:
            read_identity(path)
        assert "TYPO" not in str(refusal.value)


def test_a_workers_next_key_is_made_once_and_takes_its_place(tmp_path: Path) -> None:
    """Stopped anywhere and run again, it is the same key."""
    write_identity(ADA, tmp_path / WORKER)
    new = next_worker(tmp_path)
    assert next_worker(tmp_path).recipient == new.recipient
    with (tmp_path / WORKER).open("rb") as former:
        publish_worker(tmp_path)
        assert set(former.read()) == {0}
    publish_worker(tmp_path)
    assert read_identity(tmp_path / WORKER).recipient == new.recipient
    assert sorted(path.name for path in tmp_path.iterdir()) == [WORKER]


def test_the_ring_keeps_what_was_sealed(ring: FileKeyRing) -> None:
    """Bytes in, the same bytes out."""
    sealed = seal(bytes(32), OPENERS.recipients)
    ring.add("haven.address.age", sealed)
    assert ring.get("haven.address.age") == sealed


def test_a_key_whose_bytes_are_not_those_that_were_written_is_named(ring: FileKeyRing, tmp_path: Path) -> None:
    """Exchanged by the ring itself it is what was written; one that nobody recorded is not judged."""
    path = tmp_path / "keyring" / NAME
    ring.add(NAME, KEY)
    assert ring.replace(NAME, lambda sealed: sealed + b"again")
    assert ring.altered() == frozenset()
    path.write_bytes(path.read_bytes()[:-1])
    path.with_name("f" * 64 + ".0123456789abcdef.age").write_bytes(KEY)
    assert ring.altered() == {NAME}
    ring.destroy(NAME)
    assert ring.altered() == frozenset()
