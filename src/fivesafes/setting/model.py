"""Nouns of the setting: facts about the place, in three states, and what a tier asks of it."""

from datetime import date
from enum import StrEnum

from attrs import frozen


class State(StrEnum):
    """What is known of a fact; unknown never counts as yes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Fact:
    """One thing found out about the place: how it was found, and what was seen (never an identifying value)."""

    control: str
    state: State
    how: str
    seen: str = ""


@frozen(kw_only=True)
class Attestation:
    """A named person's word for a control that the machine can't see, with its evidence and its end."""

    control: str
    by: str
    on: date
    valid_until: date
    evidence: str

    def in_force(self, on: date) -> bool:
        """Whether it holds on that day."""
        return self.on <= on <= self.valid_until


@frozen(kw_only=True)
class SettingDemands:
    """The controls that a tier asks of the place."""

    controls: tuple[str, ...]
