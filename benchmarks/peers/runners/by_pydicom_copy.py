"""pydicom: read and save, decoding nothing."""

from pathlib import Path

import pydicom
from loop import over_files


def one(path: Path, target: Path) -> None:
    """Copy one file by reading and saving it."""
    pydicom.dcmread(path).save_as(target)


over_files(one)
