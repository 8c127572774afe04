"""Look for training rows kept inside models: support vectors, neighbours, inducing points.

A pickle is never loaded: only the texts in its opcodes are read, in one pass that executes nothing.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.spots import at_least_medium, spots

_ROWS: Final = re.compile(
    r"(?i)_*(support_?vectors?|sv|x_?train|train(?:ing)?_?(?:x|data|rows|set|samples|features|inputs|points|examples|"
    r"subjects|instances)|_?fit_?x|x_?fit|stored_?(?:samples|rows|points)|reference_?(?:rows|samples)|prototypes|exemplars|"
    r"inducing_?points|neighbou?rs(?:_?data)?|knn_?data|kd_?tree|ball_?tree|memory(?:_?bank)?|raw_?data|coreset|medoids)_*",
)
_KNOWN_IN_PICKLES: Final = ("support_vectors_", "_fit_X", "X_train_", "_tree", "training_data", "train_X", "X_train")
_FEWEST_NUMBERS: Final = 4
_MOST_OPCODES: Final = 2_000_000


def find_rows(parsed: Any, place: Place, keys: tuple[str, ...] = ()) -> Iterator[Residue]:  # noqa: ANN401
    """Yield a finding for each key of a parsed model that holds rows of training data."""
    if len(keys) > 60:  # noqa: PLR2004 - as deep as the JSON reader goes
        return
    if isinstance(parsed, Mapping):
        for key, value in parsed.items():
            if _ROWS.fullmatch(str(key)) and _is_matrix(value):
                yield place.residue("training_rows", ".".join((*keys, str(key))))
            else:
                yield from find_rows(value, place, (*keys, str(key)))
    elif isinstance(parsed, list):
        for number, value in enumerate(parsed):
            if isinstance(value, Mapping):
                yield from find_rows(value, place, (*keys, str(number)))


def _is_matrix(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return any(_is_matrix(inner) for inner in value.values())
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    if isinstance(first, list | Mapping):
        return True
    return len(value) >= _FEWEST_NUMBERS and all(isinstance(item, int | float) for item in value)


def find_in_pickle(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield that this is a pickle, the training rows its attribute names betray, and texts that identify."""
    yield place.residue("pickle", "file")
    texts = list(_texts(content))
    for name in _KNOWN_IN_PICKLES:
        if name in texts:
            yield place.residue("training_rows", name.strip("_"))
            break
    for text in texts:
        found = at_least_medium(list(spots(text)))
        if found:
            yield place.residue(found[0].code, "text:pickle", text[found[0].start : found[0].end])


def _texts(content: bytes) -> Iterator[str]:
    """Yield the texts that a pickle's opcodes carry, as far as it can be followed."""
    try:
        for count, (_, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
            if count > _MOST_OPCODES:
                return
            if isinstance(argument, str):
                yield argument
    except Exception:  # noqa: BLE001 - a broken or foreign pickle ends the reading; it is reported unchecked anyway
        return


def find_in_arrays(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what a NumPy file holds: training rows by the member's name, texts, and object arrays (pickles)."""
    if content.startswith(b"\x93NUMPY"):
        yield from _array(content, place, "")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy") and member.file_size < 1 << 28:
                    yield from _array(archive.read(member), place, member.filename.removesuffix(".npy"))
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise Unreadable(why="a NumPy archive that can't be opened") from error


def _array(content: bytes, place: Place, name: str) -> Iterator[Residue]:
    if _ROWS.fullmatch(name):
        yield place.residue("training_rows", name)
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError):
        yield place.residue("pickle", name or "file")
        return
    if array.dtype.kind in "US":
        for text in {str(item) for item in array.ravel()[:10_000].astype(str)}:
            found = at_least_medium(list(spots(text)))
            if found:
                yield place.residue(found[0].code, name or "file", text[found[0].start : found[0].end])
                return
