"""A synthetic head: the template's, bent and made noisy, with what it was made from carried along as the truth."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from fivesafes.data.face import locate
from fivesafes.data.face.pack import template

sitk: Any = SimpleITK
nib: Any = nibabel
CHIN = 18  # slices of 2 mm that the cut neck and jaw are made to go on


Writer = Callable[..., Path]
Head = Mapping[str, NDArray[Any]]
"""(I, J, K) on a 2 mm grid: ``data`` 0 to 255 with noise; the truth: ``features`` (labels), ``brain``; ``affine``."""


@pytest.fixture(scope="session")
def synthetic_head() -> Head:
    """Bend the template smoothly by some millimetres, let chin and neck go on, and add Rician noise."""
    pack = template()
    rng = np.random.default_rng(20)
    head = pack.head.data.copy()
    lowest = int(np.argmax(head.any(axis=(0, 1)))) + 2
    for step in range(1, CHIN):
        keep = slice(0, 118 - step // 3)
        head[:, keep, lowest - step] = head[:, keep, lowest]
    field = _field(rng, head.shape)
    low = lowest - CHIN - 4
    bent = _warped(head, field, sitk.sitkLinear)[:, :, low:]
    noisy = np.hypot(bent + rng.normal(0, 3, bent.shape), rng.normal(0, 3, bent.shape))
    affine = np.asarray(pack.affine, dtype=np.float64).copy()
    affine[2, 3] += 2.0 * low
    return {
        "data": noisy.astype(np.float32),
        "features": _warped(pack.features, field, sitk.sitkNearestNeighbor)[:, :, low:],
        "brain": _warped(pack.brain.astype(np.uint8), field, sitk.sitkNearestNeighbor)[:, :, low:] > 0,
        "affine": affine,
    }


@pytest.fixture(scope="session")
def write_image(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    """Give a writer of NIfTI files: (name, data, affine) → path."""
    folder = tmp_path_factory.mktemp("scans")

    def write(name: str, data: NDArray[Any], affine: NDArray[Any]) -> Path:
        path = folder / name
        nib.save(nib.Nifti1Image(data, affine), path)
        return path

    return write


@pytest.fixture(scope="session")
def head_file(synthetic_head: Head, write_image: Writer) -> Path:
    """Write the synthetic head as a scanner's T1w would be: int16."""
    return write_image(
        "sub-x_T1w.nii.gz", np.rint(synthetic_head["data"] * 4).astype(np.int16), synthetic_head["affine"]
    )


@pytest.fixture(scope="session", autouse=True)
def few_starts() -> Iterator[None]:
    """Search from four coarse starts instead of fifty: all heads here but one lie nearly straight."""
    whole = locate.turns
    patch = pytest.MonkeyPatch()
    patch.setattr(locate, "turns", lambda: [whole()[number] for number in (0, 1, 2, 6)])
    yield
    patch.undo()


def _field(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - a SimpleITK image has no type
    """Draw a smooth displacement, voxels, of about 1.5 (3 mm) at its knots."""
    knots = sitk.GetImageFromArray(rng.normal(0, 1.5, (5, 5, 5, 3)), isVector=True)
    size = shape  # SimpleITK counts (x, y, z) here too
    knots.SetSpacing([(count - 1) / 4 for count in size])
    return sitk.Resample(knots, list(size), sitk.Transform(), sitk.sitkLinear, [0, 0, 0], [1, 1, 1])


def _warped(data: NDArray[Any], field: Any, kind: int) -> NDArray[Any]:  # noqa: ANN401 - as above
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    bend = sitk.DisplacementFieldTransform(sitk.Image(field))
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, image, bend, kind))).T
