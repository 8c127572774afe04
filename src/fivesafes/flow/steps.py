"""The steps of one series.  Each takes a scan in one state and gives it in the next, with a verdict.

Steps neither log nor keep anything outside the folder they are given: the runner does that.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.verdict import Verdict, note
from fivesafes.data.bids.naming import companions_for, image_names
from fivesafes.data.bids.nifti import write_clean
from fivesafes.data.bids.rules import Held
from fivesafes.data.bids.sidecar import KEEP, Code, clean
from fivesafes.data.face.policy import DEFACE, FaceRule, judge_defaced, rule_for
from fivesafes.data.header.deidentify import Cleaned, Deidentifier
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.options import MEANINGS
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.tally import add_records
from fivesafes.data.model import (
    BidsImage,
    BidsScan,
    Defaced,
    DefacedScan,
    DeidentifiedScan,
    FacedImage,
    FaceMode,
    FaceStatus,
    HeaderRecord,
    Picture,
    Scan,
)
from fivesafes.data.ports import Converter, Defacer
from fivesafes.flow.limits import limited

Drawer = Callable[[Path, Path, Path], tuple[Picture, ...]]
"""Draws an image before and after its defacing: original, defaced, mask."""

_BIDS: Final = "BIDS 1.11"


@frozen(kw_only=True)
class FacePlan:
    """What the plan says of faces for one series: how they go, which images show one, whether this one may stay."""

    mode: FaceMode
    rules: tuple[FaceRule, ...]
    kept_because: str | None = None


def deidentify_scan(
    scan: Scan, *, into: Path, profile: Profile, pseudonyms: Pseudonyms
) -> tuple[DeidentifiedScan, Verdict]:
    """Write each instance anew from the attributes that the profile names; one that may not pass is told and left out.

    Raises InvalidInput when a file is no longer what was received, or when no instance may pass.
    """
    into.mkdir()
    deidentifier = Deidentifier(profile, pseudonyms)
    records: list[HeaderRecord] = []
    verdicts: list[Verdict] = []
    for number, content in enumerate(scan.originals):
        try:
            cleaned = limited(len(content), _cleaned, deidentifier, content)
        except Malformed as malformed:
            raise InvalidInput(malformed.why, fix="check the scans, then run the same command again") from None
        verdicts.append(cleaned.verdict)
        if cleaned.pieces:
            records.append(cleaned.record)
            with (into / f"{number:06d}.dcm").open("xb") as file:
                file.writelines(cleaned.pieces)
    verdict = Verdict.all_of(verdicts)
    if not records:
        worst = max(verdict.findings, key=lambda finding: finding.gravity)
        raise InvalidInput(worst.why, fix=worst.fix)
    deidentified = DeidentifiedScan(
        id=scan.id,
        subject=scan.subject,
        session=scan.session,
        name=scan.name,
        folder=into,
        record=add_records(records),
    )
    return deidentified, verdict


def _cleaned(deidentifier: Deidentifier, content: bytes) -> Cleaned:
    return deidentifier.clean(open_data_set(content))


def convert_scan(scan: DeidentifiedScan, *, into: Path, converter: Converter, sidecar: str) -> tuple[BidsScan, Verdict]:
    """Convert to NIfTI and keep of each sidecar what the ``sidecar`` control allows; extra images are held back.

    Raises InvalidInput when the converter can't make an image of the series.
    """
    raw, tidy = into / "raw", into / "tidy"
    for folder in (into, raw, tidy):
        folder.mkdir()
    converted = converter.convert(scan.folder, into=raw)
    images: list[BidsImage] = []
    verdicts: list[Verdict] = []
    for one, name in zip(converted, image_names(scan.name, converted), strict=True):
        if isinstance(name, Held):
            verdicts.append(note("data.bids.image_held", why=name.why, source=_BIDS, about=f"series {scan.id}"))
            continue
        stem = name.stem(scan.subject, scan.session)
        nifti = tidy / f"{stem}.nii.gz"
        write_clean(one.nifti, nifti)
        kept, removed = clean(one.sidecar, name=name, keep=KEEP[sidecar], codes=_codes(one.sidecar))
        companions = companions_for(name, one)
        images.append(BidsImage(name=name, nifti=nifti, sidecar=kept, companions=companions, removed_keys=removed))
    bids = BidsScan(id=scan.id, subject=scan.subject, session=scan.session, images=tuple(images), record=scan.record)
    return bids, Verdict.all_of(verdicts)


def _codes(raw: Mapping[str, Any]) -> list[Code]:
    """Take over the codes that our own de-identification wrote into the DICOM (PS3.16 CID 7050), and no others."""
    told = raw.get("DeidentificationMethodCodeSequence")
    values = [item.get("CodeValue") for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    return [Code(value=value, meaning=MEANINGS[value]) for value in MEANINGS if value in values]


def deface_scan(
    scan: BidsScan, *, into: Path, defacer: Defacer, plan: FacePlan, draw: Drawer, beside: Path | None = None
) -> tuple[DefacedScan, Verdict]:
    """Take the face out of each image that could show one; an image that could not be verified does not go on.

    ``beside``: the image of the same session that shows the head best.
    """
    into.mkdir()
    done: list[FacedImage] = []
    verdicts: list[Verdict] = []
    for image in scan.images:
        rule = rule_for(image.name, plan.rules)
        if rule.action != DEFACE:
            done.append(FacedImage(image=image, defaced=None, because=f"let pass: {rule.why} ({rule.source})"))
        elif plan.kept_because is not None:
            done.append(FacedImage(image=image, defaced=None, because=plan.kept_because))
        else:
            how = partial(defacer.deface, into=into, mode=plan.mode, beside=beside)
            faced = _deface(image, how, because=rule.why, draw=draw)
            verdicts.append(judge_defaced(faced[1], about=image.name.stem(scan.subject, scan.session)))
            done.append(faced[0])
    defaced = DefacedScan(
        id=scan.id, subject=scan.subject, session=scan.session, images=tuple(done), record=scan.record
    )
    return defaced, Verdict.all_of(verdicts)


def _deface(
    image: BidsImage, deface: Callable[[Path], Defaced], *, because: str, draw: Drawer
) -> tuple[FacedImage, Defaced]:
    defaced = deface(image.nifti)
    pictures: Sequence[Picture] = ()
    if defaced.image is not None and defaced.mask is not None:
        pictures = draw(image.nifti, defaced.image, defaced.mask)
    unchanged = defaced.status is FaceStatus.NOTHING_TO_DO and defaced.image is None
    nifti = image.nifti if unchanged or defaced.image is None else defaced.image
    sidecar = _told_defaced(image.sidecar, defaced) if defaced.status is FaceStatus.DEFACED else image.sidecar
    faced = FacedImage(
        image=evolve(image, nifti=nifti, sidecar=sidecar),
        defaced=defaced,
        because=f"{because}; {defaced.why}",
        pictures=tuple(pictures),
    )
    return faced, defaced


def _told_defaced(sidecar: Mapping[str, Any], defaced: Defaced) -> dict[str, Any]:
    """Say in the sidecar that the face is gone, in words and by its code."""
    text = f"face: {defaced.mode.value} (fivesafes, defacer {defaced.engine} {defaced.engine_version}), verified"
    code = {
        "CodeValue": "113102",
        "CodingSchemeDesignator": "DCM",
        "CodeMeaning": "Clean Recognizable Visual Features Option",
    }
    codes = [*sidecar.get("DeidentificationMethodCodeSequence", []), code]
    methods = [*sidecar.get("DeidentificationMethod", []), text]
    return {**sidecar, "DeidentificationMethod": methods, "DeidentificationMethodCodeSequence": codes}
