"""Take the face out of one image: find it, remove it, write the result, and say honestly what came of it."""

from importlib.metadata import version
from pathlib import Path
from typing import Final

from fivesafes.core.errors import UsageMistake
from fivesafes.core.verdict import Gravity, Verdict
from fivesafes.data.face.apply import apply, write_mask
from fivesafes.data.face.examine import Examined, examine
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import template
from fivesafes.data.face.prepare import Prepared, prepare, unfit
from fivesafes.data.face.stored import Stored, read_stored, write_stored
from fivesafes.data.face.verify import judge, judge_pose, measure, skin_of
from fivesafes.data.face.zones import lay_zones
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus

ENGINE: Final = "embedded"
NOTHING: Final = FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None)


def engine_version() -> str:
    """Name the program's version and the template's: together they decide the result."""
    return f"{version('fivesafes')}+template{template().version}"


def mask_name(image: Path) -> str:
    """Name the mask of an image: ``x_T1w.nii.gz`` → ``x_T1w_mask.nii.gz``."""
    stem = image.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".img").removesuffix(".hdr")
    return f"{stem}_mask.nii.gz"


def deface_image(image: Path, *, into: Path, mode: FaceMode) -> Defaced:
    """Write the defaced image, under its own name, and the mask of what was removed into a folder.

    The image itself is only read.  Same image, same bytes.  A scan that needs review is written too: the caller holds
    it.  Raises InvalidInput when the file is no image, and UsageMistake when ``into`` is the image's own folder.
    """
    if into.resolve() == image.resolve().parent:
        what = "the defaced image would take the original's place"
        raise UsageMistake(what, fix="write into another folder")
    stored = read_stored(image)
    with one_thread():
        scan = prepare(stored) if unfit(stored) is None else None
        if scan is None:
            why = unfit(stored) or "nothing is seen in the image: all voxels are alike"
            return _answer(FaceStatus.REFUSED, mode=mode, why=why)
        seen = examine(scan)
        verdict = judge_pose(seen.pose)
        if seen.brain_alone or (seen.faceless and mode is not FaceMode.SKULL_STRIP and not verdict.refuses):
            what = "a brain without its skull" if seen.brain_alone else "no skin of a face is left in the image"
            return _answer(FaceStatus.NOTHING_TO_DO, mode=mode, why=what, evidence=_found(seen))
        if verdict.refuses or seen.pose is None:
            return _answer(FaceStatus.REFUSED, mode=mode, why=_sentence(verdict), evidence=_found(seen))
        return _remove(image, stored, scan, seen, pose=seen.pose, into=into, mode=mode, so_far=verdict)


def _remove(  # noqa: PLR0913 - what the steps before found, each named
    image: Path,
    stored: Stored,
    scan: Prepared,
    seen: Examined,
    *,
    pose: Pose,
    into: Path,
    mode: FaceMode,
    so_far: Verdict,
) -> Defaced:
    """Lay the zones, blank them, write, and measure on what was written."""
    zones = lay_zones(stored.grid, scan=scan.volume, pose=pose, mode=mode)
    skin = skin_of(stored, zones.box, scan=scan, pose=pose, to_surface=seen.to_surface)
    into.mkdir(exist_ok=True)
    output, mask = into / image.name, into / mask_name(image)
    blanked = apply(stored, zones, scan)
    write_mask(zones, stored.grid, mask)
    if mode is FaceMode.MASK:
        written = blanked
    else:
        write_stored(blanked, output)
        written = read_stored(output)
    evidence = measure(stored, written, zones=zones, scan=scan, pose=pose, skin=skin)
    verdict = so_far + judge(evidence, brain_known=zones.brain_known)
    status = FaceStatus.DEFACED if verdict.gravity is Gravity.NOTE else FaceStatus.NEEDS_REVIEW
    return _answer(
        status,
        mode=mode,
        why=_sentence(verdict) or ("only the mask was written" if mode is FaceMode.MASK else ""),
        evidence=evidence,
        image=None if mode is FaceMode.MASK else output,
        mask=mask,
    )


def _answer(
    status: FaceStatus,
    *,
    mode: FaceMode,
    why: str,
    evidence: FaceEvidence = NOTHING,
    image: Path | None = None,
    mask: Path | None = None,
) -> Defaced:
    return Defaced(
        status=status,
        image=image,
        mask=mask,
        engine=ENGINE,
        engine_version=engine_version(),
        mode=mode,
        evidence=evidence,
        why=why,
    )


def _found(seen: Examined) -> FaceEvidence:
    """Say what is known when nothing was removed."""
    if seen.pose is None:
        return NOTHING
    return FaceEvidence(
        mutual_information=seen.pose.mutual_information,
        residual=None,
        brain_voxels_altered=0,
        determinant=seen.pose.determinant,
        scales=seen.pose.scales,
        mask_ml=0.0,
        outside_voxels_altered=0,
    )


def _sentence(verdict: Verdict) -> str:
    return "; ".join(finding.why for finding in verdict.findings)
