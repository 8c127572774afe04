"""Ask of each structural image of a data set whether a face can be seen in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import nibabel as nib

from fivesafes.core.progress import Progress
from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.place import Place

if TYPE_CHECKING:
    from fivesafes.data.face.present import FacePresence

_ENDING: Final = r"\.(?:nii(?:\.gz)?|img(?:\.gz)?)$"
_IMAGE: Final = re.compile(rf"(?i){_ENDING}")
_STRUCTURAL: Final = re.compile(
    r"(?i)_(?:T1w|T2w|FLAIR|PDw|PDT2|inplaneT1|inplaneT2|T1map|T2map|T2starw|T2starmap|R1map|R2map|PDmap|MTVmap|MP2RAGE|UNIT1|"
    rf"MEGRE|VFA|MPM|MTS|angio|magnitude1?|M0map|swi){_ENDING}",
)
_LOOKS_STRUCTURAL: Final = re.compile(
    rf"(?i)(?:t1|t2|mprage|mp2rage|flair|spgr|bravo|anat|struct|tfl|space|head).*{_ENDING}"
)
_NO_HEAD: Final = re.compile(rf"(?i)(?:mask|dseg|probseg|labels?|atlas|_bold|_dwi){_ENDING}")
"""What the end of a name tells to hold no head; a word before it (a label, a space, a description) tells nothing."""

_OTHER_VOLUME: Final = re.compile(r"(?i)\.(?:mgz|mgh|mnc|nrrd|nhdr|mha|mhd|brik(?:\.gz)?|rec)$")
"""Volumes of kinds that can't be looked into here."""

_MOST: Final = 200
_UNLIKE: Final = 0.07
"""Nats of mutual information with the template: noise and balls have .00 to .06, heads .26 and more."""
_FEWEST: Final = 12
_SMALLEST_MM: Final = 60.0
_LONGEST_SIDECAR: Final = 1_000_000  # bytes
_STAGE: Final = "look for faces"


def faces_in(dataset: Path, *, progress: Progress) -> tuple[Residue, ...]:
    """Yield a finding for each structural image that shows a face, or of which it can't be told.

    Images count by their BIDS suffix, or by a name that speaks of anatomy; of more than 200 the rest is told as not
    looked at, and so is each volume of a kind other than NIfTI.
    """
    files = [path for path in sorted(dataset.rglob("*")) if path.is_file()]
    images = [path for path in files if _IMAGE.search(path.name) and _is_structural(path, dataset)]
    progress.begin(_STAGE, total=min(len(images), _MOST), unit="images")
    found = []
    for path in images[:_MOST]:
        found += list(_looked_at(path, Place.at(path.relative_to(dataset).as_posix())))
        progress.advance(_STAGE)
    progress.end(_STAGE)
    others = [path for path in files if _OTHER_VOLUME.search(path.name)]
    rest = [Place.at(path.relative_to(dataset).as_posix()) for path in (*images[_MOST:], *others)]
    return (*found, *(place.residue("face_unknown", "file") for place in rest))


def _is_structural(path: Path, dataset: Path) -> bool:
    name = path.relative_to(dataset).as_posix()
    if _NO_HEAD.search(path.name):
        return False
    return bool(_STRUCTURAL.search(name) or ("sub-" not in path.name and _LOOKS_STRUCTURAL.search(path.name)))


def _looked_at(path: Path, place: Place) -> Iterator[Residue]:
    from fivesafes.data.face.present import Presence, face_present  # noqa: PLC0415 - loads the registration engine

    try:
        answer = face_present(path)
        if answer.state is Presence.PRESENT:
            yield place.residue("face_replaced" if answer.mean_face and _said_replaced(path) else "face", "file")
        elif answer.state is Presence.UNKNOWN:
            yield place.residue("face_unknown", "file", severity=Severity.LOW if _shows_no_head(answer, path) else None)
    except Exception:  # noqa: BLE001 - an image that can't be examined is told as such, whatever it was that failed
        yield place.residue("face_unknown", "file")


def _said_replaced(path: Path) -> bool:
    """Whether the image's sidecar says that its face was replaced.

    A sidecar may be wrong, and somebody may look like the mean head: only where both agree is the face called replaced.
    """
    sidecar = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if not sidecar.is_file() or sidecar.stat().st_size > _LONGEST_SIDECAR:
        return False
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    methods = told.get("DeidentificationMethod") if isinstance(told, dict) else None
    given = [methods] if isinstance(methods, str) else methods if isinstance(methods, list) else []
    return any(isinstance(method, str) and method.startswith("face: reface") for method in given)


def _shows_no_head(answer: "FacePresence", path: Path) -> bool:
    """Whether the image is too small to show a face, or is as unlike a head as noise and phantoms are."""
    if answer.mutual_information is not None:
        return answer.mutual_information < _UNLIKE
    image = cast("nib.Nifti1Image", nib.load(path))
    spatial = list(zip(image.shape[:3], image.header["pixdim"][1:4].tolist(), strict=True))
    return any(voxels < _FEWEST or voxels * step < _SMALLEST_MM for voxels, step in spatial)
