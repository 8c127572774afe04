"""Walk an input folder and write an output folder: nothing followed out of it, nothing half-written."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, Final

from attrs import field, frozen

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.data.header.mapped import stretches

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind
    fcntl = None  # type: ignore[assignment]

_ASIDE: Final = ".part"
_LEFT: Final = f".{'[0-9a-f]' * 16}.dcm.*{_ASIDE}"


@frozen(kw_only=True)
class Walked:
    """Every regular file below a folder, in order of paths; folders that may not be read; linked folders' number."""

    files: tuple[Path, ...] = field(repr=False)
    unreadable: tuple[Path, ...] = field(repr=False)
    links: int


def walk(source: Path) -> Walked:
    """List all files at any depth, hidden ones too; links are listed (if to a file) and never followed."""
    files: list[Path] = []
    unreadable: list[Path] = []
    links = 0

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for folder, folders, names in os.walk(source, onerror=note):
        links += sum(1 for name in folders if (Path(folder) / name).is_symlink())
        files += [Path(folder) / name for name in names]
    return Walked(files=tuple(sorted(files)), unreadable=tuple(unreadable), links=links)


def is_regular(path: Path) -> bool:
    """Tell whether a path is a file of its own: no link, pipe, socket or device."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # let reading it say what is wrong


def shown(path: Path, source: Path) -> str:
    """Give a path relative to the input folder, as text whatever bytes its name has."""
    relative = os.fsencode(path.relative_to(source).as_posix())
    return relative.decode("utf-8", "backslashreplace")


def check_places(source: Path, into: Path) -> None:
    """Refuse to write into the folder that is read, or to read what is written.  Raises UsageMistake."""
    here, there = source.resolve(), into.resolve()
    if here == there or there.is_relative_to(here) or here.is_relative_to(there):
        what = "the output folder must lie outside the input folder, and not around it"
        raise UsageMistake(what, fix="choose another output folder")


def private_folder(folder: Path, *, apart_from: Sequence[Path]) -> None:
    """Make a folder that nobody else may read, outside of others.

    Raises UsageMistake when it lies in or around one of them, or holds other files; TryAgain when it can't be made.
    """
    for other in apart_from:
        check_places(other, folder)
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        strange = any(path.suffix not in {".png", ".html"} for path in folder.iterdir())
    except OSError as error:
        what = f"the folder for review can't be used: {error.strerror}"
        raise TryAgain(what, fix="choose a folder that you may write to") from None
    if strange:
        what = "the folder for review holds other files"
        raise UsageMistake(what, fix="choose a new folder: it will hold identifying pictures and nothing else")


@contextmanager
def scratch_in(folder: Path, *, prefix: str) -> Iterator[Path]:
    """Give a private folder inside another, which goes whichever way it ends; sweep those that killed runs left.

    Each is locked while it is used, and bears its name only then, so that runs at one time let one another's be.
    """
    for left in folder.glob(f"{prefix}*"):
        with _locked_by_us(left) as ours:
            if ours:
                shutil.rmtree(left, ignore_errors=True)
    made = Path(mkdtemp(prefix=".new-", dir=folder))
    try:
        with _locked_by_us(made):
            made = made.replace(folder / f"{prefix}{made.name.removeprefix('.new-')}")
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _locked_by_us(folder: Path) -> Iterator[bool]:
    """Lock a folder, and say whether that went; without locks (Windows) it does not."""
    try:
        handle = os.open(folder, os.O_RDONLY) if fcntl else -1
    except OSError:  # its owner has just removed it, or it is somebody else's
        yield False
        return
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, or on a file system that knows no locks
        yield False
    else:
        yield handle >= 0
    finally:
        if handle >= 0:
            os.close(handle)


class OutputFolder:
    """Writes files beside their place and renames them there; one run at a time."""

    @staticmethod
    @contextmanager
    def locked(into: Path) -> Iterator[None]:
        """Make the folder, lock it, and sweep what a killed run left.  Raises TryAgain when any of it fails."""
        try:
            into.mkdir(parents=True, exist_ok=True)
            handle = os.open(into, os.O_RDONLY) if fcntl else -1
        except OSError as error:
            what = f"the output folder can't be used: {error.strerror}"
            raise TryAgain(what, fix="choose a folder that you may write to") from None
        try:
            if fcntl:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in into.rglob(_LEFT):
                left.unlink(missing_ok=True)
            yield
        except BlockingIOError:
            what = "another run writes into this output folder"
            raise TryAgain(what, fix="wait until it is done, or choose another folder") from None
        finally:
            if handle >= 0:
                os.close(handle)

    @staticmethod
    def write(path: Path, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Write a file unless it is there and equal.  Raises OSError; a failed write leaves nothing."""
        if _is_equal(path, pieces):
            return
        aside = path.with_name(f".{path.name}.{os.getpid()}{_ASIDE}")
        try:
            with _created(aside) as file:
                for piece in pieces:
                    file.writelines(stretches(piece))
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def _created(path: Path) -> BinaryIO:
    """Open a file to be written, and make its folder where it is missing: a series needs it once."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


def _is_equal(path: Path, pieces: Sequence[bytes | bytearray | memoryview]) -> bool:
    try:
        if path.stat().st_size != sum(len(piece) for piece in pieces):
            return False
        with path.open("rb") as file:
            return all(file.read(len(part)) == part for piece in pieces for part in stretches(piece))
    except OSError:
        return False
