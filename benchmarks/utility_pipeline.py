"""The pipeline by which ``benchmarks.utility`` measures: brain, bias field, tissues and registrations of one image.

Nothing here knows a defacer, but that the zone which a mask names may be left out of a registration.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import SimpleITK
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.pack import template

sitk: Any = SimpleITK  # it has no types
Image = Any
Row = dict[str, Any]

NEEDED: Final = {"deepbet": "deepbet==1.0.2", "ants": "antspyx==0.6.3"}
SEED: Final = 31
WORKED_AT: Final = 2.0
"""Mm, of the mean head's voxels: whole voxels are averaged to come near it."""

N4_STEPS: Final = (50, 50, 30, 20)
MARGIN: Final = 3
"""Voxels around the brain in which tissues are looked for."""

AROUND: Final = 8
"""Voxels of the mean head that are kept around its brain."""

COARSE: Final = ((4, 3.0, 20_000), (2, 1.5, 40_000))
FINE: Final = ((2, 1.5, 40_000), (1, 0.0, 100_000))
"""Of a registration: shrink factors of the 2 mm template, smoothing (mm), and how many voxels are looked at."""

COARSE_END: Final = (0.01, 100)
FINE_END: Final = (0.001, 300)
"""The step, mm, below which a level's climb ends, and after how many steps at most."""


@frozen(kw_only=True, eq=False)
class Measured:
    """What the pipeline makes of an image.

    ``image`` and ``brain`` are on the image's own grid, ``small`` (the image) and ``field`` on voxels of about 2 mm;
    volumes are in ml; ``whole`` and ``alone``: from template to image, by the whole head and by the brain alone.
    """

    image: Image
    brain: Image
    small: Image
    field: Image
    tissues: tuple[float, float, float]
    whole: Image
    alone: Image


def steady() -> None:
    """Let every library use one thread and one seed: the same figures each time."""
    os.environ |= {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1", "ANTS_RANDOM_SEED": str(SEED)}
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    import_module("torch").set_num_threads(1)


def measure(path: Path, folder: Path) -> Measured:
    """Run the pipeline on one image."""
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    brain = _brain(path, folder)
    brain.CopyInformation(image)
    small, inside = _shrunk(image), _shrunk(brain) >= 0.5  # noqa: PLR2004 - half
    field = _field(small, inside)
    fixed = mean_head()
    return Measured(
        image=image,
        brain=brain,
        small=small,
        field=field,
        tissues=_tissues(small / field, inside, folder),
        whole=pose(fixed, small),
        alone=pose(_mean_brain(fixed), sitk.Mask(small, inside)),
    )


def _shrunk(image: Image) -> Image:
    """Average whole voxels to come near the mean head's."""
    factors = [max(1, round(WORKED_AT / step)) for step in image.GetSpacing()]
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)


def _brain(path: Path, folder: Path) -> Image:
    """Let deepbet draw the brain."""
    mask = folder / "brain.nii.gz"
    import_module("deepbet").BrainExtraction(no_gpu=True).run(str(path), mask_path=str(mask))
    return sitk.ReadImage(str(mask), sitk.sitkUInt8) > 0


def _field(small: Image, inside: Image) -> Image:
    """Let N4 (Tustison 2010) find the bias field, 1 where there is none."""
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(N4_STEPS)
    n4.Execute(sitk.Shrink(small, [2] * 3), sitk.Shrink(inside, [2] * 3))
    return sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(small), sitk.sitkFloat32))


def _tissues(evened: Image, inside: Image, folder: Path) -> tuple[float, float, float]:
    """Let Atropos (Avants 2011) share the brain among three tissues, from dark to bright: ml."""
    ants = import_module("ants")
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(inside)
    box = np.array(shape.GetBoundingBox(1)).reshape(2, 3)
    low = np.maximum(box[0] - MARGIN, 0)
    size = np.minimum(box[0] + box[1] + MARGIN, inside.GetSize()) - low
    for part, name in ((evened, "evened"), (inside, "mask")):
        sitk.WriteImage(sitk.RegionOfInterest(part, size.tolist(), low.tolist()), str(folder / f"{name}.nii.gz"))
    even, mask = (ants.image_read(str(folder / f"{name}.nii.gz")) for name in ("evened", "mask"))
    found = ants.atropos(a=even, x=mask, i="kmeans[3]", m="[0.1,1x1x1]", c="[3,0]")["probabilityimages"]
    voxel_ml = float(np.prod(evened.GetSpacing())) / 1000
    dark, middle, bright = (float(one.numpy().sum()) * voxel_ml for one in found)
    return dark, middle, bright


def pose(fixed: Image, small: Image, seen: Image | None = None) -> Image:
    """Register an image to the mean head, rigidly, then with twelve degrees of freedom; ``seen``: where to look."""
    start = sitk.CenteredTransformInitializer(
        fixed, small, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    rigid = _registered(fixed, small, start, seen, levels=COARSE, end=COARSE_END)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    return _registered(fixed, small, affine, seen, levels=FINE, end=FINE_END)


def _registered(
    fixed: Image,
    image: Image,
    start: Image,
    seen: Image | None,
    *,
    levels: tuple[tuple[int, float, int], ...],
    end: tuple[float, int],
) -> Image:
    """Climb in mutual information, from coarse to fine."""
    factors, smooth, numbers = ([*column] for column in zip(*levels, strict=True))
    voxels = fixed.GetNumberOfPixels()
    shares = [min(1.0, number * factor**3 / voxels) for factor, number in zip(factors, numbers, strict=True)]
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentagePerLevel(shares, SEED)  # it shakes the regular samples
    method.MetricUseMovingImageGradientFilterOff()
    method.SetInterpolator(sitk.sitkLinear)
    # its own limit to the gradient, 1e-4, ends the climb millimetres before the top: let the step's length end it
    method.SetOptimizerAsRegularStepGradientDescent(1.0, *end, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-8)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(factors)
    method.SetSmoothingSigmasPerLevel(smooth)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    if seen is not None:
        method.SetMetricMovingMask(seen)
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, image)
    return start


def mean_head() -> Image:
    """Give the mean head to SimpleITK, which counts to the left and to the back (LPS)."""
    head = template().head
    image = sitk.GetImageFromArray(np.ascontiguousarray(head.data.T))
    lps = np.diag([-1.0, -1.0, 1.0]) @ head.affine[:3]
    steps = np.linalg.norm(lps[:, :3], axis=0)
    image.SetSpacing(steps.tolist())
    image.SetDirection((lps[:, :3] / steps).ravel().tolist())
    image.SetOrigin(lps[:, 3].tolist())
    return image


def _mean_brain(fixed: Image) -> Image:
    """Cut the mean head down to its brain, with dark all around it."""
    index = np.argwhere(template().brain)
    low = np.maximum(index.min(axis=0) - AROUND, 0)
    size = np.minimum(index.max(axis=0) + 1 + AROUND, template().brain.shape) - low
    brain = sitk.GetImageFromArray(np.ascontiguousarray(template().brain.astype(np.uint8).T))
    brain.CopyInformation(fixed)
    return sitk.RegionOfInterest(sitk.Mask(fixed, brain), size.tolist(), low.tolist())


def compare(before: Measured, after: Measured) -> Row:
    """Say how far the second is from the first."""
    brain, other = (_array(one.brain, before.image, sitk.sitkLinear) >= 0.5 for one in (before, after))  # noqa: PLR2004 - half
    sizes = [float(np.prod(one.image.GetSpacing())) * float(_array(one.brain).sum()) / 1000 for one in (before, after)]
    inside = _array(sitk.Cast(before.brain, sitk.sitkFloat32), before.small) >= 0.5  # noqa: PLR2004 - half
    inside &= _array(sitk.Cast(after.brain, sitk.sitkFloat32), before.small) >= 0.5  # noqa: PLR2004 - half
    fields = [_array(one.field, before.small)[inside] for one in (before, after)]
    off = 100 * np.abs((fields[1] / np.median(fields[1])) / (fields[0] / np.median(fields[0])) - 1)
    changed = _array(after.image, before.image, sitk.sitkNearestNeighbor) != _array(before.image)
    return {
        "dice": 2 * float((brain & other).sum()) / float(brain.sum() + other.sum()),
        "brain_ml": sizes,
        "brain": 100 * (sizes[1] / sizes[0] - 1),
        "tissues_ml": [before.tissues, after.tissues],
        "tissues": [100 * (new / old - 1) for old, new in zip(before.tissues, after.tissues, strict=True)],
        "bias": [float(np.median(off)), float(np.percentile(off, 95))],
        "whole_mm": apart(before.whole, after.whole),
        "alone_mm": apart(before.alone, after.alone),
        "changed_ml": float((changed & brain).sum() * np.prod(before.image.GetSpacing())) / 1000,
    }


def compare_masked(before: Measured, after: Measured, mask: Path) -> Row:
    """Say what registration makes of the defaced and of the original head where the mask's zone is not looked at."""
    gone = sitk.ReadImage(str(mask), sitk.sitkFloat32)
    gone.CopyInformation(after.image)
    seen = _shrunk(gone) <= 0
    fixed = mean_head()
    masked, blind = (pose(fixed, one.small, seen) for one in (after, before))
    return {
        "masked_mm": apart(before.whole, masked),
        "blind_mm": apart(before.whole, blind),
        "both_mm": apart(blind, masked),
    }


def _array(image: Image, onto: Image | None = None, kind: int = sitk.sitkLinear) -> NDArray[Any]:
    """Take an image as numbers, on another's grid where that is asked."""
    numbers = sitk.Cast(image, sitk.sitkFloat32)
    return np.asarray(
        sitk.GetArrayFromImage(numbers if onto is None else sitk.Resample(numbers, onto, sitk.Transform(), kind))
    )


def apart(one: Image, other: Image) -> float:
    """Say how far apart two registrations put the points of the mean head's brain: root mean square, mm."""
    return float(np.sqrt(((_points(one) - _points(other)) ** 2).sum(axis=1).mean()))


def _points(found: Image) -> NDArray[np.float64]:
    grid = template().grid
    index = np.argwhere(template().brain)[::50]
    points = (index @ grid.affine[:3, :3].T + grid.affine[:3, 3]) * [-1.0, -1.0, 1.0]
    return np.array([found.TransformPoint(point) for point in points.tolist()])
