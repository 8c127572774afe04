"""The stored numbers of an object, frame by frame, and what it takes to set some of them.

Compressed pixels are decoded and written uncompressed: packing them again could alter what lies outside of the zone,
and of pixels that were packed with loss a second time would lose more.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.dicom.instance import Frame, Instance, pixels_of
from fivesafes.data.face.dicom.said import Said
from fivesafes.data.face.itk import Bools, Floats
from fivesafes.data.header.content import read_content
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import EXPLICIT, DataSet, open_data_set
from fivesafes.data.pixels.blank import settle_unused_bits
from fivesafes.data.pixels.decode import LOSSY, CannotDecode, decoded_frames
from fivesafes.data.pixels.layout import PixelLayout

Cells = NDArray[Any]
DAMAGED: Final = "get the file again from its source, or export the series uncompressed"


@frozen(kw_only=True, eq=False)
class Opened:
    """One object's data set, and its pixels as cells: all bits of each, (rows, columns) by frame."""

    instance: Instance
    data_set: DataSet
    said: Said

    @property
    def layout(self) -> PixelLayout:
        """How cells lie when they are read and written here: as stored, or as a decoder gives them."""
        layout = self.instance.layout
        return evolve(layout, high_bit=layout.stored - 1, little=True) if self.instance.compressed else layout

    @property
    def syntax(self) -> str:
        """The transfer syntax in which it is written again."""
        return EXPLICIT if self.instance.compressed else self.data_set.syntax

    @property
    def lossy(self) -> bool:
        """Whether its pixels were packed in a way that may lose something."""
        return self.instance.compressed and self.data_set.syntax in LOSSY

    def frames(self) -> Iterator[Cells]:
        """Yield each frame as cells; bits that hold no number are cleared, so that nothing is drawn in them.

        Raises InvalidInput when the pixels can't be decoded, or are fewer than the header says.
        """
        try:
            for cells in self._cells():
                yield self._settled(cells)
        except CannotDecode as problem:
            raise InvalidInput(problem.why, fix=f"install the extra fivesafes[pixels]; or {DAMAGED}") from None

    def _cells(self) -> Iterator[Cells]:
        pixels = pixels_of(self.said)
        if pixels is None:
            return
        content = memoryview(self.data_set.buffer)[pixels.start : pixels.end]
        if self.instance.compressed:
            for layout, cells in decoded_frames(content, self.data_set.syntax, evolve(self.layout, separate=False)):
                yield cells.astype(layout.cell)[..., 0]
            return
        if len(content) < self.layout.total_bytes:
            what = "the file ends before its pixels do"
            raise InvalidInput(what, fix=DAMAGED)
        size = self.layout.frame_bytes
        for number in range(self.layout.frames):
            flat = np.frombuffer(content[number * size : (number + 1) * size], dtype=self.layout.cell)
            yield flat.reshape(self.layout.rows, self.layout.columns)

    def _settled(self, cells: Cells) -> Cells:
        if self.instance.floating or not self.layout.unused_bits:
            return cells
        one = self.layout.one_frame()
        content, changed = settle_unused_bits(cells.tobytes(), one)
        return one.cells(content)[0, :, :, 0] if changed else cells


def open_instance(instance: Instance) -> Opened:
    """Open an object again.  Raises InvalidInput when it is not what it was."""
    try:
        data_set = open_data_set(read_content(instance.path))
        return Opened(instance=instance, data_set=data_set, said=Said.of(data_set))
    except Malformed as malformed:
        raise InvalidInput(malformed.why, fix=DAMAGED) from None


def stored_numbers(opened: Opened, cells: Cells) -> NDArray[Any]:
    """Give the numbers that cells hold; where the header says that nothing was measured stands the least other one."""
    if opened.instance.floating:
        return cells.view(cells.dtype.str.replace("u", "f"))
    numbers = opened.layout.values(cells)
    if opened.instance.padding is not None:
        nothing = numbers == opened.instance.padding
        if nothing.any() and not nothing.all():
            numbers[nothing] = numbers[~nothing].min()
    return numbers


def real_numbers(opened: Opened, cells: Cells, frame: Frame) -> Floats:
    """Give one frame in real units, (rows, columns); what is no number becomes 0."""
    numbers = stored_numbers(opened, cells).astype(np.float32)
    real = numbers * np.float32(frame.slope) + np.float32(frame.intercept)
    return np.asarray(np.nan_to_num(real, copy=False, nan=0.0, posinf=0.0, neginf=0.0), dtype=np.float32)


def with_values(opened: Opened, cells: Cells, *, removed: Bools, real: Floats, frame: Frame) -> Cells:
    """Set the removed pixels, (rows, columns), to the stored numbers nearest to ``real``; others stay bit for bit."""
    changed = cells.copy()
    stored = (real[removed].astype(np.float64) - frame.intercept) / frame.slope
    layout = opened.layout
    if opened.instance.floating:
        changed.view(cells.dtype.str.replace("u", "f"))[removed] = stored
        return changed
    least = -(1 << (layout.stored - 1)) if layout.signed else 0
    whole = np.clip(np.rint(stored), least, least + (1 << layout.stored) - 1).astype(np.int64)
    low = layout.high_bit + 1 - layout.stored
    changed[removed] = ((whole << low) & ((1 << layout.allocated) - 1)).astype(layout.cell)
    return changed
