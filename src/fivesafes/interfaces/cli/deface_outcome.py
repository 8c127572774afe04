"""What came of each image that was to be defaced, and how it is told."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import asdict, evolve, field, frozen

from fivesafes.data.model import Defaced, FaceMode, FaceStatus, Picture
from fivesafes.data.ports import Defacer

if TYPE_CHECKING:
    from fivesafes.data.face.decisions import Decision
    from fivesafes.engines.reporters.faces import FacesReport

EXIT_REFUSED, EXIT_UNREADABLE, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6
HELD: Final = FaceStatus.NEEDS_REVIEW.value
"""The folder inside --out for images that nobody should take for finished."""

NO_BEST: Final = "none of the images shows a head well enough to carry it to the others"
REPORT: Final = "deface-report-IDENTIFYING/index.html"
Drawer = Callable[[Path, Path | None, Path | None], tuple[Picture, ...]]


@frozen(kw_only=True)
class Outcome:
    """What came of one image or series; ``output`` and ``mask`` are relative to the output folder.

    ``place``: where the result belongs once nobody need look at it, relative to that folder.
    """

    path: Path
    place: Path
    defaced: Defaced
    output: Path | None
    mask: Path | None
    unreadable: bool = False
    before: bool = False
    """Whether an earlier call did it."""

    series: Mapping[str, Any] = field(factory=dict)
    """What is told of a DICOM series alone."""
    warnings: tuple[str, ...] = ()
    """What defacing does not see to, for whoever called."""


@frozen(kw_only=True)
class Table:
    """What lies ready for a call: the defacer, and, unless no page is wanted, the maker of pictures and the report.

    ``decisions``: what people decided in that folder before; it holds for the same bytes made again.  ``beside``: the
    image of the session from which the head is carried to the others.
    """

    defacer: Defacer
    mode: FaceMode
    draw: Drawer | None
    report: "FacesReport | None"
    decisions: "tuple[Decision, ...]"
    beside: Path | None = None
    resumes: bool = False
    """Whether what an earlier call did of the same bytes is taken as done."""


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Say by number what came of all of them."""
    refused = [outcome for outcome in outcomes if outcome.defaced.status is FaceStatus.REFUSED]
    if refused and len(refused) < len(outcomes):
        return EXIT_PARTLY
    if refused:
        return EXIT_UNREADABLE if all(outcome.unreadable for outcome in refused) else EXIT_REFUSED
    return EXIT_REVIEW if any(one.defaced.status is FaceStatus.NEEDS_REVIEW for one in outcomes) else 0


def as_answer(outcome: Outcome) -> dict[str, Any]:
    """Write one image as the contract's JSON object."""
    defaced = outcome.defaced
    return {
        "path": str(outcome.path),
        "status": defaced.status.value,
        "output": None if outcome.output is None else outcome.output.as_posix(),
        "mask": None if outcome.mask is None else outcome.mask.as_posix(),
        "engine": defaced.engine,
        "engine_version": defaced.engine_version,
        "mode": defaced.mode.value,
        "evidence": asdict(defaced.evidence),
        "why": defaced.why,
        **outcome.series,
        "warnings": list(outcome.warnings),
        "run": None if defaced.run is None else asdict(defaced.run),
    }


def show(outcomes: Sequence[Outcome], out: Path) -> None:
    """Print a line per image, and where the rest is."""
    if before := sum(outcome.before for outcome in outcomes):
        click.echo(f"{before} of {len(outcomes)} were done by an earlier call", err=True)
    for outcome in outcomes:
        click.echo(f"{outcome.defaced.status.value:<14} {outcome.path}  {figures(outcome.defaced)}".rstrip())
        if outcome.defaced.why:
            click.echo(f"{'':<14} {outcome.defaced.why}")
        for warning in outcome.warnings:
            click.echo(f"warning: {outcome.path}: {warning}", err=True)
    if (out / REPORT).exists() and not all(outcome.unreadable for outcome in outcomes):
        click.echo(f"pictures: {out / REPORT} (it shows the faces: keep it where the originals are kept)", err=True)
    if any(outcome.defaced.status is FaceStatus.NEEDS_REVIEW for outcome in outcomes):
        click.echo(f"held for review: {out / HELD}", err=True)


def figures(defaced: Defaced) -> str:
    """Write the evidence in a line."""
    evidence = defaced.evidence
    parts = []
    if evidence.residual is not None:
        shares = asdict(evidence.residual)
        skin = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share is not None)
        parts.append(f"skin left: {skin}")
    if evidence.brain_voxels_altered is not None and defaced.mask is not None:
        parts.append(f"brain voxels altered: {evidence.brain_voxels_altered}")
    return "; ".join(parts)


def by_people(defaced: Defaced, stands: "Decision") -> Defaced:
    """Say of an image what people decided of it."""
    from fivesafes.data.face.decisions import Choice  # noqa: PLC0415 - help stays quick

    approved = stands.choice is Choice.APPROVE
    word = "approved" if approved else "rejected"
    why = "; ".join(part for part in (f"{word} by {stands.by}", stands.reason, defaced.why) if part)
    return evolve(defaced, status=FaceStatus.DEFACED if approved else FaceStatus.NEEDS_REVIEW, why=why)
