"""How bytes of keys come to a disk and leave it: synced, for their owner alone, overwritten before they go."""

import os
from pathlib import Path

from fivesafes.stores.blobs import write_whole


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file; durable but for its name when it returns, and not there when it raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_whole(descriptor, [content])
        os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def overwrite(descriptor: int) -> None:
    """Write zeros over an open file; what a disk keeps of it is the disk's encryption's matter."""
    size = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_whole(descriptor, [bytes(size)])
    os.fsync(descriptor)


def shred_file(path: Path) -> None:
    """Overwrite and remove a file.  Raises FileNotFoundError."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        overwrite(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()


def linked(aside: Path, final: Path) -> bool:
    """Give a file a second name; False when that is taken."""
    try:
        os.link(aside, final)
    except FileExistsError:
        return False
    return True
