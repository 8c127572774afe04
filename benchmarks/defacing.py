"""What defacing does to sixty-nine changes of one real head whose face, brain and pose are known from elsewhere.

Usage: python -m benchmarks.defacing HEAD [--engine ENGINE] [--mode MODE] [--only NAME …] [--json FILE]
           [--without-pose]

HEAD is ds000031's sub-01 T1w (OpenNeuro), the one full face that can be had.  Its skin was marked by eye (see
tests/heads/truth.py), its brain drawn by deepbet, its pose is the mean of two other registration programs
(benchmarks/heads): nothing that judges here comes from the defacer.  A row says of a variant what the defacer answered,
how far off the embedded engine's pose was (root mean square and most, mm, over points of brain and face), what share of
each part's skin was left, brain voxels altered (ml), CPU s and peak MB of the process that defaced and did nothing else
(benchmarks/deface_once.py).  Exit code 1 when a goal is missed: pose within 3 mm, at most 5 % of eyes, nose and mouth,
10 % of chin and ears, no brain voxel, and an answer that is right.  ``--without-pose`` leaves the pose out.  ENGINE is
one that is installed, or ``bet-port`` (benchmarks/bet_port.py).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.heads.made import Made, write
from tests.heads.truth import PARTS, KnownHead, ds031, left_of
from tests.heads.variants import Variant, variants

from fivesafes.data.face.examine import examine
from fivesafes.data.face.prepare import prepare
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

KNOWN = Path(__file__).parent / "heads"
POSE_MM, CORE_LEFT, ELSE_LEFT = 3.0, 0.05, 0.10
Row = dict[str, Any]


def main() -> int:
    """Print a row per variant, and what was missed."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("head", type=Path)
    words.add_argument("--engine", default="embedded")
    words.add_argument("--mode", type=FaceMode, default=FaceMode.REMOVE, choices=[*FaceMode])
    words.add_argument("--only", nargs="*", default=())
    words.add_argument("--without-pose", action="store_true")
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    head = ds031(given.head, KNOWN / "ds031_brain.nii.gz")
    pose = np.array(json.loads((KNOWN / "ds031.json").read_text(encoding="utf-8"))["pose"])
    print(
        "variant                 answer         pose   most   eyes  nose  mouth chin  ears   brain  CPU s   MB  missed"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for variant in variants():
            if not given.only or any(variant.name.startswith(name) for name in given.only):
                row = _apart(lambda one=variant: _row(one, head, pose, Path(folder), given))  # type: ignore[misc]
                rows.append(row | {"missed": _missed(row, given.mode)})
                print(_line(rows[-1]), flush=True)
    missed = [row["variant"] for row in rows if row["missed"]]
    print(f"{len(rows)} variants, {len(missed)} with something missed: {', '.join(missed)}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(bool(missed))


def _apart(work: Callable[[], Row]) -> Row:
    """Do it in a process of its own, so that each is measured alone."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return dict(json.loads(answer))


def _row(variant: Variant, head: KnownHead, pose: np.ndarray, folder: Path, given: argparse.Namespace) -> Row:
    made = variant.of(head)
    path = write(made, folder, variant.name)
    once = [str(path), str(folder / "out"), given.engine, given.mode.value]
    command = [sys.executable, "-m", "benchmarks.deface_once", *once]
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    row: Row = {
        "variant": variant.name,
        "answer": answer["answer"],
        "right": answer["answer"] in variant.answers,
        "why": answer["why"],
        "mutual_information": answer["evidence"].get("mutual_information"),
    }
    row |= {name: answer[name] for name in ("cpu", "tool_cpu", "mb")}
    ours = given.engine == EmbeddedDefacer.name and not given.without_pose
    off = _pose_error(path, made, head, pose) if ours and answer["answer"] != "failed" else {}
    return row | off | _left(answer, made)


def _pose_error(path: Path, made: Made, head: KnownHead, pose: np.ndarray) -> Row:
    """Compare where points of brain and face were thought to be; the template is symmetric, so sides may be swapped."""
    stored = read_stored(path)
    scan = prepare(stored) if made.moved is not None else None
    found = examine(scan).pose if scan is not None else None
    if found is None or made.moved is None:
        return {}
    marks = np.c_[head.marks, np.ones(len(head.marks))]
    there = (marks @ made.moved.T)[:, :3]
    in_template = marks @ np.linalg.inv(pose).T
    off = [
        np.linalg.norm(((in_template * [side, 1, 1, 1]) @ found.affine.T)[:, :3] - there, axis=1) for side in (1, -1)
    ]
    least = min(off, key=lambda one: float((one**2).mean()))
    return {"pose": round(float(np.sqrt((least**2).mean())), 2), "most": round(float(least.max()), 1)}


def _left(answer: Row, made: Made) -> Row:
    """Measure on the mask what the truth says of it."""
    if answer["mask"] is None:
        return {}
    gone = read_stored(Path(answer["mask"])).voxels[..., 0] > 0
    steps = np.linalg.norm(made.affine[:3, :3], axis=0)
    return {
        "left": left_of(~gone, made.skin, steps),
        "claimed": answer["evidence"]["residual"],
        "brain_ml": round(float((gone & made.brain).sum() * np.prod(steps) / 1000), 3),
        "brain_share": round(float((gone & made.brain).sum() / max(1, made.brain.sum())), 6),
        "head_kept_ml": round(float((~gone & ~made.brain & (made.skin == 0)).sum() * np.prod(steps) / 1000)),
        "outside": answer["evidence"]["outside_voxels_altered"],
    }


def _missed(row: Row, mode: FaceMode) -> list[str]:
    """Name the goals that were missed."""
    left = row.get("left", {})
    limits = {part: CORE_LEFT if part in {"eyes", "nose", "mouth"} else ELSE_LEFT for part in PARTS}
    missed = [] if row["right"] else ["answer"]
    missed += [part for part, share in left.items() if share > limits[part] and mode is not FaceMode.SKULL_STRIP]
    missed += ["pose"] if row["answer"] != "nothing-to-do" and row.get("pose", 0.0) > POSE_MM else []
    missed += ["brain"] if row.get("brain_ml") else []
    return missed + (["outside"] if row.get("outside") else [])


def _line(row: Row) -> str:
    left = row.get("left", {})
    shares = " ".join(f"{left[part]:5.2f}" if part in left else "    –" for part in PARTS)
    figures = " ".join(f"{row[name]:6.2f}" if name in row else "     –" for name in ("pose", "most"))
    brain = f"{row['brain_ml']:6.2f}" if "brain_ml" in row else "     –"
    missed = ", ".join(row["missed"])
    return (
        f"{row['variant']:<23} {row['answer']:<13} {figures} {shares} {brain} {row['cpu']:6.1f} {row['mb']:4}  {missed}"
    )


if __name__ == "__main__":
    sys.exit(main())
