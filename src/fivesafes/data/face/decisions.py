"""What people decided about defaced images, and the moving of files that follows from it.

A decision holds for the very bytes that were looked at.  A rejection stands until the one who gave it takes it back, so
the order in which several people's decisions arrive makes no difference, nor does it that one arrives twice.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import evolve, frozen

from fivesafes.data.face.cut import mask_name
from fivesafes.data.face.names import files_of

HELD: Final = "needs-review"
"""The folder beside the defaced images for those that nobody should take for finished."""

REJECTED: Final = "rejected"
"""In it, the folder for those that somebody looked at and did not let pass."""

RECORD: Final = "deface-decisions.json"
"""The file beside them that holds what was decided."""


class Choice(StrEnum):
    """What a person may say of an image."""

    APPROVE = "approve"
    REJECT = "reject"


@frozen(kw_only=True)
class Decision:
    """One person's word on one image.

    ``image``: its place among the finished ones, relative to the folder, with ``/``.  ``sha256``: of the file they
    looked at (see ``digest_of``).
    """

    image: str
    sha256: str
    choice: Choice
    by: str
    at: datetime
    reason: str = ""

    @property
    def person(self) -> str:
        """Tell people apart by their names, however these are spaced and capitalised."""
        return " ".join(self.by.split()).casefold()


@frozen(kw_only=True)
class Applied:
    """What came of a decision: where the image is now, relative to the folder; None when it was refused, and why."""

    decision: Decision
    output: Path | None
    why: str = ""


def digest_of(image: Path) -> str:
    """Give the SHA-256 of an image's file; of a pair, of the image's bytes with the header's behind them."""
    digest = hashlib.sha256()
    for path in files_of(image):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def standing(decisions: Iterable[Decision], *, image: str, sha256: str) -> Decision | None:
    """Say what stands for an image: of each person the last word, and of these a rejection before an approval."""
    last: dict[str, Decision] = {}
    for one in decisions:
        if (one.image, one.sha256) != (image, sha256):
            continue
        other = last.get(one.person)
        if other is None or (one.at, one.choice is Choice.REJECT) > (other.at, other.choice is Choice.REJECT):
            last[one.person] = one
    return max(last.values(), key=lambda one: (one.choice is Choice.REJECT, one.at), default=None)


def together(*several: Sequence[Decision]) -> tuple[Decision, ...]:
    """Join decisions, each once, by image and time."""
    return tuple(
        sorted({one for some in several for one in some}, key=lambda one: (one.image, one.at, one.person, one.choice))
    )


def check(decision: Decision, out: Path) -> str | None:
    """Say why a decision can't be applied to the images in a folder, or None."""
    lacks = _lacks(decision)
    if lacks is not None:
        return lacks
    there = [folder / decision.image for folder in places_in(out) if (folder / decision.image).is_file()]
    if not there:
        return "there is no such image here"
    fitting = [image for image in there if _digest(image) == decision.sha256]
    if not fitting:
        return "the image is another one than was looked at: look at it again"
    first = out / decision.image
    if decision.choice is Choice.APPROVE and first.is_file() and first not in fitting:
        return "another image of that name stands among the finished ones: move it away first"
    return None


def _lacks(decision: Decision) -> str | None:
    """Say what a decision lacks whatever it is about, or None."""
    if not decision.person:
        return "nobody stands behind it: the name is empty"
    if decision.choice is Choice.REJECT and not decision.reason.strip():
        return "a rejection needs a reason"
    name = PurePosixPath(decision.image)
    if not name.parts or name.is_absolute() or ".." in name.parts or str(name) != decision.image or "\\" in str(name):
        return "the image's name is no plain name of a file in this folder"
    if name.parts[0] == HELD:
        return "the image is named by where it waits, not by where it belongs"
    return None


def place_of(output: str) -> str:
    """Give an image's place among the finished ones, wherever it is now (relative to the folder, with ``/``)."""
    waiting = next((folder for folder in (f"{HELD}/{REJECTED}/", f"{HELD}/") if output.startswith(folder)), "")
    return output.removeprefix(waiting)


def settle(decision: Decision, out: Path) -> Path:
    """Move an image and its mask to where the decision wants them; give the place relative to the folder.

    The mask goes first, then a copy of a pair's header, then the image: so whatever is found after an interruption
    still has the digest that was decided on, and is moved by the same call.
    """
    goal = out if decision.choice is Choice.APPROVE else out / HELD / REJECTED
    if goal != out:
        (out / HELD).mkdir(exist_ok=True)
        goal.mkdir(mode=0o700, exist_ok=True)
    there = goal / decision.image
    there.parent.mkdir(parents=True, exist_ok=True)
    for folder in places_in(out):
        image = folder / decision.image
        if folder == goal:
            continue
        if image.is_file() and _digest(image) == decision.sha256:
            _move(image, there.parent)
        if not image.exists() and _digest(there) == decision.sha256:
            for header in files_of(image)[1:]:
                header.unlink(missing_ok=True)
    return there.relative_to(out)


def _move(image: Path, goal: Path) -> None:
    """Move an image into a folder, what belongs to it before it."""
    packed = image.with_name(mask_name(image))
    for mask in (packed, packed.with_suffix("")):  # other engines may leave it unpacked
        if mask.is_file():
            mask.replace(goal / mask.name)
    for header in files_of(image)[1:]:
        aside = goal / f".{header.name}.part"
        aside.write_bytes(header.read_bytes())
        aside.replace(goal / header.name)
    image.replace(goal / image.name)


def apply_decisions(
    given: Sequence[Decision], *, recorded: Sequence[Decision], out: Path
) -> tuple[tuple[Applied, ...], tuple[Decision, ...]]:
    """Judge decisions; give what is to be done for each, and all that are on record afterwards.

    Nothing is moved yet.  What comes of an image follows from all decisions on it, not from the last one alone.
    """
    refused = {one: why for one in given if (why := check(one, out)) is not None}
    record = together(recorded, [one for one in given if one not in refused])
    applied = []
    for one in given:
        if one in refused:
            applied.append(Applied(decision=one, output=None, why=refused[one]))
            continue
        stands = standing(record, image=one.image, sha256=one.sha256) or one
        place = Path(one.image) if stands.choice is Choice.APPROVE else Path(HELD, REJECTED, one.image)
        overruled = f"the rejection by {stands.by} stands" if stands.choice is not one.choice else ""
        applied.append(Applied(decision=evolve(one, choice=stands.choice), output=place, why=overruled))
    return tuple(applied), record


def places_in(out: Path) -> tuple[Path, ...]:
    """List the folders in which an image of a call may lie."""
    return out / HELD, out, out / HELD / REJECTED


def _digest(image: Path) -> str | None:
    """Give the digest, None when the image or its header is missing."""
    try:
        return digest_of(image)
    except FileNotFoundError:
        return None
