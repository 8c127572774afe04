"""``fivesafes deface --decisions``: do with defaced images what people decided who looked at their pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.decisions import HELD, RECORD, Applied, Choice, apply_decisions, settle
from fivesafes.data.face.names import files_of
from fivesafes.engines.reporters.faces import FacesReport
from fivesafes.interfaces.cli.output import emit_json
from fivesafes.interfaces.forms.deface_decisions import read_decisions, record_decisions, recorded

EXIT_REFUSED, EXIT_PARTLY = 3, 5
WORDS: Final = {Choice.APPROVE: "approved", Choice.REJECT: "rejected"}


def decide(files: Sequence[Path], out: Path, *, dry_run: bool, as_json: bool) -> int:
    """Apply decisions to the images in a folder, and tell what came of each; gives the exit code.

    The record is written before anything is moved, so an interrupted call is done again to its end.  0 all were
    applied, 3 none, 5 some.  Raises InvalidInput when a file holds no decisions; then nothing is done.
    """
    if not out.is_dir():
        what = "--out is no folder of defaced images"
        raise InvalidInput(what, fix="give the folder that was given to --out when the images were defaced")
    given = tuple(dict.fromkeys(one for file in files for one in read_decisions(file)))
    applied, record = apply_decisions(given, recorded=recorded(out), out=out)
    done = [one for one in applied if one.output is not None]
    if done and not dry_run:
        record_decisions(record, out)
        for one in done:
            settle(one.decision, out)
        FacesReport(out).decided(record)
    if as_json:
        emit_json({"decisions": [_answer(one) for one in applied], **({"dry_run": True} if dry_run else {})})
    else:
        _show(applied, out)
        click.echo(_put_down(done, out, dry_run=dry_run), err=True)
    if len(done) == len(applied):
        return 0
    return EXIT_PARTLY if done else EXIT_REFUSED


def _answer(one: Applied) -> dict[str, str | None]:
    """Write what came of a decision as the contract's JSON object."""
    return {
        "image": one.decision.image,
        "status": "refused" if one.output is None else WORDS[one.decision.choice],
        "output": None if one.output is None else one.output.as_posix(),
        "by": one.decision.by,
        "why": one.why,
    }


def _show(applied: Sequence[Applied], out: Path) -> None:
    """Print a line per decision, and what still waits."""
    for one in applied:
        told = _answer(one)
        click.echo(f"{told['status']:<9} {told['image']}{f'  →  {out / one.output}' if one.output else ''}")
        if one.why:
            click.echo(f"{'':<9} {one.why}")
    waiting = [path for path in (out / HELD).glob("*") if path.is_file() and files_of(path)[0] == path]
    images = [path for path in waiting if "_mask." not in path.name]
    if images:
        click.echo(f"still held for review: {len(images)} in {out / HELD}", err=True)


def _put_down(done: Sequence[Applied], out: Path, *, dry_run: bool) -> str:
    """Say where the decisions that were applied stand."""
    if dry_run:
        return "dry run: nothing was moved, and nothing put on record"
    return f"on record: {out / RECORD}" if done else "nothing was put on record"
