"""Find text with RapidOCR: the detector and recogniser of PP-OCRv4 as ONNX models that ship inside the package.

Detection alone takes most brains for text; what the recogniser then reads with confidence is text.  What it reads is
counted and thrown away.
"""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.data.boxes import Box
from fivesafes.data.ports import FoundText

_PACKAGE: Final = "rapidocr-onnxruntime"
_SURE: Final = 0.5
_FEWEST_SIGNS: Final = 2
_SMALLEST_SIDE: Final = 32
"""Pictures come already as large as they need to be: the package's own 736 costs three times as much."""


class RapidOcr:
    """Runs the models in this process, on one thread, so that the same picture gives the same answer."""

    name: ClassVar[str] = "rapidocr"

    def missing(self) -> str | None:
        """Say what must be installed first."""
        try:
            version(_PACKAGE)
        except PackageNotFoundError:
            return "install the extra: pip install 'fivesafes[ocr]'"
        return None

    def version(self) -> str:
        """Name the package and its version."""
        return f"{_PACKAGE} {version(_PACKAGE)}"

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Say where text is in a picture, (rows, columns)."""
        read, _ = _models()(np.ascontiguousarray(np.repeat(image[..., None], 3, axis=2)))
        return tuple(
            FoundText(box=_around(corners), confidence=float(sure))
            for corners, text, sure in read or ()
            if float(sure) >= _SURE and sum(sign.isalnum() for sign in text) >= _FEWEST_SIGNS
        )


def _around(corners: Any) -> Box:  # noqa: ANN401 - four points as nested lists
    points = np.asarray(corners, dtype=float)
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    return Box(int(top), int(left), int(bottom), int(right))


@lru_cache(maxsize=1)
def _models() -> Any:  # noqa: ANN401 - the package has no types
    from rapidocr_onnxruntime import RapidOCR  # noqa: PLC0415 - an optional extra, and slow to load

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, det_limit_side_len=_SMALLEST_SIDE, text_score=0.0)
