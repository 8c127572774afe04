"""Which names BIDS allows: datatypes, suffixes and entities, as the official schema has them.

The schema is bidsschematools' (``rules.files.raw``, ``rules.entities``, ``objects.entities``).
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from attrs import frozen
from bidsschematools.schema import load_schema

from fivesafes.core.errors import InvalidInput
from fivesafes.data.model import BidsName

DATATYPES: Final = ("anat", "func", "dwi", "fmap")
"""What a series may become here.  Perfusion needs an ``aslcontext.tsv``, which no DICOM series tells."""

FILLED_LATER: Final = frozenset({"echo", "inv", "part", "run"})
"""Entities that the images themselves tell; a series' name needs none of them."""

_LABEL: Final = re.compile(r"[0-9A-Za-z]{1,32}")
_INDEX: Final = re.compile(r"[0-9]{1,4}")
# Six digits are a date (yymmdd) and many hospitals' patient numbers; a BIDS label needs no such thing.
_NUMBER_OF_A_PERSON: Final = re.compile(r"[0-9]{6,}")
_NOT_ACQUIRED: Final = frozenset({"defacemask"})


@frozen(kw_only=True)
class Entity:
    """One ``key-value`` of a file name: whether the value is an index, and which values there are, if they are few."""

    key: str
    is_index: bool
    values: tuple[str, ...]

    def complaint(self, value: str) -> str | None:
        """Say why the value can't be; None when it can.  The value itself is never repeated."""
        if self.is_index:
            return None if _INDEX.fullmatch(value) else f"{self.key} must be a number of up to four digits"
        if not _LABEL.fullmatch(value):
            return f"{self.key} must be 1 to 32 letters and digits"
        if self.values and value not in self.values:
            return f"{self.key} must be one of {', '.join(self.values)}"
        if _NUMBER_OF_A_PERSON.search(value):
            return f"{self.key} holds six or more digits in a row, as dates and patient numbers do"
        return None


@frozen(kw_only=True)
class Suffix:
    """What one suffix allows: its entities (without sub and ses) with whether they are required, and its endings."""

    entities: Mapping[str, bool]
    endings: tuple[str, ...]


@cache
def entities() -> Mapping[str, Entity]:
    """Give every entity but sub and ses by its key, in the order that file names have."""
    schema = load_schema()
    found: dict[str, Entity] = {}
    for long_name in schema.rules.entities:
        defined = schema.objects.entities[long_name]
        values = tuple(str(value) for value in defined.get("enum", ()))
        entity = Entity(key=defined["name"], is_index=defined.get("format") == "index", values=values)
        if entity.key not in {"sub", "ses"}:
            found[entity.key] = entity
    return found


@cache
def suffixes(datatype: str) -> Mapping[str, Suffix]:
    """Give what each suffix of a datatype allows; empty for datatypes that are not made here."""
    if datatype not in DATATYPES:
        return {}
    schema = load_schema()
    keys = {long_name: schema.objects.entities[long_name]["name"] for long_name in schema.rules.entities}
    found: dict[str, Suffix] = {}
    for rule in schema.rules.files.raw[datatype].values():
        if ".nii.gz" not in rule["extensions"]:
            continue
        allowed = {keys[name]: level == "required" for name, level in rule["entities"].items()}
        allowed = {key: needed for key, needed in allowed.items() if key not in {"sub", "ses"}}
        for suffix in rule["suffixes"]:
            if suffix not in _NOT_ACQUIRED:
                found[suffix] = Suffix(entities=allowed, endings=tuple(rule["extensions"]))
    return found


@cache
def mask_entities(datatype: str) -> frozenset[str]:
    """Name the entities that a mask of that datatype may have in a derivative; none where BIDS has no such masks."""
    schema = load_schema()
    rule = schema.rules.files.deriv.imaging.get(f"{datatype}_mask")
    return frozenset(schema.objects.entities[name]["name"] for name in rule["entities"]) if rule else frozenset()


def in_order(parts: Mapping[str, str]) -> Mapping[str, str]:
    """Sort entities as BIDS file names have them."""
    order = list(entities())
    return dict(sorted(parts.items(), key=lambda part: order.index(part[0])))


def complaint(datatype: str, suffix: str, parts: Mapping[str, str]) -> str | None:
    """Say why BIDS has no such name; None when it has.  Entities that the images tell later may be missing."""
    known = suffixes(datatype).get(suffix)
    if datatype not in DATATYPES:
        return f"the datatype must be one of {', '.join(DATATYPES)}"
    if known is None:
        return f"the suffix must be one of {', '.join(sorted(suffixes(datatype)))}"
    for key, value in parts.items():
        if key not in known.entities:
            return f"a name ending in {suffix} can't have the entities given; it may have {', '.join(known.entities)}"
        if (fault := entities()[key].complaint(value)) is not None:
            return fault
    missing = sorted(key for key, needed in known.entities.items() if needed and key not in parts)
    if needed := [key for key in missing if key not in FILLED_LATER]:
        return f"a name ending in {suffix} needs {', '.join(needed)}"
    return None


def bids_name(datatype: str, suffix: str, parts: Mapping[str, str]) -> BidsName:
    """Compose a series' name with its entities in order.  Raises InvalidInput with the reason."""
    if (fault := complaint(datatype, suffix, parts)) is not None:
        raise InvalidInput(fault, fix='for example: name = { datatype = "func", suffix = "bold", task = "rest" }')
    return BidsName(datatype=datatype, suffix=suffix, entities=in_order(parts))


def incomplete(name: BidsName) -> Sequence[str]:
    """Name the entities that BIDS requires and the image's name does not have."""
    known = suffixes(name.datatype)[name.suffix]
    return [key for key, needed in known.entities.items() if needed and key not in name.entities]
