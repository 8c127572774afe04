"""One series from original to finished, in a worker process: deidentify → convert → deface, then kept or not.

What is kept in ``finished`` has passed the face step.  An image that could not be verified is not kept: its pictures
are, for the person who reviews, and its originals are where they were.
"""

import json
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, TypeVar

from attrs import evolve, field, frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput, TryAgain
from fivesafes.core.ids import SeriesId
from fivesafes.core.verdict import Gravity, Verdict, refuse
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import DefacedScan, FacedImage, Picture, Scan
from fivesafes.data.ports import Converter, Defacer
from fivesafes.flow.describe import describe
from fivesafes.flow.ports import Workplace
from fivesafes.flow.record import (
    FaceRecord,
    ImageRecord,
    PictureFile,
    SeriesOutcome,
    SeriesStatus,
    load_outcome,
    save_outcome,
)
from fivesafes.flow.steps import Drawer, FacePlan, convert_scan, deface_scan, deidentify_scan
from fivesafes.output.manifest import digest_of, files_below
from fivesafes.setting.vault.seal import seal

V = TypeVar("V")

OUTCOME: Final = "outcome.json"
KEPT: Final = "kept"
"""Where, in a series' scratch, lies what may stay."""
STEPS: Final = ("deidentify", "convert", "deface")
_STEP: Final = "step"
"""Where, in a series' scratch, stands the name of the step it is in."""


@frozen(kw_only=True)
class SeriesContext:
    """What a worker is given once, when it starts.  ``inputs`` digests all that each series' result depends on."""

    scans: Mapping[SeriesId, Scan]
    inputs: Mapping[SeriesId, str]
    faces: Mapping[SeriesId, FacePlan]
    place: Workplace
    profile: str
    pseudonyms: Pseudonyms = field(repr=False)
    sidecar: str
    converter: Converter
    defacer: Defacer
    draw: Drawer
    besides: Mapping[SeriesId, SeriesId] = field(factory=dict)
    """From which series of the same session a series' head is carried."""
    recipients: Mapping[SeriesId, str] = field(factory=dict)
    """To whom pictures of a face are sealed, by series; where nobody is named they stay in clear beside the scans."""

    def narrowed(self, series: Collection[str]) -> "SeriesContext":
        """Leave out all other series: a worker process is given what it works on, and no more."""
        besides = _only(self.besides, series)
        return evolve(
            self,
            scans=_only(self.scans, {*series, *besides.values()}),
            besides=besides,
            inputs=_only(self.inputs, series),
            faces=_only(self.faces, series),
            recipients=_only(self.recipients, series),
        )


def _only(what: Mapping[SeriesId, V], series: Collection[str]) -> dict[SeriesId, V]:
    return {SeriesId(one): what[SeriesId(one)] for one in series if one in what}


def finished_before(context: SeriesContext, series: SeriesId) -> SeriesOutcome | None:
    """Give what an earlier run made of the series from the same inputs, or None when it must be done."""
    folder = context.place.finished / series
    if not (folder / OUTCOME).exists():
        return None
    try:
        outcome = load_outcome(folder / OUTCOME)
    except InvalidInput:
        return None
    if outcome.inputs != context.inputs[series]:
        return None
    return outcome if _digests(folder) == outcome.digests else None


def work_series(context: SeriesContext, series: SeriesId) -> SeriesOutcome:
    """Do one series in a worker process.  What can't be converted is refused with its reason.

    What may stay lies complete in scratch afterwards, until the runner publishes it.  No step makes the scratch itself:
    one that was cleared while its run was killed stays away.
    """
    scan = context.scans[series]
    scratch = context.place.scratch / series
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        outcome = _through_steps(context, scan, scratch)
        outcome = evolve(outcome, digests=_digests(scratch / KEPT))
        save_outcome(outcome, scratch / KEPT / OUTCOME)
    except TryAgain:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    except FiveSafesError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in (scratch, scratch / KEPT):
            folder.mkdir(mode=0o700)
        outcome = _failed(_outcome(context, scan), why=error.what, fix=error.fix)
        save_outcome(outcome, scratch / KEPT / OUTCOME)
    return outcome


def stopped_outcome(
    context: SeriesContext, series: SeriesId, *, why: str, status: SeriesStatus = SeriesStatus.REFUSED
) -> SeriesOutcome:
    """Tell of a series of which nothing was made."""
    return evolve(_outcome(context, context.scans[series]), status=status, why=why)


def publish_series(place: Workplace, series: SeriesId) -> None:
    """Put what was made of a series where a later run finds it, by one rename: complete or absent."""
    kept, finished = place.scratch / series / KEPT, place.finished / series
    shutil.rmtree(finished, ignore_errors=True)
    if kept.exists():
        kept.replace(finished)
    shutil.rmtree(place.scratch / series, ignore_errors=True)


def drop_series(place: Workplace, series: SeriesId) -> None:
    """Remove what a step has left of a series that is not to be published from here; what another published stays."""
    shutil.rmtree(place.scratch / series, ignore_errors=True)


def step_of(place: Workplace, series: SeriesId) -> str:
    """Name the step that a series is in, or nothing; never anything but a step's name, whatever a step wrote there."""
    try:
        told = (place.scratch / series / _STEP).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return told if told in STEPS else ""


def discard_series(place: Workplace, series: SeriesId) -> None:
    """Remove what was made of a series that may no longer be touched."""
    for folder in (place.scratch, place.finished):
        shutil.rmtree(folder / series, ignore_errors=True)


def _failed(outcome: SeriesOutcome, *, why: str, fix: str) -> SeriesOutcome:
    source, about = "ARCHITECTURE: absence refuses", f"series {outcome.id}"
    verdict = refuse("data.series.failed", why=why, fix=fix, source=source, about=about)
    return evolve(outcome, status=SeriesStatus.REFUSED, why=why).with_verdict(verdict)


def _through_steps(context: SeriesContext, scan: Scan, scratch: Path) -> SeriesOutcome:
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[step], clock = round(now - clock, 3), now

    def enter(step: str) -> None:
        (scratch / _STEP).write_text(step, encoding="ascii")

    enter("deidentify")
    deidentified, header_verdict = deidentify_scan(
        scan, into=scratch / "dicom", profile=load_profile(context.profile), pseudonyms=context.pseudonyms
    )
    lap("deidentify")
    enter("convert")
    bids, bids_verdict = convert_scan(
        deidentified, into=scratch / "bids", converter=context.converter, sidecar=context.sidecar
    )
    described = describe(deidentified.folder)
    shutil.rmtree(scratch / "dicom")
    lap("convert")
    enter("deface")
    plan = context.faces[scan.id]
    defaced, face_verdict = deface_scan(
        bids,
        into=scratch / "faces",
        defacer=context.defacer,
        plan=plan,
        draw=context.draw,
        beside=_beside(context, scan, scratch / "beside"),
    )
    shutil.rmtree(scratch / "beside", ignore_errors=True)
    lap("deface")
    verdict = header_verdict + bids_verdict + face_verdict
    outcome = evolve(_outcome(context, scan), header=defaced.record, described=described, seconds=seconds)
    kept = _Kept(scan=defaced, folder=scratch / KEPT, recipient=context.recipients.get(scan.id))
    return _kept_outcome(outcome.with_verdict(verdict), verdict, kept)


def _beside(context: SeriesContext, scan: Scan, scratch: Path) -> Path | None:
    """Make the image of the session that shows the head best once more; None when there is none or it can't be made."""
    best = context.besides.get(scan.id)
    if best is None:
        return None
    scratch.mkdir(mode=0o700)
    try:
        deidentified, _ = deidentify_scan(
            context.scans[best],
            into=scratch / "dicom",
            profile=load_profile(context.profile),
            pseudonyms=context.pseudonyms,
        )
        bids, _ = convert_scan(
            deidentified, into=scratch / "bids", converter=context.converter, sidecar=context.sidecar
        )
    except InvalidInput:  # that is told of the series itself
        return None
    return bids.images[0].nifti if bids.images else None


def _outcome(context: SeriesContext, scan: Scan) -> SeriesOutcome:
    return SeriesOutcome(
        id=scan.id,
        subject=scan.subject,
        session=scan.session,
        name=scan.name,
        status=SeriesStatus.READY,
        why="passed every step",
        inputs=context.inputs[scan.id],
        files_received=len(scan.originals),
        bytes_received=scan.bytes,
    )


@frozen(kw_only=True)
class _Kept:
    """Where what may stay of a scan goes, and to whom pictures of a face are sealed."""

    scan: DefacedScan
    folder: Path
    recipient: str | None

    def keep_picture(self, picture: Picture, number: int) -> PictureFile:
        name = f"pictures/{number}-{picture.name}.png"
        sealed = picture.identifying and self.recipient is not None
        content = picture.png
        if picture.identifying and self.recipient is not None:
            name, content = f"{name}.age", seal(content, (self.recipient,))
        (self.folder / name).write_bytes(content)
        return PictureFile(
            name=picture.name, alt=picture.alt, file=name, identifying=picture.identifying, sealed=sealed
        )


def _kept_outcome(outcome: SeriesOutcome, verdict: Verdict, kept: _Kept) -> SeriesOutcome:
    kept.folder.mkdir()
    (kept.folder / "pictures").mkdir()
    may_stay = verdict.gravity is Gravity.NOTE
    images = tuple(
        _keep_image(image, kept, number, with_files=may_stay) for number, image in enumerate(kept.scan.images)
    )
    if not images:
        status, why = SeriesStatus.HELD, "the converter made no image that BIDS has a name for"
    elif may_stay:
        status, why = SeriesStatus.READY, "passed every step"
    else:
        worst = max(verdict.findings, key=lambda finding: finding.gravity)
        refused = worst.gravity is Gravity.REFUSE
        status, why = SeriesStatus.REFUSED if refused else SeriesStatus.NEEDS_REVIEW, worst.why
    return evolve(outcome, status=status, why=why, images=images)


def _keep_image(faced: FacedImage, where: _Kept, number: int, *, with_files: bool) -> ImageRecord:
    """Move an image's files to what is kept (or only its pictures, when it may not stay) and describe it."""
    kept = where.folder
    stem = faced.image.name.stem(where.scan.subject, where.scan.session)
    files: dict[str, str] = {}
    mask: str | None = None
    if with_files:
        shutil.move(faced.image.nifti, kept / f"{stem}.nii.gz")
        text = json.dumps(faced.image.sidecar, indent=2, sort_keys=True, ensure_ascii=False)
        (kept / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
        files = {".nii.gz": f"{stem}.nii.gz", ".json": f"{stem}.json"}
        for ending, path in faced.image.companions.items():
            shutil.move(path, kept / f"{stem}{ending}")
            files[ending] = f"{stem}{ending}"
        if faced.defaced is not None and faced.defaced.mask is not None:
            mask = f"{stem}_mask.nii.gz"
            shutil.move(faced.defaced.mask, kept / mask)
    return ImageRecord(
        name=faced.image.name,
        files=files,
        mask=mask,
        face=_face_record(faced),
        sidecar_removed=faced.image.removed_keys,
        pictures=tuple(where.keep_picture(picture, number) for picture in faced.pictures),
    )


def _face_record(faced: FacedImage) -> FaceRecord:
    if faced.defaced is None:
        return FaceRecord(status="passed" if faced.because.startswith("let pass") else "kept", because=faced.because)
    return FaceRecord(
        status=faced.defaced.status.value,
        because=faced.because,
        engine=faced.defaced.engine,
        engine_version=faced.defaced.engine_version,
        mode=faced.defaced.mode.value,
        evidence=faced.defaced.evidence,
    )


def _digests(folder: Path) -> dict[str, str]:
    return {name: digest_of(folder / name) for name in files_below(folder) if name != OUTCOME}
