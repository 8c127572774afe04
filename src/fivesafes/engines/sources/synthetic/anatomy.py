"""The body in the scanner: a head with a face of its own, seen through the contrasts of three kinds of scan.

The tissue comes from the template pack's mean head (pydeface, MIT), the face from ``sculpture``; a smooth random
deformation, the head's pose, a coil's bias field and Rician noise (Gudbjartsson & Patz, Magn Reson Med 1995) make it
somebody's scan on some day.
"""

from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import SimpleITK
from attrs import frozen

from fivesafes.engines.sources.synthetic.grids import Grid
from fivesafes.engines.sources.synthetic.people import draws
from fivesafes.engines.sources.synthetic.sculpture import (
    Array,
    Block,
    drawn_features,
    sculpt_face,
    smooth_union,
)

sitk: Final[Any] = SimpleITK  # it carries no types
Image = Any

_SKIN = 32.0  # template intensity where air ends
_GOGGLES = 38.0  # somebody wore goggles when the mean head was scanned: the eye region needs a higher threshold
_TEMPLATE_BOTTOM = -118.0  # mm, RAS z; below, the mean head has been cut off
_FLESH = (170.0, 85.0)  # template intensity of fat under the skin, and of muscle
_FAT_DEPTH = 5.0  # mm
_SMEAR_MM = 4.0
_SHARPEN = 1.3
_CONTROL_MM = 34.0  # distance of the random deformation's control points
_DEFORMATION_MM = 2.2
_GREY, _WHITE = 150.0, 190.0  # template intensity, 0 to 255


@frozen(kw_only=True)
class Head:
    """One person's head: T1-like intensity and brain share, on the template's grid (SimpleITK images, float32)."""

    tissue: Image
    brain: Image


@frozen(kw_only=True)
class Pose:
    """How the head lies in the scanner on one day: turns in radians, shift in mm."""

    turns: tuple[float, float, float]
    shift: tuple[float, float, float]


def drawn_pose(seed: int, visit: int) -> Pose:
    """Draw a pose: some degrees, some millimetres."""
    rng = draws(seed, "pose", visit)
    turns = np.deg2rad(rng.normal(0, (3.0, 2.0, 3.0)))
    shift = rng.normal(0, (2.0, 3.0, 4.0))
    return Pose(turns=_three(turns), shift=_three(shift))


@lru_cache(maxsize=2)
def head_of(seed: int) -> Head:
    """Build the head of the person with that seed; takes about a second."""
    mean, brain = _template()
    block = _block_of(mean)
    sculpt_face(block, drawn_features(draws(seed, "face")))
    tissue = _tissue(_sharpened(), depth_of_face=block.depth)
    there = _deformation(mean, draws(seed, "shape"))
    return Head(
        tissue=_warped(_like(mean, tissue), there),
        brain=_warped(sitk.SmoothingRecursiveGaussian(brain, 1.4), there),
    )


def _tissue(own: Array, *, depth_of_face: Array) -> Array:
    """Lay flesh where the face stands out of the mean head, fat under the skin, and air outside."""
    mean_depth = _template_depth()
    depth = _filled(smooth_union(mean_depth, depth_of_face, blend=4.0))
    fat = np.clip((_FAT_DEPTH - depth) / 3 + 0.5, 0, 1)
    flesh = _FLESH[1] + (_FLESH[0] - _FLESH[1]) * fat
    rim = np.maximum(own, 150 * fat)
    added = np.clip((depth_of_face - np.maximum(mean_depth, 0)) / 4 + 0.5, 0, 1) * np.clip(1 - (own - 40) / 30, 0, 1)
    inside = 0.5 + 0.5 * np.tanh(depth / 2.4)
    return np.asarray(inside * (rim * (1 - added) + added * np.maximum(flesh, own)), dtype=np.float32)


def t1_weighted(head: Head, grid: Grid, *, pose: Pose, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Image the head as an MPRAGE does: bright fat and white matter.  Returns (slices, rows, columns), 0 to 4095."""
    signal = _sampled(head.tissue, grid, pose)
    return _as_stored(_with_noise(signal * _bias(grid, rng) * 4.0, sigma=9.0, rng=rng))


def bold_volumes(
    head: Head, grid: Grid, *, pose: Pose, volumes: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """Image the head as a gradient-echo EPI does: bright fluid, fat suppressed, signal lost above the sinuses.

    Returns (volumes, slices, rows, columns), 0 to 4095.
    """
    signal = _fluid_weighted(head, grid, pose) * _bias(grid, rng) * 900
    drift = 1 + 0.004 * np.sin(np.arange(volumes) / 3.0)
    stack = [_as_stored(_with_noise(signal * np.float32(level), sigma=11.0, rng=rng)) for level in drift]
    return np.stack(stack)


def diffusion_volumes(
    head: Head,
    grid: Grid,
    *,
    pose: Pose,
    gradients: tuple[tuple[float, tuple[float, float, float]], ...],
    rng: np.random.Generator,
) -> npt.NDArray[np.int16]:
    """Image the head as a spin-echo EPI with diffusion weighting does.

    ``gradients`` are b-values (s/mm²) with unit directions in the patient system.  Fibres run left to right near the
    middle and upwards at the sides.  Returns (volumes, slices, rows, columns), 0 to 4095.
    """
    signal = _fluid_weighted(head, grid, pose) * _bias(grid, rng) * 900
    tissue = _sampled(head.tissue, grid, pose)
    fluid = np.clip(1 - (tissue - 60) / 60, 0, 1) * _sampled(head.brain, grid, pose)
    sideways = np.clip(1.2 - np.abs(_column_positions(grid)) / 40, 0, 1)
    white = np.clip((tissue - _GREY) / (_WHITE - _GREY), 0, 1)
    volumes = []
    for b_value, (x, _, z) in gradients:
        along = sideways * x**2 + (1 - sideways) * z**2
        diffusivity = 0.0006 + 0.0016 * fluid + 0.0009 * white * (along - 0.33)
        weighted = signal * np.exp(-b_value * diffusivity).astype(np.float32)
        volumes.append(_as_stored(_with_noise(weighted, sigma=11.0, rng=rng)))
    return np.stack(volumes)


def phantom(grid: Grid, *, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Image a water sphere of 85 mm radius, as quality control does.  Returns (slices, rows, columns), 0 to 4095."""
    along = [np.arange(count) for count in grid.shape]
    middle = [(count - 1) / 2 for count in grid.shape]
    x, y, z = ((along[axis] - middle[axis]) * grid.spacing[axis] for axis in (2, 1, 0))
    far = np.sqrt(x[None, None, :] ** 2 + y[None, :, None] ** 2 + z[:, None, None] ** 2)
    signal = np.clip((85 - far) / 2 + 0.5, 0, 1) * 900 * _bias(grid, rng)
    return _as_stored(_with_noise(signal.astype(np.float32), sigma=8.0, rng=rng))


@cache
def _template() -> tuple[Image, Image]:
    pack = files("fivesafes.data.face").joinpath("pack")
    images = []
    for name in ("head.nii.gz", "brain.nii.gz"):
        with as_file(pack.joinpath(name)) as path:
            images.append(sitk.ReadImage(str(path), sitk.sitkFloat32))
    return images[0], images[1]


@cache
def _sharpened() -> Array:
    """Give the mean head crisper folds: averaging many heads has smeared them."""
    mean, _ = _template()
    own = sitk.GetArrayFromImage(mean)
    smeared = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(mean, _SMEAR_MM))
    return np.asarray(np.clip(own + _SHARPEN * (own - smeared), 0, 255), dtype=np.float32)


def _block_of(image: Image) -> Block:
    """Lay out the sculptor's coordinates: the pack's axes run to the right, front and top (RAS)."""
    axes = [
        image.GetSpacing()[axis] * np.arange(image.GetSize()[axis], dtype=np.float32) + sign * image.GetOrigin()[axis]
        for axis, sign in enumerate((-1, -1, 1))
    ]
    x, y, z = (axis.astype(np.float32) for axis in axes)
    return Block.empty(x=x, y=y, z=z)


@cache
def _template_depth() -> Array:
    """Tell how deep each voxel of the mean head lies: intensity above the skin's, over the slope there."""
    mean, _ = _template()
    block = _block_of(mean)
    eyes = (
        _step(block.y - 62, 4)[None, :, None]
        * (_step(block.z + 58, 3) * _step(18 - block.z, 4))[:, None, None]
        * (1 - _step(16 - np.abs(block.x), 2)[None, None, :] * _step(-30 - block.z, 3)[:, None, None])
    )
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(mean, 1.2))
    slope = np.sqrt(sum(part**2 for part in np.gradient(smooth, mean.GetSpacing()[0])))
    depth = np.clip((smooth - _SKIN - _GOGGLES * eyes) / np.maximum(slope, 5) + 2.5 * eyes, -10, 10)
    cut = 20 * _step(_TEMPLATE_BOTTOM - block.z, 2)[:, None, None]
    return np.asarray(depth - cut, dtype=np.float32)


def _step(values: Array, width: float) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(values / (2 * width)), dtype=np.float32)


def _filled(depth: Array) -> Array:
    """Close the hollows (sinuses, skull) so that only the outer skin counts as surface."""
    image = sitk.GetImageFromArray(depth)
    top = image.GetSize()[2] - 1
    air = sitk.ConnectedThreshold(image, [(0, 0, top), (image.GetSize()[0] - 1, 0, top)], -1e9, 0.0)
    near = sitk.GetArrayFromImage(sitk.BinaryDilate(air, (2, 2, 2), sitk.sitkBox)) > 0
    closed = np.where(near, depth, np.maximum(depth, 8)).astype(np.float32)
    return np.asarray(sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(closed), 0.8)))


def _like(image: Image, array: Array) -> Image:
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made


def _deformation(image: Image, rng: np.random.Generator) -> Image:
    """Draw a smooth displacement (a cubic B-spline) after a change of the head's size by some per cent."""
    extent = np.array(image.GetSize()) * image.GetSpacing()
    mesh = [max(3, round(float(mm) / _CONTROL_MM)) for mm in extent]
    bent = sitk.BSplineTransformInitializer(image, mesh)
    bent.SetParameters(rng.normal(0, _DEFORMATION_MM, len(bent.GetParameters())).tolist())
    scaled = sitk.AffineTransform(3)
    scaled.SetMatrix(np.diag(1 / np.clip(rng.normal(1, 0.025, 3), 0.95, 1.05)).ravel().tolist())
    both = sitk.CompositeTransform([bent, scaled])
    field = sitk.Image(image.GetSize(), sitk.sitkFloat32)
    field.CopyInformation(image)
    coarse = sitk.Shrink(field, [4, 4, 4])
    filter_ = sitk.TransformToDisplacementFieldFilter()
    filter_.SetReferenceImage(coarse)
    return sitk.DisplacementFieldTransform(filter_.Execute(both))


def _warped(image: Image, transform: Image) -> Image:
    return sitk.Resample(image, image, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)


def _sampled(image: Image, grid: Grid, pose: Pose) -> Array:
    """Look the image up at each voxel of the grid: (slices, rows, columns)."""
    lying = sitk.Euler3DTransform()
    lying.SetRotation(*pose.turns)
    lying.SetTranslation(pose.shift)
    frame = np.column_stack([grid.along_row, grid.along_column, grid.normal])
    sampler = sitk.ResampleImageFilter()
    sampler.SetSize(grid.shape[::-1])
    sampler.SetOutputOrigin(grid.first.tolist())
    sampler.SetOutputSpacing(grid.spacing[::-1])
    sampler.SetOutputDirection(frame.ravel().tolist())
    sampler.SetTransform(lying)
    sampler.SetInterpolator(sitk.sitkLinear)
    return np.asarray(sitk.GetArrayFromImage(sampler.Execute(image)), dtype=np.float32)


def _fluid_weighted(head: Head, grid: Grid, pose: Pose) -> Array:
    """Turn T1-like intensities into T2-like signal, 0 to 1: fluid 1, grey 0.7, white 0.55, suppressed fat 0.08."""
    tissue = _sampled(head.tissue, grid, pose)
    brain = np.clip(_sampled(head.brain, grid, pose), 0, 1)
    inside = np.interp(tissue, (40, 90, _GREY, _WHITE), (0.9, 1.0, 0.7, 0.55)).astype(np.float32)
    return np.asarray(brain * inside + (1 - brain) * tissue * np.float32(0.08 / 200), dtype=np.float32)


def _column_positions(grid: Grid) -> Array:
    """Give each column's left-right position in mm, shaped (1, 1, columns)."""
    columns = grid.first[0] + grid.along_row[0] * grid.spacing[2] * np.arange(grid.shape[2])
    return np.asarray(columns[None, None, :], dtype=np.float32)


def _bias(grid: Grid, rng: np.random.Generator) -> Array:
    """Draw a coil's smooth sensitivity: a second-order polynomial along each axis, about 1 ± 0.15."""
    field = np.ones((1, 1, 1), np.float32)
    for axis, count in enumerate(grid.shape):
        along = np.linspace(-1, 1, count, dtype=np.float32)
        linear, square = rng.normal(0, 0.05), rng.normal(0.06, 0.03)
        shape = [1, 1, 1]
        shape[axis] = count
        field = field + (np.float32(linear) * along + np.float32(square) * along**2).reshape(shape)
    return np.asarray(field, dtype=np.float32)


def _with_noise(signal: Array, *, sigma: float, rng: np.random.Generator) -> Array:
    """Take the magnitude of the signal with complex Gaussian noise."""
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def _as_stored(magnitude: Array) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(magnitude), 0, 4095).astype(np.int16)


def _three(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
