"""What can become of a value, and in whose place another is put."""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from attrs import frozen

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms


class Outcome(StrEnum):
    """What became of an element: the four mappings of a HeaderRecord."""

    KEPT = "kept"
    REPLACED = "replaced"
    BLANKED = "blanked"
    REMOVED = "removed"


class Result(NamedTuple):
    """The new value (None: the element goes) and what became of it."""

    value: bytes | None
    outcome: Outcome


@frozen(kw_only=True)
class Stand:
    """In whose place values are put: one participant's label and shift, and the project's UIDs."""

    profile: Profile
    pseudonyms: Pseudonyms
    label: SubjectLabel
    shift: timedelta
