"""Deface image after image, and series after series, and say of each what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput, WorkerDied
from fivesafes.core.plugins import load
from fivesafes.data.face.names import files_of
from fivesafes.data.model import Defaced, FaceEvidence, FaceStatus, Picture
from fivesafes.interfaces.cli.deface_before import done_before, origin_of
from fivesafes.interfaces.cli.deface_earlier import Earlier
from fivesafes.interfaces.cli.deface_folders import Task, Tasks, aside_in, deface_task, settled, writing_into
from fivesafes.interfaces.cli.deface_images import Image, Images, by_session
from fivesafes.interfaces.cli.deface_outcome import HELD, NO_BEST, Outcome, Table, by_people
from fivesafes.interfaces.cli.deface_texts import kept_texts
from fivesafes.interfaces.cli.output import shown_progress

if TYPE_CHECKING:
    from fivesafes.engines.reporters.faces import Told
    from fivesafes.flow.ports import Executor


def deface_all(images: Images, tasks: Tasks, out: Path, table: Table, *, workers: int, quiet: bool) -> list[Outcome]:
    """Deface session after session, or several at a time; however it ends, the report leads to all that were done.

    Raises TryAgain when the disk is full.
    """
    executor: Executor = load("executor", "inline" if workers == 1 else "process")(workers)
    groups = tuple(group for _, group in by_session(images))
    context = _Context(out=out, table=evolve(table, resumes=images.resumed), groups=groups)
    found: dict[int, list[Outcome]] = {}
    try:
        with shown_progress(quiet=quiet) as progress:
            progress.begin("deface", total=len(images.images) + len(tasks.series), unit="images")
            for number, outcomes in executor.run_with(context, _one_session, range(len(groups))):
                found[number] = _as_told(outcomes, groups[number], table)
                progress.advance("deface", len(groups[number]))
            done = [one for number in sorted(found) for one in found[number]]
            for task in tasks.series:
                done.append(one_series(task, out=out, table=table))
                progress.advance("deface")
            progress.end("deface")
    finally:
        with aside_in(out):  # sweeps what workers left that were stopped or killed
            if table.report is not None:
                table.report.index()
    return done


@frozen(kw_only=True)
class _Context:
    """What each worker is given once."""

    out: Path
    table: Table
    groups: tuple[tuple[Image, ...], ...]


def _one_session(context: _Context, number: int) -> list[Outcome]:
    """Deface the images of one session, the head carried from the best of them; what was done before is looked up."""
    group, table = context.groups[number], context.table
    before = [done_before(one, context.out, table) if table.resumes else None for one in group]
    if group[0].session and None in before:
        table = evolve(table, beside=_best_of([one.path for one in group]))
    return [done or one_image(one, out=context.out, table=table) for one, done in zip(group, before, strict=True)]


def _as_told(outcomes: list[Outcome] | FiveSafesError, group: Sequence[Image], table: Table) -> list[Outcome]:
    """Give what came of a session; where its worker was killed, each of its images is refused for that."""
    if isinstance(outcomes, WorkerDied):
        return [_unreadable(one.path, one.place, outcomes, table) for one in group]
    if isinstance(outcomes, FiveSafesError):
        raise outcomes
    return outcomes


def _best_of(files: Sequence[Path]) -> Path | None:
    """Choose from which image of a session the head is carried; None when none shows it well enough, which is told."""
    from fivesafes.data.face.session import best_of  # noqa: PLC0415 - help stays quick

    if len(files) == 1:
        return None
    best = best_of(files)
    if best is None:
        click.echo(NO_BEST, err=True)
    return best


def one_image(image: Image, *, out: Path, table: Table) -> Outcome:
    """Deface one image and hold what needs review apart from the rest, then draw and report it."""
    earlier = Earlier.of_image(image.place)
    with aside_in(out) as aside:
        try:
            defaced = table.defacer.deface(image.path, into=aside, mode=table.mode, beside=table.beside)
        except InvalidInput as error:
            outcome = _unreadable(image.path, image.place, error, table)
        else:
            outcome = _placed(image, earlier.apart_from_mask(defaced, out), out, table)
        outcome = earlier.held(outcome, out)
    outcome = evolve(outcome, warnings=_kept_texts(outcome, out))
    if table.report is not None:
        out.mkdir(exist_ok=True)
        table.report.add(_told(outcome, out, table))
    return outcome


def one_series(task: Task, *, out: Path, table: Table) -> Outcome:
    """Deface one DICOM series: written aside, and moved to its place when it is whole; then report it.

    Nobody decides about a series on its page: a decision is bound to the bytes of one file.
    """
    about = {"series": task.series.label, "files": len(task.series.instances)}
    path = task.series.folder
    pictures: tuple[Picture, ...] = ()
    earlier = Earlier(stem=task.place, image=(task.place,), mask=(task.mask,))
    with writing_into(out) as aside:
        try:
            done = deface_task(task, aside=aside, defacer=table.defacer, mode=table.mode, draw=table.draw)
        except InvalidInput as error:
            outcome = evolve(_unreadable(path, task.place, error, table), series=about)
        else:
            defaced = earlier.apart_from_mask(done.defaced, out)
            output, mask = settled(task, defaced, out, held=HELD)
            outcome = Outcome(path=path, place=task.place, defaced=defaced, output=output, mask=mask, series=about)
            outcome, pictures = evolve(outcome, warnings=done.warnings), done.pictures
        outcome = earlier.held(outcome, out)
    if table.report is not None:
        table.report.add(_told_series(task, outcome, pictures))
    return outcome


def _placed(image: Image, defaced: Defaced, out: Path, table: Table) -> Outcome:
    """Move what was written to where it belongs, by the measurements or by what people decided of the same bytes."""
    from fivesafes.data.face.decisions import digest_of, settle, standing  # noqa: PLC0415 - help stays quick

    held = defaced.status is FaceStatus.NEEDS_REVIEW
    folder = image.place.parent
    output, mask = (_settled(written, out, folder, held=held) for written in (defaced.image, defaced.mask))
    written = output or mask
    if written is not None and table.decisions:
        named = (folder / written.name).as_posix()
        stands = standing(table.decisions, image=named, sha256=digest_of(out / written))
        if stands is not None:
            place = settle(stands, out).parent
            output, mask = (None if path is None else place / path.name for path in (output, mask))
            defaced = by_people(defaced, stands)
    return Outcome(path=image.path, place=image.place, defaced=defaced, output=output, mask=mask)


def _unreadable(path: Path, place: Path, error: FiveSafesError, table: Table) -> Outcome:
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
    return Outcome(path=path, place=place, defaced=defaced, output=None, mask=None, unreadable=True)


def _settled(written: Path | None, out: Path, folder: Path, *, held: bool) -> Path | None:
    """Move what was written to its place, what needs review apart; give the path relative to ``out``."""
    if written is None:
        return None
    here, other = out / folder, out / HELD / folder
    if held:
        here, other = other, here
    for file in files_of(written):
        here.mkdir(parents=True, exist_ok=True)
        file.replace(here / file.name)
        (other / file.name).unlink(missing_ok=True)  # an earlier run may have judged otherwise
    return (here / written.name).relative_to(out)


def _kept_texts(outcome: Outcome, out: Path) -> tuple[str, ...]:
    """Look for texts in the image that goes on: what was written, or the original where nothing had to be."""
    if outcome.output is not None:
        return kept_texts(out / outcome.output)
    return kept_texts(outcome.path) if outcome.defaced.status is FaceStatus.NOTHING_TO_DO else ()


def _told(outcome: Outcome, out: Path, table: Table) -> "Told":
    """Tell the report of an image: people decide about the file that was written, be it the mask alone."""
    from fivesafes.data.face.decisions import digest_of  # noqa: PLC0415 - help stays quick
    from fivesafes.engines.reporters.faces import Told  # noqa: PLC0415 - help stays quick

    image, mask = (None if path is None else out / path for path in (outcome.output, outcome.mask))
    written = image or mask
    return Told(
        name=outcome.place.as_posix(),
        origin=None if outcome.unreadable else origin_of(outcome.path, table),
        defaced=outcome.defaced,
        output=None if written is None else written.relative_to(out).as_posix(),
        sha256=None if written is None else digest_of(written),
        pictures=() if table.draw is None or outcome.unreadable else table.draw(outcome.path, image, mask),
        warnings=outcome.warnings,
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
        warnings=outcome.warnings,
    )
