"""What defacing costs those who come after: brain mask, tissue volumes, bias field and registration, before and after.

Usage: python -m benchmarks.utility HEAD… [--only NAME …] [--change NAME] [--json FILE]

Each HEAD (NIfTI) is defaced in every mode of the embedded engine and by every other engine that is installed.  Then
original and defaced go through the same pipeline, which knows nothing of the defacer: the brain by deepbet; inside it
the bias field by N4, at a quarter of the resolution; three tissues by Atropos in the evened image (k-means, then a
Markov field; volumes are sums of probabilities); and an affine registration of the whole image to the program's own
mean head by SimpleITK (mutual information).  ``deepbet`` and ``antspyx`` are not the project's dependencies: install
them first.  ``--change``: of each head, which must be ds000031's sub-01, take this variant of ``benchmarks.defacing``.

The yardstick are rows in which nobody was defaced: the same head with noise of 1 % of its brightest tissue, and the
same head sampled half a voxel further along each axis.

A row: the answer; Dice of both brain masks and the change of the brain's volume (%); the change of the dark, middle and
bright tissue (%; of T1w: CSF, grey and white matter); how far the bias field is off inside the brain (median and 95th
percentile, %, after both are scaled to the same median); how far apart both registrations put the brain's points (root
mean square, mm); and how much of the original's brain mask has other numbers (ml).
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import SimpleITK
from attrs import frozen
from benchmarks.defacing import KNOWN
from numpy.typing import NDArray
from tests.heads.made import write
from tests.heads.truth import ds031
from tests.heads.variants import variants

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.pack import template
from fivesafes.data.model import Defaced, FaceMode

sitk: Any = SimpleITK  # it has no types
Image = Any
Row = dict[str, Any]

NEEDED: Final = {"deepbet": "deepbet==1.0.2", "ants": "antspyx==0.6.3"}
MODES: Final = (FaceMode.REMOVE, FaceMode.REFACE, FaceMode.REFACE_PLUS, FaceMode.SKULL_STRIP)
NOISE: Final = 0.01
SEED: Final = 31
SHRINK: Final = 4
MARGIN: Final = 3
"""Voxels around the brain in which tissues are looked for."""

COARSE: Final = ((4, 3.0), (2, 1.5))
FINE: Final = ((4, 3.0), (2, 1.5), (1, 0.0))
"""Of the registration: shrink factors of the 2 mm template, and smoothing, mm."""

TITLE: Final = (
    f"{'head':<14} {'what':<20} {'answer':<12}   Dice  brain%   dark%    mid% bright%  bias%  p95%    mm  other ml"
)


@frozen(kw_only=True, eq=False)
class Measured:
    """What the pipeline makes of an image: all on the image's own grid, volumes in ml."""

    image: Image
    brain: Image
    field: Image
    tissues: tuple[float, float, float]
    pose: Image
    """From template to image."""


def main() -> int:
    """Print a row per head and way to deface it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("heads", nargs="+", type=Path)
    words.add_argument("--only", nargs="*", default=())
    words.add_argument("--change", default="", choices=["", *(one.name for one in variants())], metavar="NAME")
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        print(f"to measure with, this needs: pip install {' '.join(missing)}", file=sys.stderr)
        return 1
    _alone()
    print(TITLE)
    rows: list[Row] = []
    for head in given.heads:
        with tempfile.TemporaryDirectory() as folder:
            path = _changed(head, given.change, Path(folder)) if given.change else head
            for row in _rows(path, Path(folder), given.only):
                rows.append(row)
                print(_line(row), flush=True)
                if given.json:
                    given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _alone() -> None:
    """Let every library use one thread and one seed: the same figures each time."""
    os.environ |= {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1", "ANTS_RANDOM_SEED": str(SEED)}
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    import_module("torch").set_num_threads(1)


def _changed(head: Path, name: str, folder: Path) -> Path:
    """Write the variant of that name."""
    variant = next(one for one in variants() if one.name == name)
    return write(variant.of(ds031(head, KNOWN / "ds031_brain.nii.gz")), folder, name)


def _rows(head: Path, folder: Path, only: list[str]) -> Iterator[Row]:
    """Measure the original, then whatever it became."""
    before = measure(head, folder)
    for name, answer, path in _ways(head, folder, only):
        row: Row = {"head": head.name.partition(".")[0], "what": name, "answer": answer}
        yield row if path is None else row | compare(before, measure(path, folder))


def _ways(head: Path, folder: Path, only: list[str]) -> Iterator[tuple[str, str, Path | None]]:
    """Make each image that is to be compared: its name, the answer, the file."""

    def asked(name: str) -> bool:
        return not only or any(name.startswith(start) for start in only)

    for name, make in (("retest: noise", _noisy), ("retest: half a voxel", _moved)):
        if asked(name):
            path = folder / f"{make.__name__}.nii.gz"
            sitk.WriteImage(make(sitk.ReadImage(str(head), sitk.sitkFloat32)), str(path))
            yield name, "not defaced", path
    for mode in MODES:
        if asked(mode.value):
            yield _told(mode.value, deface_image(head, into=folder / mode.value, mode=mode))
    for name, defacer in _others():
        if asked(name):
            yield _told(name, defacer.deface(head, into=folder / name, mode=FaceMode.REMOVE))


def _others() -> Iterator[tuple[str, Any]]:
    """Give the engines besides the embedded one that are installed and remove faces."""
    for point in sorted(entry_points(group="fivesafes.defacers"), key=lambda one: one.name):
        defacer = point.load()()
        if point.name != "embedded" and defacer.missing() is None and FaceMode.REMOVE in defacer.modes:
            yield point.name, defacer


def _told(name: str, done: Defaced) -> tuple[str, str, Path | None]:
    instead = "" if name in {done.mode.value, done.engine} else f" ({done.mode.value})"
    return name, done.status.value + instead, done.image


def _noisy(image: Image) -> Image:
    """Add noise as a magnitude image has it."""
    data = sitk.GetArrayFromImage(image)
    sigma = NOISE * float(np.percentile(data[data > data.mean()], 98))
    chance = np.random.default_rng(SEED)
    real, other = (chance.normal(0, sigma, data.shape) for _ in range(2))
    noisy = sitk.GetImageFromArray(np.hypot(data + real, other).astype(np.float32))
    noisy.CopyInformation(image)
    return noisy


def _moved(image: Image) -> Image:
    """Sample the head half a voxel further along each axis, where it lies: its grid moves, it does not."""
    grid = sitk.Image(image.GetSize(), sitk.sitkFloat32)
    grid.CopyInformation(image)
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([0.5, 0.5, 0.5]))
    return sitk.Maximum(sitk.Resample(image, grid, sitk.Transform(), sitk.sitkBSpline), 0.0)


def measure(path: Path, folder: Path) -> Measured:
    """Run the pipeline on one image."""
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    brain = _brain(path, folder)
    field = _field(image, brain)
    return Measured(
        image=image, brain=brain, field=field, tissues=_tissues(image / field, brain, folder), pose=_pose(image)
    )


def _brain(path: Path, folder: Path) -> Image:
    """Let deepbet draw the brain."""
    mask = folder / "brain.nii.gz"
    import_module("deepbet").BrainExtraction(no_gpu=True).run(str(path), mask_path=str(mask))
    return sitk.ReadImage(str(mask), sitk.sitkUInt8) > 0


def _field(image: Image, brain: Image) -> Image:
    """Let N4 (Tustison 2010) find the bias field, 1 where there is none."""
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50, 50, 50, 50])
    mask = sitk.Cast(brain, sitk.sitkUInt8)
    mask.CopyInformation(image)
    n4.Execute(sitk.Shrink(image, [SHRINK] * 3), sitk.Shrink(mask, [SHRINK] * 3))
    return sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(image), sitk.sitkFloat32))


def _tissues(image: Image, brain: Image, folder: Path) -> tuple[float, float, float]:
    """Let Atropos (Avants 2011) share the brain among three tissues, from dark to bright: ml."""
    ants = import_module("ants")
    mask = sitk.Cast(brain, sitk.sitkUInt8)
    mask.CopyInformation(image)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    box = np.array(shape.GetBoundingBox(1)).reshape(2, 3)
    low = np.maximum(box[0] - MARGIN, 0)
    size = np.minimum(box[0] + box[1] + MARGIN, mask.GetSize()) - low
    for part, name in ((image, "evened"), (mask, "mask")):
        sitk.WriteImage(sitk.RegionOfInterest(part, size.tolist(), low.tolist()), str(folder / f"{name}.nii.gz"))
    evened, inside = (ants.image_read(str(folder / f"{name}.nii.gz")) for name in ("evened", "mask"))
    found = ants.atropos(a=evened, x=inside, i="kmeans[3]", m="[0.1,1x1x1]", c="[3,0]")["probabilityimages"]
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    dark, middle, bright = (float(one.numpy().sum()) * voxel_ml for one in found)
    return dark, middle, bright


def _pose(image: Image) -> Image:
    """Register the whole image to the mean head: rigidly, then with twelve degrees of freedom."""
    fixed = _mean_head()
    start = sitk.CenteredTransformInitializer(
        fixed, image, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    rigid = _registered(fixed, image, start, COARSE)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    return _registered(fixed, image, affine, FINE)


def _registered(fixed: Image, image: Image, start: Image, levels: tuple[tuple[int, float], ...]) -> Image:
    """Climb in mutual information, from coarse to fine."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.2, SEED)  # it shakes the regular samples
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([factor for factor, _ in levels])
    method.SetSmoothingSigmasPerLevel([smooth for _, smooth in levels])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, image)
    return start


def _mean_head() -> Image:
    """Give the mean head to SimpleITK, which counts to the left and to the back (LPS)."""
    head = template().head
    image = sitk.GetImageFromArray(np.ascontiguousarray(head.data.T))
    lps = np.diag([-1.0, -1.0, 1.0]) @ head.affine[:3]
    steps = np.linalg.norm(lps[:, :3], axis=0)
    image.SetSpacing(steps.tolist())
    image.SetDirection((lps[:, :3] / steps).ravel().tolist())
    image.SetOrigin(lps[:, 3].tolist())
    return image


def compare(before: Measured, after: Measured) -> Row:
    """Say how far the second is from the first."""
    brain, other = (_array(one.brain, before.image, sitk.sitkLinear) >= 0.5 for one in (before, after))  # noqa: PLR2004 - half
    sizes = [float(np.prod(one.image.GetSpacing())) * float(_array(one.brain).sum()) / 1000 for one in (before, after)]
    fields = [_array(one.field, before.image, sitk.sitkLinear)[brain & other] for one in (before, after)]
    off = 100 * np.abs((fields[1] / np.median(fields[1])) / (fields[0] / np.median(fields[0])) - 1)
    changed = _array(after.image, before.image, sitk.sitkNearestNeighbor) != _array(before.image)
    return {
        "dice": 2 * float((brain & other).sum()) / float(brain.sum() + other.sum()),
        "brain_ml": sizes,
        "brain": 100 * (sizes[1] / sizes[0] - 1),
        "tissues_ml": [before.tissues, after.tissues],
        "tissues": [100 * (new / old - 1) for old, new in zip(before.tissues, after.tissues, strict=True)],
        "bias": [float(np.median(off)), float(np.percentile(off, 95))],
        "apart_mm": _apart(before.pose, after.pose),
        "changed_ml": float((changed & brain).sum() * np.prod(before.image.GetSpacing())) / 1000,
    }


def _array(image: Image, onto: Image | None = None, kind: int = sitk.sitkLinear) -> NDArray[Any]:
    """Take an image as numbers, on another's grid where that is asked."""
    numbers = sitk.Cast(image, sitk.sitkFloat32)
    return np.asarray(
        sitk.GetArrayFromImage(numbers if onto is None else sitk.Resample(numbers, onto, sitk.Transform(), kind))
    )


def _apart(one: Image, other: Image) -> float:
    """Say how far apart two registrations put the points of the mean head's brain: root mean square, mm."""
    grid = template().grid
    index = np.argwhere(template().brain)[::50]
    points = (index @ grid.affine[:3, :3].T + grid.affine[:3, 3]) * [-1.0, -1.0, 1.0]
    both = [np.array([pose.TransformPoint(point) for point in points.tolist()]) for pose in (one, other)]
    return float(np.sqrt(((both[0] - both[1]) ** 2).sum(axis=1).mean()))


def _line(row: Row) -> str:
    start = f"{row['head']:<14} {row['what']:<20} {row['answer']:<12}"
    if "dice" not in row:
        return start
    tissues = " ".join(f"{share:+7.2f}" for share in row["tissues"])
    bias = f"{row['bias'][0]:6.2f} {row['bias'][1]:5.2f}"
    brain, rest = f"{row['dice']:.4f} {row['brain']:+7.3f}", f"{row['apart_mm']:5.2f} {row['changed_ml']:9.3f}"
    return f"{start} {brain} {tissues} {bias} {rest}"


if __name__ == "__main__":
    sys.exit(main())
