"""Nouns of the data: a scan in each state of its journey.  The type carries the state, so no step can be skipped."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import field, frozen

from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.data.originals import Originals


class FileStatus(StrEnum):
    """What became of one input file (the words of ``fivesafes deidentify --json``)."""

    DEIDENTIFIED = "deidentified"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    NOT_DICOM = "not-dicom"
    REVIEW = "review"


@frozen(kw_only=True)
class HeaderRecord:
    """What was done to the headers of a series or a file: keywords and counts, never values.

    Each mapping goes from an attribute keyword (``PatientName``; ``(gggg,eeee)`` with its private creator where there
    is no keyword) to how many times it was met.
    """

    kept: Mapping[str, int] = field(factory=dict)
    replaced: Mapping[str, int] = field(factory=dict)
    blanked: Mapping[str, int] = field(factory=dict)
    removed: Mapping[str, int] = field(factory=dict)


@frozen(kw_only=True)
class SeriesFacts:
    """What naming and planning need to know of a series, read from the original header of one instance.

    The texts may hold typed-in names: they are Identifying until a rule has turned them into BIDS words.
    ``descriptions`` holds SeriesDescription, ProtocolName and SequenceName by keyword.
    """

    modality: str
    series_number: int | None
    descriptions: Identifying[Mapping[str, str]]
    image_type: tuple[str, ...] = ()
    acquisition_type: str = ""
    manufacturer: str = ""
    instances: int = 0


@frozen(kw_only=True)
class BidsName:
    """Where an image goes in a BIDS data set, without subject and session: ``datatype``, entities in order, suffix."""

    datatype: str
    suffix: str
    entities: Mapping[str, str] = field(factory=dict)

    def stem(self, subject: SubjectLabel, session: str | None) -> str:
        """Compose the file name without its ending: ``sub-x_ses-01_task-rest_bold``."""
        parts = [f"sub-{subject}"]
        if session is not None:
            parts.append(f"ses-{session}")
        parts += [f"{key}-{value}" for key, value in self.entities.items()]
        return "_".join([*parts, self.suffix])


@frozen(kw_only=True)
class Scan:
    """One series as it was received: original, identifiable."""

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    name: BidsName
    originals: Originals
    bytes: int


@frozen(kw_only=True)
class DeidentifiedScan:
    """One series as de-identified DICOM in a private scratch folder."""

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    name: BidsName
    folder: Path
    record: HeaderRecord


@frozen(kw_only=True)
class BidsImage:
    """One NIfTI image with its clean sidecar; ``companions`` are bval, bvec and their like, by ending."""

    name: BidsName
    nifti: Path
    sidecar: Mapping[str, Any]
    companions: Mapping[str, Path] = field(factory=dict)
    removed_keys: tuple[str, ...] = ()


@frozen(kw_only=True)
class BidsScan:
    """One series as BIDS images; faces may still be there."""

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    images: tuple[BidsImage, ...]
    record: HeaderRecord


class FaceMode(StrEnum):
    """What happens to the face.  Blurring is not among them: it can be undone.

    ``reface``: a mean head's face and ears stand in for it; ``reface-plus``: for all but the brain.
    """

    REMOVE = "remove"
    REFACE = "reface"
    REFACE_PLUS = "reface-plus"
    SKULL_STRIP = "skull-strip"
    MASK = "mask"


class FaceStatus(StrEnum):
    """The defacer's answer for one image (the words of ``fivesafes deface --json``)."""

    DEFACED = "defaced"
    NOTHING_TO_DO = "nothing-to-do"
    REFUSED = "refused"
    NEEDS_REVIEW = "needs-review"


@frozen(kw_only=True)
class Residual:
    """Per zone, the share of the original's facial skin that is still there: 0 none, 1 untouched, None no such skin."""

    eyes: float | None
    nose: float | None
    mouth: float | None
    chin: float | None
    ears: float | None


@frozen(kw_only=True)
class Replaced:
    """How a face that was replaced compares with the original's, measured on the written file.

    ``coincidence``: per zone, the share of the original's facial skin within 1.3 mm of which the new skin runs;
    ``plain``: the same for the mean face itself, laid there untouched and seen as thick; ``by_chance``: the same, on
    the average, for a skin that runs anywhere within 6.5 mm.  ``relief_correlation``: how alike original and new face
    stand out from the mean one; ``relief_kept``: how much of what stands out in the original does so still, 0 to 1.
    ``equal_voxels``: the share of voxels whose numbers are the original's; ``equal_by_chance``: the same with the
    original moved aside.  ``seam``: the steps across the border by those beside it.  ``detached_ml``: new tissue that
    floats in the air.
    """

    coincidence: Residual
    plain: Residual
    by_chance: Residual
    relief_correlation: float
    relief_kept: float
    equal_voxels: float
    equal_by_chance: float
    seam: float | None
    detached_ml: float


@frozen(kw_only=True)
class FaceEvidence:
    """What was measured on the written file, after re-opening it.

    ``carried_mutual_information``: of this image with the one of the same session from which the head was carried,
    nats; None when it was found here.  ``evened_mutual_information``: with the template's brain, in what is small,
    nats, where the head was found only with a coil's shading evened out; else None.  ``second_search_mm``: how far away
    a second search, by the brain alone, puts it.
    ``brain_guard``: what the brain was guarded by, ``own`` as it was found in this scan, or the ``template``'s alone.
    ``brain_ml``, ``brain_agreement``: of a skull-strip, the brain's volume, and Dice of two estimates of it.
    ``residual``: None where a face was replaced, since other skin stands there: then ``replaced`` says how alike it is.
    """

    mutual_information: float | None
    residual: Residual | None
    brain_voxels_altered: int | None
    determinant: float | None = None
    scales: tuple[float, float, float] | None = None
    mask_ml: float | None = None
    outside_voxels_altered: int | None = None
    carried_mutual_information: float | None = None
    evened_mutual_information: float | None = None
    second_search_mm: float | None = None
    brain_guard: str | None = None
    brain_ml: float | None = None
    brain_agreement: float | None = None
    replaced: Replaced | None = None


@frozen(kw_only=True)
class ToolRun:
    """How an outside tool was run on one image.

    ``program`` and ``arguments``: its name and words, no path among them.  ``exit_code``: None when its time was up.
    ``messages``: the end of what it said, without paths.  ``seconds``: by the clock.  ``taken``: what of its output was
    used; the rest was thrown away.
    """

    program: str
    arguments: tuple[str, ...]
    exit_code: int | None
    seconds: float
    messages: str
    taken: str


@frozen(kw_only=True)
class Defaced:
    """One image after the defacer: the file it wrote, the mask of what it removed (1 = removed), and the evidence.

    ``run``: how the outside tool that marked the face was run; None where none was.
    """

    status: FaceStatus
    image: Path | None
    mask: Path | None
    engine: str
    engine_version: str
    mode: FaceMode
    evidence: FaceEvidence
    why: str
    run: ToolRun | None = None


@frozen(kw_only=True)
class Picture:
    """One picture for the report; ``identifying`` ones never leave with a release."""

    name: str
    alt: str
    png: bytes = field(repr=False)
    identifying: bool = True


@frozen(kw_only=True)
class FacedImage:
    """A BIDS image whose face was dealt with, or that the plan lets pass with its reason (``defaced`` None)."""

    image: BidsImage
    defaced: Defaced | None
    because: str
    pictures: tuple[Picture, ...] = ()


@frozen(kw_only=True)
class DefacedScan:
    """One series of which no image shows a face that the plan wants gone."""

    id: SeriesId
    subject: SubjectLabel
    session: str | None
    images: tuple[FacedImage, ...]
    record: HeaderRecord


class Severity(StrEnum):
    """How bad a residue is (the words of ``fivesafes check --json``)."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@frozen(kw_only=True)
class Residue:
    """Something in a data set that could identify someone (see docs/reference/json.md for ``kind`` and ``locator``).

    ``evidence`` is masked: enough to recognise the place, never the value.
    """

    code: str
    kind: str
    path: str
    locator: str
    participant: str | None
    severity: Severity
    why: str
    fix: str
    source: str
    evidence: str = ""
