"""Ask of each structural image of a data set whether a face can be seen in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fivesafes.core.progress import Progress
from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place

_STRUCTURAL: Final = re.compile(
    r"(?i)_(?:T1w|T2w|FLAIR|PDw|PDT2|inplaneT1|inplaneT2|T1map|T2map|T2starw|T2starmap|R1map|R2map|PDmap|MTVmap|MP2RAGE|UNIT1|"
    r"MEGRE|VFA|MPM|MTS|angio|magnitude1?|M0map|swi)\.nii(?:\.gz)?$",
)
_LOOKS_STRUCTURAL: Final = re.compile(
    r"(?i)(?:t1|t2|mprage|mp2rage|flair|spgr|bravo|anat|struct|tfl|space|head).*\.nii(?:\.gz)?$"
)
_NO_HEAD: Final = re.compile(r"(?i)mask|_dseg|probseg|_label|space-MNI|brain|atlas|_bold|_dwi|skull")
_MOST: Final = 200
_STAGE: Final = "look for faces"


def faces_in(dataset: Path, *, progress: Progress) -> tuple[Residue, ...]:
    """Yield a finding for each structural image that shows a face, or of which it can't be told.

    Images count by their BIDS suffix, or by a name that speaks of anatomy; of more than 200 the rest is told as not
    looked at.
    """
    images = [path for path in sorted(dataset.rglob("*.nii*")) if path.is_file() and _is_structural(path, dataset)]
    progress.begin(_STAGE, total=min(len(images), _MOST), unit="images")
    found = []
    for path in images[:_MOST]:
        found += list(_looked_at(path, Place.at(path.relative_to(dataset).as_posix())))
        progress.advance(_STAGE)
    progress.end(_STAGE)
    rest = [Place.at(path.relative_to(dataset).as_posix()) for path in images[_MOST:]]
    return (*found, *(place.residue("face_unknown", "file") for place in rest))


def _is_structural(path: Path, dataset: Path) -> bool:
    name = path.relative_to(dataset).as_posix()
    if _NO_HEAD.search(path.name):
        return False
    return bool(_STRUCTURAL.search(name) or ("sub-" not in path.name and _LOOKS_STRUCTURAL.search(path.name)))


def _looked_at(path: Path, place: Place) -> Iterator[Residue]:
    try:
        presence = _presence(path)
    except Exception:  # noqa: BLE001 - an image that can't be examined is told as such, whatever it was that failed
        yield place.residue("face_unknown", "file")
        return
    if presence == "present":
        yield place.residue("face", "file")
    elif presence != "absent":
        yield place.residue("face_unknown", "file")


def _presence(path: Path) -> str:
    """Ask the face safe; imported late, for it loads the registration engine and its template."""
    from importlib import import_module  # noqa: PLC0415 - see above

    answer: Any = import_module("fivesafes.data.face.present").face_present(path)
    for name in ("presence", "state", "status", "answer", "face"):
        if (value := getattr(answer, name, None)) is not None:
            return str(getattr(value, "value", value)).lower()
    return str(getattr(answer, "value", answer)).lower()
