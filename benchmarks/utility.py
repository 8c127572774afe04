"""What defacing costs those who come after: brain mask, tissue volumes, bias field and registration, before and after.

Usage: python -m benchmarks.utility HEAD [--change NAME …] [--also HEAD …] [--every] [--only NAME …] [--jobs N]
       [--json FILE]

HEAD is ds000031's sub-01 T1w; ``--change``: take these variants of ``benchmarks.defacing`` instead of it (the head
itself is ``as-it-is``); ``--also``: these heads (NIfTI) too.  Of the first all modes of the embedded engine and every
other engine that is installed are measured, of the others ``remove`` and ``reface`` (``--every``: all).  ``--jobs``:
so many heads at a time.

Original and defaced go through the same pipeline, which knows nothing of the defacer (``benchmarks.utility_pipeline``):
the brain by deepbet; then, at about 2 mm, inside the brain the bias field by N4 and three tissues by Atropos in the
evened image (k-means, then a Markov field; volumes are sums of probabilities); and by SimpleITK two affine
registrations to the program's own mean head (mutual information): of the whole image, and of the brain alone.
``deepbet`` and ``antspyx`` are not the project's dependencies: install them first.

The yardstick are rows in which nobody was defaced: the same head with noise of 1 % of its brightest tissue, drawn three
times, and the same head sampled half a voxel further along each axis.

A row: the answer; Dice of both brain masks and the change of the brain's volume (%); the change of the dark, middle and
bright tissue (%; of T1w: CSF, grey and white matter); how far the bias field is off inside the brain (median and 95th
percentile, %, after both are scaled to the same median); how far apart (root mean square, mm) both registrations put
the brain's points: by whole heads (``whole``), by the defaced whole head where the mask's zone is not looked at
(``masked``), by the original one where it is not (``blind``), by both of these (``both``), by brains alone (``alone``);
and how much of the original's brain mask has other numbers (ml).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import frozen
from benchmarks.defacing import KNOWN
from benchmarks.utility_pipeline import NEEDED, SEED, Image, Row, compare, compare_masked, measure, sitk, steady
from tests.heads.made import write
from tests.heads.truth import ds031
from tests.heads.variants import variants

from fivesafes.data.face.deface import deface_image
from fivesafes.data.model import Defaced, FaceMode

MODES: Final = (FaceMode.REMOVE, FaceMode.REFACE, FaceMode.REFACE_PLUS, FaceMode.SKULL_STRIP)
FEW: Final = ("retest", FaceMode.REMOVE.value, FaceMode.REFACE.value)
"""What is measured of all heads but the first."""

SPARES_BRAIN_ALONE: Final = {FaceMode.REFACE_PLUS, FaceMode.SKULL_STRIP}
"""Without their mask's zone no head is left to be registered, but a brain; that is measured anyway."""

NOISE: Final = 0.01
DRAWS: Final = 3

TITLE: Final = (
    f"{'head':<12} {'what':<20} {'answer':<12}   Dice  brain%   dark%    mid% bright%  bias%  p95%"
    "  whole masked  blind   both  alone  other ml"
)


@frozen(kw_only=True)
class Way:
    """What became of a head: what was done, the answer, the file (None where there is none), and the mask beside it."""

    name: str
    answer: str
    image: Path | None
    mask: Path | None = None


def main() -> int:
    """Print a row per head and way to deface it."""
    given = _given()
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        print(f"to measure with, this needs: pip install {' '.join(missing)}", file=sys.stderr)
        return 1
    started = time.monotonic()
    heads = [(given.head, change) for change in given.change] + [(path, "") for path in given.also]
    few = () if given.every else FEW
    print(TITLE, flush=True)
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), initializer=steady) as workers:
        asked = [
            workers.submit(_rows, path, change, given.only or (few if number else ()))
            for number, (path, change) in enumerate(heads)
        ]
        rows = [row for one in asked for row in one.result()]
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows in {(time.monotonic() - started) / 60:.0f} minutes, {given.jobs} heads at a time")
    return 0


def _given() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("head", type=Path)
    words.add_argument("--change", nargs="+", default=[""], choices=["", *(one.name for one in variants())])
    words.add_argument("--also", nargs="+", default=[], type=Path)
    words.add_argument("--every", action="store_true")
    words.add_argument("--only", nargs="+", default=())
    words.add_argument("--jobs", type=int, default=1)
    words.add_argument("--json", type=Path)
    return words.parse_args()


def _rows(head: Path, change: str, only: Sequence[str]) -> list[Row]:
    """Measure the original, then whatever it became."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = _changed(head, change, folder) if change else head
        before = measure(path, folder)
        for way in _ways(path, folder, only):
            row: Row = {"head": path.name.partition(".")[0], "what": way.name, "answer": way.answer}
            if way.image is not None:
                after = measure(way.image, folder)
                row |= compare(before, after)
                row |= {} if way.mask is None else compare_masked(before, after, way.mask)
            print(_line(row), flush=True)
            rows.append(row)
    return rows


def _changed(head: Path, name: str, folder: Path) -> Path:
    """Write the variant of that name."""
    variant = next(one for one in variants() if one.name == name)
    return write(variant.of(ds031(head, KNOWN / "ds031_brain.nii.gz")), folder, name)


def _ways(head: Path, folder: Path, only: Sequence[str]) -> Iterator[Way]:
    """Make each image that is to be compared."""

    def asked(name: str) -> bool:
        return not only or name in only

    if asked("retest"):
        for name, make in _retests():
            path = folder / "retest.nii.gz"
            sitk.WriteImage(make(sitk.ReadImage(str(head), sitk.sitkFloat32)), str(path))
            yield Way(name=f"retest: {name}", answer="not defaced", image=path)
    for mode in MODES:
        if asked(mode.value):
            yield _told(mode.value, deface_image(head, into=folder / mode.value, mode=mode))
    for name, defacer in _others():
        if asked(name):
            yield _told(name, defacer.deface(head, into=folder / name, mode=FaceMode.REMOVE))


def _others() -> Iterator[tuple[str, Any]]:
    """Give the engines besides the embedded one that are installed and remove faces."""
    for point in sorted(entry_points(group="fivesafes.defacers"), key=lambda one: one.name):
        defacer = point.load()()
        if point.name != "embedded" and defacer.missing() is None and FaceMode.REMOVE in defacer.modes:
            yield point.name, defacer


def _told(name: str, done: Defaced) -> Way:
    instead = "" if name in {done.mode.value, done.engine} else f" ({done.mode.value})"
    mask = None if done.mode in SPARES_BRAIN_ALONE else done.mask
    return Way(name=name, answer=done.status.value + instead, image=done.image, mask=mask)


def _retests() -> Iterator[tuple[str, Callable[[Image], Image]]]:
    for draw in range(DRAWS):
        yield f"noise {draw + 1}", partial(_noisy, chance=np.random.default_rng(SEED + draw))
    yield "half a voxel", _moved


def _noisy(image: Image, chance: np.random.Generator) -> Image:
    """Add noise as a magnitude image has it."""
    data = sitk.GetArrayFromImage(image)
    sigma = NOISE * float(np.percentile(data[data > data.mean()], 98))
    real, other = (chance.normal(0, sigma, data.shape) for _ in range(2))
    noisy = sitk.GetImageFromArray(np.hypot(data + real, other).astype(np.float32))
    noisy.CopyInformation(image)
    return noisy


def _moved(image: Image) -> Image:
    """Sample the head half a voxel further along each axis, where it lies: its grid moves, it does not."""
    grid = sitk.Image(image.GetSize(), sitk.sitkFloat32)
    grid.CopyInformation(image)
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([0.5, 0.5, 0.5]))
    return sitk.Maximum(sitk.Resample(image, grid, sitk.Transform(), sitk.sitkBSpline), 0.0)


def _line(row: Row) -> str:
    start = f"{row['head']:<12} {row['what']:<20} {row['answer']:<12}"
    if "dice" not in row:
        return start
    tissues = " ".join(f"{share:+7.2f}" for share in row["tissues"])
    brain, bias = f"{row['dice']:.4f} {row['brain']:+7.3f}", f"{row['bias'][0]:6.2f} {row['bias'][1]:5.2f}"
    poses = " ".join(
        f"{row[name]:6.2f}" if name in row else "     –"
        for name in ("whole_mm", "masked_mm", "blind_mm", "both_mm", "alone_mm")
    )
    return f"{start} {brain} {tissues} {bias} {poses} {row['changed_ml']:9.3f}"


if __name__ == "__main__":
    sys.exit(main())
