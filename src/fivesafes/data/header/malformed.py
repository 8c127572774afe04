"""Why a file can't be read as DICOM: a status, a code and a sentence, none with a value from the file."""

from typing import Final, Self

from fivesafes.data.model import FileStatus

TOO_MUCH: Final = "data.file.too-much"
FAULT: Final = "data.file.fault"
SEALED: Final = "data.file.sealed"
KEY_FILE: Final = "data.file.key"


class Malformed(Exception):
    """A file can't be used; ``status``, ``code`` and ``why`` are what its owner reads."""

    def __init__(self, status: FileStatus, code: str, why: str) -> None:
        """Keep the three apart, for the report."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process border whole."""
        return type(self), (self.status, self.code, self.why)

    @classmethod
    def unreadable(cls) -> Self:
        """Say that the header breaks the rules of DICOM somewhere."""
        return cls(FileStatus.UNREADABLE, "data.file.malformed", "the header breaks the encoding rules of DICOM")


def truncated() -> Malformed:
    """Say that a value is longer than what is left."""
    why = "the file ends before its contents do; copy or export it again"
    return Malformed(FileStatus.UNREADABLE, "data.file.truncated", why)


def too_deep() -> Malformed:
    """Say that sequences nest deeper than any scanner writes."""
    why = "sequences nest deeper than any scanner writes them"
    return Malformed(FileStatus.UNREADABLE, "data.file.too-deep", why)


def out_of_order() -> Malformed:
    """Say that the elements do not lie in the order of their tags, or one comes twice (PS3.5 7.1)."""
    why = (
        "its elements are not in the order of their tags, so a tag may be damaged and a value bear another's name; "
        "export it again, or, if you know why it is so, write it anew with dcmconv"
    )
    return Malformed(FileStatus.UNREADABLE, "data.file.out-of-order", why)


def inflated_too_far() -> Malformed:
    """Say that the deflated data set grows beyond any sense."""
    why = "the compressed data set grows beyond any sensible size"
    return Malformed(FileStatus.UNREADABLE, "data.file.inflates-too-far", why)


def too_much() -> Malformed:
    """Say that reading it takes more time or memory than any file of its size needs."""
    why = "reading it takes more time or memory than a scan of its size needs; export it again, or look into it apart"
    return Malformed(FileStatus.UNREADABLE, TOO_MUCH, why)


def fault() -> Malformed:
    """Say that it met a fault of this program."""
    why = "it met a fault of this program; please report that, without the file"
    return Malformed(FileStatus.UNREADABLE, FAULT, why)


def changing() -> Malformed:
    """Say that it was being written while it was read."""
    why = "the file changed while it was read; wait until it is whole, then run again"
    return Malformed(FileStatus.UNREADABLE, "data.file.changing", why)


def empty() -> Malformed:
    """Say that there is nothing in it."""
    return Malformed(FileStatus.UNREADABLE, "data.file.empty", "the file is empty")


def archive(kind: str) -> Malformed:
    """Say that files are packed in it."""
    return Malformed(FileStatus.NOT_DICOM, "data.file.archive", f"{kind}: unpack it first")


def sealed_file() -> Malformed:
    """Say that it is sealed with age, as the objects of a vault and the keys of a keyring are, or holds such."""
    why = "sealed with age, as a vault and a keyring are: left where it lies, and taken in nowhere (--reveal names it)"
    return Malformed(FileStatus.REFUSED, SEALED, why)


def secret_key() -> Malformed:
    """Say that a secret key stands in it."""
    why = "a secret key: left where it lies, and taken in nowhere; carry it away from the scans (--reveal names it)"
    return Malformed(FileStatus.REFUSED, KEY_FILE, why)


def not_dicom() -> Malformed:
    """Say that the file is something else."""
    return Malformed(FileStatus.NOT_DICOM, "data.file.not-dicom", "the file is not DICOM")


def no_pixels() -> Malformed:
    """Say that an image came without its pixels."""
    return Malformed(
        FileStatus.UNREADABLE, "data.file.no-pixels", "the header describes an image, and no pixels follow"
    )


def no_identity() -> Malformed:
    """Say that the object does not say which it is."""
    why = "the UID of the object, its series or its study is missing"
    return Malformed(FileStatus.UNREADABLE, "data.file.no-uid", why)


def unreadable_file() -> Malformed:
    """Say that the system does not let the file be read."""
    return Malformed(FileStatus.UNREADABLE, "data.file.permission", "the system does not let this file be read")


def broken_codestream() -> Malformed:
    """Say that compressed pixels break the rules of their own format."""
    why = "the compressed pixels can't be read to their end; decompress them with the archive's own tools first"
    return Malformed(FileStatus.UNREADABLE, "data.file.codestream", why)


def unknown_packing() -> Malformed:
    """Say that pixels are compressed in a way in which texts could hide that nobody finds here."""
    why = "the pixels are compressed in a way that is not examined here; decompress them first"
    return Malformed(FileStatus.REFUSED, "data.file.packing", why)


def uncounted_pixels() -> Malformed:
    """Say that nobody knows where the pixels end, so that anything may lie behind them."""
    why = "the header does not say how many pixels there are, so their end is unknown"
    return Malformed(FileStatus.UNREADABLE, "data.file.uncounted", why)
