"""What a backup consists of: its generations, and the manifest that ``sha256sum -c`` understands.

``backup.json`` names the generation that counts and the SHA-256 of its manifest; it is written last, by rename, so that
a backup which was interrupted is the one before.  The vault's objects never change and are shared by all generations.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput, TryAgain, UsageMistake
from fivesafes.core.progress import Progress, Silent
from fivesafes.stores.blobs import make_private, refused_by_disk, sync_folder
from fivesafes.stores.key_places import device_of, head_of
from fivesafes.stores.keyring_files import unfinished

HEAD: Final = "backup.json"
VAULT: Final = "vault"
MANIFEST: Final = "manifest.sha256"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")
_CHUNK: Final = 1 << 20


@frozen(kw_only=True)
class Manifest:
    """One backup as it was made; ``files`` gives the SHA-256 in hexadecimal by path below the backup's folder."""

    haven: str
    generation: str
    made_at: datetime
    trail: int
    files: Mapping[str, str]

    @property
    def objects(self) -> list[str]:
        """The vault's objects, by their names in the vault."""
        start = f"{VAULT}/"
        return [path.removeprefix(start) for path in self.files if path.startswith(start)]


def sha256_of(path: Path) -> str:
    """Digest a file: SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(backup: Path) -> Manifest:
    """Read the manifest that counts.  Raises UsageMistake where there is no backup, InvalidInput when it is damaged."""
    try:
        head = json.loads((backup / HEAD).read_text(encoding="utf-8"))
        listed = (backup / head["generation"] / MANIFEST).read_bytes()
    except FileNotFoundError:
        message = "there is no finished backup in this folder"
        raise UsageMistake(message, fix="give the folder that fivesafes backup wrote") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise _damaged(why="its description can't be read") from None
    if hashlib.sha256(listed).hexdigest() != head["manifest"]:
        raise _damaged(why="its manifest was changed")
    files = {}
    for line in listed.decode().splitlines():
        match = _LINE.fullmatch(line)
        if match is None or ".." in match[2].split("/") or match[2].startswith("/"):
            raise _damaged(why="its manifest names what can't be")
        files[match[2]] = match[1]
    return Manifest(
        haven=str(head["haven"]),
        generation=str(head["generation"]),
        made_at=datetime.fromisoformat(head["made_at"]),
        trail=int(head["trail"]),
        files=files,
    )


def verify_backup(backup: Path, *, progress: Progress | None = None) -> Manifest:
    """Read every byte of a backup and compare.  Raises InvalidInput naming the first file that is not as it was."""
    told = progress or Silent()
    manifest = read_manifest(backup)
    told.begin("verify", total=len(manifest.files), unit="files")
    for path, digest in manifest.files.items():
        try:
            whole = sha256_of(backup / path) == digest
        except OSError:
            whole = False
        if not whole:
            raise _damaged(why=f"{path} is missing or was changed")
        told.advance("verify")
    told.end("verify")
    return manifest


def _damaged(*, why: str) -> InvalidInput:
    return InvalidInput(
        f"the backup is damaged: {why}", fix="use another copy of it; nothing was restored from this one"
    )


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write the manifest into its generation, then let it count: the last step of a backup."""
    listed = "".join(f"{digest}  {path}\n" for path, digest in sorted(manifest.files.items())).encode()
    write_durably(backup / manifest.generation / MANIFEST, listed)
    head = {
        "schema": 1,
        "haven": manifest.haven,
        "generation": manifest.generation,
        "made_at": manifest.made_at.isoformat(),
        "trail": manifest.trail,
        "manifest": hashlib.sha256(listed).hexdigest(),
    }
    write_durably(backup / HEAD, (json.dumps(head, indent=1) + "\n").encode())


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read: complete or absent, and there after a power cut."""
    aside = path.with_name(unfinished(path.name))
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def copy_durably(source: Path, to: Path) -> str:
    """Copy a file in pieces, complete or absent; give the SHA-256 of what was written."""
    make_private(to.parent)
    aside = to.with_name(unfinished(to.name))
    digest = hashlib.sha256()
    with (
        source.open("rb") as file,
        os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy,
    ):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    aside.replace(to)
    sync_folder(to.parent)
    return digest.hexdigest()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Work in a backup's folder alone.  Raises TryAgain when another does, or the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise refused_by_disk(error, "the folder can't be written to") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another backup or restore is at work in this folder"
            raise TryAgain(message, fix="wait until it has finished") from None
        try:
            yield
        except OSError as error:
            raise refused_by_disk(error, "the folder can't be written to") from None
    finally:
        os.close(descriptor)


def within(one: Path, other: Path) -> bool:
    """Whether one folder is the other or lies in it, links followed."""
    return one.resolve().is_relative_to(other.resolve())


def lies_with(folder: Path, head: str) -> bool:
    """Whether a folder, one above it or one anywhere below it is a backup of the other kind, known by its head file."""
    place = folder.resolve()
    heads = [one / head for one in (place, *place.parents)]
    return any(map(_is_ours, heads)) or (place.is_dir() and any(map(_is_ours, place.rglob(head))))


def lies_beside(folder: Path, head: str) -> bool:
    """Whether a backup of the other kind lies in the same folder, on the same disk: one copy would take both."""
    place = folder.resolve()
    try:
        others = [one for one in place.parent.iterdir() if one != place and one.is_dir()]
    except OSError:  # no folder yet, or one in which we can't see anything
        return False
    return any(_is_ours(one / head) and device_of(one) == device_of(place) for one in others)


def _is_ours(head: Path) -> bool:
    return "haven" in head_of(head)
