"""The record of a run: what was done to each series and why.  Pseudonyms, keywords and counts; never a value.

``outcome.json`` of one series lets a later run go on; the record of the whole run is what reports are written from.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen
from cattrs.preconf.json import make_converter

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.core.verdict import Finding, Gravity, Verdict
from fivesafes.data.model import BidsName, FaceEvidence, HeaderRecord

_JSON: Final = make_converter()
# Gravities travel as their words.
_JSON.register_unstructure_hook(Gravity, lambda gravity: gravity.word)
_JSON.register_structure_hook(Gravity, lambda word, _: Gravity[word.upper()])


class SeriesStatus(StrEnum):
    """What became of one series."""

    READY = "ready"  # passed every step of its own; what the whole data set says comes later
    RELEASED = "released"
    IGNORED = "ignored"  # a rule says that it is not wanted
    HELD = "held"  # no rule names it
    NEEDS_REVIEW = "needs-review"
    REFUSED = "refused"


@frozen(kw_only=True)
class PictureFile:
    """One picture of the report: its file below the series' folder, whether it shows a face, whether it is sealed."""

    name: str
    alt: str
    file: str
    identifying: bool
    sealed: bool = False


@frozen(kw_only=True)
class FaceRecord:
    """What the defacer did to one image, and what was measured afterwards."""

    status: str
    because: str
    engine: str = ""
    engine_version: str = ""
    mode: str = ""
    evidence: FaceEvidence | None = None

    @property
    def left_on(self) -> bool:
        """Whether the image shows the face, because all had agreed to that."""
        return self.status == "kept"


@frozen(kw_only=True)
class ImageRecord:
    """One image: its BIDS name, its files by ending (below the series' folder), its mask, face and pictures."""

    name: BidsName
    files: Mapping[str, str]
    mask: str | None = None
    face: FaceRecord
    sidecar_removed: tuple[str, ...] = ()
    pictures: tuple[PictureFile, ...] = ()


@frozen(kw_only=True)
class Described:
    """What is known of the scanned person and the scanner after de-identification; each may be missing."""

    age: int | None = None
    sex: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    field_strength: float | None = None


@frozen(kw_only=True)
class SeriesOutcome:
    """One series after its own steps.

    ``inputs`` digests all that its result depends on; ``digests`` holds the SHA-256 of each file that was kept, masks
    and pictures too: what was changed since is done again.
    """

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    name: BidsName | None
    status: SeriesStatus
    why: str
    inputs: str = ""
    files_received: int = 0
    bytes_received: int = 0
    verdict: tuple[Finding, ...] = ()
    images: tuple[ImageRecord, ...] = ()
    header: HeaderRecord = field(factory=HeaderRecord)
    described: Described = field(factory=Described)
    seconds: Mapping[str, float] = field(factory=dict)
    digests: Mapping[str, str] = field(factory=dict)

    def with_verdict(self, verdict: Verdict) -> "SeriesOutcome":
        """Add findings."""
        return evolve(self, verdict=tuple(dict.fromkeys(self.verdict + verdict.findings)))


def save_outcome(outcome: SeriesOutcome, path: Path) -> None:
    """Write one series' outcome as JSON; the order of entities is part of a BIDS name, so keys are not sorted."""
    path.write_text(json.dumps(_JSON.unstructure(outcome), indent=1), encoding="utf-8")


def load_outcome(path: Path) -> SeriesOutcome:
    """Read one series' outcome; raises InvalidInput when the file is not one (the series is then done again)."""
    try:
        return _JSON.structure(json.loads(path.read_text(encoding="utf-8")), SeriesOutcome)
    except Exception as fault:
        message = "the record of an earlier run can't be read"
        raise InvalidInput(message, fix="the series is done again; nothing to do") from fault


def plain(value: object) -> Any:  # noqa: ANN401 - JSON is any of dict, list, str, number, None
    """Turn attrs objects into what JSON can hold."""
    return _JSON.unstructure(value)


def told(verdict: Verdict) -> dict[str, Any]:
    """Write a verdict as docs/reference/json.md has it: ``{"gravity", "findings"}``."""
    return {"gravity": verdict.gravity.word, "findings": plain(verdict.findings)}
