"""The direction of imports is held by a gate, and the gate is proven to close."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CANARIES = {
    "core/canary.py": "import fivesafes.project.model",  # core knows nothing above it
    "project/canary.py": "import fivesafes.people.model",  # safes do not import one another
    "output/canary.py": "import fivesafes.flow.plan",  # a safe does not know the journey
    "flow/canary.py": "import fivesafes.engines.executors.inline",  # the journey knows ports, not engines
    "engines/canary.py": "import fivesafes.stores.ledger",  # engines and stores stand side by side
    "stores/canary.py": "import fivesafes.interfaces.cli",  # nothing knows the ways in
    "people/policy.py": "import subprocess",  # judgement does not act
    "core/verdict.py": "import pydicom",  # the vocabulary knows no DICOM
    "data/model.py": "import logging",  # nouns do not log
    "stranger.py": "",  # every new room needs its place in the layers
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on a tree."""
    program = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the gate reads."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.nii.gz"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_contracts_hold(tree: Path) -> None:
    """As it stands, every contract is kept."""
    done = lint(tree)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("place", CANARIES)
def test_the_gate_closes_on_a_canary(tree: Path, place: str) -> None:
    """One forbidden import, and the gate fails."""
    path = tree / "src" / "fivesafes" / place
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{CANARIES[place]}\n")
    try:
        done = lint(tree)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert done.returncode != 0, done.stdout
