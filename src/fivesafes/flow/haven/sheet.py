"""The sheet of a series: what naming, gating and the residue search must know of it, sealed beside its originals.

It holds what the books must not: the PatientID, descriptions, the moment of the scan, the strings that may not be
found in a release.
"""

import json
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.data.model import SeriesFacts
from fivesafes.flow.receive import ReceivedSeries


@frozen(kw_only=True)
class Sheet:
    """What one ingest knew of a series."""

    participant: Identifying[str]
    study: str
    facts: SeriesFacts
    taken: Identifying[str]
    texts: Identifying[frozenset[str]]


def sheet_of(series: ReceivedSeries) -> bytes:
    """Write what must be known of a series as canonical JSON, to be sealed at once."""
    facts = series.facts
    content = {
        "schema": 1,
        "participant": series.participant.reveal(),
        "study": series.study,
        "taken": series.taken.reveal(),
        "texts": sorted(series.texts.reveal()),
        "facts": {
            "modality": facts.modality,
            "series_number": facts.series_number,
            "descriptions": dict(facts.descriptions.reveal()),
            "image_type": list(facts.image_type),
            "acquisition_type": facts.acquisition_type,
            "manufacturer": facts.manufacturer,
        },
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def read_sheet(content: bytes) -> Sheet:
    """Read a sheet.  Raises InvalidInput, which repeats nothing of it, when it is none."""
    try:
        raw: dict[str, Any] = json.loads(content)
        facts = raw["facts"]
        return Sheet(
            participant=Identifying(str(raw["participant"])),
            study=str(raw["study"]),
            taken=Identifying(str(raw["taken"])),
            texts=Identifying(frozenset(map(str, raw["texts"]))),
            facts=SeriesFacts(
                modality=facts["modality"],
                series_number=facts["series_number"],
                descriptions=Identifying(dict(facts["descriptions"])),
                image_type=tuple(facts["image_type"]),
                acquisition_type=facts["acquisition_type"],
                manufacturer=facts["manufacturer"],
            ),
        )
    except (ValueError, KeyError, TypeError):
        message = "the sealed sheet of a series can't be read"
        raise InvalidInput(message, fix="ingest the series again: nothing of it is lost") from None


def joined(sheets: Sequence[Sheet], *, instances: int) -> Sheet:
    """Join the sheets of one series: the first names it, the earliest moment counts, all strings are searched."""
    first = sheets[0]
    if any(sheet.participant != first.participant or sheet.study != first.study for sheet in sheets):
        message = "the sealed sheets of one series name different participants or studies"
        raise InvalidInput(message, fix="ask the custodian to look at the originals")
    return evolve(
        first,
        facts=evolve(first.facts, instances=instances),
        taken=Identifying(min(sheet.taken.reveal() for sheet in sheets)),
        texts=Identifying(frozenset().union(*(sheet.texts.reveal() for sheet in sheets))),
    )
