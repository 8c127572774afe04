"""Give every byte of a file, as it lies and as it decompresses: gzip, bzip2, xz, zip, tar and PDF, to depth four."""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from fivesafes.data.residue.compressed import MAGIC, GzipReader, Source
from fivesafes.data.residue.drawings import pdf_streams
from fivesafes.data.residue.place import Unreadable

_LIMIT: Final = 1 << 38
_BUFFERED: Final = 1 << 28
_DEEPEST: Final = 4
_HEAD: Final = 512
_BZIP2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\x00"
_ZIP: Final = b"PK\x03\x04"
_PDF: Final = b"%PDF"


@frozen
class Layer:
    """One sequence of bytes: ``member`` is empty for the file as it lies, else the way in (``gunzip!inner.nii``)."""

    member: str
    source: Source


Opener = Callable[[], Source]


def layers(path: Path) -> Iterator[Layer]:
    """Yield the file as it lies, then whatever decompresses out of it; each must be read before the next is asked for.

    Raises Unreadable for broken or encrypted content, OSError when the file can't be opened.  Nothing is held in
    memory but zip archives inside other archives and PDF files (up to 256 MiB).
    """
    with ExitStack() as opened:

        def opener() -> IO[bytes]:
            return opened.enter_context(path.open("rb"))

        yield Layer("", opener())
        yield from _inside(opener, "", 0)


def _inside(opener: Callable[[], Source], member: str, depth: int) -> Iterator[Layer]:
    if depth > _DEEPEST:
        raise Unreadable(why="archives nested deeper than four levels")
    source = opener()
    head = source.read(_HEAD)
    _close(source)
    try:
        if head.startswith(MAGIC):
            yield from _one(lambda: GzipReader(opener(), limit=_LIMIT), f"{member}gunzip", depth)
        elif head.startswith(_BZIP2):
            yield from _one(lambda: bz2.BZ2File(_opened(opener)), f"{member}bunzip2", depth)
        elif head.startswith(_XZ):
            yield from _one(lambda: lzma.LZMAFile(_opened(opener)), f"{member}unxz", depth)  # noqa: SIM115 - read to its end
        elif head.startswith(_ZIP):
            yield from _zip(opener, member, depth)
        elif head[257:262] == b"ustar":
            yield from _tar(opener, member, depth)
        elif head.startswith(_PDF):
            yield Layer(f"{member}pdf", io.BytesIO(b"\n".join(pdf_streams(_whole(opener)))))
    except (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        raise Unreadable(why="an archive that is broken") from error
    except (RuntimeError, NotImplementedError) as error:
        raise Unreadable(why="an archive that is encrypted or packed in an unknown way") from error


def _one(opener: Callable[[], Source], member: str, depth: int) -> Iterator[Layer]:
    yield Layer(member, opener())
    yield from _inside(opener, f"{member}!", depth + 1)


def _zip(opener: Opener, member: str, depth: int) -> Iterator[Layer]:
    handle = _seekable(opener)
    with zipfile.ZipFile(handle) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue

            def inner(info: zipfile.ZipInfo = info) -> IO[bytes]:
                return archive.open(info)

            with archive.open(info) as opened:
                yield Layer(f"{member}{info.filename}", opened)
            yield from _inside(inner, f"{member}{info.filename}!", depth + 1)


def _tar(opener: Opener, member: str, depth: int) -> Iterator[Layer]:
    """Go into the compressed members; the others lie open in the archive's own bytes."""
    with tarfile.open(fileobj=_opened(opener), mode="r|") as archive:
        for info in archive:
            handle = archive.extractfile(info) if info.isfile() else None
            if handle is None or info.size < len(MAGIC):
                continue
            head = handle.read(_HEAD)
            if not head.startswith((MAGIC, _BZIP2, _XZ, _ZIP, _PDF)):
                continue
            if info.size > _BUFFERED:
                raise Unreadable(why="a packed member too large to be unpacked inside its archive")
            content = head + handle.read()

            def inner(content: bytes = content) -> io.BytesIO:
                return io.BytesIO(content)

            yield from _inside(inner, f"{member}{info.name}!", depth + 1)


class _Readable(io.RawIOBase):
    """Lets the standard library read from a Source."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any writable buffer
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _opened(opener: Opener) -> IO[bytes]:
    source = opener()
    return source if isinstance(source, io.IOBase) else io.BufferedReader(_Readable(source))  # type: ignore[return-value]  # both read bytes


def _seekable(opener: Opener) -> IO[bytes]:
    source = opener()
    if isinstance(source, io.IOBase) and source.seekable():
        return source  # type: ignore[return-value]  # a binary file
    return io.BytesIO(_whole(lambda: source))


def _whole(opener: Opener) -> bytes:
    source = opener()
    content = b"".join(iter(lambda: source.read(1 << 20), b""))[: _BUFFERED + 1]
    _close(source)
    if len(content) > _BUFFERED:
        raise Unreadable(why="a packed file too large to be unpacked in memory")
    return content


def _close(source: Source) -> None:
    if isinstance(source, io.IOBase):
        source.close()
