"""Stands in for FSL's flirt where FSL can't be installed, so that real pydeface can be run beside the others.

It knows the words that pydeface gives (through nipype): ``-in -ref -out -omat [-cost] [-applyxfm -init]``, registers
with SimpleITK in twelve degrees of freedom from one start, and resamples linearly.  It is not FLIRT: its time and its
failures say nothing of FSL's.  The matrix it writes is its own (between physical points), for itself to read again.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

sitk: Any = SimpleITK
STEP = 3.0


def main() -> None:
    """Register, or apply what was found before; write the moving image on the reference's grid."""
    words = argparse.ArgumentParser(prog="flirt")
    for name in ("in", "ref", "out", "omat", "init", "cost"):
        words.add_argument(f"-{name}")
    words.add_argument("-applyxfm", action="store_true")
    given = vars(words.parse_known_args()[0])
    reference = sitk.ReadImage(given["ref"], sitk.sitkFloat32)
    moving = sitk.ReadImage(given["in"], sitk.sitkFloat32)
    found = np.loadtxt(given["init"]) if given["applyxfm"] else registered(_small(reference), _small(moving))
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(found[:3, :3].ravel().tolist())
    transform.SetTranslation(found[:3, 3].tolist())
    if given["omat"]:
        np.savetxt(given["omat"], found)
    if given["out"]:
        name = given["out"] if Path(given["out"]).suffix else f"{given['out']}.nii.gz"
        sitk.WriteImage(sitk.Resample(moving, reference, transform, sitk.sitkLinear, 0.0), name)


def registered(reference: Any, moving: Any) -> np.ndarray:  # noqa: ANN401 - a SimpleITK image has no type
    """Find the matrix from the reference's points to the moving image's: rigid from the centres, then affine."""
    start = sitk.CenteredTransformInitializer(
        reference, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    rigid = _climbed(reference, moving, start)
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine.SetCenter(rigid.GetCenter())
    affine = _climbed(reference, moving, affine)
    matrix, centre = np.eye(4), np.array(affine.GetCenter())
    matrix[:3, :3] = np.array(affine.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = np.array(affine.GetTranslation()) + centre - matrix[:3, :3] @ centre
    return matrix


def _climbed(reference: Any, moving: Any, start: Any) -> Any:  # noqa: ANN401 - as above
    search = sitk.ImageRegistrationMethod()
    search.SetMetricAsMattesMutualInformation(32)
    search.SetMetricSamplingStrategy(search.REGULAR)
    search.SetMetricSamplingPercentage(0.3, 1)
    search.SetInterpolator(sitk.sitkLinear)
    search.SetOptimizerAsRegularStepGradientDescent(4.0, 0.01, 200, 0.7)
    search.SetOptimizerScalesFromPhysicalShift()
    search.SetShrinkFactorsPerLevel([3, 1])
    search.SetSmoothingSigmasPerLevel([2, 0])
    search.SetNumberOfThreads(1)
    search.SetInitialTransform(start, inPlace=True)
    search.Execute(reference, moving)
    return start


def _small(image: Any) -> Any:  # noqa: ANN401 - as above
    factors = [max(1, round(STEP / step)) for step in image.GetSpacing()]
    return sitk.BinShrink(image, factors)


if __name__ == "__main__":
    main()
