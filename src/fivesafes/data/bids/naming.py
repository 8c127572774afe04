"""Gives every image its final BIDS name: runs within a session, and what tells the images of one series apart."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.data.bids.names import in_order, incomplete, suffixes
from fivesafes.data.bids.reproin import component
from fivesafes.data.bids.rules import Held, is_scanners_map
from fivesafes.data.model import BidsName
from fivesafes.data.ports import Converted

STEM: Final = "image"
"""How a converter's files begin; what follows says how an image differs from the others of its series."""

# dcm2niix's own words for echo, component and trigger time.  Any other ending is an extra image: a letter for a clash
# of names, Eq (resliced), ROI (overlay), ADC (scanner's map), Tilt, Crop, i (slices that are not parallel), c (coil).
_KNOWN_ENDING: Final = re.compile(r"(_e\d+|_ph|_real|_imaginary|_fieldmaphz|_t\d+)*")
_ENDING_PART: Final = {"_ph": "phase", "_real": "real", "_imaginary": "imag"}

# An evenly spaced copy (Eq) says that the image itself is not, and its geometry not to be trusted.
_UNEVEN: Final = "the slices are not evenly spaced: some are missing"

_FIELD_MAPS: Final = frozenset({"phasediff", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2", "fieldmap"})


@frozen(kw_only=True)
class Placed:
    """One named series in its session; ``order`` sorts by acquisition (shifted time, then series number)."""

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    name: BidsName
    order: tuple[str | int | float, ...]


def assign(series: Iterable[Placed]) -> Mapping[SeriesId, BidsName]:
    """Tell apart the series of a session that have one name: ``run-1``, ``run-2`` … in the order of acquisition.

    A run that a name says stays, unless an earlier series has it already.  Where a phase series stands beside its
    magnitude, that one becomes ``part-mag``.  No two results of one session are equal, even where case does not count.
    """
    in_turn = sorted(series, key=lambda placed: (placed.order, placed.id))
    with_parts = _with_magnitudes(in_turn)
    groups: dict[object, list[SeriesId]] = defaultdict(list)
    for placed in in_turn:
        groups[_alike(placed, with_parts[placed.id], without=("run",))].append(placed.id)
    return {id_: name for ids in groups.values() for id_, name in _numbered(ids, with_parts).items()}


def _alike(placed: Placed, name: BidsName, *, without: tuple[str, ...]) -> object:
    entities = tuple((key, value.casefold()) for key, value in name.entities.items() if key not in without)
    return placed.subject, placed.session, name.datatype, name.suffix, entities


def _with_magnitudes(series: Sequence[Placed]) -> dict[SeriesId, BidsName]:
    parts: dict[object, set[str]] = defaultdict(set)
    for placed in series:
        parts[_alike(placed, placed.name, without=("run", "part"))].add(placed.name.entities.get("part", ""))
    names: dict[SeriesId, BidsName] = {}
    for placed in series:
        beside = parts[_alike(placed, placed.name, without=("run", "part"))] - {"", "mag"}
        names[placed.id] = (
            _with(placed.name, part="mag") if beside and "part" not in placed.name.entities else placed.name
        )
    return names


def _numbered(ids: Sequence[SeriesId], names: Mapping[SeriesId, BidsName]) -> dict[SeriesId, BidsName]:
    """Give runs to the series of one name; ``ids`` come in the order of acquisition."""
    if len(ids) == 1:
        return {ids[0]: names[ids[0]]}
    taken: dict[int, SeriesId] = {}
    for id_ in ids:
        if (said := names[id_].entities.get("run")) is not None:
            taken.setdefault(int(said), id_)
    width = max((len(names[id_].entities["run"]) for id_ in taken.values()), default=1)
    numbered = {id_: names[id_] for id_ in taken.values()}
    number = 0
    for id_ in ids:
        if id_ in numbered:
            continue
        while (number := number + 1) in taken:
            pass
        taken[number] = id_
        numbered[id_] = _with(names[id_], run=str(number).zfill(width))
    return numbered


def _with(name: BidsName, **parts: str) -> BidsName:
    return evolve(name, entities=in_order({**name.entities, **parts}))


@frozen(kw_only=True)
class _Image:
    """What tells one converted image from the others of its series."""

    ending: str
    image_type: frozenset[str]
    part: str | None
    echo: float | None
    inversion: float | None
    has_gradients: bool


def image_names(name: BidsName, converted: Sequence[Converted]) -> Sequence[BidsName | Held]:
    """Name each image of one series, in the order given; what BIDS has no place for is held with its reason.

    Several echoes get ``echo``, phase, real and imaginary images ``part``, inversions ``inv``, and the images of a
    field map their suffixes, each only where BIDS allows it.  An image that would get another's name is held.
    """
    images = [_look_at(one) for one in converted]
    uneven = any("_Eq" in image.ending for image in images)
    held = [_UNEVEN if uneven else _objection(name, image) for image in images]
    plain = [image for image, why in zip(images, held, strict=True) if why is None]
    used: Counter[str] = Counter()
    answers: list[BidsName | Held] = []
    for image, why in zip(images, held, strict=True):
        answer = Held(why=why) if why is not None else _name_one(name, image, plain)
        if isinstance(answer, BidsName):
            stem = answer.stem(SubjectLabel(""), None)
            used[stem] += 1
            if used[stem] > 1:
                answer = Held(why="another image of the series has the same BIDS name")
        answers.append(answer)
    return answers


def companions_for(name: BidsName, converted: Converted) -> Mapping[str, Path]:
    """Choose the companions (``.bval``, ``.bvec``) that BIDS has beside an image of that name."""
    allowed = suffixes(name.datatype)[name.suffix].endings
    return {ending: path for ending, path in converted.companions.items() if ending in allowed}


def _look_at(converted: Converted) -> _Image:
    sidecar = converted.sidecar
    ending = converted.nifti.name.removesuffix(".gz").removesuffix(".nii").removeprefix(STEM)
    told = sidecar.get("ImageType")
    image_type = [str(value).upper() for value in told] if isinstance(told, list) else []
    by_ending = next((part for word, part in _ENDING_PART.items() if word in ending), None)
    return _Image(
        ending=ending,
        image_type=frozenset(image_type),
        part=by_ending or component(image_type),
        echo=_number(sidecar, "EchoTime") or _number(sidecar, "EchoNumber"),
        inversion=_number(sidecar, "InversionTime"),
        has_gradients={".bval", ".bvec"} <= set(converted.companions),
    )


def _number(sidecar: Mapping[str, Any], key: str) -> float | None:
    value = sidecar.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _objection(name: BidsName, image: _Image) -> str | None:
    """Say why an image can't be released under any name of its series."""
    if not _KNOWN_ENDING.fullmatch(image.ending):
        return "an extra image that the converter made of the series (resliced, overlay, map or second geometry)"
    if is_scanners_map(name, image.image_type):
        return "a map that the scanner computed (ImageType), not an image of the kind that the name says"
    if (name.datatype, name.suffix) == ("dwi", "dwi") and not image.has_gradients:
        return "a diffusion image without b-values and directions: name single b=0 images sbref, or fmap-epi"
    return None


def _name_one(name: BidsName, image: _Image, plain: Sequence[_Image]) -> BidsName | Held:
    answer: BidsName | Held = name
    for step in (_field_map, _part, _echo, _inversion):
        if isinstance(answer, Held):
            return answer
        answer = step(answer, image, plain)
    if isinstance(answer, BidsName) and (missing := incomplete(answer)):
        return Held(why=f"BIDS needs {', '.join(missing)} for {answer.suffix}, and the images do not tell it")
    return answer


def _field_map(name: BidsName, image: _Image, plain: Sequence[_Image]) -> BidsName | Held:
    """Choose the suffix of one image of a field map (BIDS 1.11, field maps cases 1 to 3)."""
    if not _is_field_map(name):
        return name
    if len(plain) == 1:
        other = {"phasediff": "mag", "phase1": "mag", "phase2": "mag", "fieldmap": "mag"}.get(name.suffix, "phase")
        return name if image.part != other else Held(why=f"its name says {name.suffix}, but the image is {other}")
    if name.suffix == "fieldmap":
        return evolve(name, suffix="magnitude") if image.part == "mag" else name
    alike = [one for one in plain if (one.part == "phase") == (image.part == "phase")]
    rank = _rank(image, alike, lambda one: one.echo)
    if image.part in {"real", "imag"} or rank > len(("first", "second")):
        return Held(why="an image of a field map that BIDS has no name for: it has two magnitudes and two phases")
    if image.part == "phase":
        return evolve(name, suffix="phasediff" if len(alike) == 1 else f"phase{rank}")
    return evolve(name, suffix=f"magnitude{rank}")


def _is_field_map(name: BidsName) -> bool:
    return name.datatype == "fmap" and name.suffix in _FIELD_MAPS


def _part(name: BidsName, image: _Image, plain: Sequence[_Image]) -> BidsName | Held:
    parts = {one.part or "mag" for one in plain}
    part = image.part or "mag"
    if _is_field_map(name):
        return name
    if "part" not in suffixes(name.datatype)[name.suffix].entities:
        return name if part == "mag" else Held(why=f"a {part} image: BIDS has no name for it beside {name.suffix}")
    if len(parts) > 1:
        return _with(name, part=part)
    said = name.entities.get("part")
    if said is not None and image.part is not None and said != part:
        return Held(why=f"its name says part-{said}, but the image is part-{part}")
    return name if part == "mag" else _with(name, part=part)


def _echo(name: BidsName, image: _Image, plain: Sequence[_Image]) -> BidsName | Held:
    if _is_field_map(name):
        return name
    several = len({one.echo for one in plain}) > 1
    if not several and "echo" not in incomplete(name):
        return name
    if "echo" not in suffixes(name.datatype)[name.suffix].entities:
        return Held(why=f"one of several echoes: BIDS has no echo for {name.suffix}")
    if "echo" in name.entities:
        return Held(why="one of several echoes, but the name of its series says which echo it is")
    return _with(name, echo=str(_rank(image, plain, lambda one: one.echo)))


def _inversion(name: BidsName, image: _Image, plain: Sequence[_Image]) -> BidsName | Held:
    if "inv" not in incomplete(name) or image.inversion is None:
        return name
    return _with(name, inv=str(_rank(image, plain, lambda one: one.inversion)))


def _rank(image: _Image, among: Sequence[_Image], key: Callable[[_Image], float | None]) -> int:
    """Count from 1 in rising order of what the key gives; what does not tell comes first."""
    values = sorted({key(one) or 0.0 for one in among})
    return values.index(key(image) or 0.0) + 1
