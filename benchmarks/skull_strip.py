"""What skull-stripping keeps of the brain, and of what is not brain, in each contrast of one real head.

Usage: python -m benchmarks.skull_strip HEAD [--only NAME …] [--other IMAGE BRAIN] [--pictures DIR] [--peer]
           [--json FILE]

HEAD is ds000031's sub-01 T1w (OpenNeuro); its brain was drawn by deepbet's second, finer network, which the program
does not use.  Both were trained by the same people on the same scans: what both get wrong is not seen here.  The
variants are those of ``benchmarks.defacing``, and the same head with lesions.  ``--other`` measures on another head
with its brain mask.  A row: the answer, brain cut (per cent of its volume), what else was kept (ml), Dice of what was
kept and the brain, how far the two estimates agree, the brain's ml, CPU s and peak MB of the process.  ``--peer`` runs
brainextractor, a port of BET (Smith 2002), where it is installed.  Exit code 1 when a voxel of the brain was cut where
the answer was ``defaced``.
"""

import argparse
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from benchmarks.deface_once import cpu, peak_mb
from benchmarks.defacing import KNOWN, Row, _apart
from numpy.typing import NDArray
from tests.heads.lesions import lesions
from tests.heads.made import Made, write
from tests.heads.truth import KnownHead, ds031
from tests.heads.variants import Variant, variants

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.pack import template
from fivesafes.data.face.render import before_after
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode

nib: Any = nibabel
TITLE = "variant                 answer         cut %  other ml  Dice  agree  brain ml  CPU s    MB"


def main() -> int:
    """Print a row per variant, and which missed the goal."""
    given = _words().parse_args()
    template()
    print(TITLE)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        head = ds031(given.head, KNOWN / "ds031_brain.nii.gz")
        for variant in [*variants(), *lesions()]:
            if not given.only or any(variant.name.startswith(start) for start in given.only):
                rows.append(_apart(lambda one=variant: _of_variant(one, head, folder, given)))  # type: ignore[misc]
                print(_line(rows[-1]), flush=True)
        if given.other:
            rows.append(_apart(lambda: _of_image(*given.other, folder=folder, given=given)))
            print(_line(rows[-1]))
    missed = [row["variant"] for row in rows if row.get("cut", 0.0) > 0 and row["answer"] == "defaced"]
    print(f"{len(rows)} scans, some of the brain cut in {len(missed)}: {', '.join(missed)}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(bool(missed))


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("head", type=Path)
    words.add_argument("--only", nargs="*", default=())
    words.add_argument("--other", nargs=2, type=Path, metavar=("IMAGE", "BRAIN"))
    words.add_argument("--pictures", type=Path)
    words.add_argument("--peer", action="store_true")
    words.add_argument("--json", type=Path)
    return words


def _of_variant(variant: Variant, head: KnownHead, folder: Path, given: argparse.Namespace) -> Row:
    made: Made = variant.of(head)
    return _row(variant.name, write(made, folder, variant.name), made.brain, folder, given)


def _of_image(image: Path, brain: Path, *, folder: Path, given: argparse.Namespace) -> Row:
    return _row(image.name, image, np.asarray(nib.load(brain).dataobj) > 0, folder, given)


def _row(name: str, path: Path, brain: NDArray[np.bool_], folder: Path, given: argparse.Namespace) -> Row:
    """Strip one scan and compare what was kept with its brain."""
    before = cpu()
    answer = deface_image(path, into=folder / "out", mode=FaceMode.SKULL_STRIP)
    row: Row = {"variant": name, "answer": answer.status.value, "why": answer.why, "cpu": cpu() - before}
    row |= {"mb": peak_mb(), "agree": answer.evidence.brain_agreement, "ml": answer.evidence.brain_ml}
    if answer.mask is None or answer.image is None:
        return row
    kept, grid = read_stored(answer.mask).voxels[..., 0] == 0, read_stored(path).grid
    row |= _compared(kept, brain, grid.voxel_ml)
    if given.peer:
        row |= _peer(path, brain, grid.voxel_ml)
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
        for picture in before_after(path, answer.image, answer.mask):
            (given.pictures / f"{name}-{picture.name}.png").write_bytes(picture.png)
    return row


def _compared(kept: NDArray[np.bool_], brain: NDArray[np.bool_], voxel_ml: float) -> Row:
    both = float((kept & brain).sum())
    return {
        "cut": 100 * (1 - both / max(1.0, float(brain.sum()))),
        "other": float((kept & ~brain).sum()) * voxel_ml,
        "dice": 2 * both / max(1.0, float(kept.sum() + brain.sum())),
    }


def _peer(path: Path, brain: NDArray[np.bool_], voxel_ml: float) -> Row:
    """Let brainextractor do the same."""
    before = cpu()
    extractor = import_module("brainextractor").BrainExtractor(img=nib.load(path))
    extractor.run()
    found = np.asarray(extractor.compute_mask()) > 0
    return {"peer": _compared(found, brain, voxel_ml) | {"cpu": cpu() - before}}


def _line(row: Row) -> str:
    if "cut" not in row:
        return f"{row['variant']:<23} {row['answer']:<13} {row['why']}"
    peer = row.get("peer")
    other = f"  peer: cut {peer['cut']:.2f} %, other {peer['other']:.0f} ml, {peer['cpu']:.1f} s" if peer else ""
    figures = f"{row['cut']:6.3f} {row['other']:8.0f} {row['dice']:6.3f} {row['agree']:6.3f} {row['ml']:8.0f}"
    return f"{row['variant']:<23} {row['answer']:<13} {figures} {row['cpu']:6.1f} {row['mb']:6.0f}  {row['why']}{other}"


if __name__ == "__main__":
    sys.exit(main())
