"""``fivesafes deface``: take the face out of images, and say of each what came of it."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import asdict, evolve, frozen
from click.core import ParameterSource

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, UsageMistake
from fivesafes.core.plugins import load
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture
from fivesafes.data.ports import Defacer
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.data.face.decisions import Decision
    from fivesafes.engines.reporters.faces import FacesReport, Told

EXIT_REFUSED, EXIT_UNREADABLE, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6
HELD: Final = FaceStatus.NEEDS_REVIEW.value
"""The folder inside --out for images that nobody should take for finished."""

REPORT: Final = "deface-report-IDENTIFYING/index.html"
COMPARE: Final = "fivesafes.deface.compare"
"""Where the command's context keeps whether engines are to be compared."""

Drawer = Callable[[Path, Path | None, Path | None], tuple[Picture, ...]]


@frozen(kw_only=True)
class Outcome:
    """What came of one image; ``output`` and ``mask`` are relative to the output folder."""

    path: Path
    defaced: Defaced
    output: Path | None
    mask: Path | None
    unreadable: bool = False


@frozen(kw_only=True)
class Table:
    """What lies ready for a call: the defacer, and, unless no page is wanted, the maker of pictures and the report.

    ``decisions``: what people decided in that folder before; it holds for the same bytes made again.
    """

    defacer: Defacer
    mode: FaceMode
    draw: Drawer | None
    report: "FacesReport | None"
    decisions: "tuple[Decision, ...]"


def _noted(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it so
    context.meta[COMPARE] = wanted


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write into.")
@click.option("--engine", default="embedded", show_default=True, help="The defacer to use.")
@click.option(
    "--mode",
    default=FaceMode.REMOVE.value,
    show_default=True,
    type=click.Choice([mode.value for mode in FaceMode]),
    help="Remove face and ears, keep the brain only, or write the mask alone.",
)
@click.option(
    "--decisions",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deface nothing: apply decisions that a report's page saved to the images in --out; may be given again.",
)
@click.option(
    "--compare",
    is_flag=True,
    expose_value=False,
    callback=_noted,
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
    no_report: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Remove the face from each IMAGE; write it under its own name, and its mask, into --out.

    Images are NIfTI: .nii, .nii.gz, or .img with .hdr.

    Each written file is opened again and measured: how much skin is left, whether the brain is whole.  What could not
    be verified goes to the folder needs-review inside --out.  The originals are only read.

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
    check_places(images, out)
    if click.get_current_context().meta[COMPARE]:
        sys.exit(_compared(images, out, draws=not no_report, dry_run=dry_run, as_json=as_json))
    if dry_run:
        _tell_plan(images, out, as_json=as_json)
        return
    outcomes = _all(images, out, _laid(engine, FaceMode(mode), out, None if no_report else _drawer()), quiet=as_json)
    if as_json:
        emit_json({"images": [as_answer(outcome) for outcome in outcomes]})
    else:
        _show(outcomes, out)
    sys.exit(exit_code(outcomes))


def _compared(images: Sequence[Path], out: Path, *, draws: bool, dry_run: bool, as_json: bool) -> int:
    """Compare the engines that are here, or say what would be compared; give the exit code."""
    from fivesafes.interfaces.cli.deface_compare import compare, tell_plan  # noqa: PLC0415 - help stays quick

    source = click.get_current_context().get_parameter_source
    if ParameterSource.COMMANDLINE in {source("engine"), source("mode")}:
        what = "--compare runs each engine in each of its modes: --engine and --mode have no place beside it"
        raise UsageMistake(what, fix="leave them out, or leave out --compare")
    if not dry_run:
        return compare(images, out, draws=draws, as_json=as_json)
    tell_plan(images, as_json=as_json)
    return 0


def check_places(images: Sequence[Path], out: Path) -> None:
    """Refuse when an original could be overwritten, or two results would have one name."""
    folders = {out.resolve(), (out / HELD).resolve()}
    if any(image.resolve().parent in folders for image in images):
        what = "--out is the folder of an original, which would be overwritten"
        raise UsageMistake(what, fix="give another folder for --out")
    names = [name.removesuffix(".gz").replace(".hdr", ".img") for name in (image.name for image in images)]
    if len(set(names)) < len(images):
        what = "two of the images have the same name, so one result would overwrite the other"
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
    from fivesafes.interfaces.forms.deface_decisions import recorded  # noqa: PLC0415 - help stays quick

    defacer, decisions = ready(engine), recorded(out)
    report = None if draw is None else FacesReport(out, decisions=decisions)
    return Table(defacer=defacer, mode=mode, draw=draw, report=report, decisions=decisions)


def _all(images: Sequence[Path], out: Path, table: Table, *, quiet: bool) -> list[Outcome]:
    """Deface one image after another; however the call ends, the report leads to all that were done."""
    outcomes: list[Outcome] = []
    try:
        with shown_progress(quiet=quiet) as progress:
            progress.begin("deface", total=len(images), unit="images")
            for image in images:
                outcomes.append(one_image(image, out=out, table=table))
                progress.advance("deface")
            progress.end("deface")
    finally:
        if table.report is not None:
            table.report.index()
    return outcomes


def one_image(image: Path, *, out: Path, table: Table) -> Outcome:
    """Deface one image and hold what needs review apart from the rest, then draw and report it."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        defaced = table.defacer.deface(image, into=out, mode=table.mode)
    except InvalidInput as error:
        outcome = _unreadable(image, error, table)
    else:
        outcome = _placed(image, defaced, out, table)
    if table.report is not None:
        out.mkdir(exist_ok=True)
        table.report.add(_told(outcome, out, table.draw))
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
        "run": None if defaced.run is None else asdict(defaced.run),
    }


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
    """Move what needs review into its own folder; give the path relative to ``out``."""
    from fivesafes.data.face.stored import files_of  # noqa: PLC0415 - help stays quick

    if written is None:
        return None
    here, other = (out / HELD, out) if held else (out, out / HELD)
    for file in files_of(written):
        if held:
            here.mkdir(exist_ok=True)
            file.replace(here / file.name)
        (other / file.name).unlink(missing_ok=True)  # an earlier run may have judged otherwise
    return (here / written.name).relative_to(out)


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


def _drawer() -> Drawer:
    """Load the pictures' maker late: it brings numpy, SimpleITK and Pillow."""
    from fivesafes.data.face.render import before_after  # noqa: PLC0415 - help stays quick

    return before_after


def _tell_plan(images: Sequence[Path], out: Path, *, as_json: bool) -> None:
    """Say what would be written."""
    if as_json:
        emit_json({"dry_run": True, "images": [{"path": str(image), "output": image.name} for image in images]})
        return
    for image in images:
        click.echo(f"{image}  →  {out / image.name}")


def _show(outcomes: Sequence[Outcome], out: Path) -> None:
    """Print a line per image, and where the rest is."""
    for outcome in outcomes:
        click.echo(f"{outcome.defaced.status.value:<14} {outcome.path}  {figures(outcome.defaced)}".rstrip())
        if outcome.defaced.why:
            click.echo(f"{'':<14} {outcome.defaced.why}")
    if (out / REPORT).exists():
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
