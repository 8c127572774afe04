"""dcmanon (Rust) by its Python binding, with its own defaults."""

from pathlib import Path

from dcmanon import Anonymizer
from loop import over_files

anonymizer = Anonymizer()


def one(path: Path, target: Path) -> None:
    """Anonymize one file."""
    target.write_bytes(anonymizer.anonymize(str(path)))


over_files(one)
