"""What became of an object's pixels, and what its header must say of it."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

CLEAN_PIXEL_DATA: Final = "113101"
_BURNED_IN: Final = 0x00280301
_EXTREMES: Final = (0x00280106, 0x00280107, 0x00280108, 0x00280109)


@frozen(kw_only=True)
class PixelChange:
    """Uncompressed pixels that stand for the object's own (None: they are copied), and what describes them.

    ``attributes`` gives VR and value of what must be said anew, by tag; None where it must go.  ``options`` are the
    PS3.15 options that were truly used, and ``syntax`` is the transfer syntax of changed pixels that were compressed.
    """

    content: bytes | bytearray | memoryview | None = field(default=None, repr=False)
    attributes: Mapping[int, tuple[bytes, bytes] | None] = field(factory=dict)
    options: frozenset[str] = frozenset()
    syntax: str | None = None


UNCHANGED: Final = PixelChange()


def cleaned_attributes() -> dict[int, tuple[bytes, bytes] | None]:
    """Say of blanked pixels that no text is left in them; the least and greatest values may be others now."""
    return {_BURNED_IN: (b"CS", b"NO"), **dict.fromkeys(_EXTREMES)}
