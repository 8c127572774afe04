"""A test that is skipped in CI has failed, and this gate is proven to close."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_skip_fails_in_ci_and_only_there(tmp_path: Path, ci: str, code: int) -> None:
    """The same skipped test passes at home, where a program may be missing, and fails where none may."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_canary.py").write_text('import pytest\n\ndef test_it():\n    pytest.skip("no program")\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
    )
    assert done.returncode == code, done.stdout + done.stderr
