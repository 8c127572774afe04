"""Checks PROV-JSON against its structure (W3C Member Submission, 24 April 2013), as far as tables can say it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

ELEMENTS: Final = {"entity", "activity", "agent"}
# Relation: its ends that must be there, and those that may be, each with the kind of element that it names.
RELATIONS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "used": ({"activity": "activity", "entity": "entity"}, {}),
    "wasGeneratedBy": ({"entity": "entity", "activity": "activity"}, {}),
    "wasInvalidatedBy": ({"entity": "entity", "activity": "activity"}, {}),
    "wasAssociatedWith": ({"activity": "activity", "agent": "agent"}, {}),
    "wasDerivedFrom": ({"generatedEntity": "entity", "usedEntity": "entity"}, {"activity": "activity"}),
}
_OWN: Final = {"prov:startTime", "prov:endTime", "prov:type", "prov:label"}


def faults(body: Mapping[str, Any]) -> list[str]:
    """Say what in a document is not as PROV-JSON has it; every end of a relation must be in the document."""
    prefixes = {"prov", "xsd", *body.get("prefix", {})}
    found = [f"unknown section {name}" for name in body if name not in {"prefix", *ELEMENTS, *RELATIONS}]
    for section in ELEMENTS:
        for name, attributes in body.get(section, {}).items():
            found += _name_faults(name, prefixes)
            found += _attribute_faults(attributes, prefixes)
    for section, (needed, more) in RELATIONS.items():
        for name, ends in body.get(section, {}).items():
            if not name.startswith("_:"):
                found += _name_faults(name, prefixes)
            found += [f"{section} lacks {end}" for end in needed if f"prov:{end}" not in ends]
            for end, value in ends.items():
                kind = {**needed, **more}.get(end.removeprefix("prov:"))
                if kind is None or value not in body.get(kind, {}):
                    found.append(f"{section} {end} leads nowhere")
    return found


def _name_faults(name: str, prefixes: set[str]) -> Iterator[str]:
    prefix, colon, local = name.partition(":")
    if not colon or prefix not in prefixes or not local or " " in local:
        yield f"{name!r} is no qualified name"


def _attribute_faults(attributes: Mapping[str, Any], prefixes: set[str]) -> Iterator[str]:
    for name, value in attributes.items():
        yield from _name_faults(name, prefixes)
        if name.startswith("prov:") and name not in _OWN:
            yield f"{name} is no attribute of PROV"
        if name in {"prov:startTime", "prov:endTime"}:
            try:
                datetime.fromisoformat(value)
            except ValueError:
                yield f"{name} is no time"
        if not isinstance(value, str | int | float):
            yield f"{name} is no literal"


def walked_back(body: Mapping[str, Any], entity: str) -> set[str]:
    """Follow derivations from an entity to what is derived from nothing."""
    former = [
        one["prov:usedEntity"] for one in body["wasDerivedFrom"].values() if one["prov:generatedEntity"] == entity
    ]
    return {entity} if not former else {end for one in former for end in walked_back(body, one)}
