"""fivesafes, per file: read, clean, write."""

from pathlib import Path

from loop import over_files

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

deidentifier = Deidentifier(load_profile(), Pseudonyms(b"a key of a benchmark, 32 bytes...", "benchmark"))


def one(path: Path, target: Path) -> None:
    """Clean one file; what may not pass leaves nothing."""
    cleaned = deidentifier.clean(open_data_set(path.read_bytes()))
    if cleaned.pieces:
        with target.open("wb") as file:
            file.writelines(cleaned.pieces)


over_files(one)
