"""Nouns of the setting: facts about the place, in three states, and what a tier asks of it."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen


class State(StrEnum):
    """What is known of a fact; unknown never counts as yes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Fact:
    """One thing found out about the place: how it was found, and what was seen (never an identifying value).

    ``at`` is when it was true (for a report: when that was made), aware and in UTC; ``version`` is that of the outside
    program it was found with, if any.
    """

    control: str
    state: State
    how: str
    seen: str = ""
    version: str = ""
    at: datetime | None = None


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


BY_PEOPLE: Final = "attested"
"""What ``seen_by`` says of a control that no machine can see."""
DEFAULT_GRACE_DAYS: Final = 7
"""How long a lack may last before access stops, where a control does not say."""


@frozen(kw_only=True)
class SettingControl:
    """One row of ``policies/setting.csv``: what is asked, of which tiers, and how long a fact about it is good.

    ``references`` holds the clauses that ask for it, by column (``iso``, ``nist``, ``hipaa``, ``other``).
    """

    name: str
    topic: str
    question: str
    seen_by: str
    tiers: tuple[str, ...]
    attestable: bool
    max_age_days: int
    grace_days: int
    references: Mapping[str, str]
    fix: str

    @property
    def source(self) -> str:
        """Name the clause that findings quote."""
        iso = self.references.get("iso", "")
        return f"ISO/IEC 27001:2022 {iso}" if iso else next(filter(None, self.references.values()), "setting.csv")


class Basis(StrEnum):
    """What an answer rests on."""

    SEEN = "seen"
    ATTESTED = "attested"
    NOTHING = "nothing"


@frozen(kw_only=True)
class Judged:
    """One control with its answer; ``fact`` and ``attestation`` are what the answer rests on, where there are any."""

    control: SettingControl
    demanded: bool
    state: State
    basis: Basis
    why: str
    fact: Fact | None = None
    attestation: Attestation | None = None


@frozen(kw_only=True)
class SettingReport:
    """Every control judged for a tier on a day; the same facts, attestations and day give the same report."""

    tier: str
    on: date
    judged: tuple[Judged, ...]

    @property
    def demanded(self) -> tuple[Judged, ...]:
        """The controls that the tier asks for."""
        return tuple(one for one in self.judged if one.demanded)

    @property
    def state(self) -> State:
        """Whether the tier is met as a whole: one no is a no, one unknown an unknown, and nothing asked is unknown."""
        states = {one.state for one in self.demanded}
        return next((state for state in (State.NO, State.UNKNOWN, State.YES) if state in states), State.UNKNOWN)

    def count(self, state: State) -> int:
        """Count the demanded controls in a state."""
        return sum(one.state is state for one in self.demanded)


@frozen(kw_only=True)
class Standing:
    """What a haven may still do while its place lacks something; ``because`` has a sentence for each restriction."""

    exports: bool
    access: bool
    because: tuple[str, ...] = ()


@frozen(kw_only=True)
class Listener:
    """A port that may be open to other machines, and what for."""

    port: int
    protocol: str
    what: str


@frozen(kw_only=True)
class Endpoint:
    """An own TLS endpoint; ``authority`` is a file of certificates to trust besides the system's."""

    host: str
    port: int
    authority: Path | None = None


@frozen(kw_only=True)
class Tunnel:
    """The tunnel to the scanners: its interface, our address in it, the network beyond it, and plain DICOM ports."""

    interface: str
    address: str
    far: tuple[str, ...]
    dicom_ports: tuple[int, ...]


@frozen(kw_only=True)
class Declaration:
    """What the people of a place say it is meant to be; the audit compares, and believes none of it unseen."""

    listeners: tuple[Listener, ...] | None = None
    endpoints: tuple[Endpoint, ...] = ()
    tunnel: Tunnel | None = None
    data_folders: tuple[Path, ...] = ()
    backup_folders: tuple[Path, ...] = ()
    services: tuple[str, ...] = ()
    probe_log: Path | None = None
    pip_audit_report: Path | None = None
    lynis_report: Path | None = None
    openscap_content: Path | None = None
    openscap_profile: str = ""
