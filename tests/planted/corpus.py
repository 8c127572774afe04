"""The whole corpus: every planted file, its plants numbered."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Final

from attrs import evolve
from tests.planted.files import PlantedFile
from tests.planted.hidden import hidden_files
from tests.planted.kept import binary_files, kept_files
from tests.planted.packed import packed_files
from tests.planted.private import private_files
from tests.planted.refused import refused_files
from tests.planted.scripts import script_files
from tests.planted.standard import standard_files
from tests.planted.values import Values
from tests.planted.vendors import vendor_files

from fivesafes.data.header.profile import Profile, load_profile

WHOLE: Final = 1.0
SMALL: Final = 0.2
"""The share of kept attributes that each variant is tried on where time is short."""


def make_corpus(seed: int, share: float = WHOLE, profile: Profile | None = None) -> list[PlantedFile]:
    """Make every file; the same seed and share give the same bytes for the same profile."""
    values = Values(seed)
    files = _files(values, profile or load_profile(), share)
    numbers = count(1)
    return [evolve(file, plants=tuple(plant.numbered(next(numbers)) for plant in file.plants)) for file in files]


def _files(values: Values, profile: Profile, share: float) -> Iterator[PlantedFile]:
    return chain(
        standard_files(values, profile),
        kept_files(values, profile, share),
        binary_files(values, profile),
        private_files(values, profile, share),
        script_files(values),
        hidden_files(values),
        vendor_files(values, profile, share),
        packed_files(values),
        refused_files(values, profile),
    )


def write_corpus(files: Iterable[PlantedFile], folder: Path) -> None:
    """Write the files below a folder."""
    for file in files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def manifest(files: Iterable[PlantedFile], seed: int) -> str:
    """Tell in JSON what was planted where: needles are hexadecimal, by encoding."""
    told = [
        {
            "id": plant.number,
            "category": plant.category,
            "place": plant.place,
            "value": plant.value,
            "file": file.name,
            "accepted": file.accepted,
            "encodings": [[encoding, needle.hex()] for encoding, needle in plant.needles],
        }
        for file in files
        for plant in file.plants
    ]
    return json.dumps({"seed": seed, "plants": told}, indent=1, ensure_ascii=True)
