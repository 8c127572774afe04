"""Decode compressed pixels frame by frame, with the decoders that are installed (PS3.5 A.4).

pydicom chooses the plug-in; ours are under MIT and BSD licences (the extra ``pixels``).  A decoder's messages are
thrown away, as they may quote a header.
"""

import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from fivesafes.data.pixels.layout import PixelLayout

LOSSY: Final = frozenset(
    {
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.203",
    }
)
"""Transfer syntaxes that may have lost something (PS3.5 A.4.1, A.4.3, A.4.4)."""


class CannotDecode(Exception):
    """No decoder is there, or the one there can't; ``why`` holds nothing of the file."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why


def decoded_frames(
    content: bytes | memoryview, syntax: str, layout: PixelLayout
) -> Iterator[tuple[PixelLayout, NDArray[Any]]]:
    """Yield each frame as cells, (rows, columns, samples), and the layout that fits them: colours one by one.

    Raises CannotDecode when no plug-in for this transfer syntax is installed, or when the frames are damaged, fewer
    than the header says, or of another size.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from _decoded(content, syntax, layout)
        except CannotDecode:
            raise
        except Exception:  # noqa: BLE001 - plug-ins raise whatever they like on a damaged frame
            why = "its compressed pixels can't be decoded"
            raise CannotDecode(why) from None


def _decoded(
    content: bytes | memoryview, syntax: str, layout: PixelLayout
) -> Iterator[tuple[PixelLayout, NDArray[Any]]]:
    try:
        decoder = get_decoder(UID(syntax))
        missing = not decoder.is_available
    except NotImplementedError:
        missing = True
    if missing:
        why = "no decoder for its compressed pixels is installed"
        raise CannotDecode(why)
    count = 0
    for frame, told in decoder.iter_array(bytes(content), raw=True, **_options(layout, syntax)):
        fitting = evolve(
            layout,
            separate=False,
            photometric=str(told["photometric_interpretation"]),
            high_bit=layout.stored - 1,
        )
        if frame.dtype.itemsize * 8 != layout.allocated or fitting.unreadable():
            why = "its compressed pixels are not what the header says"
            raise CannotDecode(why)
        shape = (layout.rows, layout.columns, layout.samples)
        yield fitting, np.ascontiguousarray(frame).reshape(shape).view(f"u{frame.dtype.itemsize}").astype(layout.cell)
        count += 1
    if count != layout.frames:
        why = "it has another number of compressed frames than the header says"
        raise CannotDecode(why)


def _options(layout: PixelLayout, syntax: str) -> dict[str, Any]:
    return {
        "transfer_syntax_uid": UID(syntax),
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "number_of_frames": layout.frames,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "photometric_interpretation": layout.photometric,
        "pixel_representation": int(layout.signed),
        "planar_configuration": int(layout.separate),
        "pixel_keyword": "PixelData",
        "pixel_vr": "OB",
    }
