"""``fivesafes deface --compare``: every engine that is ready here, on the same images, measured on one scale.

Each engine runs as the very command a person would give, in a process of its own, whose processor time and memory are
the system's own count, with the tools that it started.  All that is written lies in a folder called ``compare``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import asdict, evolve

from fivesafes.core.errors import UsageMistake
from fivesafes.core.plugins import load, names
from fivesafes.data.model import FaceMode
from fivesafes.interfaces.cli.deface_compare_page import write_page
from fivesafes.interfaces.cli.deface_compare_rows import FOLDER, Cost, Row, table
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.data.face.scale import Scale

FAILED: Final = "failed"
"""The status of a run that gave no answer at all."""

EXIT_PARTLY: Final = 5
RSS_MB: Final = 2**20 if sys.platform == "darwin" else 2**10
"""What of the system's count of memory makes one MB."""


def compare(images: Sequence[Path], out: Path, *, draws: bool, as_json: bool) -> int:
    """Run, measure, draw and tell; give the exit code.

    Raises InvalidInput when a file is no image, and UsageMistake when an earlier comparison is there.
    """
    from fivesafes.data.face.scale import scale_of  # noqa: PLC0415 - help stays quick

    if (out / FOLDER).exists():
        what = f"the output folder has a folder {FOLDER} already, and results of two comparisons would be mixed in it"
        raise UsageMistake(what, fix="remove it, or give another output folder")
    planned, absent = plan(images)
    scales = {image: scale_of(image) for image in images}
    rows: list[Row] = []
    with shown_progress(quiet=as_json) as progress:
        progress.begin(FOLDER, total=len(planned), unit="runs")
        for row in planned:
            done = _measured(_run(row, out), scales[row.path], out)
            rows.append(_drawn(done, out) if draws else done)
            progress.advance(FOLDER)
        progress.end(FOLDER)
    page = write_page(rows, absent, out / FOLDER) if any(row.pictures for row in rows) else None
    _tell(rows, absent, None if page is None else page.relative_to(out), as_json=as_json)
    return EXIT_PARTLY if any(row.status == FAILED for row in rows) else 0


def tell_plan(images: Sequence[Path], *, as_json: bool) -> None:
    """Say what would be run, and which engines are not here."""
    planned, absent = plan(images)
    if as_json:
        rows = [{"path": str(row.path), "engine": row.engine, "mode": row.mode.value} for row in planned]
        emit_json({"dry_run": True, "compare": rows, "absent": absent})
        return
    for row in planned:
        click.echo(f"{row.path}  {row.engine} {row.mode.value}  →  {row.folder}")
    _tell_absent(absent)


def plan(images: Sequence[Path]) -> tuple[list[Row], list[dict[str, str]]]:
    """List the runs: each engine that is ready, in each mode that writes an image; and what the others lack."""
    ready: list[tuple[str, FaceMode]] = []
    absent: list[dict[str, str]] = []
    for name in names("defacer"):
        engine = load("defacer", name)()
        missing = engine.missing()
        if missing is not None:
            absent.append({"engine": name, "missing": missing})
            continue
        modes = getattr(engine, "modes", (FaceMode.REMOVE,))  # a stranger's engine need not say
        ready.extend((name, mode) for mode in modes if mode is not FaceMode.MASK)
    ready.sort(key=lambda pair: list(FaceMode).index(pair[1]))
    return [Row(path=image, engine=name, mode=mode) for image in images for name, mode in ready], absent


def _run(row: Row, out: Path) -> Row:
    """Run the command as a person would give it."""
    folder = out / row.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    words = ["deface", str(row.path), "--out", str(folder), "--engine", row.engine, "--mode", row.mode.value]
    printed, cost = _counted([sys.executable, "-m", "fivesafes", *words, "--no-report", "--json"])
    try:
        answer = json.loads(printed)
    except ValueError:
        return evolve(row, status=FAILED, cost=cost, why="the run ended without an answer")
    if "error" in answer:
        return evolve(row, status=FAILED, cost=cost, why=f"{answer['error']['what']} (fix: {answer['error']['fix']})")
    (image,) = answer["images"]
    return evolve(
        row,
        status=image["status"],
        engine_version=image["engine_version"],
        output=image["output"] and f"{row.folder}/{image['output']}",
        mask=image["mask"] and f"{row.folder}/{image['mask']}",
        mask_ml=image["evidence"]["mask_ml"],
        cost=cost,
        why=image["why"],
        run=image.get("run"),
    )


def _counted(words: Sequence[str]) -> tuple[bytes, Cost]:
    """Run a program, and have the system count what it and its children used."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(  # noqa: S603 - our own command
            list(words), stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.DEVNULL
        )
        try:
            cost = _waited(process, began)
        except BaseException:  # a stop: it must not go on by itself
            process.terminate()
            process.wait()
            raise
        printed.seek(0)
        return printed.read(), cost


def _waited(process: subprocess.Popen[bytes], began: float) -> Cost:
    if sys.platform == "win32":
        process.wait()
        return Cost(seconds=round(time.monotonic() - began, 1))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        seconds=round(time.monotonic() - began, 1),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        peak_mb=round(used.ru_maxrss / RSS_MB),
    )


def _measured(row: Row, scale: "Scale | None", out: Path) -> Row:
    """Measure what was written anew, for each engine in the same way."""
    from fivesafes.data.face.scale import measured  # noqa: PLC0415 - help stays quick

    if scale is None or row.output is None:
        return row
    found = measured(scale, out / row.output)
    shares = None if found.residual is None else asdict(found.residual)
    return evolve(row, residual=shares, brain_voxels_altered=found.brain_voxels_altered)


def _drawn(row: Row, out: Path) -> Row:
    from fivesafes.data.face.render import before_after  # noqa: PLC0415 - help stays quick

    if row.output is None or row.mask is None:
        return row
    return evolve(row, pictures=before_after(row.path, out / row.output, out / row.mask))


def _tell(rows: Sequence[Row], absent: Sequence[dict[str, str]], page: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = [row.as_answer() for row in rows]
        emit_json({"compare": told, "absent": list(absent), "page": page and page.as_posix()})
        return
    for image in dict.fromkeys(row.path for row in rows):
        click.echo(str(image))
        for line in table([row for row in rows if row.path == image]):
            click.echo(f"  {line}")
    _tell_absent(absent)
    if page is not None:
        click.echo(f"pictures: {page} in --out (it shows the faces: keep it where the originals are kept)", err=True)


def _tell_absent(absent: Sequence[dict[str, str]]) -> None:
    for one in absent:
        click.echo(f"not here: {one['engine']}; to have it, install {one['missing']}", err=True)
