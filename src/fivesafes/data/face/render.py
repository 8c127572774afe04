"""Draw a head before and after: its surface from four sides, and slices with the removed zone in red.

Pictures of the original identify the person: they are marked so, and never leave with a release.
"""

import io
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from fivesafes.data.face.examine import examine
from fivesafes.data.face.itk import Affine, Bools, Floats, Grid, Volume, carry, from_itk, one_thread, sitk, to_itk
from fivesafes.data.face.prepare import Prepared, mean_volume, prepare
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import Picture

STEP: Final = 1.25
SIZE: Final = (200, 200, 208)  # voxels across, deep and up, of STEP mm: a head and a margin, whichever way it turns
CENTRE: Final = (0.0, 8.0, -38.0)
NEAR: Final = 130  # voxels from the viewer inwards that a ray is followed
LARGER: Final = 2  # pixels per voxel in the pictures of the surface
VIEWS: Final = {
    "front": (0.0, "from the front"),
    "right": (30.0, "30 degrees from its right"),
    "left": (-30.0, "30 degrees from its left"),
    "profile": (90.0, "from its right side"),
}
SLICES: Final = (  # axis, and where it is cut, mm in template space
    (0, (-46.0, -26.0, 0.0, 26.0, 46.0)),
    (1, (-25.0, 20.0, 55.0, 75.0, 95.0)),
    (2, (-125.0, -95.0, -60.0, -34.0, 0.0)),
)
BICUBIC: Final = Image.Resampling.BICUBIC
RED: Final = (220, 40, 40)
AMBIENT: Final = 0.25
Grey = NDArray[np.uint8]


@frozen(kw_only=True, eq=False)
class _Shown:
    """A scan laid into template space: real values, tissue threshold and brightest value."""

    volume: Volume
    floor: float
    bright: float


def before_after(original: Path, defaced: Path, mask: Path) -> tuple[Picture, ...]:
    """Draw the original (identifying) and the defaced image (not), each from four sides and in slices.

    When no head is found in the original it is drawn as it lies in the scanner.  Raises InvalidInput for files that are
    no images.
    """
    with one_thread():
        stored = read_stored(original)
        scan = prepare(stored)
        if scan is None:
            return ()
        pose = examine(scan).pose
        turn: Affine = np.eye(4) if pose is None else pose.affine
        removed = read_stored(mask)
        zone = Volume(data=removed.real(0), affine=removed.grid.affine)
        after = read_stored(defaced)
        return (
            *_pictures(_shown(mean_volume(stored, scan.volumes), stored.grid.affine, scan), zone, turn, when="before"),
            *_pictures(_shown(mean_volume(after, scan.volumes), after.grid.affine, scan), zone, turn, when="after"),
        )


def _shown(data: Floats, affine: Affine, scan: Prepared) -> _Shown:
    """Clip what is brighter than tissue: it would only darken the rest."""
    clipped = np.clip(data - np.float32(scan.background), 0, scan.bright)
    return _Shown(volume=Volume(data=clipped, affine=affine), floor=scan.floor, bright=scan.bright)


def _pictures(shown: _Shown, zone: Volume, turn: Affine, *, when: str) -> list[Picture]:
    """Draw one state of the scan."""
    identifying = when == "before"
    grid = _grid()
    data = carry(shown.volume, onto=grid, through=turn)
    gone = carry(zone, onto=grid, through=turn) > 0.5  # noqa: PLR2004 - half way
    smooth = from_itk(sitk.SmoothingRecursiveGaussian(to_itk(data), 0.7))
    laid = _Shown(volume=Volume(data=smooth, affine=grid.affine), floor=shown.floor, bright=shown.bright)
    made = []
    for view, (degrees, told) in VIEWS.items():
        alt = f"The surface of the head {when} defacing, seen {told}"
        png = _png(_surface(laid, degrees))
        made.append(Picture(name=f"{when}-{view}", alt=alt, png=png, identifying=identifying))
    alt = f"Slices through the head {when} defacing, with the removed zone in red"
    png = _png(_mosaic(data / shown.bright, gone))
    return [*made, Picture(name=f"{when}-slices", alt=alt, png=png, identifying=identifying)]


def _surface(laid: _Shown, degrees: float) -> Grey:
    """Shade the first tissue that each ray from the viewer meets, by how it is turned to the light."""
    whole = _grid()
    front = whole.cropped((slice(0, SIZE[0]), slice(SIZE[1] - NEAR, SIZE[1]), slice(0, SIZE[2])))
    rays = carry(laid.volume, onto=front, through=_about_centre(degrees))[:, ::-1, :]  # index 0 is nearest
    met = rays > laid.floor
    hit, first = met.any(axis=1), met.argmax(axis=1)
    at = np.take_along_axis(rays, first[:, None, :], axis=1)[:, 0]
    before = np.take_along_axis(rays, np.maximum(first - 1, 0)[:, None, :], axis=1)[:, 0]
    between = np.clip((at - laid.floor) / np.maximum(at - before, 1e-6), 0, 1)
    depth = np.where(hit, first - between, float(NEAR))
    slope_x, slope_z = np.gradient(depth)
    facing = 1 / np.sqrt(1 + slope_x**2 + slope_z**2)
    lit = np.clip(facing * (1 + 0.35 * slope_x - 0.35 * slope_z) / 1.2, 0, 1)
    shade = np.where(hit, (AMBIENT + (1 - AMBIENT) * lit) * (1 - 0.3 * depth / NEAR), 0)
    return np.rot90(np.rint(255 * shade).astype(np.uint8))


def _mosaic(data: Floats, gone: Bools) -> Grey:
    """Lay slices in three rows; the removed zone is tinted."""
    grey = np.rint(255 * np.clip(data, 0, 1)).astype(np.uint8)
    rows = [np.concatenate([_tile(grey, gone, axis, at) for at in places], axis=1) for axis, places in SLICES]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 2), (0, width - row.shape[1]), (0, 0))) for row in rows])


def _tile(grey: Grey, gone: Bools, axis: int, place: float) -> Grey:
    """Cut one slice, every second voxel, with the removed zone tinted red."""
    number = int(np.clip(round((place - CENTRE[axis]) / STEP + SIZE[axis] / 2), 0, SIZE[axis] - 1))
    cut = np.take(grey, number, axis=axis)[::2, ::2]
    colour = np.repeat(cut[..., None], 3, axis=2)
    red = np.take(gone, number, axis=axis)[::2, ::2]
    colour[red] = (colour[red] // 2 + np.array(RED) // 2).astype(np.uint8)
    return np.rot90(colour)


def _grid() -> Grid:
    """Lay the drawing grid around the template's head."""
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = np.array(CENTRE) - STEP * np.array(SIZE) / 2
    return Grid(shape=SIZE, affine=affine)


def _about_centre(degrees: float) -> Affine:
    """Turn about the long axis through CENTRE."""
    angle = np.radians(degrees)
    turn, centre = np.eye(4), np.array(CENTRE)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return turn


def _png(picture: Grey) -> bytes:
    """Compress; 64 shades, or 128 colours, are plenty."""
    out = io.BytesIO()
    if picture.ndim == 2:  # noqa: PLR2004 - grey
        large = Image.fromarray(picture).resize((picture.shape[1] * LARGER, picture.shape[0] * LARGER), BICUBIC)
        large.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    else:
        Image.fromarray(picture).quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
