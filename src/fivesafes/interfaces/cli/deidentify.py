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
    from fivesafes.data.header.pixel_step import Looked, PixelStep
    from fivesafes.data.header.pseudonyms import Pseudonyms
    from fivesafes.data.ports import TextFinder
    from fivesafes.flow.deidentify_folder import FolderOutcome
    from fivesafes.flow.ports import Executor

_FEW: Final = 3000
"""Up to so many files, starting worker processes takes longer than the work."""

EXIT_REFUSED, EXIT_NOTHING, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6


@click.command()
@click.argument("source", metavar="IN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("into", metavar="OUT", type=click.Path(file_okay=False, path_type=Path))
@click.option("--profile", "profile_name", default="mri-research", show_default=True, help="Rules to follow.")
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
def command(  # noqa: PLR0913, PLR0917 - click hands over one argument per option
    source: Path,
    into: Path,
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
) -> None:
    """De-identify every DICOM file below IN into OUT; IN is never changed.

    Only attributes that the profile names are kept; objects that no rule knows (screen saves, reports, raw data) are
    refused with the reason.  Run it again to go on after an interruption.

    Exit codes: 0 all done, 3 all refused, 4 no DICOM found, 5 some refused or set aside, 6 some need a person's look.
    """
    from fivesafes.data.header.profile import load_profile  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.deidentify_folder import Options  # noqa: PLC0415 - help stays quick

    profile = load_profile(profile_name)
    pseudonyms = _pseudonyms(project, key, dry_run=dry_run)
    options = Options(log=log, pixels=_pixel_step(pixels, text_finder, review_folder), review=review_folder)
    outcome = _outcome(
        source,
        None if dry_run else into,
        {"profile": profile, "pseudonyms": pseudonyms, "executor": _executor(workers, source), "options": options},
        quiet=as_json,
    )
    if as_json:
        emit_json(_answer(outcome, dry_run=dry_run))
    else:
        _summarise(outcome, dry_run=dry_run)
    sys.exit(exit_code(outcome.counts))


def _outcome(source: Path, into: Path | None, given: dict[str, Any], *, quiet: bool) -> "FolderOutcome":
    """De-identify, or without ``into`` say what would be done, and show how far it is unless quiet."""
    from fivesafes.flow.deidentify_folder import deidentify_folder, preview_folder  # noqa: PLC0415 - help stays quick

    with shown_progress(quiet=quiet) as progress:
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
