"""Every line and every branch of what decides about foreign bytes is tried, and this gate is proven to close."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES: Final = (
    "cleaner",
    "codestream",
    "content",
    "cursor",
    "elements",
    "ge",
    "grammar",
    "judge",
    "numbers",
    "packbits",
    "part10",
    "profile",
    "ranges",
    "runs",
    "scan",
    "shift",
    "siemens",
    "values",
    "words",
)
TESTS: Final = tuple(
    f"tests/data/header/test_{name}.py"
    for name in (*MODULES, "compose", "deidentify", "inspect", "pixel_step", "scanner", "values_judged")
    if name not in {"cursor", "packbits", "ranges", "scan"}  # tried by scanner, codestream and numbers
)  # fmt: skip


def _measured(folder: Path, tests: tuple[str, ...], modules: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests apart and say what of the modules they left out; the code is 2 when that is anything."""
    rules = folder / "coveragerc"
    rules.write_text(
        "[run]\nbranch = true\nsource = fivesafes.data.header\n"
        f"data_file = {folder / 'coverage'}\n[report]\nfail_under = 100\nshow_missing = true\n"
    )
    coverage = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "CI": "", "FIVESAFES_SCANNER": "plain"}
    options = ["-q", "--hypothesis-seed=1", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    run = [*coverage, "run", f"--rcfile={rules}", "-m", "pytest", *options, *tests]
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    files = ",".join(f"*/data/header/{name}.py" for name in modules)
    report = [*coverage, "report", f"--rcfile={rules}", f"--include={files}"]
    return subprocess.run(report, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_what_decides_about_foreign_bytes_is_tried_whole(tmp_path: Path) -> None:
    """100 % of branches; a line that no test reaches may do anything."""
    told = _measured(tmp_path, TESTS, MODULES)
    assert told.returncode == 0, told.stdout
    assert all(f"{name}.py" in told.stdout for name in MODULES)


def test_a_branch_that_no_test_takes_closes_the_gate(tmp_path: Path) -> None:
    """The same measure, with the tests of one module alone."""
    told = _measured(tmp_path, ("tests/data/header/test_shift.py",), ("shift", "words"))
    assert told.returncode == 2, told.stdout
    assert "words.py" in told.stdout
