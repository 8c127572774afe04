"""Where in a data set something was found, and how a finding is written without the value."""

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, Self

from attrs import evolve, frozen

from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.rules import codes

_PARTICIPANT: Final = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9+]+)")
_DOCUMENT_NAMES: Final = re.compile(
    r"(?i)(?:readme|changes|changelog|license|licence|copying|citation|authors|contributors|contributing|notice|"
    r"acknowledg\w*|dataset_description|CODE_OF_CONDUCT|GOVERNANCE)(?:\.\w+)?|\.bidsignore|\.gitattributes|\.gitignore|genetic_info\.json",
)
_OWN_EVIDENCE: Final = re.compile(r"derivatives/fivesafes/(?:report|record|manifest)[\w-]*\.(?:html|json|txt)")
"""What a release of fivesafes says of itself: the day of release and who answers for it belong there."""
_PROGRAM_ENDINGS: Final = frozenset(
    [
        ".py",
        ".ipynb",
        ".m",
        ".r",
        ".rmd",
        ".sh",
        ".bash",
        ".csh",
        ".tcsh",
        ".zsh",
        ".pl",
        ".jl",
        ".c",
        ".cpp",
        ".h",
        ".js",
        ".ts",
        ".css",
        ".toml",
        ".cfg",
        ".ini",
        ".yml",
        ".yaml",
        ".bib",
        ".cff",
        ".md",
        ".rst",
        ".dockerfile",
    ],
)
_MASK_FROM: Final = 2


class Register(StrEnum):
    """How a text is written: by authors about the data set, or as a record of what happened to a participant."""

    DOCUMENT = "document"
    RECORD = "record"


class Unreadable(Exception):
    """A file, or a part of one, that can't be read; the message says why and holds nothing of its content."""

    def __init__(self, *, why: str) -> None:
        """Say why, in words that a report can show."""
        super().__init__(why)


def participant_of(path: str) -> str | None:
    """Name the participant whose folder or file this is, ``sub-…`` as written, or None."""
    found = _PARTICIPANT.search(path)
    return found.group(1) if found else None


def register_of(path: str) -> Register:
    """Tell a document or program of the data set's authors from a record, by its place and name."""
    parts = PurePosixPath(path)
    if participant_of(path):
        return Register.RECORD
    if _DOCUMENT_NAMES.fullmatch(parts.name) or _OWN_EVIDENCE.fullmatch(path):
        return Register.DOCUMENT
    return Register.DOCUMENT if parts.suffix.lower() in _PROGRAM_ENDINGS else Register.RECORD


def masked(value: object) -> str:
    """Show enough to recognise the place and not the value: first character and length, ``J…(8)``."""
    text = str(value).strip()
    first = text[:1] if len(text) > _MASK_FROM else ""
    return f"{first}…({len(text)})"


@frozen(kw_only=True)
class Place:
    """A file of the data set, or a member of an archive in it.

    ``path`` is relative, with ``/``; ``participant`` is None for what concerns everybody; ``member`` names the part
    of an archive that is being read.
    """

    path: str
    participant: str | None = None
    register: Register = Register.RECORD
    member: str = ""

    @classmethod
    def at(cls, path: str) -> Self:
        """Stand at a file, by its path relative to the data set."""
        return cls(path=path, participant=participant_of(path), register=register_of(path))

    def inside(self, member: str) -> "Place":
        """Go into a member of this archive."""
        whole = f"{self.member}!{member}" if self.member else member
        return evolve(self, member=whole, participant=self.participant or participant_of(member))

    def written_by_authors(self) -> "Place":
        """Read it as a document, whatever its name."""
        return evolve(self, register=Register.DOCUMENT)

    def residue(
        self,
        code: str,
        locator: str,
        value: object = "",
        *,
        participant: str | None = None,
        severity: Severity | None = None,
    ) -> Residue:
        """Write a finding of that short code here; ``value`` is masked at once."""
        sort = codes()[code]
        usual = sort.in_documents if self.register is Register.DOCUMENT else sort.severity
        return Residue(
            code=sort.code,
            kind=sort.kind,
            path=self.path,
            locator=f"{self.member}!{locator}" if self.member else locator,
            participant=participant or self.participant,
            severity=severity or usual,
            why=sort.why,
            fix=sort.fix,
            source=sort.source,
            evidence=masked(value) if value != "" else "",
        )
