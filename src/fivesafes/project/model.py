"""Nouns of the project: its approval, the participants' consent, what is at stake, and the tier that follows."""

from collections.abc import Mapping
from datetime import date
from enum import IntEnum, StrEnum

from attrs import field, frozen


class DataUse(StrEnum):
    """What data may be used for: the permission terms of the GA4GH Data Use Ontology."""

    NRES = "DUO:0000004"  # no restriction
    GRU = "DUO:0000042"  # general research use
    HMB = "DUO:0000006"  # health, medical or biomedical research
    DS = "DUO:0000007"  # disease specific
    POA = "DUO:0000011"  # population origins or ancestry research


class UseCondition(StrEnum):
    """What a permission may be bound to: the modifier terms of the GA4GH Data Use Ontology."""

    NCU = "DUO:0000046"  # non-commercial use only
    NPU = "DUO:0000045"  # not-for-profit organisations only
    NPUNCU = "DUO:0000018"  # not-for-profit, non-commercial use only
    IRB = "DUO:0000021"  # ethics approval required
    PUB = "DUO:0000019"  # publication required
    COL = "DUO:0000020"  # collaboration required
    GS = "DUO:0000022"  # geographical restriction
    MOR = "DUO:0000024"  # publication moratorium
    TS = "DUO:0000025"  # time limit
    US = "DUO:0000026"  # user specific
    PS = "DUO:0000027"  # project specific
    IS = "DUO:0000028"  # institution specific
    RTN = "DUO:0000029"  # return to the database or resource
    NMDS = "DUO:0000015"  # no methods development
    RS = "DUO:0000012"  # research specific
    CC = "DUO:0000043"  # clinical care use
    NPOA = "DUO:0000044"  # population origins or ancestry research prohibited
    GSO = "DUO:0000016"  # genetic studies only


class Tier(IntEnum):
    """How well protected a place must be to hold the data."""

    T0 = 0
    T1 = 1
    T2 = 2
    T3 = 3
    T3_PLUS = 4

    @property
    def label(self) -> str:
        """Write it as people do."""
        return "T3+" if self is Tier.T3_PLUS else self.name

    @property
    def words(self) -> str:
        """Say what the tier means."""
        return (
            "public",
            "controlled: registered users under an agreement",
            "moderately secure research infrastructure",
            "ISO 27001 level",
            "not to be shared: analysis by visit or federation",
        )[self.value]


class Probability(IntEnum):
    """How likely it is that someone in the data is found."""

    P1 = 1  # remote
    P2 = 2  # low
    P3 = 3  # moderate
    P4 = 4  # likely
    P5 = 5  # direct


class Impact(IntEnum):
    """How much harm that would do."""

    I1 = 1  # minor
    I2 = 2  # limited
    I3 = 3  # serious
    I4 = 4  # severe
    I5 = 5  # extreme


class Identifiers(IntEnum):
    """The worst kind of identifier left in what would leave."""

    NONE = 1
    SHIFTED_DATES_OR_MODEL = 2
    DEVICE_OR_SITE = 3
    DATE_OR_SMALL_AREA = 4
    DIRECT = 5


class Face(IntEnum):
    """The worst state of a face in what would leave."""

    STRIPPED_VERIFIED = 1
    DEFACED_VERIFIED = 2
    DEFACED_UNVERIFIED = 3
    BLURRED = 4
    PRESENT = 5


class Unchecked(IntEnum):
    """Content that no check could read."""

    NONE = 1
    READ_BY_A_PERSON = 3
    UNREAD = 4


@frozen(kw_only=True)
class Approval:
    """A human research ethics committee's yes (HREC, IRB, REC); ``valid_until`` is the last day it holds."""

    committee: str
    number: str
    valid_from: date
    valid_until: date

    def in_force(self, on: date) -> bool:
        """Whether the approval holds on that day."""
        return self.valid_from <= on <= self.valid_until


@frozen(kw_only=True)
class Permission:
    """One data use that a participant agreed to; ``disease`` is a MONDO term where the use is ``DS``."""

    use: DataUse
    disease: str | None = None


@frozen(kw_only=True)
class Consent:
    """What one participant agreed to; ``withdrawn_on`` is the first day on which it no longer holds.

    ``face``: the face may be kept and shared; ``public``: nothing was said against public sharing (the data use must
    allow it too); ``future_use``: False once the participant wants nothing new done, while what is done may stay.
    """

    permissions: frozenset[Permission]
    conditions: frozenset[UseCondition] = frozenset()
    face: bool
    valid_from: date
    valid_until: date | None = None
    withdrawn_on: date | None = None
    future_use: bool = True
    public: bool = True

    def in_force(self, on: date) -> bool:
        """Whether the consent holds on that day."""
        if on < self.valid_from or (self.valid_until is not None and on > self.valid_until):
            return False
        return self.withdrawn_on is None or on < self.withdrawn_on


@frozen(kw_only=True)
class IntendedUse:
    """What the recipients will do; ``conditions_met`` are consent conditions that the investigator vouches for."""

    purpose: str
    permission: Permission
    conditions_met: frozenset[UseCondition] = frozenset()


class Content(StrEnum):
    """The most sensitive content of the data set."""

    STRUCTURAL = "healthy-structural"
    BEHAVIOUR = "behaviour"
    CLINICAL = "clinical"
    SENSITIVE = "sensitive"
    SAFETY = "safety"


class Vulnerable(StrEnum):
    """Groups for whom the same disclosure weighs more."""

    MINORS = "minors"
    DEMENTIA = "dementia"
    FIRST_NATIONS = "first-nations"
    PRISONERS = "prisoners"
    DEPENDENT = "dependent-relationship"


@frozen(kw_only=True)
class Cohort:
    """Facts of the cohort that drive impact and probability.

    ``eligible``: how many people could have taken part, which is the crowd an attacker must search.
    """

    participants: int
    eligible: int
    content: Content
    vulnerable: frozenset[Vulnerable] = frozenset()
    genetics: bool = False
    kin_affected: bool = False
    rare_condition: bool = False
    community_approval: bool = False


@frozen(kw_only=True)
class Evidence:
    """What probability is judged from: ``None`` means that nobody measured it, which is never good news.

    ``record_risk``: largest estimated chance to single a record's person out of the population, 0 to 1;
    ``unique_share``: estimated share of records that are unique in the population, 0 to 1;
    ``linkage``: expected share of right links for an attacker who holds a register, 0 to 1;
    ``planned``: True while these are what the plan promises, False once they are measured.
    """

    record_risk: float | None = None
    unique_share: float | None = None
    linkage: float | None = None
    identifiers: Identifiers | None = None
    face: Face | None = None
    unchecked: Unchecked | None = None
    planned: bool = False


@frozen(kw_only=True)
class Reason:
    """One sentence of a tier's derivation: which fact led to which class."""

    fact: str
    led_to: str


@frozen(kw_only=True)
class Assessment:
    """Probability × impact, with the reasons for each; ``None`` where there was no evidence."""

    probability: Probability | None
    impact: Impact
    reasons: tuple[Reason, ...] = ()


@frozen(kw_only=True)
class Consents:
    """The consents of those whose data would leave, as far as a tier needs them."""

    known: bool
    unrestricted: bool
    faces_agreed: bool


@frozen(kw_only=True)
class TierDecision:
    """A tier with its derivation; ``tier`` is None when it was not assessed, which is never T0."""

    tier: Tier | None
    probability: Probability | None
    impact: Impact
    raised_by: tuple[Reason, ...] = ()
    reasons: tuple[Reason, ...] = ()


@frozen(kw_only=True)
class Project:
    """One registered project: what the ethics committee approved and what the investigator answers for."""

    id: str
    title: str
    investigator: str
    institution: str
    contact: str
    approval: Approval
    use: IntendedUse
    cohort: Cohort
    shared_with: Tier
    keep_face: bool = False
    licence: str = ""
    notes: Mapping[str, str] = field(factory=dict)
