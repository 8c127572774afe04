"""Where sealed objects lie: a folder of this machine, or a bucket that speaks S3.

Both write an object once, complete or absent.  A folder is written aside, synced, linked to its final name, and the
folders on the way are synced before anything is acknowledged.
"""

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from fivesafes.core.errors import EngineMissing, InvalidInput, Refused, TryAgain
from fivesafes.setting.vault.vault import ObjectMissing

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z.-]*(/[0-9a-z][0-9a-z.-]*)*")
_TOGETHER: Final = 256
"""Objects that are made durable together: each holds a descriptor until then."""


def checked_name(name: str) -> str:
    """Give the name back.  Raises InvalidInput when it could lead elsewhere."""
    if not _NAME.fullmatch(name):
        message = "an object's name is made of small letters, digits, dots, dashes and slashes"
        raise InvalidInput(message, fix="names come from setting.vault: don't make them by hand")
    return name


def refused_by_disk(error: OSError, what: str) -> TryAgain:
    """Say what the disk refused, without a path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return TryAgain(f"{what}: the disk is full", fix="free some space there, then run the same command again")
    return TryAgain(f"{what}: {error.strerror}", fix="check that disk and its mount, then run the same command again")


def make_private(folder: Path) -> None:
    """Make a folder, and those around it that are missing, for this user alone."""
    for missing in [one for one in (folder, *folder.parents) if not one.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(descriptor: int, parts: Iterable[bytes]) -> None:
    """Write all of it, a part at a time as they are made: the system may take less of each than it was given."""
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


class FolderBlobs:
    """Keeps objects as files below a folder of this machine."""

    at_once = 2

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made at the first writing."""
        self._folder = folder
        self._aside = folder / "aside"
        self._swept = False

    def put(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[bool, ...]:
        """Write each object that is not there; durable when it returns.  Tells for each whether it is new."""
        told: list[bool] = []
        rest = iter(objects)
        try:
            with self._writing():
                while some := self._put_together(islice(rest, _TOGETHER)):
                    told += some
        except OSError as error:
            raise refused_by_disk(error, "the vault can't be written to") from None
        return tuple(told)

    def get(self, name: str) -> bytes:
        """Read an object.  Raises ObjectMissing, and TryAgain when the disk can't give it."""
        try:
            return (self._folder / checked_name(name)).read_bytes()
        except FileNotFoundError:
            raise ObjectMissing.told() from None
        except OSError as error:
            raise refused_by_disk(error, "the vault can't be read") from None

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Tell which of these are there, durably, and their sizes in bytes."""
        found = self.seen(names)
        try:
            # Who put them may not have synced the folder yet, and what we say is there must survive a power cut.
            self._sync_way_to(found)
        except OSError as error:
            raise refused_by_disk(error, "the vault can't be read") from None
        return found

    def seen(self, names: Sequence[str]) -> dict[str, int]:
        """Tell which of these are there, and their sizes in bytes: a stat each."""
        found = {}
        try:
            for name in names:
                with suppress(FileNotFoundError):
                    found[name] = os.stat(self._place(name)).st_size  # noqa: PTH116 - as _place
        except OSError as error:
            raise refused_by_disk(error, "the vault can't be read") from None
        return found

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """List names with sizes, below a prefix that ends at a slash."""
        start = self._folder / checked_name(prefix.rstrip("/")) if prefix else self._folder
        for root, folders, files in os.walk(start):
            if root == str(self._folder):
                folders[:] = [name for name in folders if name != self._aside.name]
            below = Path(root).relative_to(self._folder)
            for name in files:
                with suppress(FileNotFoundError):  # removed since it was listed
                    yield (below / name).as_posix(), (Path(root) / name).stat().st_size

    def delete(self, names: Iterable[str]) -> int:
        """Remove these, and the folders that get empty; gone for good when it returns."""
        gone = []
        try:
            for name in list(names):
                with suppress(FileNotFoundError):
                    (self._folder / checked_name(name)).unlink()
                    gone.append(name)
            self._sync_way_to(gone)
            for folder in {(self._folder / name).parent for name in gone} - {self._folder}:
                with suppress(OSError):  # not empty, or emptied by another
                    folder.rmdir()
        except OSError as error:
            raise refused_by_disk(error, "the vault can't be written to") from None
        return len(gone)

    def _put_together(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> list[bool]:
        """Write some objects aside, sync them one after another, give them their names, sync the way to them."""
        token = secrets.token_hex(8)
        written: list[tuple[str, str, int]] = []
        try:
            for number, (name, parts) in enumerate(objects):
                path = f"{self._aside}/{token}-{number}"
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                written.append((checked_name(name), path, descriptor))
                write_whole(descriptor, parts)
            for _, _, descriptor in written:
                os.fsync(descriptor)
            told = [self._publish(path, name) for name, path, _ in written]
            self._sync_way_to(name for name, _, _ in written)
            return told
        finally:
            for _, path, descriptor in written:
                os.close(descriptor)
                with suppress(OSError):  # what went wrong is told already; the next writer sweeps
                    os.unlink(path)  # noqa: PTH108 - as _place

    def _place(self, name: str) -> str:
        """Say where an object lies; as a string, because pathlib would take an eighth of the CPU of keeping a slice."""
        return f"{self._folder}/{checked_name(name)}"

    def _publish(self, path: str, name: str) -> bool:
        final = self._place(name)
        for _ in range(8):  # somebody may remove the empty folder between our two steps
            try:
                os.link(path, final)
            except FileExistsError:
                return False
            except FileNotFoundError:
                make_private(Path(final).parent)
            else:
                return True
        message = "the vault's folders vanish while they are written to"
        raise TryAgain(message, fix="wait until withdrawals have ended, then run the same command again")

    def _sync_way_to(self, names: Iterable[str]) -> None:
        """Sync the folders on the way to these names, innermost first, whoever made them."""
        innermost = {name.rpartition("/")[0] for name in names}
        folders = {self._folder / path for inner in innermost for path in (Path(inner), *Path(inner).parents)}
        for folder in sorted(folders, key=lambda one: -len(one.parts)):
            with suppress(FileNotFoundError):  # removed as empty by another
                sync_folder(folder)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say that somebody writes; when nobody else does, sweep what a killed writer left aside."""
        make_private(self._aside)
        descriptor = os.open(self._aside / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not self._swept:
                self._sweep(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def _sweep(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in self._aside.iterdir():
                if path.name != "lock":
                    path.unlink()
            self._swept = True


@frozen(kw_only=True)
class Bucket:
    """Where a bucket is and who we are there.  Without a key, the environment's ``AWS_…`` variables say who."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    allow_http: bool = False
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)


class S3Blobs:
    """Keeps objects in a bucket.  It sees sealed bytes and keyed names only."""

    at_once = 8
    _PROBE: Final = "probe"
    _OWNER: Final = "haven.id"
    """Names the haven whose objects lie here; written once, by create-only."""

    def __init__(self, bucket: Bucket, *, owner: str = "") -> None:
        """Take the bucket and the id of the haven that it is to hold (none: nobody's place is taken or respected).

        Nothing is asked of it before the first call.  Raises EngineMissing.
        """
        self._store = _opened(bucket)
        self._owner = owner
        self._probed = False
        self._ours = not owner

    def put(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[bool, ...]:
        """Write each object that is not there; durable when it returns.  Tells for each whether it is new.

        Raises Refused when the bucket would overwrite (tried out once, before the first writing), and when the objects
        of another haven lie there.
        """
        if not self._probed:
            self.probe()
        if not self._ours:
            self._create(self._OWNER, [self._owner.encode()])
        self._check_ours()
        told: list[bool] = []
        rest = iter(objects)
        with ThreadPoolExecutor(self.at_once) as pool:
            while some := list(pool.map(lambda one: self._create(*one), islice(rest, self.at_once))):
                told += some
        return tuple(told)

    def probe(self) -> None:
        """Try out whether the bucket refuses to overwrite.  Raises Refused when it doesn't."""
        name = f"{self._PROBE}/{secrets.token_hex(8)}"
        first, second = self._create(name, [b"first"]), self._create(name, [b"second"])
        with suppress(TryAgain):  # a bucket that forbids removing keeps a few bytes of ours
            self.delete([name])
        if not first or second:
            message = "this object store overwrites what it was told to create only (If-None-Match: *)"
            raise Refused(message, fix="use a store that honours it, such as AWS S3, MinIO or Ceph of 2025 or newer")
        self._probed = True

    def get(self, name: str) -> bytes:
        """Read an object.  Raises ObjectMissing."""
        import obstore  # noqa: PLC0415 - only where S3 is used

        with _told_apart():
            return bytes(obstore.get(self._store, checked_name(name)).bytes())

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Tell which of these are there, and their sizes in bytes."""
        with ThreadPoolExecutor(self.at_once) as pool:
            sizes = pool.map(self._size, names)
            return {name: size for name, size in zip(names, sizes, strict=True) if size is not None}

    seen = sizes

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """List names with sizes, below a prefix that ends at a slash.  Raises Refused when they are not ours."""
        import obstore  # noqa: PLC0415 - only where S3 is used

        self._check_ours()
        with _told_apart():
            for some in obstore.list(self._store, prefix.rstrip("/") or None):
                for one in some:
                    if self._owner and one["path"].endswith(f"/{self._OWNER}"):
                        raise _taken()
                    if not one["path"].startswith(f"{self._PROBE}/") and one["path"] != self._OWNER:
                        yield one["path"], one["size"]

    def delete(self, names: Iterable[str]) -> int:
        """Remove these.  A bucket that keeps versions keeps them, sealed, until its own rules end them."""
        import obstore  # noqa: PLC0415 - only where S3 is used

        self._check_ours()
        there = list(self.sizes([checked_name(name) for name in names]))
        with _told_apart():
            if there:
                obstore.delete(self._store, there)
        return len(there)

    def _check_ours(self) -> None:
        """Raise Refused when the place is another haven's: a sweep would take its objects for strays."""
        if self._ours:
            return
        try:
            said = self.get(self._OWNER)
        except ObjectMissing:
            return  # nobody has written here yet
        if said != self._owner.encode():
            raise _taken()
        self._ours = True

    def _create(self, name: str, parts: Iterable[bytes]) -> bool:
        import obstore  # noqa: PLC0415 - only where S3 is used
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415 - as above

        with _told_apart():
            try:
                obstore.put(self._store, checked_name(name), b"".join(parts), mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

    def _size(self, name: str) -> int | None:
        import obstore  # noqa: PLC0415 - only where S3 is used

        try:
            with _told_apart():
                return obstore.head(self._store, checked_name(name))["size"]
        except ObjectMissing:
            return None


def _taken() -> Refused:
    message = "the objects of another haven lie at this place of the bucket"
    return Refused(message, fix='give each haven a prefix of its own in haven.toml: store = "s3://bucket/prefix"')


def _opened(bucket: Bucket) -> "S3Store":
    try:
        from obstore.store import S3Store  # noqa: PLC0415 - only where S3 is used
    except ImportError:
        message = "the haven lies in an object store, and what speaks to it is not installed"
        raise EngineMissing(message, fix="pip install 'fivesafes[s3]'") from None
    config: S3Config = {"region": bucket.region, "virtual_hosted_style_request": False}
    if bucket.access_key_id:
        config["access_key_id"] = bucket.access_key_id
        config["secret_access_key"] = bucket.secret_access_key
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=config,
        client_options={"allow_http": bucket.allow_http, "connect_timeout": "10s", "timeout": "300s"},
        retry_config={"max_retries": 3},
    )


@contextmanager
def _told_apart() -> Iterator[None]:
    """Turn what the object store answers into our errors; its own words may hold an address, and are dropped."""
    from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError  # noqa: PLC0415 - only where S3 is used

    try:
        yield
    except (FileNotFoundError, NotFoundError):
        raise ObjectMissing.told() from None
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        message = f"the object store did not do what it was asked ({type(error).__name__})"
        fix = "check that it is up, the bucket's name and the credentials, then run the same command again"
        raise TryAgain(message, fix=fix) from None
