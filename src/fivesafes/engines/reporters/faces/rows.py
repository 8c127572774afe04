"""What a report knows of one image: its figures beside their limits, and how much it needs a person's eye."""

from base64 import b64encode
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import asdict, frozen

from fivesafes.data.face.decisions import Choice, Decision
from fivesafes.data.face.locate import LARGEST, SMALLEST, WEAK
from fivesafes.data.face.pack import CORE, FEATURES
from fivesafes.data.face.render import thumbnail
from fivesafes.data.face.verify import MOST_ELSEWHERE, MOST_IN_CORE
from fivesafes.data.model import Defaced, FaceStatus, Picture

THUMBNAIL: Final = 120  # pixels high
WORST: Final = (
    FaceStatus.REFUSED.value,
    FaceStatus.NEEDS_REVIEW.value,
    FaceStatus.DEFACED.value,
    FaceStatus.NOTHING_TO_DO.value,
)
Row = Mapping[str, Any]
"""One image as it is kept beside the pages: a JSON object; pictures in it are small, base64, null where none may be."""


class Faces(StrEnum):
    """Whether pages show pictures of originals; where these are left out, nobody decides, and no page tells a digest.

    The rows beside the pages hold it, as by it alone a decision is known to be about that image: it is of the file that
    was written, never of an original, which it would lead back to.
    """

    SHOWN = "shown"
    LEFT_OUT = "left out"


@frozen(kw_only=True)
class Told:
    """One image as a call left it; ``output`` is relative to the folder, ``sha256`` is of that file.

    ``name`` may be a path of several parts, where several folders are defaced.  Without ``sha256`` (a folder of slices)
    there is nothing to decide on the page.  ``origin``: a digest of all that the result was made from.
    """

    name: str
    defaced: Defaced
    output: str | None
    sha256: str | None
    pictures: tuple[Picture, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: str | None = None


@frozen(kw_only=True)
class Check:
    """A figure, its limit in words, and whether it is kept: None when there is nothing to judge."""

    what: str
    value: str
    limit: str = ""
    kept: bool | None = None


def file_name(name: str) -> str:
    """Name an image's page and row: a name may be a path of several parts."""
    return name.replace("/", ",")


def row_of(told: Told) -> dict[str, Any]:
    """Write down what the index tells of an image, with a small picture before (identifying) and after."""
    defaced = told.defaced
    return {
        "name": told.name,
        "file": file_name(told.name),
        "status": defaced.status.value,
        "why": defaced.why,
        "warnings": list(told.warnings),
        "engine": f"{defaced.engine} {defaced.engine_version}",
        "mode": defaced.mode.value,
        "output": told.output,
        "sha256": told.sha256,
        "origin": told.origin,
        "evidence": asdict(defaced.evidence),
        "page": bool(told.pictures),
        "before": _small(told.pictures, "before"),
        "after": _small(told.pictures, "after"),
    }


def leaving(row: Row, *, passed: bool) -> dict[str, Any]:
    """Copy a row with what may leave; of an image that is not passed there is no picture in it."""
    return {
        **row,
        "origin": None,
        "before": None,
        "after": row["after"] if passed else None,
        "page": passed and bool(row["after"]),
    }


def passes(row: Row, stands: Decision | None) -> bool:
    """Say whether an image was let pass: it was verified and nobody rejected it, or somebody approved it."""
    if stands is not None:
        return stands.choice is Choice.APPROVE
    return bool(row["status"] == FaceStatus.DEFACED.value)


def checks(evidence: Mapping[str, Any]) -> list[Check]:
    """Lay each figure beside its limit, in the order of a face, then of what must stay whole, then of the fit."""
    found = [*_skin(evidence["residual"]), *_whole(evidence), *_fit(evidence)]
    if evidence["mask_ml"] is not None:
        found.append(Check(what="volume changed", value=f"{evidence['mask_ml']:.0f} ml"))
    return found


def worst_first(row: Row, stands: Decision | None) -> tuple[float, ...]:
    """Give a key to sort by: refused, then what waits for a person, then by skin left, fit of the head and margin."""
    rank = WORST.index(row["status"])
    if stands is not None:
        rank = WORST.index(FaceStatus.REFUSED if stands.choice is Choice.REJECT else FaceStatus.DEFACED)
    evidence = row["evidence"]
    told = evidence["mutual_information"]
    altered = evidence["brain_voxels_altered"]
    guard = 0.0 if evidence.get("brain_guard") == "own" else 1.0
    return float(rank), -skin_left(evidence), -float(altered or 0), told if told is not None else 0.0, -guard


def skin_left(evidence: Mapping[str, Any]) -> float:
    """Give the largest share of skin left by what is allowed of it: above 1 is too much; 0 when it isn't known."""
    shares = evidence["residual"] or {}
    return max(((shares.get(part) or 0.0) / _most(part) for part in FEATURES), default=0.0)


def _most(part: str) -> float:
    return MOST_IN_CORE if part in CORE else MOST_ELSEWHERE


def _skin(residual: Mapping[str, float | None] | None) -> list[Check]:
    if residual is None:
        return [Check(what="skin left", value="not measured", kept=None)]
    found = []
    for part in FEATURES:
        share, most = residual[part], _most(part)
        if share is None:
            found.append(Check(what=f"skin left: {part}", value="not in this scan", limit=f"≤ {most:.0%}"))
        else:
            kept = share <= most
            found.append(Check(what=f"skin left: {part}", value=f"{share:.1%}", limit=f"≤ {most:.0%}", kept=kept))
    return found


def _whole(evidence: Mapping[str, Any]) -> list[Check]:
    """Tell of what must not change."""
    found = []
    for field, what in (
        ("brain_voxels_altered", "brain voxels altered"),
        ("outside_voxels_altered", "voxels altered outside of the zone"),
    ):
        count = evidence[field]
        value, kept = ("not measured", None) if count is None else (str(count), count == 0)
        found.append(Check(what=what, value=value, limit="0", kept=kept))
    guard = evidence.get("brain_guard")
    if guard is not None:
        value = {"own": "this person’s own brain, and the mean head’s", "template": "the mean head’s brain alone"}[
            guard
        ]
        found.append(Check(what="brain guarded by", value=value, limit="their own", kept=guard == "own"))
    return found


def _fit(evidence: Mapping[str, Any]) -> list[Check]:
    """Tell how the mean head fits."""
    told, determinant, scales = (evidence[name] for name in ("mutual_information", "determinant", "scales"))
    value, kept = ("no head found", False) if told is None else (f"{told:.2f} nats", told >= WEAK)
    found = [Check(what="fit of the head (mutual information)", value=value, limit=f"≥ {WEAK:.2f}", kept=kept)]
    if scales is not None:
        sizes, fits = " × ".join(f"{scale:.2f}" for scale in scales), min(scales) > SMALLEST and max(scales) < LARGEST
        limit = f"{SMALLEST:g} to {LARGEST:g}"
        found.append(Check(what="size by the mean head’s, three ways", value=sizes, limit=limit, kept=fits))
    if determinant is not None:
        found.append(Check(what="volume by the mean head’s", value=f"{determinant:.2f}"))
    return found


def _small(pictures: tuple[Picture, ...], when: str) -> str | None:
    """Make a small picture: from the front, else slices."""
    for view in ("front", "slices"):
        for one in pictures:
            if one.name == f"{when}-{view}" and one.identifying is (when == "before"):
                return b64encode(thumbnail(one.png, THUMBNAIL)).decode("ascii")
    return None
