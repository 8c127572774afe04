"""Build the defacing engine's template pack from pydeface's wheel (MIT licence).

    pip download pydeface==2.1.0 --no-deps -d somewhere
    python tools/build_template_pack.py somewhere/pydeface-2.1.0-py3-none-any.whl

The same wheel gives the same bytes.  Nothing but the wheel's mean head enters: the brain mask and the zones are drawn
here, from landmarks read off that head by eye.  Template space is RAS in millimetres, the mid-sagittal plane at x = 0;
grids are (I, J, K) = (x, y, z) with steps of 2 mm.
"""

import gzip
import hashlib
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import SimpleITK
from numpy.typing import NDArray

sitk: Any = SimpleITK  # neither library has types
nifti: Any = nib
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

VERSION: Final = "3"
PACK: Final = Path(__file__).resolve().parents[1] / "src" / "fivesafes" / "data" / "face" / "pack"
HEAD_IN_WHEEL: Final = "pydeface/data/mean_reg2mean.nii.gz"

STEP: Final = 2.0
ORIGIN: Final = np.array([-100.0, -140.0, -204.0])
SHAPE: Final = (101, 141, 153)  # 80 mm below the head's field of view, for chins and throats that go on there

# Read off the symmetric mean head, RAS mm.  Paired ones are given on the right; the left is their mirror image.
LANDMARKS: Final = {
    "eye": (30.0, 70.0, -34.0),
    "nose": (0.0, 113.0, -68.0),
    "nasion": (0.0, 93.0, -28.0),
    "mouth": (0.0, 98.0, -102.0),
    "chin": (0.0, 88.0, -138.0),
    "ear": (80.0, -20.0, -38.0),
}
FEATURES: Final = {"eyes": 1, "nose": 2, "mouth": 3, "chin": 4, "ears": 5}
REMOVAL: Final = {"face": 16, "ears": 32}

# Where skin is measured: an ellipse seen from the front (ears: from the side): its centre x (y), z and semi-axes; how
# far back (ears: how near to the middle) it reaches; and how deep under the mean head's skin a subject's skin may lie,
# while the surface of a cut, which is not skin, lies deeper.  All in mm.
PATCHES: Final = {
    "chin": (0.0, -138.0, (32.0, 20.0), 64.0, 99.0),
    "mouth": (0.0, -103.0, (30.0, 15.0), 74.0, 14.0),
    "eyes": (31.0, -34.0, (20.0, 16.0), 62.0, 8.0),
    "nose": (0.0, -58.0, (18.0, 28.0), 84.0, 10.0),
    "ears": (-20.0, -38.0, (26.0, 38.0), 73.0, 8.0),
}

EARS: Final = (-25.0, -42.0)  # y and z, mm: the middle of where ears are

HEAD_FLOOR: Final = 55.0  # of the mean head's units: above the coil ghosts (30 to 50), below skin (over 100)
HEAD_WHITE: Final = 500.0
BONE: Final = 130.0  # darker than this is bone or air
SCALP: Final = 6.0  # mm under the surface there is no brain ...
LOWEST_SCALP: Final = -40.0  # ... above this height, mm; below it the brain is bounded by the marks
BRAIN_BOTTOM: Final = -76.0  # mm: the foramen magnum
FLOOR: Final = -122.0  # mm: below it the mean head was outside of the field of view

# The shell, which stands in for a face that is replaced.  SKIN: of the brightness around, the skin's own edge; FOGGY:
# by so much more before the nasal bridge, where the coil's ghost is.  TRUSTED: mm, below it the mean head is too dark
# to tell its outline, and jaw and neck go on as they are drawn here.
SKIN: Final = 0.40
FOGGY: Final = (0.16, (0.0, 60.0, -28.0), (32.0, 16.0))
TRUSTED: Final = -112.0
SHADE: Final = 20.0  # mm: how far the mean head's coil shades it
RIM: Final = 3.0  # mm under the surface: nearer to it the mean of many heads has air in it
LEVEL: Final = 100  # of the shell's uint8: as bright as its surroundings are on the average
PER_MM: Final = 8.0  # of the outline's uint8 ...
ON_SURFACE: Final = 128  # ... whose skin has this ...
FAR: Final = 12.0  # mm: ... and which says no more of what is further away

# Ellipsoids (centre, semi-axes; mm, mirrored) that lie wholly inside the brain, and wholly outside of it.
INSIDE: Final = (
    ((0, -10, 18), (58, 74, 44)),
    ((30, -50, 0), (28, 34, 40)),
    ((22, -50, -36), (28, 24, 16)),
    ((0, -14, -34), (8, 8, 28)),
    ((0, -22, -56), (6, 6, 10)),
    ((44, 10, -26), (13, 18, 10)),
    ((16, 56, 2), (12, 14, 12)),
    ((8, 50, -12), (5, 14, 5)),
)
OUTSIDE: Final = (
    ((30, 66, -34), (15, 15, 13)),
    ((0, 60, -60), (30, 40, 22)),
    ((0, 34, -42), (9, 9, 6)),
    ((30, 44, -58), (14, 14, 10)),
    ((30, 0, -78), (40, 20, 14)),
    ((30, -44, -86), (36, 20, 14)),
    ((66, 10, -44), (8, 24, 8)),
    ((0, 26, -70), (30, 30, 14)),
    ((14, -2, -64), (6, 6, 8)),
    ((0, 82, -10), (10, 4, 10)),
    ((0, 8, -56), (10, 8, 10)),
    ((36, -44, -84), (14, 14, 12)),
    ((0, -58, -80), (30, 12, 14)),
    ((30, -10, -64), (14, 10, 6)),
    ((0, 68, -28), (8, 8, 8)),
    ((50, -18, -50), (12, 12, 12)),
    ((46, -14, -40), (8, 6, 5)),
)


def main(wheel: Path) -> None:
    """Read the wheel and write the files of the pack."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # sums in one order: the same bytes each time
    mean, licence = read_wheel(wheel)
    head = symmetric_head(mean)
    inside = head_mask(head)
    shown = np.where(dilated(inside, 1), np.clip(head / HEAD_WHITE, 0, 1) * 255, 0)
    brain = brain_mask(head, inside)
    PACK.mkdir(parents=True, exist_ok=True)
    write("head.nii.gz", np.rint(shown).astype(np.uint8))
    write("zones.nii.gz", zones(inside))
    write("brain.nii.gz", brain.astype(np.uint8))
    even = flattened(head, inside)
    to_shell = with_jaw(outline(even))
    deepest = PER_MM * FAR
    write("outline.nii.gz", np.rint(ON_SURFACE + np.clip(PER_MM * to_shell, -deepest, deepest)).astype(np.uint8))
    idle = (depth_in(brain) > 0) | (to_shell > FAR)  # nothing is ever replaced there
    bright = np.where(idle, 1.0, skin_deep(even, to_shell))
    write("shell.nii.gz", np.clip(np.rint(LEVEL * bright), 1, 255).astype(np.uint8))
    (PACK / "LICENSE.pydeface").write_text(licence, encoding="utf-8")
    (PACK / "pack.json").write_text(json.dumps(describe(wheel, brain), indent=1) + "\n", encoding="utf-8")
    for path in sorted(PACK.iterdir()):
        print(f"{path.stat().st_size:>8}  {path.name}")


def read_wheel(wheel: Path) -> tuple[Any, str]:
    """Take the mean head (arbitrary units, LPS as SimpleITK reads it) and the licence out of the wheel."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "head.nii.gz"
        path.write_bytes(archive.read(HEAD_IN_WHEEL))
        licence = next(name for name in archive.namelist() if name.endswith("LICENSE.txt"))
        return sitk.ReadImage(str(path), sitk.sitkFloat32), archive.read(licence).decode("utf-8")


def symmetric_head(mean: Any) -> Floats:  # noqa: ANN401 - a SimpleITK image has no type
    """Put the mid-sagittal plane at x = 0 and average the head with its mirror image.

    No registration can tell left from right, so the zones must not either.
    """
    normal, point = mid_plane(mean)
    along = np.array([1.0, 0.0, 0.0])
    axis = np.cross(along, normal)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + cross + cross @ cross / (1 + along @ normal)
    placed = sitk.AffineTransform(3)
    placed.SetMatrix(turn.ravel())
    placed.SetTranslation(point.tolist())
    grid = sitk.Image(list(SHAPE), sitk.sitkFloat32)
    grid.SetSpacing([STEP] * 3)
    # SimpleITK counts towards left and posterior: its grid runs against ours in x and y.
    far = ORIGIN + STEP * (np.array(SHAPE) - 1)
    grid.SetOrigin([-far[0], -far[1], ORIGIN[2]])
    smooth = sitk.SmoothingRecursiveGaussian(mean, 0.8)  # anti-alias: 1 mm to 2 mm
    half = array(sitk.Resample(smooth, grid, placed, sitk.sitkLinear, 0.0))[::-1, ::-1, :]
    return np.asarray((half + half[::-1]) / 2, dtype=np.float32)


def mid_plane(mean: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # noqa: ANN401 - as above
    """Find the head's mid-sagittal plane (unit normal, a point; LPS mm) by laying the head on its mirror image."""
    size = mean.GetSize()
    centre = np.array(mean.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size]))
    grid = sitk.Image([64, 75, 75], sitk.sitkFloat32)
    grid.SetSpacing([4.0] * 3)
    grid.SetOrigin((centre - 2.0 * (np.array(grid.GetSize()) - 1)).tolist())
    smooth = sitk.SmoothingRecursiveGaussian(mean, 2.0)
    mirror = sitk.AffineTransform(3)
    mirror.SetMatrix([-1, 0, 0, 0, 1, 0, 0, 0, 1])
    mirror.SetCenter(centre.tolist())
    move = sitk.Euler3DTransform()
    move.SetCenter(centre.tolist())
    search = sitk.ImageRegistrationMethod()
    search.SetMetricAsMeanSquares()
    search.SetInterpolator(sitk.sitkLinear)
    search.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 100)
    search.SetOptimizerScalesFromPhysicalShift()
    search.SetInitialTransform(move, inPlace=True)
    search.Execute(sitk.Resample(smooth, grid), sitk.Resample(smooth, grid, mirror))
    reflection = np.diag([-1.0, 1.0, 1.0]) @ np.array(move.GetMatrix()).reshape(3, 3)
    values, vectors = np.linalg.eig(reflection)
    normal = np.real(vectors[:, np.argmin(np.real(values))])
    image = np.array(mirror.TransformPoint(move.TransformPoint(centre.tolist())))
    return normal * np.sign(normal[0]), (centre + image) / 2


def head_mask(head: Floats) -> Bools:
    """Separate the head from the air and from the coil's ghost before the eyes."""
    return largest(opened(head > HEAD_FLOOR, 1))


def brain_mask(head: Floats, inside: Bools) -> Bools:
    """Draw the brain with its fluid: a watershed whose ridge is the dark skull, between marked brain and rest."""
    depth = depth_in(closed(inside, 4))
    _, _, z = points()
    outside = ellipsoids(OUTSIDE) | (z < BRAIN_BOTTOM) | ((depth < SCALP) & (z > LOWEST_SCALP)) | (depth < 0)
    brain = ellipsoids(INSIDE)
    markers = np.where(brain & ~outside, 1, np.where(outside & ~brain, 2, 0)).astype(np.uint8)
    dark = -sitk.SmoothingRecursiveGaussian(image(head), 0.7)
    basins = sitk.MorphologicalWatershedFromMarkers(dark, image(markers), markWatershedLine=False, fullyConnected=False)
    basin = array(basins) == 1
    found = closed(largest(opened(basin & (head > BONE), 2)), 3) & basin
    return np.asarray(found | found[::-1])


def zones(inside: Bools) -> NDArray[np.uint8]:
    """Draw where skin is measured (low four bits) and what is removed (bits 16 and 32), forwards without end."""
    x, y, z = points()
    side = np.abs(x)
    label = np.zeros(SHAPE, np.uint8)
    under = depth_in(closed(inside, 4))
    for name, (across, up, semi, behind, depth) in PATCHES.items():
        level, out = (side, y) if name != "ears" else (y, side)
        near_skin = (under < depth) | (z < FLOOR)  # nobody knows where the mean chin's skin lies
        label[disc(level, z, (across, up), semi) & (out > behind) & near_skin] = FEATURES[name]
    # The face goes from the brow down, from behind the globes forwards; further back as the jaw recedes.
    back = np.interp(z, [-140.0, -70.0, -50.0], [34.0, 46.0, 52.0])
    top = np.interp(y, [60.0, 90.0], [-14.0, -2.0])
    label[(y > back) & (z < top)] |= REMOVAL["face"]
    # The ear goes with a thin slice of the head under it, wherever an ear may sit; below its canal the head narrows.
    root = np.interp(z, [-84.0, -44.0, -30.0], [57.0, 64.0, 67.0])
    label[disc(y, z, EARS, (48, 54)) & (side > root)] |= REMOVAL["ears"]
    return label


def flattened(head: Floats, inside: Bools) -> Floats:
    """Even out the shading of the coil, which leaves the jaw dark: 1 is as bright as the surroundings."""
    _, _, z = points()
    seen = inside & (z >= TRUSTED - STEP)
    around = smoothed(np.where(seen, head, 0), SHADE) / np.maximum(smoothed(seen, SHADE), 0.05)
    return np.asarray(head / np.maximum(around, 1e-3), dtype=np.float32)


def outline(even: Floats) -> Floats:
    """Measure to the mean head's skin, mm, negative inside, without what ghosts before it; lids and nostrils closed.

    Done in steps of 1 mm, so that no stairs are left.  Below TRUSTED its lowest outline goes on straight.
    """
    x, y, z = points()
    more, (across, behind, up), (wide, high) = FOGGY
    ghost = more * np.exp(-(((x - across) / wide) ** 2) - ((z - up) / high) ** 2) * (y > behind)
    solid = finer(np.clip(even, 0, 1.5) - SKIN - ghost) > 0
    lowest = round(TRUSTED - ORIGIN[2])
    solid[:, :, :lowest] = False
    solid = largest(opened(solid, 1))
    solid[:, :, :lowest] = solid[:, :, [lowest]]
    solid = closed(np.pad(solid, ((0, 0), (0, 0), (0, 20))), 5)[:, :, :-20]
    level = [array(sitk.BinaryFillhole(image(solid[:, :, at]))) for at in range(solid.shape[2])]
    solid = largest(opened(array(sitk.BinaryFillhole(image(np.stack(level, axis=-1)))) > 0, 2))
    return np.asarray(smoothed(-depth_in(solid) / STEP, 1.6, 1.0)[::2, ::2, ::2])


def with_jaw(to_skin: Floats) -> Floats:
    """Draw jaw, chin and neck where the mean head ends; nobody's, but of a usual size."""
    x, y, z = points()
    down = np.maximum(TRUSTED - z, 0)
    lowest = to_skin[:, :, [round((TRUSTED - ORIGIN[2]) / STEP)]]
    narrower = 0.30 * down * (x / 50) ** 2 + 0.012 * down**2
    chin = 5.5 * np.exp(-(((down - 22) / 9) ** 2) - (x / 20) ** 2) * (y > 30)  # noqa: PLR2004 - mm, the front half
    under = down - (32 - 0.0035 * x**2) - 0.28 * np.clip(y - 80, -60, 20)
    jaw = -joined(-(lowest + narrower - chin), -under, 16)
    neck = (np.sqrt((x / 57) ** 2 + ((y + 17) / 58) ** 2) - 1) * 57
    neck = -joined(-neck, -(lowest + 0.05 * down), 8)
    share = np.clip(down / 14, 0, 1)
    share = share**2 * (3 - 2 * share)
    whole = to_skin * (1 - share) + joined(jaw, neck, 12) * share
    soft = np.clip((TRUSTED + 6 - z) / 12, 0, 1)
    return np.asarray(whole * (1 - soft) + smoothed(whole, 4.0) * soft, dtype=np.float32)


def joined(one: NDArray[Any], other: NDArray[Any], soft: float) -> NDArray[Any]:
    """Join two shapes, given by the distances to them, with a soft edge of so many mm."""
    share = np.clip(0.5 + 0.5 * (other - one) / soft, 0, 1)
    return np.asarray(other * (1 - share) + one * share - soft * share * (1 - share))


def skin_deep(even: Floats, to_shell: Floats) -> Floats:
    """Give the shell's brightness, carried on beyond its surface and, by depth alone, into jaw and neck."""
    _, _, z = points()
    trusted = (z >= TRUSTED) & (to_shell < -RIM)
    rings = np.clip(-to_shell / STEP, 0, 15).astype(int)
    near = trusted & (z < TRUSTED + 24)
    mean = np.bincount(rings[near], even[near], 16) / np.maximum(np.bincount(rings[near], minlength=16), 1)
    mean[: int(RIM / STEP) + 1] = mean[int(RIM / STEP) + 1]
    drawn = np.interp(-to_shell / STEP, np.arange(16), mean)
    weight, total = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    known = np.where(trusted, even, 0)
    for reach, share in ((2.0, 1.0), (4.0, 1e-2), (8.0, 1e-4)):
        weight += share * np.maximum(smoothed(trusted, reach), 0)
        total += share * np.maximum(smoothed(known, reach), 0)
    carried = np.where(trusted, even, total / np.maximum(weight, 1e-7))
    low = np.clip((TRUSTED + 4 - z) / 12, 0, 1)
    return np.asarray(carried * (1 - low) + drawn * low, dtype=np.float32)


def depth_in(inside: Bools) -> Floats:
    """Measure how far under the surface, mm; negative in air."""
    found = sitk.SignedMaurerDistanceMap(image(inside), insideIsPositive=True, squaredDistance=False)
    return array(found) * np.float32(STEP)


def describe(wheel: Path, brain: Bools) -> dict[str, object]:
    """Say where the pack comes from and what its numbers mean."""
    data = {name: hashlib.sha256((PACK / name).read_bytes()).hexdigest() for name in IMAGES}
    whole = hashlib.sha256("".join(data[name] for name in IMAGES).encode()).hexdigest()
    return {
        "version": VERSION,
        "digest": f"sha256:{whole}",
        "files": data,
        "source": "pydeface 2.1.0 (wheel), " + HEAD_IN_WHEEL,
        "source_digest": "sha256:" + hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "licence": "MIT (LICENSE.pydeface)",
        "made": "tools/build_template_pack.py: made symmetric, 2 mm, background zeroed; brain mask and zones our own; "
        "shell: its skin without ghosts, jaw and neck drawn",
        "shell": {"level": LEVEL, "on_surface": ON_SURFACE, "per_mm": PER_MM},
        "space": "RAS mm, mid-sagittal plane at x = 0",
        "floor_mm": FLOOR,
        "landmarks": LANDMARKS,
        "zones": {"features": FEATURES, "removal": REMOVAL},
        "brain_ml": round(float(brain.sum()) * STEP**3 / 1000),
    }


IMAGES: Final = ("head.nii.gz", "zones.nii.gz", "brain.nii.gz", "outline.nii.gz", "shell.nii.gz")


def write(name: str, data: NDArray[np.uint8]) -> None:
    """Write one image, compressed without name and time: the same bytes each time."""
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = ORIGIN
    whole = nifti.Nifti1Image(data, affine)
    whole.header.set_xyzt_units("mm")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as out:
        out.write(whole.to_bytes())
    (PACK / name).write_bytes(packed.getvalue())


def points() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the x, y, z of every voxel, mm."""
    x, y, z = (ORIGIN[axis] + STEP * np.arange(SHAPE[axis]) for axis in range(3))
    grids = np.meshgrid(x, y, z, indexing="ij")
    return grids[0], grids[1], grids[2]


def ellipsoids(shapes: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]) -> Bools:
    """Join ellipsoids and their mirror images."""
    x, y, z = points()
    joined = np.zeros(SHAPE, bool)
    for centre, axes in shapes:
        at = (np.abs(x) - centre[0], y - centre[1], z - centre[2])
        joined |= sum((part / axis) ** 2 for part, axis in zip(at, axes, strict=True)) < 1
    return joined


def disc(
    first: NDArray[np.float64], second: NDArray[np.float64], centre: tuple[float, ...], axes: tuple[float, float]
) -> Bools:
    """Fill an ellipse in two of the coordinates; it goes on without end along the third."""
    return np.asarray(((first - centre[0]) / axes[0]) ** 2 + ((second - centre[1]) / axes[1]) ** 2 < 1)


def smoothed(data: NDArray[Any], reach: float, step: float = STEP) -> Floats:
    """Blur over so many mm."""
    return array(sitk.SmoothingRecursiveGaussian(image(data.astype(np.float32)), reach / step))


def finer(data: Floats) -> Floats:
    """Put a value between every two."""
    grid = sitk.Image([2 * size - 1 for size in data.shape], sitk.sitkFloat32)
    grid.SetSpacing([0.5] * 3)
    return array(sitk.Resample(image(data), grid, sitk.Transform(), sitk.sitkBSpline, 0.0))


def image(data: NDArray[Any]) -> Any:  # noqa: ANN401 - as above
    """Hand an (x, y, z) array to SimpleITK; spacing 1."""
    return sitk.GetImageFromArray(data.astype(np.uint8 if data.dtype == bool else data.dtype).T)


def array(data: Any) -> NDArray[Any]:  # noqa: ANN401 - as above
    """Take an (x, y, z) array back."""
    return np.asarray(sitk.GetArrayFromImage(data).T)


def opened(mask: Bools, radius: int) -> Bools:
    """Cut what is thinner than the ball."""
    return array(sitk.BinaryMorphologicalOpening(image(mask), [radius] * 3)) > 0


def closed(mask: Bools, radius: int) -> Bools:
    """Fill what is narrower than the ball."""
    return array(sitk.BinaryMorphologicalClosing(image(mask), [radius] * 3)) > 0


def dilated(mask: Bools, radius: int) -> Bools:
    """Grow by the ball."""
    return array(sitk.BinaryDilate(image(mask), [radius] * 3)) > 0


def largest(mask: Bools) -> Bools:
    """Keep the largest connected piece."""
    return np.asarray(array(sitk.RelabelComponent(sitk.ConnectedComponent(image(mask)), sortByObjectSize=True)) == 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
