"""The haven's keyring as a folder of age files, one per key; and the key files in clear that lie outside of it.

Locks (``flock``, given back by the system when a process is killed): ``lock`` is shared by who adds or reads a key and
held alone by who replaces or destroys one; ``index`` is held while a key is recorded and named; ``working`` is shared
by who makes keys and objects that the books don't know yet.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.setting.vault.age_file import AGE_MAGIC
from fivesafes.setting.vault.keys import KeyGone
from fivesafes.stores.blobs import refused_by_disk, sync_folder
from fivesafes.stores.key_bytes import linked, overwrite, shred_file, write_synced
from fivesafes.stores.key_mark import (
    DESTROYED,
    STANDS,
    KeyMissing,
    KeyRingAway,
    check_mark,
    record,
    record_word,
    recorded,
    words,
)
from fivesafes.stores.key_places import (
    PLACES,
    PlacesUnread,
    away_at,
    hold_keys,
    holds,
    looked_through,
    read_places,
    shows,
)

_NAME: Final = re.compile(r"(participants/|projects/|)[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.age")
_ASIDE: Final = "aside"
_LOCKS: Final = frozenset({"lock", "index", "working"})


def unfinished(name: str) -> str:
    """Name the file to which a backup writes first what is to stand under a name."""
    return f".{name}.new"


class FileKeyRing:
    """Keeps sealed keys in ``folder``; destroys them there and in each of ``backups``, which may hold dated copies.

    A folder to which keys were copied is written down beside the keys (``record_place``): from then on it is one of
    them, and counts as there only while it shows that it is the one (``key_places``), by the haven's id.

    The folder itself is made by ``make_keyring`` alone.  Every method raises KeyRingAway while it does not bear the
    haven's mark (``key_mark``): a key that is not to be seen was then not destroyed.
    """

    def __init__(self, folder: Path, *, haven: str, backups: Sequence[Path] = ()) -> None:
        """Take the folder, the haven's id, and the folders that hold copies of it."""
        self._folder = folder
        self._backups = tuple(backups)
        self._haven = haven

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Hold off every replacing and destroying, from reading the recipients until the key is added."""
        with self._locked("lock", fcntl.LOCK_SH):
            yield

    def settled(self) -> None:
        """Wait until everybody who was adding has finished."""
        with self._locked("lock", fcntl.LOCK_EX):
            pass

    def add(self, name: str, sealed: bytes) -> bool:
        """Write a key under a new name; durable when it returns.  False when the name is taken, and it stays."""
        final = self._folder / _checked(name, sealed)
        aside = self._aside()
        try:
            with self.adding(), self._locked("index", fcntl.LOCK_EX):
                if final.exists():
                    return False
                try:
                    final.parent.mkdir(mode=0o700, exist_ok=True)
                    write_synced(aside, sealed)
                    record(self._folder, name, sealed)
                    if new := linked(aside, final):
                        record_word(self._folder, name, STANDS)
                    return new
                finally:
                    aside.unlink(missing_ok=True)
                    sync_folder(final.parent)
                    sync_folder(self._folder)
        except OSError as error:
            raise refused_by_disk(error, "the keyring can't be written to") from None

    def get(self, name: str) -> bytes:
        """Read a sealed key.  Raises KeyGone, or KeyMissing when it was not destroyed here."""
        try:
            with self._locked("lock", fcntl.LOCK_SH):
                return (self._folder / _checked(name)).read_bytes()
        except FileNotFoundError:
            raise (KeyMissing.told(name) if self._should_stand(name) else KeyGone.told()) from None
        except OSError as error:
            raise refused_by_disk(error, "the keyring can't be read") from None

    def replace(self, name: str, change: Callable[[bytes], bytes]) -> bool:
        """Exchange a sealed key for what ``change`` makes of it, and overwrite what it was.

        False when it was destroyed meanwhile.  Killed between, either the old or the new one stands.
        """
        final = self._folder / _checked(name)
        aside = self._aside()
        try:
            with self._locked("lock", fcntl.LOCK_EX):
                self._sweep()
                try:
                    former = os.open(final, os.O_RDWR)
                except FileNotFoundError:
                    return False
                try:
                    sealed = change(final.read_bytes())
                    write_synced(aside, sealed)
                    record(self._folder, name, sealed)
                    aside.replace(final)
                    sync_folder(final.parent)
                    overwrite(former)  # it opened by whoever may open it no longer
                finally:
                    os.close(former)
                    aside.unlink(missing_ok=True)
        except OSError as error:
            raise refused_by_disk(error, "the keyring can't be written to") from None
        return True

    def destroy(self, name: str) -> int:
        """Overwrite and remove a key here and in each backup.  Tells in how many places it was.

        A disk may keep what was overwritten (flash, copy on write, snapshots): short-lived backups and disk encryption
        are what answers that.  Raises PlaceAway when a backup can't be reached; run it again when it is there.
        Raises KeyMissing, and nothing is destroyed, when it should be here and is not.
        """
        _checked(name)
        try:
            with self._locked("lock", fcntl.LOCK_EX):
                found = self._taken_aside(name)
                self._sweep()
                places, unread = self.known_places()  # when nobody copies: also one that came since we began
        except OSError as error:
            raise refused_by_disk(error, "the key can't be destroyed") from None
        away = []
        for place in places:
            there = looked_through(place)
            try:
                found += sum(map(_destroyed, _copies(there.files, name)))
                there.check_whole()
                self._check_there(place, there.files)
            except OSError:
                away.append(place)
        check_mark(self._folder, self._haven)  # it did not go while we looked
        if away or unread:
            raise away_at(away, unread=unread)
        return found

    def sweep(self) -> None:
        """Overwrite and remove what a killed process had taken out of the ring and not destroyed yet."""
        try:
            with self._locked("lock", fcntl.LOCK_EX):
                self._sweep()
        except OSError as error:
            raise refused_by_disk(error, "the key can't be destroyed") from None

    def places(self) -> tuple[Path, ...]:
        """Name the folders that hold copies of keys.  Raises PlacesUnread when the list of them can't be read."""
        return self._with_named(self.filled())

    def known_places(self) -> tuple[tuple[Path, ...], str]:
        """Name them as far as they are known, and say what of them is not, or nothing."""
        try:
            return self.places(), ""
        except PlacesUnread as fault:
            return self._with_named(()), fault.unread

    def _with_named(self, filled: Sequence[Path]) -> tuple[Path, ...]:
        named = {one.resolve() for one in self._backups}
        return tuple(dict.fromkeys((*self._backups, *(one for one in filled if one not in named))))

    def filled(self) -> tuple[Path, ...]:
        """Name those into which keys were copied: they must show themselves.  Raises as ``places`` does."""
        check_mark(self._folder, self._haven)
        return tuple(read_places(self._folder / PLACES))

    def check_place(self, place: Path) -> None:
        """Raise PlaceAway unless a folder that holds copies is there, and can be read in full."""
        there = looked_through(place)
        try:
            there.check_whole()
            self._check_there(place, there.files)
        except OSError:
            raise away_at([place]) from None

    def _check_there(self, place: Path, files: Sequence[Path]) -> None:
        """Raise FileNotFoundError when keys were in a folder before, and nothing shows now that it is that one.

        One that is only named is looked in as it is; it is written down once keys are seen in it.
        """
        shown = self._shown(place, files)
        try:
            filled = place.resolve() in self.filled()
        except PlacesUnread:  # told by who asked for the places
            return
        if filled and not shown:
            raise FileNotFoundError
        if shown and not filled:
            self.record_place(place)

    def _shown(self, place: Path, files: Sequence[Path]) -> bool:
        """Whether a folder shows that it is the one; a person may have copied keys alone to one that is named."""
        named = place.resolve() in {one.resolve() for one in self._backups}
        return shows(files, self._haven) or (named and hold_keys(files))

    def check_filling(self, folder: Path) -> None:
        """Raise TryAgain when keys were copied into a folder, or one above it, that does not show itself now."""
        for place in self.filled():
            if folder.resolve().is_relative_to(place) and not self._shown(place, looked_through(place).files):
                message = f"keys were copied to {place} before, and no backup of them lies there now"
                fix = f"see that its disk is plugged in; if it was destroyed: fivesafes backup forget {place}"
                raise TryAgain(message, fix=fix)

    def record_place(self, folder: Path) -> None:
        """Write down that copies of keys lie in a folder, or else the known one that holds it; durable at return."""
        place = folder.resolve()
        try:
            with self._locked("lock", fcntl.LOCK_EX):
                filled = self.filled()
                named = [one.resolve() for one in self._backups if holds(one.resolve(), place)]
                if not named and not any(holds(one, place) for one in filled):
                    named = [place]
                if new := [one for one in dict.fromkeys(named) if one not in filled]:
                    self._write_places([*filled, *new])
        except OSError as error:
            raise refused_by_disk(error, "the keyring can't be written to") from None

    def forget_place(self, folder: Path) -> bool:
        """Take a folder that was destroyed with all its keys off the list; False when it was not recorded."""
        place = folder.resolve()
        try:
            with self._locked("lock", fcntl.LOCK_EX):
                recorded = self.filled()
                if place in recorded:
                    self._write_places([one for one in recorded if one != place])
                return place in recorded
        except OSError as error:
            raise refused_by_disk(error, "the keyring can't be written to") from None

    def _write_places(self, places: Sequence[Path]) -> None:
        aside = self._aside()
        write_synced(aside, (json.dumps([str(one) for one in places], indent=1) + "\n").encode())
        aside.replace(self._folder / PLACES)
        sync_folder(self._folder)

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names below a prefix, sorted."""
        check_mark(self._folder, self._haven)
        found = (path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*.age"))
        yield from sorted(name for name in found if name.startswith(prefix) and _NAME.fullmatch(name))

    def missing(self) -> frozenset[str]:
        """Name the keys that stood, were not destroyed, and are not there."""
        with self._locked("lock", fcntl.LOCK_SH):
            stood = (name for name, word in words(self._folder).items() if word == STANDS)
            return frozenset(name for name in stood if not (self._folder / name).exists())

    def altered(self) -> frozenset[str]:
        """Name the keys that are there with other bytes than were ever written under their names."""
        with self._locked("lock", fcntl.LOCK_SH):
            known = recorded(self._folder)
            there = [name for name in self.names() if name in known]
            return frozenset(name for name in there if _digest(self._folder / name) not in known[name])

    def _should_stand(self, name: str) -> bool:
        return words(self._folder).get(name) == STANDS

    @contextmanager
    def working(self) -> Iterator[None]:
        """Say that keys and objects are being made whose rows do not stand in the books yet."""
        with self._locked("working", fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether nobody is working so, and keep it that way."""
        try:
            with self._locked("working", fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def _aside(self) -> Path:
        """Name a file to write to first; one that a killed process left is sealed, and is swept by who is alone."""
        return self._folder / _ASIDE / secrets.token_hex(8)

    def _taken_aside(self, name: str) -> int:
        """Move a key to where it is swept, so that no half-destroyed one has its name; tell whether it was there.

        A killed process may have moved it before: the file's name aside follows from the key's.
        """
        aside = self._folder / _ASIDE / hashlib.sha256(name.encode()).hexdigest()[:16]
        if (self._folder / name).exists() or aside.exists():
            record_word(self._folder, name, DESTROYED)
        elif self._should_stand(name):
            raise KeyMissing.told(name)
        with suppress(FileNotFoundError):
            (self._folder / name).replace(aside)
            sync_folder(aside.parent)
            sync_folder((self._folder / name).parent)
        return int(aside.exists())

    def _sweep(self) -> None:
        """Overwrite and remove what killed processes left aside; it may be a copy of a key that was destroyed since."""
        for path in (self._folder / _ASIDE).iterdir():
            if path.name not in _LOCKS:
                shred_file(path)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        check_mark(self._folder, self._haven)
        aside = self._folder / _ASIDE
        try:
            aside.mkdir(mode=0o700, exist_ok=True)  # not the ring itself, should it go away at this moment
            descriptor = os.open(aside / name, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            raise KeyRingAway.told() from None
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _checked(name: str, sealed: bytes | None = None) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        message = "a key's name in the keyring is participants/….age, projects/….age or ….age"
        raise InvalidInput(message, fix="names come from setting.vault.keys: don't make them by hand")
    if sealed is not None and not sealed.startswith(AGE_MAGIC):
        message = "the keyring takes sealed keys only"
        raise InvalidInput(message, fix="seal it first: setting.vault.keys does")
    return name


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copies(files: Sequence[Path], name: str) -> list[Path]:
    """Find a key in a backup, at any depth (backups come in dated folders), and what of it was written by halves."""
    file = Path(name).name
    return [one for one in files if one.name in {file, unfinished(file)}]


def _destroyed(path: Path) -> int:
    """Overwrite and remove a key; tell whether it was there, as 1 or 0."""
    try:
        shred_file(path)
    except FileNotFoundError:
        return 0
    sync_folder(path.parent)
    return 1
