"""``fivesafes deface``: take the face out of images, and say of each what came of it."""

import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import asdict, frozen

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, UsageMistake
from fivesafes.core.plugins import load
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture
from fivesafes.data.ports import Defacer
from fivesafes.interfaces.cli.output import emit_json, shown_progress

EXIT_REFUSED, EXIT_UNREADABLE, EXIT_PARTLY, EXIT_REVIEW = 3, 4, 5, 6
HELD: Final = "needs-review"
"""The folder inside --out for images that nobody should take for finished."""

REPORT: Final = "deface-report.html"
Drawer = Callable[[Path, Path, Path], tuple[Picture, ...]]


@frozen(kw_only=True)
class Outcome:
    """What came of one image; ``output`` and ``mask`` are relative to the output folder."""

    path: Path
    defaced: Defaced
    output: Path | None
    mask: Path | None
    pictures: tuple[Picture, ...]
    unreadable: bool = False


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
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
@click.option("--no-report", is_flag=True, help="Write no page with pictures.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def command(
    images: tuple[Path, ...],
    out: Path,
    engine: str,
    mode: str,
    no_report: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Remove the face from each IMAGE; write it under its own name, and its mask, into --out.

    Images are NIfTI: .nii, .nii.gz, or .img with .hdr.

    Each written file is opened again and measured: how much skin is left, or how alike a replaced face is to the old
    one; whether the brain is whole.  A face that can't be replaced well is removed; "mode" in the JSON says so.

    What could not be verified goes to the folder needs-review inside --out.  The originals are only read.

    Exit codes: 0 each image is defaced or has no face, 3 refused, 4 unreadable, 5 some done and others not, 6 a person
    must look.
    """
    check_places(images, out)
    if dry_run:
        _tell_plan(images, out, as_json=as_json)
        return
    defacer = ready(engine)
    draw = None if no_report else _drawer()
    outcomes: list[Outcome] = []
    with shown_progress(quiet=as_json) as progress:
        progress.begin("deface", total=len(images), unit="images")
        for image in images:
            outcomes.append(one_image(image, out=out, defacer=defacer, mode=FaceMode(mode), draw=draw))
            progress.advance("deface")
        progress.end("deface")
    if draw is not None and any(outcome.pictures for outcome in outcomes):
        _write_report(outcomes, out)
    if as_json:
        emit_json({"images": [as_answer(outcome) for outcome in outcomes]})
    else:
        _show(outcomes, out)
    sys.exit(exit_code(outcomes))


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


def one_image(image: Path, *, out: Path, defacer: Defacer, mode: FaceMode, draw: Drawer | None) -> Outcome:
    """Deface one image and draw it; hold what needs review apart from the rest."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        defaced = defacer.deface(image, into=out, mode=mode)
    except InvalidInput as error:
        return _unreadable(image, error, defacer=defacer, mode=mode)
    pictures: tuple[Picture, ...] = ()
    if draw is not None and defaced.image is not None and defaced.mask is not None:
        pictures = draw(image, defaced.image, defaced.mask)
    held = defaced.status is FaceStatus.NEEDS_REVIEW
    return Outcome(
        path=image,
        defaced=defaced,
        output=_settled(defaced.image, out, held=held),
        mask=_settled(defaced.mask, out, held=held),
        pictures=pictures,
    )


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
    }


def _unreadable(image: Path, error: FiveSafesError, *, defacer: Defacer, mode: FaceMode) -> Outcome:
    defaced = Defaced(
        status=FaceStatus.REFUSED,
        image=None,
        mask=None,
        engine=defacer.name,
        engine_version=defacer.version(),
        mode=mode,
        evidence=FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None),
        why=f"unreadable: {error.what} (fix: {error.fix})",
    )
    return Outcome(path=image, defaced=defaced, output=None, mask=None, pictures=(), unreadable=True)


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
    if any(outcome.pictures for outcome in outcomes):
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
    if evidence.replaced is not None:
        parts.append(f"of the old face's relief in the new one: {evidence.replaced.relief_kept:.0%}")
    if evidence.brain_voxels_altered is not None and defaced.mask is not None:
        parts.append(f"brain voxels altered: {evidence.brain_voxels_altered}")
    return "; ".join(parts)


def _write_report(outcomes: Sequence[Outcome], out: Path) -> None:
    """Write one page that holds its pictures; nothing is loaded from elsewhere."""
    from jinja2 import Environment  # noqa: PLC0415 - help stays quick

    page = Environment(autoescape=True).from_string(PAGE)
    shown = [
        {
            "name": outcome.path.name,
            "status": outcome.defaced.status.value,
            "figures": figures(outcome.defaced),
            "why": outcome.defaced.why,
            "engine": f"{outcome.defaced.engine} {outcome.defaced.engine_version}",
            "pictures": [
                {"alt": one.alt, "identifying": one.identifying, "data": b64encode(one.png).decode("ascii")}
                for one in outcome.pictures
            ],
        }
        for outcome in outcomes
    ]
    aside = out / f".{REPORT}.part"
    aside.write_text(page.render(images=shown), encoding="utf-8")
    aside.replace(out / REPORT)


PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Defacing report</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
.warning { border: 2px solid #a11; padding: .75rem 1rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; background: #000; padding: .5rem; }
.row img { max-width: 100%; height: 14rem; }
.row img:last-child { height: auto; }
h2 { border-top: 1px solid #888; padding-top: 1rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Defacing report</h1>
<p class="warning"><strong>The pictures marked “before” identify people.</strong> Keep this page where the originals are
kept; never let it leave with the defaced images.</p>
{% for image in images %}
<section>
<h2>{{ image.name }}: {{ image.status }}</h2>
<p>{{ image.figures }}{% if image.why %}<br>{{ image.why }}{% endif %}<br>{{ image.engine }}</p>
{% for title, identifying in (("Before (identifying)", true), ("After", false)) %}
{% set row = image.pictures | selectattr("identifying", "equalto", identifying) | list %}
{% if row %}
<h3>{{ title }}</h3>
<div class="row">
{% for picture in row %}<img src="data:image/png;base64,{{ picture.data }}" alt="{{ picture.alt }}">
{% endfor %}</div>
{% endif %}
{% endfor %}
</section>
{% endfor %}
</body>
</html>
"""
