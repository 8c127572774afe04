"""Draw a head before and after: its surface from five sides, and slices with what is removed and with the brain.

Pictures of the original identify the person: they are marked so, and never leave with a release.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen
from PIL import Image

from fivesafes.data.face.brain import Brain, find_brain
from fivesafes.data.face.examine import examine
from fivesafes.data.face.itk import Affine, Floats, Grid, Volume, carry, from_itk, one_thread, sitk, to_itk
from fivesafes.data.face.mosaic import Cut, Marks, marks, mosaic
from fivesafes.data.face.prepare import STEP, Prepared, mean_volume, prepare, senseless, unfit
from fivesafes.data.face.rays import FRAME_MM, FRAME_STEP, Shades, frame, portrait, solid
from fivesafes.data.face.stored import Stored, read_stored
from fivesafes.data.face.verify import judge_pose
from fivesafes.data.model import Picture
from fivesafes.data.private_pictures import plain_png, private_png

VIEWS: Final = {
    "left": (-90.0, "its left side"),
    "half-left": (-30.0, "30 degrees to its left"),
    "front": (0.0, "the front"),
    "half-right": (30.0, "30 degrees to its right"),
    "right": (90.0, "its right side"),
}
LARGER: Final = 1.5  # pixels per step in the pictures of the surface
COARSER: Final = 4  # shades of 256 that become one: it makes the files smaller, and nobody sees it
SOFTENED_MM: Final = 2.5
ABOVE_AIR: Final = 1.15
BICUBIC: Final = Image.Resampling.BICUBIC


@frozen(kw_only=True, eq=False)
class _Scene:
    """How a scan is drawn.

    ``turn``: from the mean head's space to the scan's.  ``floor``: where its surface is drawn, above ``background``;
    None where air can't be told from tissue.  ``softened``: by how much, mm, noise must be smoothed out before.
    """

    grid: Grid
    scan: Prepared
    turn: Affine
    brain: Brain | None
    floor: float | None
    softened: float


def before_after(original: Path, defaced: Path | None, mask: Path | None) -> tuple[Picture, ...]:
    """Draw the original (identifying) and what was made of it (not), each from five sides and in slices.

    Without ``defaced`` what would be left by the mask is drawn; without both, the original alone.  When no head is
    found in the original it is drawn as it lies in the scanner; where air is as bright as tissue, in slices alone.
    Empty when nothing is seen in the image.  Raises InvalidInput for files that are no images.
    """
    with one_thread():
        stored = read_stored(original)
        scene = _scene(stored)
        if scene is None:
            return ()
        before = _laid(mean_volume(stored, scene.scan.volumes), scene)
        del stored  # what was made of it is read next: one of both in memory is enough
        over = _marks(None if mask is None else read_stored(mask), scene)
        pictures = _pictures(before, scene, over, when="before")
        if mask is None:
            return tuple(pictures)
        after = mean_volume(read_stored(original if defaced is None else defaced), scene.scan.volumes)
        if defaced is None:
            after[read_stored(mask).voxels[..., 0] > 0] = scene.scan.background
        return (*pictures, *_pictures(_laid(after, scene), scene, over, when="after"))


def thumbnail(png: bytes, height: int) -> bytes:
    """Make a small copy of a picture, so many pixels high, in 16 shades of grey."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    width = max(1, round(picture.width * height / picture.height))
    small = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    return plain_png(Image.fromarray(small // 16 * 17))


def _scene(stored: Stored) -> _Scene | None:
    """Find out how the head lies.  None when nothing is seen, or its numbers can't be right."""
    scan = prepare(stored) if senseless(stored) is None else None
    if scan is None:
        return None
    pose = None if unfit(stored) else examine(scan).pose
    upright = pose is not None and not judge_pose(pose).refuses
    softened = 0.0 if scan.dark_air else SOFTENED_MM
    return _Scene(
        grid=stored.grid,
        scan=scan,
        turn=pose.affine if pose is not None and upright else _as_it_lies(scan),
        brain=find_brain(scan.volume, pose) if pose is not None and upright else None,
        floor=None if unfit(stored) else scan.floor if scan.dark_air else _floor_of_noise(scan),
        softened=softened,
    )


def _floor_of_noise(scan: Prepared) -> float | None:
    """Find the level above the air of a smoothed scan whose noise is as bright as its tissue; None when it is still."""
    smooth = from_itk(sitk.SmoothingRecursiveGaussian(to_itk(scan.volume.data), SOFTENED_MM / STEP))
    ends = [(slice(0, max(2, size // 10)), slice(-max(2, size // 10), None)) for size in smooth.shape]
    air = np.concatenate([smooth[x, y, z].ravel() for x in ends[0] for y in ends[1] for z in ends[2]])
    floor = ABOVE_AIR * float(np.percentile(air, 99))
    return floor if floor < scan.bright / 2 else None


def _as_it_lies(scan: Prepared) -> Affine:
    """Move the middle of the frame to the middle of the scan."""
    shift: Affine = np.eye(4)
    middle = (np.array(scan.volume.data.shape) - 1) / 2
    there = scan.volume.affine[:3, :3] @ middle + scan.volume.affine[:3, 3]
    shift[:3, 3] = there - np.mean(FRAME_MM, axis=1)
    return shift


def _marks(removed: Stored | None, scene: _Scene) -> Mapping[Cut, Marks]:
    """Mark on the slices what is removed and the brain: this person's, or the mean head's where that guarded it."""
    brain, gone, to_brain = scene.brain, None, None
    if brain is not None:
        field = brain.to_template if brain.to_own is None else brain.to_own
        to_brain = Volume(data=field, affine=scene.scan.volume.affine)
    if removed is not None:
        gone = Volume(data=removed.voxels[..., 0], affine=removed.grid.affine)
    return marks(gone, to_brain, scene.turn)


def _laid(data: Floats, scene: _Scene) -> Floats:
    """Lay a state of the scan on the frame; what is brighter than tissue is clipped: it would only darken the rest."""
    scan, volume = scene.scan, Volume(data=data, affine=scene.grid.affine)
    laid = carry(volume, onto=frame(), through=scene.turn, beyond=scan.background) - np.float32(scan.background)
    return np.clip(laid, 0, scan.bright, out=laid)


def _pictures(laid: Floats, scene: _Scene, over: Mapping[Cut, Marks], *, when: str) -> list[Picture]:
    """Draw one state of the scan, as it is laid on the frame."""
    scan = scene.scan
    made = []
    if scene.floor is not None:
        soft = laid
        if scene.softened:
            soft = from_itk(sitk.SmoothingRecursiveGaussian(to_itk(laid), scene.softened / FRAME_STEP))
        head = solid(soft, scene.floor)
        for view, (degrees, side) in VIEWS.items():
            alt = f"The surface of the head {when} defacing, seen from {side}"
            made.append(_picture(f"{when}-{view}", alt, _enlarged(portrait(head, degrees))))
    alt = f"Slices through the head {when} defacing, what is changed in red"
    if scene.brain is not None:
        alt += ", the outline of the brain in green"
    made.append(_picture(f"{when}-slices", alt, mosaic(laid, scan.bright, over)))
    return made


def _picture(name: str, alt: str, picture: Image.Image) -> Picture:
    identifying = not name.startswith("after")
    png = private_png(picture) if identifying else plain_png(picture)
    return Picture(name=name, alt=alt, png=png, identifying=identifying)


def _enlarged(shades: Shades) -> Image.Image:
    """Enlarge, and round the shades."""
    picture = Image.fromarray(shades)
    large = np.asarray(picture.resize((round(picture.width * LARGER), round(picture.height * LARGER)), BICUBIC))
    return Image.fromarray(large // COARSER * COARSER)
