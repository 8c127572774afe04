"""Our modes and others' tools on the same changes of one real head, judged by what none of them made: a page of tables.

Usage: python -m benchmarks.side_by_side HEAD [--page FILE] [--every]

For each engine and mode, ``benchmarks.defacing`` runs in a process of its own on four variants (``--every``: on
all), with real pydeface beside it (its FLIRT is a stand-in, see ``benchmarks.deface_peers``) and quickshear, which gets
our brain mask.  Judged are skin marked by eye and a brain drawn by deepbet.  The page is in docs/reference.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.deface_peers import installed, stand_in_fsl

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "defacers-side-by-side.md"
RUNS = (
    ("embedded", "remove"),
    ("embedded", "reface"),
    ("embedded", "reface-plus"),
    ("embedded", "skull-strip"),
    ("pydeface", "remove"),
    ("quickshear", "remove"),
)
FEW = ("as-it-is", "child", "cut-under-nose", "like-t2")
PARTS = ("eyes", "nose", "mouth", "chin", "ears")
ANSWERED = {"defaced", "needs-review"}
Row = dict[str, Any]
PAGE_TEXT = """# Defacers side by side

Written by `python -m benchmarks.side_by_side HEAD`.  One real head with its full face (ds000031, sub-01), and {number}
scripted variants of it: {variants}.
Skin was marked by eye, the brain drawn by deepbet 1.0.2: neither comes from an engine that is judged.  *Left* is the
share of a part's skin that the engine's mask leaves; where a face is replaced, other skin stands there.  pydeface 2.1.0
is real, its FLIRT a stand-in (FSL can't be shipped): its seconds and failures are not FSL's.  quickshear 1.2.0 is real
and gets our brain mask.  CPU seconds and memory are of the whole process beside other work: compare within the table.

## The head as it is

| engine, mode | eyes left | nose left | mouth left | chin left | ears left | brain cut, ml | CPU s | MB |
|---|---|---|---|---|---|---|---|---|
{plain}

## All variants

*Core*: eyes, nose, mouth.  *Nothing written*: refused, nothing to do, or an error.  *To look at*: needs-review.

| engine, mode | worst of core left | mean ears left | most brain cut, ml | nothing written | to look at | CPU s | MB |
|---|---|---|---|---|---|---|---|
{over}
"""


def main() -> int:
    """Run each, and write the page."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("head", type=Path)
    words.add_argument("--page", type=Path, default=PAGE)
    words.add_argument("--every", action="store_true")
    words.add_argument("--environment", type=Path, default=Path(tempfile.gettempdir()) / "fivesafes-pydeface")
    given = words.parse_args()
    binaries = installed(given.environment)
    tables: dict[tuple[str, str], list[Row]] = {}
    with tempfile.TemporaryDirectory() as folder:
        fsl = stand_in_fsl(Path(folder))
        path = os.pathsep.join([str(fsl / "bin"), str(binaries), os.environ["PATH"]])
        for engine, mode in RUNS:
            rows = Path(folder) / "rows.json"
            command = [sys.executable, "-m", "benchmarks.defacing", str(given.head), "--engine", engine, "--mode", mode]
            command += ["--json", str(rows), *([] if given.every else ["--only", *FEW])]
            subprocess.run(command, env={**os.environ, "PATH": path, "FSLDIR": str(fsl)}, check=False)
            tables[engine, mode] = json.loads(rows.read_text(encoding="utf-8"))
    given.page.write_text(page(tables), encoding="utf-8")
    return 0


def page(tables: dict[tuple[str, str], list[Row]]) -> str:
    """Write the page."""
    variants = [row["variant"] for row in next(iter(tables.values()))]
    heads = {(engine, mode): f"{engine}, {mode}" for engine, mode in tables}
    plain = [_plain(heads[name], rows[0]) for name, rows in tables.items()]
    over = [_over(heads[name], rows) for name, rows in tables.items()]
    return PAGE_TEXT.format(
        number=len(variants), variants=", ".join(variants), plain="\n".join(plain), over="\n".join(over)
    )


def _plain(name: str, row: Row) -> str:
    left = row.get("left", {})
    shares = " | ".join(f"{left[part]:.0%}" if part in left else "–" for part in PARTS)
    return f"| {name} | {shares} | {row.get('brain_ml', float('nan')):.2f} | {row['cpu']:.1f} | {row['mb']} |"


def _over(name: str, rows: Sequence[Row]) -> str:
    done = [row for row in rows if row["answer"] in ANSWERED and "left" in row]
    core = [row["left"][part] for row in done for part in PARTS[:3] if part in row["left"]]
    ears = [row["left"]["ears"] for row in done if "ears" in row["left"]]
    looks = sum(row["answer"] == "needs-review" for row in rows)
    failed = len(rows) - len(done)
    brain = max((row["brain_ml"] for row in done), default=0.0)
    cpu = float(np.median([row["cpu"] for row in rows]))
    most = max(row["mb"] for row in rows)
    worst, mean = max(core, default=0.0), float(np.mean(ears)) if ears else 0.0
    return (
        f"| {name} | {worst:.0%} | {mean:.0%} | {brain:.2f} | {failed} of {len(rows)} | {looks} | {cpu:.1f} | {most} |"
    )


if __name__ == "__main__":
    sys.exit(main())
