"""Other DICOM software takes the files for what they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fivesafes.engines.sources.synthetic import Planted

ROLES = ["localizer", "anat", "func", "dwi", "screen-save", "phantom", "unnamed"]


def said(program: str, *words: str) -> str:
    """Run an outside checker, and give what it complains of; skip where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *words], capture_output=True, check=False)
    return (done.stderr + (b"" if program == "dcmdump" else done.stdout)).decode("utf-8", "replace")


def test_dcmdump_reads_each_file_without_complaint(study: Planted) -> None:
    """The DICOM toolkit of OFFIS parses every element."""
    files = [str(file) for series in study.series for file in series.files]
    assert not said("dcmdump", *files)


@pytest.mark.parametrize("role", ROLES)
def test_dciodvfy_finds_no_error(study: Planted, role: str) -> None:
    """Each object is a valid instance of its class (warnings of retired and of further attributes are meant)."""
    files = study.files_of(role)
    for file in (files[0], files[-1]):
        errors = [line for line in said("dciodvfy", "-new", str(file)).splitlines() if line.startswith("Error")]
        assert not errors


def test_files_lie_one_folder_per_series(study: Planted) -> None:
    """As exports do; instances in order."""
    for series in study.series:
        assert len({file.parent for file in series.files}) == 1
        assert list(series.files) == sorted(series.files)
        assert all(isinstance(file, Path) and file.is_file() for file in series.files)
