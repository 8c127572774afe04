"""``fivesafes deface``: take the face out of images, and say of each what came of it."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from fivesafes.core.errors import EngineMissing, UsageMistake
from fivesafes.core.plugins import load
from fivesafes.data.model import FaceMode
from fivesafes.data.ports import Defacer
from fivesafes.engines.defacers.modes import check_mode
from fivesafes.interfaces.cli.deface_each import deface_all
from fivesafes.interfaces.cli.deface_folders import Tasks, aside_in, beside_best, plan_folders
from fivesafes.interfaces.cli.deface_images import Images, check_names, holds_images, images_of, named_images
from fivesafes.interfaces.cli.deface_outcome import (
    EXIT_PARTLY,
    EXIT_REVIEW,
    HELD,
    NO_BEST,
    Drawer,
    Table,
    as_answer,
    exit_code,
    show,
)
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.data.face.decisions import Decision

ALL: Final = "all"
"""The session of images of which it was said that they are of one."""


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, readable=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write into.")
@click.option("--engine", default="embedded", show_default=True, help="The defacer to use.")
@click.option(
    "--mode",
    default=FaceMode.REMOVE.value,
    show_default=True,
    type=click.Choice([mode.value for mode in FaceMode]),
    help="Remove face and ears, replace them (reface-plus: all but the brain) by a mean head's, keep the brain only, "
    "or write the mask alone.",
)
@click.option(
    "--decisions",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deface nothing: apply decisions that a report's page saved to the images in --out; may be given again.",
)
@click.option(
    "--session",
    is_flag=True,
    help="The images are of one person and session: find the head in the best, and carry it to the others.",
)
@click.option(
    "--compare",
    is_flag=True,
    help="Run every engine that is ready here, and show their results side by side, in compare inside --out.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Images, or sessions, at a time; each takes a core and some 700 MB.",
)
@click.option("--no-report", is_flag=True, help="Write no pages with pictures.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    images: tuple[Path, ...],
    out: Path,
    engine: str,
    mode: str,
    decisions: tuple[Path, ...],
    session: bool,  # noqa: FBT001 - a flag of the command line
    compare: bool,  # noqa: FBT001 - a flag of the command line
    workers: int,
    no_report: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Remove the face from each IMAGE; write it under its own name, and its mask, into --out.

    Images are NIfTI: .nii, .nii.gz, or .img with .hdr; or a data set of them, such as BIDS, whose sessions share a
    head and whose results lie in a like tree; or folders of DICOM, of which each series is defaced.

    Each written file is opened again and measured: how much skin is left, or how alike a replaced face is to the old
    one; whether the brain is whole.  A face that can't be replaced well is removed; "mode" in the JSON says so.

    What could not be verified goes to the folder needs-review inside --out.  The originals are only read.

    Pages with pictures lie in deface-report-IDENTIFYING, which shows faces, and in deface-report, which shows none.
    Who looks at the first decides there, and saves a file; --decisions applies it: approved images leave needs-review.

    Exit codes: 0 each image is defaced or has no face, 3 refused, 4 unreadable, 5 some done and others not, 6 a person
    must look.
    """
    if bool(images) is bool(decisions):
        what = "give either images to deface, or --decisions to apply"
        raise UsageMistake(what, fix="see fivesafes deface --help")
    if decisions:
        from fivesafes.interfaces.cli.deface_decisions import decide  # noqa: PLC0415 - help stays quick

        sys.exit(decide(decisions, out, dry_run=dry_run, as_json=as_json))
    folders = tuple(image for image in images if image.is_dir())
    files = tuple(image for image in images if not image.is_dir())
    if compare:
        check_names(named_images(files, session=""), out, held=HELD)
        sys.exit(_compared(files, folders, out, draws=not no_report, dry_run=dry_run, as_json=as_json))
    found, folders = _found(files, folders, out, session=ALL if session else "")
    tasks = plan_folders(folders, out, held=HELD)
    defacer = ready(engine, FaceMode(mode), out)
    if dry_run:
        _tell_plan(found, tasks, out, as_json=as_json)
        return
    table = _laid(defacer, FaceMode(mode), out, None if no_report else _drawer())
    with aside_in(out) as aside:
        if session:
            tasks = _beside_best(tasks, aside)
        outcomes = deface_all(found, tasks, out, table, workers=workers, quiet=as_json)
    if as_json:
        others = [{"path": str(path), "why": why} for path, why in _others(found, tasks)]
        emit_json({"images": [as_answer(outcome) for outcome in outcomes], "others": others})
    else:
        show(outcomes, out)
        _show_others(found, tasks)
    code = exit_code(outcomes)
    sys.exit(EXIT_PARTLY if code in {0, EXIT_REVIEW} and any(other.damaged for other in tasks.others) else code)


def _found(
    files: Sequence[Path], folders: tuple[Path, ...], out: Path, *, session: str
) -> tuple[Images, tuple[Path, ...]]:
    """Find the images, and give the folders of DICOM.  Raises UsageMistake for a data set among other things."""
    found = named_images(files, session=session)
    datasets = [folder for folder in folders if holds_images(folder)]
    if datasets:
        if len(datasets) + len(files) > 1 or len(folders) > 1:
            what = "a data set is defaced by itself: its results lie in a tree like its own"
            raise UsageMistake(what, fix="give one folder of NIfTI images, and nothing else, with an --out of its own")
        found, folders = images_of(datasets[0], out, session=session), ()
    check_names(found, out, held=HELD)
    return found, folders


def _beside_best(tasks: Tasks, scratch: Path) -> Tasks:
    """Do the same for the series of folders."""
    if len(tasks.series) <= 1:
        return tasks
    carried = beside_best(tasks, scratch)
    if carried is None:
        click.echo(NO_BEST, err=True)
    return carried or tasks


def _compared(
    files: Sequence[Path], folders: Sequence[Path], out: Path, *, draws: bool, dry_run: bool, as_json: bool
) -> int:
    """Compare the engines that are here, or say what would be compared; give the exit code."""
    from fivesafes.interfaces.cli.deface_compare import compare, tell_plan  # noqa: PLC0415 - help stays quick

    source = click.get_current_context().get_parameter_source
    if ParameterSource.COMMANDLINE in {source("engine"), source("mode")}:
        what = "--compare runs each engine in each of its modes: --engine and --mode have no place beside it"
        raise UsageMistake(what, fix="leave them out, or leave out --compare")
    if folders:
        what = "--compare takes NIfTI images, not folders of DICOM"
        raise UsageMistake(what, fix="convert the series first (dcm2niix -z y), and give the images")
    if not dry_run:
        return compare(files, out, draws=draws, as_json=as_json)
    tell_plan(files, as_json=as_json)
    return 0


def ready(engine: str, mode: FaceMode, out: Path) -> Defacer:
    """Load the engine, and ask it all that can be asked before there is an image: a dry run refuses what a run would.

    Raises EngineMissing when there is none of that name or it can't work here, and UsageMistake when it can't do the
    mode, or not in that folder.
    """
    defacer: Defacer = load("defacer", engine)()
    missing = defacer.missing()
    if missing is not None:
        what = f"the defacer {engine} can't work here"
        raise EngineMissing(what, fix=f"install {missing}")
    check_mode(defacer, mode)
    _check_place(defacer, out)
    return defacer


def _check_place(defacer: Defacer, out: Path) -> None:
    """Let engines with tools of their own say whether they can work for that folder, and tell where else they do."""
    may_work_in, check_place = (getattr(defacer, name, None) for name in ("may_work_in", "check_place"))
    if may_work_in is not None:
        may_work_in(Path(tempfile.gettempdir()))
    if check_place is not None:
        check_place(out)
    works_in = getattr(defacer, "works_in", None)
    if works_in is not None and (place := works_in(out)) != out:
        told = "for its path has spaces or signs that a shell reads; TMPDIR chooses another place"
        click.echo(f"{defacer.name} works in a private folder in {place}, not in --out, {told}", err=True)


def _laid(defacer: Defacer, mode: FaceMode, out: Path, draw: Drawer | None) -> Table:
    """Lay ready what a call needs.  Raises InvalidInput when the record of decisions is damaged."""
    from fivesafes.engines.reporters.faces import FacesReport  # noqa: PLC0415 - help stays quick

    decisions = _decided(out)
    report = None if draw is None else FacesReport(out, decisions=decisions)
    return Table(defacer=defacer, mode=mode, draw=draw, report=report, decisions=decisions)


def _decided(out: Path) -> tuple["Decision", ...]:
    """Read what was decided before; the reader is slow to load, so only where there is something."""
    from fivesafes.data.face.decisions import RECORD  # noqa: PLC0415 - help stays quick

    if not (out / RECORD).exists():
        return ()
    from fivesafes.interfaces.forms.deface_decisions import recorded  # noqa: PLC0415 - as said

    return recorded(out)


def _drawer() -> Drawer:
    """Load the pictures' maker late: it brings numpy, SimpleITK and Pillow."""
    from fivesafes.data.face.render import before_after  # noqa: PLC0415 - help stays quick

    return before_after


def _tell_plan(found: Images, tasks: Tasks, out: Path, *, as_json: bool) -> None:
    """Say what would be written."""
    plan = [(one.path, one.place) for one in found.images]
    plan += [(task.series.folder, task.place) for task in tasks.series]
    if as_json:
        rows = [{"path": str(source), "output": place.as_posix()} for source, place in plan]
        emit_json({"dry_run": True, "images": rows})
        return
    for source, place in plan:
        click.echo(f"{source}  →  {out / place}")
    _show_others(found, tasks)


def _others(found: Images, tasks: Tasks) -> list[tuple[Path, str]]:
    return [(one.path, one.why) for one in found.left] + [(one.path, one.why) for one in tasks.others]


def _show_others(found: Images, tasks: Tasks) -> None:
    """Tell of images that are left as they are, and of files that belong to no series."""
    reasons: dict[str, list[Path]] = {}
    for path, why in _others(found, tasks):
        reasons.setdefault(why, []).append(path)
    for why, paths in reasons.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        click.echo(f"left out: {paths[0]}{more}: {why}", err=True)
