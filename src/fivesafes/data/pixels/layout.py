"""How uncompressed pixels lie in their bytes (PS3.3 C.7.6.3, PS3.5 section 8)."""

from typing import Any, Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

WHOLE_BYTES: Final = (8, 16, 32)
_INTERLEAVED, _SEPARATE = 0, 1
_PHOTOMETRIC: Final = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_RCT": 3,
    "YBR_ICT": 3,
}
"""Photometric interpretations whose samples lie one by one, and how many there are."""


@frozen(kw_only=True)
class PixelLayout:
    """Sizes and order of the pixels of one object; ``separate`` is planar configuration 1: one plane per colour."""

    rows: int
    columns: int
    frames: int = 1
    samples: int = 1
    allocated: int = 16
    stored: int = 16
    high_bit: int = 15
    signed: bool = False
    separate: bool = False
    photometric: str = "MONOCHROME2"
    little: bool = True

    def unreadable(self) -> str | None:
        """Say why pixels of this layout can't be looked at one by one, or None when they can."""
        if min(self.rows, self.columns, self.frames) < 1:
            return "the header gives no size"
        if self.allocated not in WHOLE_BYTES:
            return "its samples do not fill whole bytes"
        if not self.little and self.allocated == WHOLE_BYTES[0]:
            return "its bytes are swapped in pairs"
        if _PHOTOMETRIC.get(self.photometric) != self.samples:
            return "its colours are packed in a way that no rule knows"
        if not 0 < self.stored <= self.high_bit + 1 <= self.allocated:
            return "the header contradicts itself about the bits of a sample"
        return None

    @property
    def cell(self) -> np.dtype[Any]:
        """The unsigned type of one stored sample, all of its bits."""
        return np.dtype(f"{'<' if self.little else '>'}u{self.allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.rows * self.columns * self.samples * self.allocated // 8

    @property
    def total_bytes(self) -> int:
        """Bytes of all frames."""
        return self.frames * self.frame_bytes

    @property
    def stored_bits(self) -> int:
        """The bits of a cell that hold the sample, as a mask."""
        return ((1 << self.stored) - 1) << (self.high_bit + 1 - self.stored)

    @property
    def unused_bits(self) -> int:
        """The bits of a cell that hold no part of the sample, as a mask."""
        return ((1 << self.allocated) - 1) & ~self.stored_bits

    def one_frame(self) -> "PixelLayout":
        """Give the layout of a single frame."""
        return evolve(self, frames=1)

    def cells(self, content: bytes | bytearray | memoryview) -> NDArray[Any]:
        """See bytes as cells, (frames, rows, columns, samples); a view: what is written to it is written to them.

        Raises ValueError when there are too few.
        """
        flat = np.frombuffer(content, dtype=self.cell, count=self.total_bytes // self.cell.itemsize)
        if self.separate and self.samples > 1:
            planes = flat.reshape(self.frames, self.samples, self.rows, self.columns)
            return np.moveaxis(planes, 1, -1)
        return flat.reshape(self.frames, self.rows, self.columns, self.samples)

    def values(self, cells: NDArray[Any]) -> NDArray[np.int64]:
        """Give the numbers that cells hold: the stored bits, with their sign."""
        low = self.high_bit + 1 - self.stored
        numbers = (cells.astype(np.int64) >> low) & ((1 << self.stored) - 1)
        if self.signed:
            sign = 1 << (self.stored - 1)
            numbers = (numbers ^ sign) - sign
        return numbers
