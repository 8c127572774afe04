"""Deface image after image, and series after series, and say of each what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import asdict, evolve, field, frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture
from fivesafes.data.ports import Defacer
from fivesafes.flow.output_folder import scratch_in
from fivesafes.interfaces.cli.deface_folders import Task, Tasks, deface_task, settled, writing_into
from fivesafes.interfaces.cli.output import shown_progress

if TYPE_CHECKING:
    from fivesafes.data.face.decisions import Decision
    from fivesafes.engines.reporters.faces import FacesReport, Told

EXIT_REFUSED, EXIT_UNREADABLE, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6
HELD: Final = FaceStatus.NEEDS_REVIEW.value
"""The folder inside --out for images that nobody should take for finished."""

REPORT: Final = "deface-report-IDENTIFYING/index.html"
Drawer = Callable[[Path, Path | None, Path | None], tuple[Picture, ...]]


@frozen(kw_only=True)
class Outcome:
    """What came of one image or series; ``output`` and ``mask`` are relative to the output folder."""

    path: Path
    defaced: Defaced
    output: Path | None
    mask: Path | None
    unreadable: bool = False
    series: Mapping[str, Any] = field(factory=dict)
    """What is told of a DICOM series alone."""


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


def deface_all(images: Sequence[Path], tasks: Tasks, out: Path, table: Table, *, quiet: bool) -> list[Outcome]:
    """Deface one after another; however the call ends, the report leads to all that were done."""
    outcomes: list[Outcome] = []
    try:
        with shown_progress(quiet=quiet) as progress:
            progress.begin("deface", total=len(images) + len(tasks.series), unit="images")
            for image in images:
                outcomes.append(one_image(image, out=out, table=table))
                progress.advance("deface")
            for task in tasks.series:
                outcomes.append(one_series(task, out=out, table=table))
                progress.advance("deface")
            progress.end("deface")
    finally:
        if table.report is not None:
            table.report.index()
    return outcomes


def one_image(image: Path, *, out: Path, table: Table) -> Outcome:
    """Deface one image and hold what needs review apart from the rest, then draw and report it."""
    with _aside(out) as aside:
        try:
            defaced = table.defacer.deface(image, into=aside, mode=table.mode, beside=table.beside)
        except InvalidInput as error:
            outcome = _unreadable(image, error, table)
        else:
            outcome = _placed(image, defaced, out, table)
        if outcome.defaced.status is FaceStatus.REFUSED:
            outcome = _earlier_held(outcome, [*_names(image)], out)
    if table.report is not None:
        out.mkdir(exist_ok=True)
        table.report.add(_told(outcome, out, table.draw))
    return outcome


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """Give a folder for what is not judged yet: it goes, a killed call's with the next, and so does an empty out."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        with scratch_in(out, prefix=".deface-") as aside:
            yield aside
    finally:
        with suppress(OSError):  # it is not empty: as it should be
            out.rmdir()


def one_series(task: Task, *, out: Path, table: Table) -> Outcome:
    """Deface one DICOM series: written aside, and moved to its place when it is whole; then report it.

    Nobody decides about a series on its page: a decision is bound to the bytes of one file.
    """
    about = {"series": task.series.label, "files": len(task.series.instances), "warnings": []}
    path = task.series.folder
    pictures: tuple[Picture, ...] = ()
    with writing_into(out) as aside:
        try:
            done = deface_task(task, aside=aside, defacer=table.defacer, mode=table.mode, draw=table.draw)
        except InvalidInput as error:
            outcome = evolve(_unreadable(path, error, table), series=about)
        else:
            output, mask = settled(task, done.defaced, out, held=HELD)
            about["warnings"] = list(done.warnings)
            outcome = Outcome(path=path, defaced=done.defaced, output=output, mask=mask, series=about)
            pictures = done.pictures
        if outcome.defaced.status is FaceStatus.REFUSED:
            outcome = _earlier_held(outcome, [task.place, task.mask], out)
    if table.report is not None:
        table.report.add(_told_series(task, outcome, pictures))
    return outcome


def _placed(image: Path, defaced: Defaced, out: Path, table: Table) -> Outcome:
    """Move what was written to where it belongs, by the measurements or by what people decided of the same bytes."""
    from fivesafes.data.face.decisions import Choice, digest_of, settle, standing  # noqa: PLC0415 - help stays quick

    held = defaced.status is FaceStatus.NEEDS_REVIEW
    output, mask = (_settled(written, out, held=held) for written in (defaced.image, defaced.mask))
    written = output or mask
    if written is not None and table.decisions:
        stands = standing(table.decisions, image=written.name, sha256=digest_of(out / written))
        if stands is not None:
            place = settle(stands, out).parent
            output, mask = (None if path is None else place / path.name for path in (output, mask))
            status = FaceStatus.DEFACED if stands.choice is Choice.APPROVE else FaceStatus.NEEDS_REVIEW
            word = "approved" if stands.choice is Choice.APPROVE else "rejected"
            why = "; ".join(part for part in (f"{word} by {stands.by}", stands.reason, defaced.why) if part)
            defaced = evolve(defaced, status=status, why=why)
    return Outcome(path=image, defaced=defaced, output=output, mask=mask)


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
        "run": None if defaced.run is None else asdict(defaced.run),
    }


def show(outcomes: Sequence[Outcome], out: Path) -> None:
    """Print a line per image, and where the rest is."""
    for outcome in outcomes:
        click.echo(f"{outcome.defaced.status.value:<14} {outcome.path}  {figures(outcome.defaced)}".rstrip())
        if outcome.defaced.why:
            click.echo(f"{'':<14} {outcome.defaced.why}")
        for warning in outcome.series.get("warnings", ()):
            click.echo(f"warning: {warning}", err=True)
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


def _unreadable(image: Path, error: FiveSafesError, table: Table) -> Outcome:
    defaced = Defaced(
        status=FaceStatus.REFUSED,
        image=None,
        mask=None,
        engine=table.defacer.name,
        engine_version=table.defacer.version(),
        mode=table.mode,
        evidence=FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None),
        why=f"unreadable: {error.what} (fix: {error.fix})",
    )
    return Outcome(path=image, defaced=defaced, output=None, mask=None, unreadable=True)


def _settled(written: Path | None, out: Path, *, held: bool) -> Path | None:
    """Move what was written to its place, what needs review apart; give the path relative to ``out``."""
    from fivesafes.data.face.stored import files_of  # noqa: PLC0415 - help stays quick

    if written is None:
        return None
    here, other = (out / HELD, out) if held else (out, out / HELD)
    for file in files_of(written):
        here.mkdir(exist_ok=True)
        file.replace(here / file.name)
        (other / file.name).unlink(missing_ok=True)  # an earlier run may have judged otherwise
    return (here / written.name).relative_to(out)


def _names(image: Path) -> Iterator[Path]:
    """Name what an image's result consists of."""
    from fivesafes.data.face.cut import mask_name  # noqa: PLC0415 - help stays quick
    from fivesafes.data.face.stored import files_of  # noqa: PLC0415 - help stays quick

    yield from (Path(file.name) for file in files_of(image))
    yield Path(mask_name(image))


def _earlier_held(outcome: Outcome, names: Sequence[Path], out: Path) -> Outcome:
    """Move an earlier call's result of what is refused now to where a person must look: nobody knows of what it is."""
    moved = [name for name in names if (out / name).exists() and not (out / HELD / name).exists()]
    for name in moved:
        (out / HELD / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).replace(out / HELD / name)
    if not moved:
        return outcome
    why = f"{outcome.defaced.why}; an earlier result of that name was moved to {HELD}"
    return evolve(outcome, defaced=evolve(outcome.defaced, why=why))


def _told(outcome: Outcome, out: Path, draw: Drawer | None) -> "Told":
    """Tell the report of an image: people decide about the file that was written, be it the mask alone."""
    from fivesafes.data.face.decisions import digest_of  # noqa: PLC0415 - help stays quick
    from fivesafes.engines.reporters.faces import Told  # noqa: PLC0415 - help stays quick

    image, mask = (None if path is None else out / path for path in (outcome.output, outcome.mask))
    written = image or mask
    return Told(
        name=outcome.path.name,
        defaced=outcome.defaced,
        output=None if written is None else written.relative_to(out).as_posix(),
        sha256=None if written is None else digest_of(written),
        pictures=() if draw is None or outcome.unreadable else draw(outcome.path, image, mask),
    )


def _told_series(task: Task, outcome: Outcome, pictures: tuple[Picture, ...]) -> "Told":
    from fivesafes.engines.reporters.faces import Told  # noqa: PLC0415 - help stays quick

    written = outcome.output or outcome.mask
    return Told(
        name=task.place.as_posix(),
        defaced=outcome.defaced,
        output=None if written is None else written.as_posix(),
        sha256=None,
        pictures=pictures,
    )
