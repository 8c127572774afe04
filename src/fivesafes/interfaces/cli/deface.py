"""``fivesafes deface``: take the face out of images, and say of each what came of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
from attrs import evolve
from click.core import ParameterSource

from fivesafes.core.errors import EngineMissing, UsageMistake
from fivesafes.core.plugins import load
from fivesafes.data.model import FaceMode
from fivesafes.data.ports import Defacer
from fivesafes.interfaces.cli.deface_each import (
    EXIT_PARTLY,
    EXIT_REVIEW,
    HELD,
    Drawer,
    Table,
    as_answer,
    deface_all,
    exit_code,
    show,
)
from fivesafes.interfaces.cli.deface_folders import Tasks, beside_best, plan_folders
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.data.face.decisions import Decision

NO_BEST: Final = "none of the images shows a head well enough to carry it to the others"


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, path_type=Path))
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
    no_report: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Remove the face from each IMAGE; write it under its own name, and its mask, into --out.

    Images are NIfTI: .nii, .nii.gz, or .img with .hdr; or folders of DICOM, of which each series is defaced.

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
    check_places(files, out)
    if compare:
        sys.exit(_compared(files, folders, out, draws=not no_report, dry_run=dry_run, as_json=as_json))
    tasks = plan_folders(folders, out, held=HELD)
    if dry_run:
        _tell_plan(files, tasks, out, as_json=as_json)
        return
    table = _laid(engine, FaceMode(mode), out, None if no_report else _drawer())
    with TemporaryDirectory(prefix="fivesafes-") as scratch:
        if session:
            table, tasks = evolve(table, beside=_best_of(files)), _beside_best(tasks, Path(scratch))
        outcomes = deface_all(files, tasks, out, table, quiet=as_json)
    if as_json:
        others = [{"path": str(other.path), "why": other.why} for other in tasks.others]
        emit_json({"images": [as_answer(outcome) for outcome in outcomes], "others": others})
    else:
        show(outcomes, out)
        _show_others(tasks)
    code = exit_code(outcomes)
    sys.exit(EXIT_PARTLY if code in {0, EXIT_REVIEW} and any(other.damaged for other in tasks.others) else code)


def _best_of(files: Sequence[Path]) -> Path | None:
    """Choose from which image of a session the head is carried; None when none shows it well enough, which is told."""
    from fivesafes.data.face.session import best_of  # noqa: PLC0415 - help stays quick

    best = best_of(files)
    if best is None and files:
        click.echo(NO_BEST, err=True)
    return best


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


def check_places(images: Sequence[Path], out: Path) -> None:
    """Refuse when an original could be overwritten, or two results would have one name."""
    folders = {out.resolve(), (out / HELD).resolve()}
    if any(parent in folders for image in images for parent in (image.parent.resolve(), image.resolve().parent)):
        what = "--out is the folder of an original, which would be overwritten"
        raise UsageMistake(what, fix="give another folder for --out")
    names = [name.removesuffix(".gz").replace(".hdr", ".img") for name in (image.name for image in images)]
    stems = {name.removesuffix(".img").removesuffix(".nii") for name in names}
    if len(stems) < len(images) or stems & {f"{stem}_mask" for stem in stems}:
        what = "two of the images have the same name, or one that of another's mask: one result would overwrite another"
        raise UsageMistake(what, fix="deface them in two calls, with different folders for --out")


def ready(engine: str) -> Defacer:
    """Load the engine.  Raises EngineMissing when there is none of that name, or when it can't work here."""
    defacer: Defacer = load("defacer", engine)()
    missing = defacer.missing()
    if missing is not None:
        what = f"the defacer {engine} can't work here"
        raise EngineMissing(what, fix=f"install {missing}")
    return defacer


def _laid(engine: str, mode: FaceMode, out: Path, draw: Drawer | None) -> Table:
    """Lay ready what a call needs.  Raises EngineMissing, and InvalidInput when the record of decisions is damaged."""
    from fivesafes.engines.reporters.faces import FacesReport  # noqa: PLC0415 - help stays quick

    defacer, decisions = ready(engine), _decided(out)
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


def _tell_plan(images: Sequence[Path], tasks: Tasks, out: Path, *, as_json: bool) -> None:
    """Say what would be written."""
    plan = [(image, Path(image.name)) for image in images]
    plan += [(task.series.folder, task.place) for task in tasks.series]
    if as_json:
        rows = [{"path": str(source), "output": place.as_posix()} for source, place in plan]
        emit_json({"dry_run": True, "images": rows})
        return
    for source, place in plan:
        click.echo(f"{source}  →  {out / place}")
    _show_others(tasks)


def _show_others(tasks: Tasks) -> None:
    """Tell of files in the folders that belong to no series, and so were left out."""
    reasons: dict[str, list[Path]] = {}
    for other in tasks.others:
        reasons.setdefault(other.why, []).append(other.path)
    for why, paths in reasons.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        click.echo(f"left out: {paths[0]}{more}: {why}", err=True)
