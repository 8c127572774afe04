"""dicognito by its API, which is what its command calls for each file."""

from pathlib import Path

import pydicom
from dicognito.anonymizer import Anonymizer
from loop import over_files

anonymizer = Anonymizer(seed="benchmark")


def one(path: Path, target: Path) -> None:
    """Anonymize one file."""
    with pydicom.dcmread(path) as dataset:
        anonymizer.anonymize(dataset)
        dataset.save_as(target)


over_files(one)
