"""Which NIfTI images there are to deface, whose head they show, and where each result goes."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from fivesafes.core.errors import UsageMistake
from fivesafes.data.face.names import files_of, stem_of
from fivesafes.flow.output_folder import check_places as check_apart

if TYPE_CHECKING:
    from fivesafes.data.face.policy import FaceRule

NIFTI: Final = re.compile(r"(?i)\.(?:nii|img)(?:\.gz)?\Z")
NO_IMAGE: Final = re.compile(r"(?i)_(?:mask|dseg|probseg|roi|xfm)\Z")
"""Ends of names (before the ending) of what shows no head: masks, segmentations, transforms."""

LEFT: Final = ("derivatives", "sourcedata", "code", "stimuli")
"""Folders of a data set whose images are not the raw data; what is left out is told."""

DESCRIPTION: Final = "dataset_description.json"
_PREAMBLE: Final = 128  # bytes
_DICOM: Final = b"DICM"
_LABEL: Final = re.compile(r"(?:\A|_)((?:sub|ses)-[A-Za-z0-9+]+)")
_SUFFIX: Final = re.compile(r"_([A-Za-z0-9]+)\Z")


@frozen(kw_only=True)
class Image:
    """An image to be defaced.

    ``place``: where its result goes, relative to the output folder.  ``session``: images of one session show one head,
    which is found in the best of them; empty where each is looked at by itself.
    """

    path: Path
    place: Path
    session: str = ""


@frozen(kw_only=True)
class LeftImage:
    """An image of a data set that is not touched, and why."""

    path: Path
    why: str


@frozen(kw_only=True)
class Images:
    """What there is to do, and what is left as it is.  ``resumed``: what a call did before is not done again."""

    images: tuple[Image, ...] = ()
    left: tuple[LeftImage, ...] = ()
    resumed: bool = False


def named_images(files: Sequence[Path], *, session: str) -> Images:
    """Take images that were named one by one; their results lie side by side."""
    return Images(images=tuple(Image(path=file, place=Path(file.name), session=session) for file in files))


def holds_images(folder: Path) -> bool:
    """Tell whether a folder is a BIDS data set, or otherwise holds NIfTI images and no DICOM."""
    if (folder / DESCRIPTION).is_file():
        return True
    return next(_images_below(folder), None) is not None and not any(map(_is_dicom, folder.rglob("*")))


def images_of(folder: Path, out: Path, *, session: str) -> Images:
    """List the images of a data set: each goes to its place in a like tree, and is of the session that its path names.

    Of a BIDS data set the raw images are taken, but for those that ``policies/faces.csv`` lets pass.  Raises
    UsageMistake when the output folder lies in the data set, or the other way round.
    """
    from fivesafes.data.face.policy import load_face_rules  # noqa: PLC0415 - help stays quick

    check_apart(folder, out)
    rules = load_face_rules()
    images: list[Image] = []
    left: list[LeftImage] = []
    for path in sorted(_images_below(folder)):
        place = path.relative_to(folder)
        why = _why_not(path) or _why_left(place, rules)
        if why is not None:
            left.append(LeftImage(path=path, why=why))
        else:
            images.append(Image(path=path, place=place, session=session or session_of(place)))
    images.sort(key=lambda one: one.session)  # stable: those of a session follow one another
    return Images(images=tuple(images), left=tuple(left), resumed=True)


def session_of(place: Path) -> str:
    """Name whose head an image shows, by its folders and name (``sub-01/ses-1``); empty where neither tells."""
    named = _LABEL.findall("_".join([*place.parent.parts, stem_of(place)]))
    labels = {label[:3]: label for label in reversed(named)}
    return "/".join(labels[kind] for kind in ("sub", "ses") if kind in labels) if "sub" in labels else ""


def check_names(images: Images, out: Path, *, held: str) -> None:
    """Refuse when an original could be overwritten, or two results would have one name."""
    folders = {out.resolve(), (out / held).resolve()}
    paths = [one.path for one in images.images]
    if any(parent in folders for path in paths for parent in (path.parent.resolve(), path.resolve().parent)):
        what = "--out is the folder of an original, which would be overwritten"
        raise UsageMistake(what, fix="give another folder for --out")
    stems = {one.place.with_name(stem_of(one.place)) for one in images.images}
    if len(stems) < len(paths) or stems & {stem.with_name(f"{stem.name}_mask") for stem in stems}:
        what = "two of the images have the same name, or one that of another's mask: one result would overwrite another"
        raise UsageMistake(what, fix="deface them in two calls, with different folders for --out")


def _images_below(folder: Path) -> Iterator[Path]:
    """Walk the images of a folder, of a pair its own file, and folders that are links; hidden ones are passed by."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        yield from (Path(at) / name for name in links)
        yield from (Path(at) / name for name in names if NIFTI.search(name) and not name.startswith("."))


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_PREAMBLE + len(_DICOM))[_PREAMBLE:] == _DICOM


def _why_not(path: Path) -> str | None:
    """Say why there is nothing to deface at a path, or None."""
    if path.is_dir():
        return "a link to a folder, which is not followed"
    if not path.exists():
        return "its content is not here (get it first, as with datalad get)"
    if not all(file.exists() for file in files_of(path)):
        return "its header is missing"
    return None


def _why_left(place: Path, rules: "Sequence[FaceRule]") -> str | None:
    """Say why an image is not touched, or None."""
    from fivesafes.data.face.policy import PASS, rule_for  # noqa: PLC0415 - help stays quick
    from fivesafes.data.model import BidsName  # noqa: PLC0415 - as said

    if len(place.parts) > 1 and place.parts[0] in LEFT:
        return f"{place.parts[0]} is not raw data; what shows a face in it, fivesafes check tells"
    if NO_IMAGE.search(stem_of(place)):
        return "by its name a mask, a segmentation or a transform"
    suffix = _SUFFIX.search(stem_of(place))
    if suffix is None or not place.parts[0].startswith("sub-"):
        return None
    rule = rule_for(BidsName(datatype=place.parent.name, suffix=suffix[1], entities={}), rules)
    return rule.why if rule.action == PASS else None


def by_session(images: Images) -> Iterator[tuple[str, tuple[Image, ...]]]:
    """Give the images in groups of one session; each without one is a group by itself."""
    group: list[Image] = []
    for one in images.images:
        if group and (one.session != group[0].session or not one.session):
            yield group[0].session, tuple(group)
            group = []
        group.append(one)
    if group:
        yield group[0].session, tuple(group)
