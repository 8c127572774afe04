"""What may become of each thing that a converter says: ``policies/conversion.csv``, a reason on each row."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.data.header.policy_files import read_rows, refuse_row, refuse_twice
from fivesafes.data.header.profile import POLICIES

DESCRIPTION: Final = "header.descrip"
"""The row for the text that converters write into the header of an image."""
_COLUMNS: Final = ("key", "fate", "why", "source")


class Fate(StrEnum):
    """Whether a key must be the same after de-identification (``stays``), or goes or changes on purpose.

    ``rounded`` must be the same but for what the converter itself rounds, see ``rounding.py``.
    """

    STAYS = "stays"
    ROUNDED = "rounded"
    CHANGES = "changes"


@frozen(kw_only=True)
class Ruling:
    """The fate of one key, and the reason."""

    fate: Fate
    why: str


Fates = Mapping[str, Ruling]


@lru_cache(maxsize=4)
def load_fates(folder: Path = POLICIES) -> Fates:
    """Load the table.  Raises PolicyInvalid for a row that can't be meant."""
    fates: dict[str, Ruling] = {}
    for row in read_rows(folder / "conversion.csv", _COLUMNS):
        refuse_twice(row, row["key"] in fates, row["key"])
        if row["fate"] not in set(Fate) or not row["why"] or not row["source"]:
            refuse_row(
                row, "fate is stays, rounded or changes, with reason and source", example="EchoTime,stays,why,source"
            )
        fates[row["key"]] = Ruling(fate=Fate(row["fate"]), why=row["why"])
    return fates
