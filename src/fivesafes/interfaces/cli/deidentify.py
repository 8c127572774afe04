"""``fivesafes deidentify``: a folder of DICOM to a folder of de-identified DICOM, without a haven."""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fivesafes.core.errors import EngineMissing, UsageMistake
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.core.progress import Progress
    from fivesafes.data.header.pixel_step import Looked, PixelStep
    from fivesafes.data.header.pseudonyms import Pseudonyms
    from fivesafes.data.ports import TextFinder
    from fivesafes.flow.compare_conversion import ConversionComparison
    from fivesafes.flow.folder_outcome import FolderOutcome
    from fivesafes.flow.ports import Executor
    from fivesafes.wiring.compare_conversion import Compare

_FEW: Final = 3000
"""Up to so many files, starting worker processes takes longer than the work."""

EXIT_REFUSED, EXIT_NOTHING, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6


@click.command()
@click.argument("paths", metavar="IN OUT", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--profile",
    "profile_name",
    default="mri-research",
    show_default=True,
    help="Rules to follow: a name, or the path of a .toml file; +OPTION adds an option of PS3.15.",
)
@click.option("--project", default="default", show_default=True, help="Projects never share a pseudonym.")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of at least 32 secret bytes; else the project's own key, made when there is none.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes to use (default: one per core).")
@click.option(
    "--log", type=click.Path(file_okay=False, path_type=Path), help="Folder for what was done to each header."
)
@click.option(
    "--pixels",
    type=click.Choice(["refuse", "examine", "blank"]),
    default="refuse",
    show_default=True,
    help="Text in pixels: believe the header; hold for review what an engine finds; or blank what is found and listed.",
)
@click.option("--text-finder", metavar="NAME", help="Engine that looks for text (default: rapidocr, else tesseract).")
@click.option(
    "--review-folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Private folder for pictures of what was found and blanked; they identify people.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--compare-conversion", "compare", is_flag=True, help="Convert IN and OUT with dcm2niix and tell what was lost."
)
@click.option(
    "--what-if", is_flag=True, help="Take files in place of IN OUT; show each attribute's fate; write nothing."
)
def command(  # noqa: PLR0913, PLR0917 - click hands over one argument per option
    paths: tuple[Path, ...],
    profile_name: str,
    project: str,
    key: Path | None,
    workers: int | None,
    log: Path | None,
    pixels: str,
    text_finder: str | None,
    review_folder: Path | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    compare: bool,  # noqa: FBT001 - a flag of the command line
    what_if: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """De-identify every DICOM file below IN into OUT; IN is never changed.

    Only attributes that the profile names are kept; objects that no rule knows (screen saves, reports, raw data) are
    refused with the reason.  Run it again to go on after an interruption.

    With --what-if, name one file or several: for each attribute, nested and private ones too, it shows the action, the
    row that decided and the value before and after, masked unless it leaves as it is.

    Exit codes: 0 all done, 3 all refused, 4 no DICOM found, 5 some refused or set aside, 6 some need a person's look,
    or the comparison of conversions found a loss.
    """
    from fivesafes.data.header.profile import load_profile  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.folder_outcome import Options  # noqa: PLC0415 - help stays quick

    profile = load_profile(profile_name)
    pseudonyms = _pseudonyms(project, key, dry_run=dry_run or what_if)
    if what_if:
        from fivesafes.interfaces.cli.what_if import show_fates  # noqa: PLC0415 - help stays quick

        sys.exit(exit_code(show_fates(_files(paths), profile, pseudonyms, as_json=as_json)))
    source, into = _folders(paths)
    options = Options(log=log, pixels=_pixel_step(pixels, text_finder, review_folder), review=review_folder)
    executor = _executor(workers, source)
    given = {"profile": profile, "pseudonyms": pseudonyms, "executor": executor, "options": options}
    with shown_progress(quiet=as_json) as progress:
        comparison = _comparing(source, into, executor, progress, dry_run=dry_run) if compare else None
        outcome = _outcome(source, None if dry_run else into, given, progress)
        compared = comparison(outcome) if comparison else None
    _tell(outcome, compared, as_json=as_json, dry_run=dry_run)
    code = exit_code(outcome.counts)
    sys.exit(code if compared is None or compared.whole or code == EXIT_NOTHING else EXIT_REVIEW)


def _folders(paths: tuple[Path, ...]) -> tuple[Path, Path]:
    """Take the words as IN and OUT."""
    if len(paths) != 2:  # noqa: PLR2004 - IN and OUT
        what = "name two folders: IN, which is read, and OUT, which is written"
        raise click.UsageError(what)
    if not paths[0].is_dir():
        what = "IN is no folder that is there"
        raise click.UsageError(what)
    if paths[1].is_file():
        what = "OUT is a file"
        raise click.UsageError(what)
    return paths[0], paths[1]


def _files(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Take the words as files to look at."""
    if not paths or not all(path.is_file() for path in paths):
        what = "with --what-if, name one file or several that are there"
        raise click.UsageError(what)
    return paths


def _outcome(source: Path, into: Path | None, given: dict[str, Any], progress: "Progress") -> "FolderOutcome":
    """De-identify, or without ``into`` say what would be done."""
    from fivesafes.flow.deidentify_folder import deidentify_folder, preview_folder  # noqa: PLC0415 - help stays quick

    if into is None:
        return preview_folder(source, progress=progress, **given)
    return deidentify_folder(source, into, progress=progress, **given)


def exit_code(counts: Mapping[str, int]) -> int:
    """Tell by the number of files of each status how it went."""
    number = Counter(counts)
    done, refused, review = number["deidentified"], number["refused"], number["review"]
    if not (done or refused or review):
        return EXIT_NOTHING
    if review:
        return EXIT_REVIEW
    if not done:
        return EXIT_REFUSED
    return EXIT_PARTLY if refused or number["unreadable"] or number["not-dicom"] else 0


def _pseudonyms(project: str, key: Path | None, *, dry_run: bool) -> "Pseudonyms":
    """Give the project's pseudonyms; a dry run makes no key, and a passing one will do."""
    from fivesafes.data.header.pseudonyms import KEY_BYTES, Pseudonyms  # noqa: PLC0415 - help stays quick
    from fivesafes.setting.keyring import project_key, read_key  # noqa: PLC0415 - help stays quick

    if key is not None:
        return Pseudonyms(read_key(key), project)
    return Pseudonyms(os.urandom(KEY_BYTES) if dry_run else project_key(project), project)


_FINDERS: Final = ("rapidocr", "tesseract")
"""In the order of what they found of drawn names (docs/decisions/0022)."""


def _pixel_step(mode: str, name: str | None, review_folder: Path | None) -> "PixelStep":
    """Give what is to be done about text in pixels, with an engine that is ready.

    Raises EngineMissing when none is, and UsageMistake when an option needs another.
    """
    from fivesafes.data.header.pixel_step import AS_TOLD, PixelMode, PixelStep  # noqa: PLC0415 - help stays quick

    if mode == PixelMode.REFUSE:
        if name is not None or review_folder is not None:
            what = "--text-finder and --review-folder need --pixels examine or blank"
            raise UsageMistake(what, fix="add --pixels examine")
        return AS_TOLD
    finder = _finder(name)
    return PixelStep(mode=PixelMode(mode), finder=finder, engine=finder.version())


def _finder(name: str | None) -> "TextFinder":
    from fivesafes.core.plugins import load  # noqa: PLC0415 - help stays quick

    lacking = []
    for wanted in _FINDERS if name is None else (name,):
        finder: TextFinder = load("text_finder", wanted)()
        missing = finder.missing()
        if missing is None:
            return finder
        lacking.append(f"{wanted}: {missing}")
    what = "no engine that looks for text is ready"
    raise EngineMissing(what, fix="; or ".join(lacking))


def _executor(workers: int | None, source: Path) -> "Executor":
    from fivesafes.core.plugins import load  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.output_folder import walk  # noqa: PLC0415 - help stays quick

    alone = workers == 1 or (workers is None and len(walk(source).files) <= _FEW)
    made: Executor = load("executor", "inline" if alone else "process")(workers or 0)
    return made


def _comparing(source: Path, into: Path, executor: "Executor", progress: "Progress", *, dry_run: bool) -> "Compare":
    """Give what compares afterwards.  Raises UsageMistake for a dry run, EngineMissing without a converter."""
    if dry_run:
        message = "a dry run writes nothing that could be compared"
        raise UsageMistake(message, fix="leave --dry-run or --compare-conversion out")
    from fivesafes.wiring.compare_conversion import comparing  # noqa: PLC0415 - help stays quick

    return comparing(source, into, executor=executor, progress=progress)


def _tell(outcome: "FolderOutcome", compared: "ConversionComparison | None", *, as_json: bool, dry_run: bool) -> None:
    """Tell how it went: one object, or lines for a person."""
    from fivesafes.interfaces.cli.compared import compared_answer, show_compared  # noqa: PLC0415 - help stays quick

    if as_json:
        told = {} if compared is None else {"conversion": compared_answer(compared)}
        emit_json({**_answer(outcome, dry_run=dry_run), **told})
        return
    _summarise(outcome, dry_run=dry_run)
    if compared is not None:
        show_compared(compared)


def _answer(outcome: "FolderOutcome", *, dry_run: bool) -> dict[str, object]:
    """Give the object that docs/reference/json.md describes: every file once."""
    files = [
        {
            "path": file.path,
            "status": file.status.value,
            "output": None if dry_run else file.output,
            "reason": file.code,
            "why": file.why,
            "pixels": _looked(file.pixels),
        }
        for file in outcome.files
    ]
    return {
        "files": files,
        "counts": dict(outcome.counts),
        "profile": outcome.profile,
        "policy_digest": outcome.policy_digest,
        "links_not_followed": outcome.links,
        "dry_run": dry_run,
    }


def _looked(looked: "Looked | None") -> dict[str, object] | None:
    """Give what was looked at in pixels: frames counted from 1, rectangles in rows and columns from 0."""
    if looked is None:
        return None
    return {
        "engine": looked.engine,
        "frames": looked.frames,
        "found_in": [text.frame + 1 for text in looked.found],
        "blanked": [[box.top, box.bottom, box.left, box.right] for box in looked.blanked],
        "rule": looked.rule or None,
    }


def _summarise(outcome: "FolderOutcome", *, dry_run: bool) -> None:
    """Say on standard error how many files have each status and reason; no path, as names may stand in them."""
    would = "would be " if dry_run else ""
    counted = ", ".join(f"{number} {would}{status}" for status, number in outcome.counts.items())
    click.echo(f"{len(outcome.files)} files: {counted or 'none found'}", err=True)
    reasons = Counter((file.status.value, file.code, file.why) for file in outcome.files if file.why)
    for (status, code, why), number in sorted(reasons.items()):
        click.echo(f"  {number} {status}: {why} [{code}]", err=True)
    if outcome.links:
        click.echo(f"  {outcome.links} linked folders were not followed", err=True)
    if any(file.output is None for file in outcome.files):
        click.echo("  --json lists every file with its reason", err=True)
