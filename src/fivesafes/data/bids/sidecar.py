"""Cleans a sidecar by explicit inclusion: ``policies/bids/sidecars.csv`` names each key that may stay, and its values.

A key that the table does not name is dropped, and so is a value that does not fit its grammar and BIDS' own type.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from attrs import frozen

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.bids.values import Fits, fits_bids, grammar
from fivesafes.data.model import BidsName

ALWAYS: Final = "bids"
KEEP: Final[Mapping[str, frozenset[str]]] = {
    "minimal": frozenset(),
    "standard": frozenset({"physics", "software", "sequence"}),
}
"""The extra groups that each setting of the ``sidecar`` control keeps; ``position`` is kept by none of them."""

METHODS: Final = (
    "DICOM headers: attributes by explicit inclusion (fivesafes, DICOM PS3.15 Annex E)",
    "sidecar and NIfTI header: fields by explicit inclusion (fivesafes)",
)

_COLUMNS: Final = ("key", "action", "group", "grammar", "why", "source")
_GROUPS: Final = frozenset({ALWAYS, "physics", "software", "sequence", "position"})
_UNKNOWN_KEY: Final = "(a key that the table does not name)"


@frozen(kw_only=True)
class Row:
    """What the table decides for one key: ``fits`` is None where it is dropped whatever its value."""

    group: str
    fits: Fits | None
    why: str


@frozen(kw_only=True)
class Code:
    """One item of DeidentificationMethodCodeSequence, of the DICOM coding scheme (PS3.16 CID 7050)."""

    value: str
    meaning: str


def clean(
    raw: Mapping[str, Any],
    *,
    name: BidsName,
    keep: frozenset[str] = frozenset(),
    methods: Sequence[str] = METHODS,
    codes: Sequence[Code] = (),
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give the sidecar of an image of that name, and the keys that were removed from the raw one.

    ``keep`` names the table's groups that stay besides ``bids`` (see KEEP); ``methods`` and ``codes`` become
    DeidentificationMethod and its code sequence.  A removed key that the table does not know is not named, for a key
    can be an identifier too; one that went because of its value has a remark.  Raises PolicyInvalid for a group that
    there is not.
    """
    table = load_table()
    if unknown := sorted(keep - _GROUPS):
        message = f"there is no group {', '.join(unknown)} in policies/bids/sidecars.csv"
        raise PolicyInvalid(message, fix=f"groups are {', '.join(sorted(_GROUPS))}")
    kept: dict[str, Any] = {}
    removed: list[str] = []
    for key, value in raw.items():
        row = table.get(key)
        if row is None or row.fits is None or row.group not in keep | {ALWAYS}:
            removed.append(key if row is not None else _UNKNOWN_KEY)
        elif not (row.fits(value) and fits_bids(key, value)):
            removed.append(f"{key} (its value)")
        else:
            kept[key] = value
    if _is_beyond_repetition(kept):
        removed.append("SliceTiming (its value)")
        del kept["SliceTiming"]
    told = _told_by_name(name, kept)
    ordered = {key: kept[key] for key in table if key in kept}
    return {**told, **ordered, **_deidentification(methods, codes)}, tuple(removed)


def _is_beyond_repetition(kept: Mapping[str, Any]) -> bool:
    """Whether slice times reach beyond the volume: then they are no slice times (BIDS refuses them)."""
    repetition = kept.get("RepetitionTime")
    return "SliceTiming" in kept and repetition is not None and max(kept["SliceTiming"]) > repetition


def _told_by_name(name: BidsName, kept: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if name.datatype == "func" and "task" in name.entities:
        told["TaskName"] = name.entities["task"]
    if (name.entities.get("part") == "phase" or name.suffix == "phase") and "Units" not in kept:
        told["Units"] = "arbitrary"
    return told


def _deidentification(methods: Sequence[str], codes: Sequence[Code]) -> dict[str, Any]:
    said: dict[str, Any] = {"DeidentificationMethod": list(methods)}
    if codes:
        said["DeidentificationMethodCodeSequence"] = [
            {"CodeValue": code.value, "CodingSchemeDesignator": "DCM", "CodeMeaning": code.meaning} for code in codes
        ]
    return said


@cache
def load_table() -> Mapping[str, Row]:
    """Read the policy that comes with the package."""
    return read_table(files("fivesafes").joinpath("policies", "bids"))


def read_table(folder: Traversable) -> Mapping[str, Row]:
    """Read ``sidecars.csv`` and its word lists; raises PolicyInvalid with line, reason and example."""
    words = {
        entry.name: frozenset(
            word
            for line in entry.read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
            for word in line.split()
        )
        for entry in folder.iterdir()
        if entry.name.endswith(".txt")
    }
    reader = csv.DictReader(folder.joinpath("sidecars.csv").read_text(encoding="utf-8").splitlines(), strict=True)
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise _invalid(1, f"the columns must be {', '.join(_COLUMNS)}")
    table: dict[str, Row] = {}
    for written in reader:
        if None in written or None in written.values() or not (written["why"] and written["source"]):
            raise _invalid(reader.line_num, "a cell is missing or too much; why and source must be filled")
        if written["key"] in table:
            raise _invalid(reader.line_num, "the key stands in an earlier line too")
        table[written["key"]] = _row(written, words, reader.line_num)
    return table


def _row(written: Mapping[str, str], words: Mapping[str, frozenset[str]], line: int) -> Row:
    if written["action"] == "drop" and not written["group"] and not written["grammar"]:
        return Row(group="", fits=None, why=written["why"])
    if written["action"] != "keep" or written["group"] not in _GROUPS:
        raise _invalid(line, "the action must be drop (group and grammar empty), or keep with a known group")
    try:
        return Row(group=written["group"], fits=grammar(written["grammar"], words), why=written["why"])
    except (ValueError, TypeError, re.error) as fault:
        raise _invalid(line, str(fault)) from None


def _invalid(line: int, why: str) -> PolicyInvalid:
    example = "EchoTime,keep,bids,numbers:0..10,contrast depends on it,BIDS 1.11"
    return PolicyInvalid(f"policies/bids/sidecars.csv, line {line}: {why}", fix=f"for example: {example}")
