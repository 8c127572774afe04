"""What a haven keeps, as the flows see it: ids, digests and counts; a name only inside sealed bytes."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from attrs import field, frozen

from fivesafes.data.bids.rules import Rule
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient, Reviewer
from fivesafes.project.model import Consent, Project
from fivesafes.setting.model import Attestation
from fivesafes.setting.vault.address import ADDRESS_BYTES


class ProjectState(StrEnum):
    """Where a project stands in its life."""

    OPEN = "open"
    CLOSED = "closed"  # nothing new; what is there is kept until its retention date
    DISPOSED = "disposed"  # originals and derived data are gone, the trail stays


class ParticipantState(StrEnum):
    """Where a participant stands; only ``ACTIVE`` lets a step touch the data."""

    ACTIVE = "active"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


class SeriesState(StrEnum):
    """What has become of a series' originals."""

    SEALED = "sealed"
    IN_PLACE = "in-place"  # read where the user keeps it: the ephemeral haven of ``fivesafes run``
    QUARANTINED = "quarantined"  # sealed, but no step may touch it until its reason is gone
    SHREDDED = "shredded"


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"  # its worker died of it three times, or three times it could not be done at the time
    CANCELLED = "cancelled"  # nobody may do it any more; queued again only when it is asked for anew


class ReleaseState(StrEnum):
    """Whether a release still stands."""

    GOING = "going"  # begun: some of it, or all, may be outside
    OUT = "out"
    RECALLED = "recalled"


class WithdrawalKind(StrEnum):
    """What a participant takes back."""

    FULL = "full"  # originals shredded, derived data removed, releases recalled
    NO_FUTURE_USE = "no-future-use"  # what is done stays; nothing new is done
    NO_FACE = "no-face"  # the face may no longer be kept or shared
    NO_PUBLIC = "no-public"  # no more public sharing


@frozen(kw_only=True)
class KeptProject:
    """One project with all that its form says; ``recipient`` is of what is set aside before it is known whose it is."""

    project: Project
    recipients: tuple[Recipient, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    reviews: tuple[Review, ...] = ()
    reviewers: tuple[Reviewer, ...] = ()
    rules: tuple[Rule, ...] = ()
    state: ProjectState = ProjectState.OPEN
    recipient: str
    retain_until: date | None = None

    @property
    def id(self) -> str:
        """The project's own id."""
        return self.project.id


@frozen(kw_only=True)
class KeptParticipant:
    """One participant by keyed id; ``sealed_name`` opens with the participant's identity and holds the PatientID."""

    id: str
    project: str
    recipient: str
    state: ParticipantState = ParticipantState.ACTIVE
    subject: str | None = None
    sealed_name: bytes | None = field(default=None, repr=False)


@frozen(kw_only=True)
class KeptConsent:
    """A consent as recorded: the domain value, and the digest of what proves it."""

    participant: str
    consent: Consent
    evidence_digest: str
    recorded_at: datetime


@frozen(kw_only=True)
class KeptInstance:
    """One original: its address in the vault (32 bytes, keyed digest), its size, and its UID as a keyed digest.

    ``uid`` (16 bytes) tells whether a later file is the same instance, without saying which.
    """

    address: bytes
    uid: bytes
    bytes: int


@frozen(kw_only=True)
class KeptSeries:
    """One series as sealed; ``digest`` is over its instances' addresses in order.

    ``sheet`` addresses its sealed facts: 32 bytes for each ingest that brought something new.
    """

    id: str
    project: str
    participant: str
    state: SeriesState
    digest: str
    sheet: bytes
    files: int
    bytes: int
    received_at: datetime
    trail_n: int
    why: str = ""


def sheets_of(series: KeptSeries) -> tuple[bytes, ...]:
    """Give the addresses of a series' sheets, oldest first."""
    return tuple(series.sheet[at : at + ADDRESS_BYTES] for at in range(0, len(series.sheet), ADDRESS_BYTES))


@frozen(kw_only=True)
class KeptAside:
    """A file that was set aside and sealed, with its reason: to its participant, where it says whose it is."""

    project: str
    participant: str | None = None
    address: bytes
    bytes: int
    status: str
    code: str
    why: str
    received_at: datetime


@frozen(kw_only=True)
class KeptStep:
    """One step of one series as last done; ``evidence`` by kind: digest and measured values."""

    series: str
    name: str
    status: str
    input_digest: str
    output_digest: str
    engines: Mapping[str, str]
    seconds: float | None
    done_at: datetime
    evidence: Mapping[str, Mapping[str, object]] = field(factory=dict)


@frozen(kw_only=True)
class KeptRelease:
    """One release: manifest digest, destination, who received it, whose data it holds (participants' keyed ids).

    ``part`` names a folder beside the destination in which an unfinished copy may lie; empty when there is none.
    ``faces`` says whether an image left with its face, ``public`` whether it left for everybody: what the form says
    later changes neither.
    """

    id: str
    project: str
    digest: str
    destination: str
    recipients: tuple[str, ...]
    participants: tuple[str, ...]
    state: ReleaseState
    released_at: datetime
    faces: bool
    public: bool
    compare: tuple[str, ...] = ()
    part: str = ""


@frozen(kw_only=True)
class KeptWithdrawal:
    """A withdrawal: asked for, and done once it has its receipt; ``by`` is who entered it."""

    id: int
    participant: str
    project: str
    kind: WithdrawalKind
    by: str = ""
    requested_at: datetime
    done_at: datetime | None = None
    receipt: Mapping[str, object] | None = None


@frozen(kw_only=True)
class Job:
    """One piece of work, by ids only.

    ``attempts`` counts how often it was begun, ``deaths`` how often its worker died while it was at work on it.  A job
    that is held and not begun has no ``begun_at``; ``changed_at`` is when it entered its state or stage.
    """

    id: int
    project: str
    kind: str
    object: str
    state: JobState
    inputs: str = ""
    attempts: int = 0
    deaths: int = 0
    worker: str = ""
    stage: str = ""
    begun_at: datetime | None = None
    lease_until: datetime | None = None
    why: str = ""
    fix: str = ""
    changed_at: datetime
