"""Our modes and others' tools on the same changes of one real head, judged by what none of them made: a page of tables.

Usage: python -m benchmarks.side_by_side HEAD [--page FILE] [--every] [--only NAME …] [--rows FOLDER]

For each engine and mode, one after another, ``benchmarks.defacing`` runs in a process of its own on fourteen variants
(``--every``: on all; ``--only``: on these): the embedded engine in each mode, real pydeface (its FLIRT is a stand-in,
see ``benchmarks.deface_peers``), quickshear, which gets our brain mask, and a port of BET (``benchmarks.bet_port``).
What is missing is installed into environments of its own.  ``--rows`` keeps what was measured, and takes up what is
there already.  The page is in docs/reference; it is laid out in ``benchmarks.side_by_side_page``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.deface_peers import PYDEFACE, installed, stand_in_fsl
from benchmarks.side_by_side_page import SHOWN, Tables, page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "defacers-side-by-side.md"
BET_PORT = "brainextractor==0.3.0"
RUNS = (
    ("embedded", "remove"),
    ("embedded", "reface"),
    ("embedded", "reface-plus"),
    ("embedded", "skull-strip"),
    ("pydeface", "remove"),
    ("quickshear", "remove"),
    ("bet-port", "skull-strip"),
)


def main() -> int:
    """Run each, and write the page."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("head", type=Path)
    words.add_argument("--page", type=Path, default=PAGE)
    words.add_argument("--every", action="store_true")
    words.add_argument("--only", nargs="*", default=tuple(SHOWN))
    words.add_argument("--rows", type=Path)
    words.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "fivesafes-peers")
    given = words.parse_args()
    binaries = [installed(given.environments / one.partition("==")[0], one) for one in (PYDEFACE, BET_PORT)]
    how = ["--without-pose", *([] if given.every else ["--only", *given.only])]
    tables: Tables = {}
    with tempfile.TemporaryDirectory() as folder:
        fsl = stand_in_fsl(Path(folder))
        path = os.pathsep.join([*map(str, (fsl / "bin", *binaries)), os.environ["PATH"]])
        kept = given.rows or Path(folder)
        kept.mkdir(exist_ok=True)
        for engine, mode in RUNS:
            rows = kept / f"{engine}-{mode}.json"
            if not rows.exists():
                command = [sys.executable, "-m", "benchmarks.defacing", str(given.head), "--json", str(rows)]
                command += ["--engine", engine, "--mode", mode, *how]
                subprocess.run(command, env={**os.environ, "PATH": path, "FSLDIR": str(fsl)}, check=False)
            tables[engine, mode] = json.loads(rows.read_text(encoding="utf-8"))
    given.page.write_text(page(tables, others=(PYDEFACE, BET_PORT)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
