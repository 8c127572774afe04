"""Climb from a pose to a better one: SimpleITK's search by mutual information, with what makes it go right set once.

The measure is Mattes mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072): it asks only that the same
tissue looks alike within one image, so T1, T2, FLAIR and others fit the same T1 template, and one another.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from attrs import frozen

from fivesafes.data.face.itk import Affine, Bools, Volume, sitk, to_itk

RADIUS: Final = 80.0
"""Millimetres in the unit that the search works in, about a head's radius: a step of the same size in a matrix entry
and in a shift then moves the head's surface about equally far, and the descent needs no other scaling."""

BINS: Final = 32


def turning() -> Any:  # noqa: ANN401 - a SimpleITK transform has no type
    """Shift and turn (six degrees of freedom)."""
    return sitk.VersorRigid3DTransform()


def growing() -> Any:  # noqa: ANN401 - as above
    """Shift, turn and grow (seven)."""
    return sitk.Similarity3DTransform()


def scaling() -> Any:  # noqa: ANN401 - as above
    """Shift, turn, and stretch along each axis (nine)."""
    return sitk.ScaleVersor3DTransform()


def stretching() -> Any:  # noqa: ANN401 - as above
    """Shift, turn, stretch and shear (twelve)."""
    return sitk.AffineTransform(3)


@frozen(kw_only=True)
class Stage:
    """One climb: ``shrink`` of the 2 mm grids, how many ``samples`` to look at, and its steps in mm.

    ``moves``: what a step may do.
    """

    shrink: int
    samples: int
    steps: int
    first: float
    last: float
    relax: float = 0.6
    moves: Callable[[], Any] = growing


class Level:
    """One stage of a search: ``still``, of which what is ``where`` is looked for in ``scan``, and how to climb."""

    def __init__(self, still: Volume, scan: Volume, where: Bools, stage: Stage) -> None:
        """Shrink both, and set the search up; ``where``: on the still image's grid."""
        self.stage, self.still, self.scan = stage, _shrunk(still, stage.shrink), _shrunk(scan, stage.shrink)
        self.centre = (centre_of(still) / RADIUS).tolist()
        mask = _in_radii(sitk.Shrink(to_itk(where, still.grid), [stage.shrink] * 3))
        search = sitk.ImageRegistrationMethod()
        search.SetMetricAsMattesMutualInformation(BINS)
        search.SetInterpolator(sitk.sitkLinear)
        search.SetMetricFixedMask(mask)
        search.SetMetricSamplingStrategy(search.REGULAR)
        # "Regular" samples are jittered: without a seed of our own they would differ from run to run.
        search.SetMetricSamplingPercentage(min(1.0, stage.samples / float(np.prod(mask.GetSize()))), 1)
        search.SetNumberOfThreads(1)
        search.MetricUseMovingImageGradientFilterOff()
        search.MetricUseFixedImageGradientFilterOff()
        first, last = stage.first / RADIUS, stage.last / RADIUS
        search.SetOptimizerAsRegularStepGradientDescent(first, last, stage.steps, stage.relax, 1e-8)
        self.search = search

    def climb(self, affine: Affine) -> tuple[float, Affine] | None:
        """Improve a pose; lower is better; None when all overlap is lost.

        The search starts at "no change" and the pose so far stands behind it: a rotation that is itself searched for
        has no way on at half a turn.
        """
        change = self.stage.moves()
        change.SetCenter(self.centre)
        self.search.SetMovingInitialTransform(_transform(affine))
        self.search.SetOptimizerScales([1.0] * len(change.GetParameters()))
        self.search.SetInitialTransform(change, inPlace=True)
        try:
            self.search.Execute(self.still, self.scan)
            value = float(self.search.GetMetricValue())
        except RuntimeError:  # "all samples map outside"
            return None
        found = affine @ _matrix(change)
        return (value, found) if np.isfinite(found).all() else None

    def ranked(self, starts: list[Affine]) -> list[Affine]:
        """Climb from each start and rank what was reached; ties go by order."""
        return ranked(found for found in map(self.climb, starts) if found is not None)


def apart(one: Affine, other: Affine) -> float:
    """Measure how far two poses are apart over the surface of a head, root mean square, mm."""
    turned = (one - other)[:3, :3] * RADIUS / np.sqrt(3)
    return float(np.sqrt((turned**2).sum() + ((one - other)[:3, 3] ** 2).sum()))


def ranked(reached: Iterable[tuple[float, Affine]]) -> list[Affine]:
    """Rank what was reached; ties go by order."""
    return [affine for _, affine in sorted(reached, key=lambda pair: pair[0])]


def _transform(affine: Affine) -> Any:  # noqa: ANN401 - a SimpleITK transform has no type
    """Write a (4, 4) matrix in mm as a transform in units of RADIUS."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(affine[:3, :3].ravel().tolist())
    transform.SetTranslation((affine[:3, 3] / RADIUS).tolist())
    return transform


def _matrix(transform: Any) -> Affine:  # noqa: ANN401 - a SimpleITK transform has no type
    """Write a linear transform in units of RADIUS as a (4, 4) matrix in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix[:3, 3] = RADIUS * (shift + centre - matrix[:3, :3] @ centre)
    return matrix


def centre_of(volume: Volume) -> Affine:
    """Find the centre of mass, RAS mm."""
    weights = volume.data.astype(np.float64)
    total = weights.sum()
    index = [
        float((weights.sum(axis=tuple(set(range(3)) - {axis})) * np.arange(weights.shape[axis])).sum() / total)
        for axis in range(3)
    ]
    return np.asarray(volume.affine[:3, :3] @ index + volume.affine[:3, 3])


def _shrunk(volume: Volume, factor: int) -> Any:  # noqa: ANN401
    """Average blocks of voxels, in units of RADIUS."""
    image = to_itk(volume.data, volume.grid)
    return _in_radii(image if factor == 1 else sitk.BinShrink(image, [factor] * 3))


def _in_radii(image: Any) -> Any:  # noqa: ANN401
    """Measure the image's world in RADIUS instead of mm."""
    image.SetSpacing([step / RADIUS for step in image.GetSpacing()])
    image.SetOrigin([place / RADIUS for place in image.GetOrigin()])
    return image
