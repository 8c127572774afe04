"""Ask of each structural image of a data set whether a face can be seen in it."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve

from fivesafes.core.progress import Progress
from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.place import Place
from fivesafes.flow.limits import limited

if TYPE_CHECKING:
    from fivesafes.data.face.itk import Grid
    from fivesafes.data.face.present import FacePresence
    from fivesafes.data.face.stored import Stored

_OF_OTHERS: Final = r"\.(?:mg[hz]|mnc|nrrd|nhdr|mh[ad])(?:\.gz)?$"
_ENDING: Final = rf"(?:\.(?:nii|img)(?:\.gz)?$|{_OF_OTHERS})"
_IMAGE: Final = re.compile(rf"(?i){_ENDING}")
_STRUCTURAL: Final = re.compile(
    r"(?i)_(?:T1w|T2w|FLAIR|PDw|PDT2|inplaneT1|inplaneT2|T1map|T2map|T2starw|T2starmap|R1map|R2map|PDmap|MTVmap|MP2RAGE|UNIT1|"
    rf"MEGRE|VFA|MPM|MTS|angio|magnitude1?|M0map|swi){_ENDING}",
)
_OTHER_VOLUME: Final = re.compile(rf"(?i){_OF_OTHERS}")
_OF_FREESURFER: Final = re.compile(
    r"(?i)(?:^|/)(?:(?:orig/)?\d{3}|(?:orig_)?nu|orig|rawavg|(?:T1|T2|FLAIR)(?:raw)?|brainmask(?:\.\w+)?)\.mg[hz]$"
)
"""Whole heads; brainmask too, which is not one where nobody stripped the skull."""

_LABELS_OF_FREESURFER: Final = re.compile(
    r"(?i)(?:^|/)(?:(?:aparc[\w.]*\+)?aseg(?:\.[\w.]+)?|wmparc|(?:[lr]h\.)?ribbon|synthseg[\w.]*)\.mg[hz]$"
)
_LOOKS_STRUCTURAL: Final = re.compile(
    rf"(?i)(?:t1|t2|mprage|mp2rage|flair|spgr|bravo|anat|struct|tfl|space|head).*{_ENDING}"
)
_NO_HEAD: Final = re.compile(
    rf"(?i)(?:(?:mask|dseg|probseg|labels?|atlas)|_(?:bold|sbref|cbv|dwi|asl|epi|phase[12]?|phasediff|fieldmap|"
    rf"TB1\w+|RB1\w+|statmap|xfm|boldref)){_ENDING}"
)
"""What the end of a name tells to hold no head; a word before it (a label, a space, a description) tells nothing."""

_HEAD_MASK: Final = re.compile(rf"(?i)(?:head|skin|scalp|face)[a-z]*[_-]?(?:mask|dseg|probseg){_ENDING}")
"""Outlines of whole heads, such as BET's and SPM's: their surface is the face, and no engine here looks at outlines."""

_PICTURE: Final = re.compile(r"(?i)\.(?:png|jpe?g|gif|bmp|webp|heic|tiff?|mp4|avi|mov|webm)$")
_PAGE: Final = re.compile(r"(?i)\.(?:html?|svg)$")
_EMBEDDED: Final = b"data:image/"

_UNSEEN_VOLUME: Final = re.compile(r"(?i)\.(?:brik|rec)(?:\.gz)?$")
"""Volumes of kinds that can't be looked into here."""

_MOST: Final = 200
_UNLIKE: Final = 0.07
"""Nats of mutual information with the template: noise and balls have .00 to .06, heads .26 and more."""
_FEWEST: Final = 12
_SMALLEST_MM: Final = 60.0
_LONGEST_PAGE: Final = 64 * 2**20  # bytes
_LONGEST_SIDECAR: Final = 1_000_000  # bytes
_STAGE: Final = "look for faces"


def faces_in(dataset: Path, *, progress: Progress) -> tuple[Residue, ...]:
    """Yield a finding for each image that shows a face, or of which it can't be told, and for folders with pictures.

    First those are looked at whose BIDS suffix or name speaks of anatomy, then those whose name tells nothing: of these
    only what is seen counts, for they may hold anything.  Of more than 200 the rest is told as not looked at, and so is
    each volume of a kind that is not read here, and each outline of a head.
    """
    files = [path for path in sorted(dataset.rglob("*")) if path.is_file()]
    images = [path for path in files if _IMAGE.search(path.name) and not _shows_nobody(path)]
    anatomy = [path for path in images if _speaks_of_anatomy(path, dataset)]
    others = [path for path in images if path not in set(anatomy)]
    asked = [*anatomy, *others][:_MOST]
    progress.begin(_STAGE, total=len(asked), unit="images")
    found = []
    for path in asked:
        sure = list(_looked_at(path, _place(path, dataset), dataset))
        found += sure if path in set(anatomy) else [_less(one) for one in sure]
        progress.advance(_STAGE)
    progress.end(_STAGE)
    unseen = [path for path in files if _UNSEEN_VOLUME.search(path.name) or _HEAD_MASK.search(path.name)]
    rest = [_place(path, dataset).residue("face_unknown", "file") for path in (*anatomy[_MOST:], *unseen)]
    rest += [_less(_place(path, dataset).residue("face_unknown", "file")) for path in others if path not in set(asked)]
    return (*found, *rest, *_pictures(files, dataset))


def _place(path: Path, dataset: Path) -> Place:
    return Place.at(path.relative_to(dataset).as_posix())


def _less(one: Residue) -> Residue:
    """Weigh what can't be told of an image less where nothing but its kind says that it could show a head."""
    return evolve(one, severity=Severity.LOW) if one.severity is Severity.MEDIUM else one


def _pictures(files: Sequence[Path], dataset: Path) -> Iterator[Residue]:
    """Yield a finding per folder with pictures, or pages that hold some: what they show was not looked at."""
    counts = Counter(path.parent for path in files if _PICTURE.search(path.name) or _holds_pictures(path))
    for folder, count in counts.items():
        yield _place(folder, dataset).residue("unseen_pictures", f"pictures: {count}")


def _holds_pictures(path: Path) -> bool:
    if not _PAGE.search(path.name) or path.is_symlink():
        return False
    with path.open("rb") as file:
        return _EMBEDDED in file.read(_LONGEST_PAGE)


def _shows_nobody(path: Path) -> bool:
    """Whether a name tells that no head is in there; FreeSurfer's brainmask is an image, whatever its name."""
    if _OF_FREESURFER.search(path.name):
        return False
    return bool(_NO_HEAD.search(path.name) or _LABELS_OF_FREESURFER.search(path.name))


def _speaks_of_anatomy(path: Path, dataset: Path) -> bool:
    name = path.relative_to(dataset).as_posix()
    if _STRUCTURAL.search(name) or _OF_FREESURFER.search(name):
        return True
    return "sub-" not in path.name and bool(_LOOKS_STRUCTURAL.search(path.name))


def _looked_at(path: Path, place: Place, dataset: Path) -> Iterator[Residue]:
    from fivesafes.data.face.present import Presence, face_in  # noqa: PLC0415 - loads the registration engine

    try:
        answer = face_in(image := _read(path, dataset))
        if answer.state is Presence.PRESENT:
            yield place.residue("face_replaced" if answer.mean_face and _said_replaced(path) else "face", "file")
        elif answer.state is Presence.UNKNOWN:
            severity = Severity.LOW if _shows_no_head(answer, image.grid) else None
            yield place.residue("face_unknown", "file", severity=severity)
    except Exception:  # noqa: BLE001 - an image that can't be examined is told as such, whatever it was that failed
        yield place.residue("face_unknown", "file")


def _read(path: Path, dataset: Path) -> "Stored":
    """Read an image, of other programs' kinds within limits of time and memory."""
    from fivesafes.data.face.formats.read import read_volume  # noqa: PLC0415 - as above
    from fivesafes.data.face.stored import read_stored  # noqa: PLC0415 - as above

    if _OTHER_VOLUME.search(path.name):
        return limited(path.stat().st_size, read_volume, path, dataset)
    return read_stored(path)


def _said_replaced(path: Path) -> bool:
    """Whether the image's sidecar says that its face was replaced.

    A sidecar may be wrong, and somebody may look like the mean head: only where both agree is the face called replaced.
    """
    sidecar = path.with_name(f"{_IMAGE.sub('', path.name)}.json")
    if not sidecar.is_file() or sidecar.stat().st_size > _LONGEST_SIDECAR:
        return False
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    methods = told.get("DeidentificationMethod") if isinstance(told, dict) else None
    given = [methods] if isinstance(methods, str) else methods if isinstance(methods, list) else []
    return any(isinstance(method, str) and method.startswith("face: reface") for method in given)


def _shows_no_head(answer: "FacePresence", grid: "Grid") -> bool:
    """Whether the image is too small to show a face, or is as unlike a head as noise and phantoms are."""
    if answer.mutual_information is not None:
        return answer.mutual_information < _UNLIKE
    spatial = zip(grid.shape, grid.steps, strict=True)
    return any(voxels < _FEWEST or voxels * step < _SMALLEST_MM for voxels, step in spatial)
