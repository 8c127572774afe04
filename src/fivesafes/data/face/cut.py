"""Cut the marked zones out of one image: blank them, write, re-open, measure, and say honestly what came of it.

Whoever marked the zones, this engine or another's mask, what is done to the file and asked of it is the same.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import UsageMistake
from fivesafes.core.verdict import Gravity, Verdict, note, review
from fivesafes.data.face.apply import apply, write_mask
from fivesafes.data.face.brain import Brain
from fivesafes.data.face.examine import Examined, examine
from fivesafes.data.face.likeness import judge_likeness, likeness
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.names import stem_of
from fivesafes.data.face.outline import judge_outline
from fivesafes.data.face.prepare import Prepared, prepare, unfit
from fivesafes.data.face.skin import Skin
from fivesafes.data.face.stored import Stored, read_stored, write_stored
from fivesafes.data.face.verify import SOURCE, judge, judge_pose, measure, skin_of
from fivesafes.data.face.volumes import judge_volumes
from fivesafes.data.face.zones import Zones
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Replaced

NOTHING: Final = FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None)


@frozen(kw_only=True)
class By:
    """Who marks what goes, and how it is to go: the same in each answer about one image."""

    engine: str
    version: str
    mode: FaceMode

    def answers(
        self,
        status: FaceStatus,
        *,
        why: str,
        evidence: FaceEvidence = NOTHING,
        image: Path | None = None,
        mask: Path | None = None,
    ) -> Defaced:
        """Say what came of the image."""
        return Defaced(
            status=status,
            image=image,
            mask=mask,
            engine=self.engine,
            engine_version=self.version,
            mode=self.mode,
            evidence=evidence,
            why=why,
        )


@frozen(kw_only=True, eq=False)
class Look:
    """One image before anything is done to it: as stored, as prepared, and what is seen in it.

    ``brain``: where it is, when another image of the session tells more of it; else it is looked for here.
    ``face_elsewhere``: whether another image of the session shows a face, so that this one has it too, seen or not.
    ``by_magnitude``: whether the head was found in the magnitude of which this is the phase.
    """

    path: Path
    stored: Stored
    scan: Prepared
    seen: Examined
    brain: Brain | None = None
    face_elsewhere: bool = False
    by_magnitude: bool = False

    @property
    def verdict(self) -> Verdict:
        """Judge whether a head was found, and by what."""
        judged = judge_pose(self.seen.pose)
        if not self.by_magnitude:
            return judged
        why = "the head was found in the magnitude image beside this one, which shows no head itself"
        return judged + review("data.face.by-magnitude", why=why, fix="look at the pictures", source=SOURCE)

    @property
    def nothing_to_remove(self) -> str | None:
        """Say why there is no face to remove, or None."""
        pose = self.seen.pose
        if pose is not None and pose.evened is not None:  # where shading is so strong, skin may be too dark to be seen
            return None
        if self.face_elsewhere and not self.seen.brain_alone:
            return None
        if not self.seen.faceless or judge_volumes(self.stored, self.scan, pose).findings:
            return None
        return "a brain without its skull" if self.seen.brain_alone else "no skin of a face is left in the image"

    @property
    def found(self) -> FaceEvidence:
        """Give what is known of an image from which nothing was removed."""
        pose = self.seen.pose
        if pose is None:
            return NOTHING
        return FaceEvidence(
            mutual_information=pose.mutual_information,
            carried_mutual_information=pose.beside,
            evened_mutual_information=pose.evened,
            second_search_mm=pose.second_mm,
            residual=None,
            brain_voxels_altered=0,
            determinant=pose.determinant,
            scales=pose.scales,
            mask_ml=0.0,
            outside_voxels_altered=0,
        )


def look_at(image: Path) -> Look | str:
    """Read an image and look for a head in it; a sentence when it can't hold one.  Raises InvalidInput for no image."""
    stored = read_stored(image)
    why = unfit(stored)
    if why is not None:
        return why
    scan = prepare(stored)
    if scan is None:
        return "nothing is seen in the image: all voxels are alike"
    return Look(path=image, stored=stored, scan=scan, seen=examine(scan))


def check_folder(image: Path, into: Path) -> None:
    """Raise UsageMistake when the result would take the original's place."""
    if into.resolve() == image.resolve().parent:
        what = "the defaced image would take the original's place"
        raise UsageMistake(what, fix="write into another folder")


def mask_name(image: Path) -> str:
    """Name the mask of an image: ``x_T1w.nii.gz`` → ``x_T1w_mask.nii.gz``."""
    return f"{stem_of(image)}_mask.nii.gz"


def cut(
    look: Look,
    zones: Zones,
    *,
    pose: Pose | None,
    into: Path,
    by: By,
    so_far: Verdict,
    paint: Callable[[], Stored] | None = None,
) -> Defaced:
    """Write the image without the zones, and the mask of what went, into a folder; measure on what was written.

    ``pose``: where the head lies; without it skin can't be told from other tissue, and a person must look.
    ``paint``: makes the image as it is to be, where the zones are not blanked but replaced.
    """
    stored, scan, seen = look.stored, look.scan, look.seen
    skin = None if pose is None else skin_of(stored, zones.box, scan=scan, pose=pose, to_surface=seen.to_surface)
    into.mkdir(exist_ok=True)
    mask, output = into / mask_name(look.path), None if by.mode is FaceMode.MASK else into / look.path.name
    write_mask(zones, stored.grid, mask)
    written = _written(apply(stored, zones, scan) if paint is None else paint(), output)
    left_of = skin if paint is None else None  # where there is new skin, none of it is the old one's
    evidence = measure(stored, written, zones=zones, scan=scan, pose=pose, skin=left_of)
    if paint is not None:
        evidence = evolve(evidence, replaced=_compared(look, written, zones, pose=pose, skin=skin))
    verdict = so_far + judge(evidence, brain_known=zones.brain_known) + _told_blurred(look)
    verdict += judge_volumes(stored, scan, pose)
    if zones.outline is not None:
        verdict += judge_outline(zones.outline)
    if evidence.replaced is not None:
        verdict += judge_likeness(evidence.replaced)
    return by.answers(
        FaceStatus.DEFACED if verdict.gravity is Gravity.NOTE else FaceStatus.NEEDS_REVIEW,
        why=sentence(verdict) or ("only the mask was written" if output is None else ""),
        evidence=evidence,
        image=output,
        mask=mask,
    )


def _written(image: Stored, path: Path | None) -> Stored:
    """Write the image, and give what is on the disk then; with None, give it as it would be."""
    if path is None:
        return image
    write_stored(image, path)
    del image  # before what was written is read: one of both in memory is enough
    return read_stored(path)


def _told_blurred(look: Look) -> Verdict:
    """Say of a face that came blurred that this was no protection."""
    if not look.seen.blurred:
        return Verdict()
    why = "the face looks blurred already, which can be undone: it was not relied on"
    return note("data.face.blurred", why=why, source="Abramian and Eklund 2019, arXiv:1810.06455")


def _compared(look: Look, written: Stored, zones: Zones, *, pose: Pose | None, skin: Skin | None) -> Replaced | None:
    """Compare a face that was replaced with the original's; None when that can't be measured."""
    to_surface = look.seen.to_surface
    if pose is None or skin is None or to_surface is None:
        return None
    return likeness(look.stored, written, zones, scan=look.scan, pose=pose, skin=skin, to_surface=to_surface)


def sentence(verdict: Verdict) -> str:
    """Write a verdict's reasons in one line."""
    return "; ".join(finding.why for finding in verdict.findings)
