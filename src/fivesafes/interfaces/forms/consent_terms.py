"""Reads terms of the GA4GH Data Use Ontology: short name, CURIE or full IRI (version 2021-02-23 and after).

``NPU`` is DUO:0000045 as that version has it; before 2020 the name stood for DUO:0000018, which is now ``NPUNCU``.
"""

import re
from collections.abc import Iterable
from typing import Final

from fivesafes.project.model import DataUse, Permission, UseCondition

_OBO: Final = re.compile(r"(?:https?://purl\.obolibrary\.org/obo/|obo:)?(DUO|MONDO)[:_](\d{7})", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s,;|]+")
_DISEASE: Final = re.compile(r"(DS|(?:https?://purl\.obolibrary\.org/obo/|obo:)?DUO[:_]0000007):(.+)", re.IGNORECASE)

_USES: Final = {word: use for use in DataUse for word in (use.name, use.value)}
_CONDITIONS: Final = {word: condition for condition in UseCondition for word in (condition.name, condition.value)}
_WITHDRAWN: Final = {
    "GRU-CC": "GRU CC",
    "DUO:0000005": "GRU CC",
    "RU": "GRU without CC",
    "DUO:0000014": "GRU without CC",
    "RUO": "GRU without CC",
}
"""Terms that the ontology has made obsolete, and what to write instead."""

EXAMPLE: Final = "HMB NPUNCU"


def read_uses(text: str) -> tuple[frozenset[Permission], frozenset[UseCondition]]:
    """Read terms separated by spaces or commas.  Raises ValueError, whose text repeats nothing that was written."""
    return uses_of(term for term in _SEPARATORS.split(text) if term)


def uses_of(terms: Iterable[str]) -> tuple[frozenset[Permission], frozenset[UseCondition]]:
    """Sort terms into permissions and conditions.  Raises ValueError."""
    permissions: set[Permission] = set()
    conditions: set[UseCondition] = set()
    for term in terms:
        word, disease = _split(term)
        if word in _WITHDRAWN:
            message = f"data_use holds a term that the Data Use Ontology made obsolete; write {_WITHDRAWN[word]}"
            raise ValueError(message)
        if word in _USES:
            permissions.add(Permission(use=_USES[word], disease=disease))
        elif word in _CONDITIONS:
            conditions.add(_CONDITIONS[word])
        else:
            message = f"data_use holds a term that is not of the GA4GH Data Use Ontology; for example: {EXAMPLE}"
            raise ValueError(message)
    if not permissions:
        message = "data_use names no permission; for example: GRU, HMB, NRES or DS:MONDO:0005180"
        raise ValueError(message)
    return frozenset(permissions), frozenset(conditions)


def _split(term: str) -> tuple[str, str | None]:
    """Give a term's short name or CURIE, and the disease that goes with it."""
    if parts := _DISEASE.fullmatch(term):
        disease = _curie(parts[2])
        if not disease.startswith("MONDO:"):
            message = "data_use names a disease that is no MONDO term; for example: DS:MONDO:0005180"
            raise ValueError(message)
        return "DS", disease
    return _curie(term), None


def _curie(term: str) -> str:
    found = _OBO.fullmatch(term)
    return f"{found[1].upper()}:{found[2]}" if found else term.upper()
