"""deid by its API: its stock recipe, private elements removed.  Its outputs bear the inputs' names: that is its way."""

import os
from pathlib import Path

os.environ["MESSAGELEVEL"] = "CRITICAL"  # it is read at import

from deid.dicom import replace_identifiers
from loop import over_files


def one(path: Path, target: Path) -> None:
    """Replace the identifiers of one file; in a folder of its own, as names repeat."""
    folder = target.with_suffix("")
    folder.mkdir()
    replace_identifiers(str(path), save=True, output_folder=str(folder), remove_private=True, overwrite=True)


over_files(one)
