"""Look into texts line by line: notes, logs, reports in HTML, markers of recordings, programs, README."""

import html
import re
from collections.abc import Iterator
from typing import Final

from fivesafes.data.model import Residue, Severity
from fivesafes.data.private_pictures import PAGE_MARK
from fivesafes.data.residue.delimited import decoded
from fivesafes.data.residue.linking import is_linking_text
from fivesafes.data.residue.place import Place, Register, Unreadable
from fivesafes.data.residue.rules import codes, key_rules
from fivesafes.data.residue.sidecars import judged_value
from fivesafes.data.residue.spots import ANY, PROSE, spots
from fivesafes.data.residue.words import is_dummy

_MOST_LINES: Final = 100_000
_LONGEST_LINE: Final = 20_000
_KEY_VALUE: Final = re.compile(r"^\W{0,4}([A-Za-z][\w .()/-]{1,40}?)\s*[:=]\s*(\S.{0,300}?)\s*[\"';,]?$")
_DATA_URI: Final = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+")
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<!--(.*?)-->|<[^>]{0,5000}>", re.DOTALL | re.IGNORECASE)
_PARTICIPANT_TALK: Final = re.compile(r"(?i)\bsub-\w+|\bparticipant|\bpatient|\bsubject\b|\bvolunteer")
_MOST_FINDINGS: Final = 200
_NEAR: Final = 25
_CITATION: Final = re.compile(
    r"(?i)doi\.org|\bdoi:|\bet al\b|"
    r"\bjournal\b|neuroimage|arxiv|\bpmid\b|\bproceedings\b|\(\d{4}[a-z]?\)|\b\d{4}[a-z]?\. [“\"]",
)
"""A line of references: the people in it are authors."""


def find(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what the lines of a text disclose (``text:line 12``); raises Unreadable for bytes that are no text."""
    text = decoded(content)
    if is_linking_text(text, place.path):
        yield place.residue("linking_key", "file")
        return
    if re.search(r"(?i)<html|<!doctype html|<body", text[:4096]):
        if PAGE_MARK in text:
            yield place.residue("identifying_pictures", "file")
        text = html.unescape(_TAG.sub("\n", _DATA_URI.sub("", text)))
    yield from find_in_lines(text, place)


def find_in_lines(text: str, place: Place) -> Iterator[Residue]:
    """Yield the worst finding of each kind in each line; the number of findings in one file is bounded."""
    lines = text.splitlines()
    count = 0
    for number, line in enumerate(lines[:_MOST_LINES], start=1):
        for code, shown, severity in _judged_line(line[:_LONGEST_LINE], place):
            count += 1
            if count > _MOST_FINDINGS:
                return
            yield place.residue(code, f"text:line {number}", shown, severity=severity)
    if len(lines) > _MOST_LINES:
        raise Unreadable(why=f"only the first {_MOST_LINES} lines were read")


def _judged_line(line: str, place: Place) -> Iterator[tuple[str, str, Severity | None]]:
    """Yield the worst of each kind; authors rightly name themselves, but not beside a word for participants."""
    if len(line.strip()) < 3:  # noqa: PLR2004 - nothing fits in two characters
        return
    recorded = place.register is Register.RECORD and not _CITATION.search(line)
    found = _KEY_VALUE.match(line) if recorded else None
    keyed = found is not None and bool(key_rules(found.group(1), "json")) and not is_dummy(found.group(2))
    judged = judged_value(found.group(1), found.group(2)) if found and keyed else None
    if judged and judged[0] != "free_text":
        yield *judged, None
        return
    kinds: set[str] = set()
    for spot in spots(line, PROSE if recorded else ANY):
        kind = codes()[spot.code].kind
        if kind not in kinds and spot.code != "shifted_date":
            around = line[max(0, spot.start - _NEAR) : spot.end + _NEAR]
            talk = not recorded and spot.code == "name" and _PARTICIPANT_TALK.search(around)
            severity = codes()[spot.code].severity if recorded else codes()[spot.code].in_documents
            yield spot.code, line[spot.start : spot.end], Severity.MEDIUM if talk else severity
        kinds.add(kind)
