"""dicom-anonymizer (Kitware) by its API, with its own defaults."""

from pathlib import Path

from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file
from loop import over_files


def one(path: Path, target: Path) -> None:
    """Anonymize one file."""
    anonymize_dicom_file(str(path), str(target))


over_files(one)
