"""A defacer that cuts by a plane in the world, and what must be true of DICOM that it was used on: by pydicom alone."""

from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from fivesafes.data.face.dicom.gather import Series, gather
from fivesafes.data.face.dicom.series import DefacedSeries, deface_series
from fivesafes.data.face.stored import Stored, read_stored
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Residual

nib: Any = nibabel  # it has no types
REMOVED = FaceEvidence(
    mutual_information=0.4, residual=Residual(eyes=0.0, nose=0.0, mouth=0.0, chin=0.0, ears=0.0), brain_voxels_altered=0
)


class Frontal:
    """Removes what lies in front of a plane in the world, so that where it cuts can be told without it."""

    name: ClassVar[str] = "frontal"
    status: FaceStatus = FaceStatus.DEFACED
    plane = 60.0  # mm, RAS y

    def missing(self) -> str | None:
        """Lack nothing."""
        return None

    def version(self) -> str:
        """Have a version."""
        return "1"

    def instead(self, stored: Stored, count: int) -> Any:  # noqa: ANN401 - a number, or one for each voxel
        """Give what stands in place of the face: what means 0."""
        return stored.stored_value(0.0)

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Set everything in front of the plane to something else."""
        into.mkdir()
        loaded = nib.load(image)
        grid = np.indices(loaded.shape[:3]).reshape(3, -1)
        front = (loaded.affine[:3, :3] @ grid + loaded.affine[:3, 3:])[1] > self.plane
        removed = front.reshape(loaded.shape[:3])
        stored = read_stored(image)
        voxels = np.array(stored.voxels[..., 0])
        voxels[removed] = self.instead(stored, int(removed.sum()))
        written = nib.Nifti1Image(voxels, loaded.affine)
        written.header.set_slope_inter(stored.slope, stored.intercept)
        nib.save(written, into / image.name)
        nib.save(nib.Nifti1Image(removed.astype(np.uint8), loaded.affine), into / "twin_mask.nii")
        return Defaced(
            status=self.status,
            image=None if mode is FaceMode.MASK else into / image.name,
            mask=into / "twin_mask.nii",
            engine=self.name,
            engine_version=self.version(),
            mode=mode,
            evidence=REMOVED,
            why="" if self.status is FaceStatus.DEFACED else "a reason",
        )


def one_series(folder: Path) -> Series:
    """Give the one series of a folder."""
    (series,) = gather(folder).series
    return series


def defaced(
    folder: Path, into: Path, *, mode: FaceMode = FaceMode.REMOVE, defacer: Frontal | None = None
) -> DefacedSeries:
    """Deface the one series of a folder with the plane."""
    into.mkdir()
    return deface_series(one_series(folder), into=into, defacer=defacer or Frontal(), mode=mode)


def numbers(dataset: Dataset) -> NDArray[Any]:
    """Read the stored numbers of an object with pydicom, (frames, rows, columns)."""
    for keyword, kind in (("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")):
        if keyword in dataset:
            flat = np.frombuffer(dataset[keyword].value, kind)
            return flat.reshape(-1, dataset.Rows, dataset.Columns)
    return np.atleast_3d(dataset.pixel_array).reshape(-1, dataset.Rows, dataset.Columns)


def places(dataset: Dataset) -> list[tuple[Dataset, Dataset, Dataset, float, float]]:
    """Read from each frame where it lies and how its numbers are read, with pydicom."""
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        return [(dataset, dataset, dataset, dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0))]
    (shared,) = dataset.SharedFunctionalGroupsSequence
    groups = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    found = []
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        place, way, pixel = ((frame.get(group) or shared.get(group))[0] for group in groups)
        transform = (frame.get("PixelValueTransformationSequence") or shared.get("PixelValueTransformationSequence"))[0]
        found.append((place, way, pixel, transform.RescaleSlope, transform.RescaleIntercept))
    return found


def front(dataset: Dataset, plane: float = Frontal.plane) -> NDArray[np.bool_]:
    """Say of each pixel, (frames, rows, columns), whether it lies in front of the plane, as DICOM places it."""
    rows, columns = np.mgrid[0 : dataset.Rows, 0 : dataset.Columns]
    frames = []
    for position, orientation, measures, _, _ in places(dataset):
        along_row, along_column = np.array(orientation.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = map(float, measures.PixelSpacing)
        y = (
            float(position.ImagePositionPatient[1])
            + along_row[1] * between_columns * columns
            + along_column[1] * between_rows * rows
        )
        frames.append(-y > plane)
    return np.stack(frames)


def assert_front_alone_is_gone(before: Path, after: Path, *, slack: float = 0.01, plane: float = Frontal.plane) -> None:
    """In front of the plane stands what means 0; behind it each number is what it was."""
    old, new = dcmread(before), dcmread(after)
    one, other = numbers(old), numbers(new)
    sure, maybe = front(old, plane + slack), front(old, plane - slack)
    assert np.array_equal(one[~maybe], other[~maybe])
    for frame, (_, _, _, slope, intercept) in enumerate(places(old)):
        meant = other[frame][sure[frame]] * float(slope) + float(intercept)
        least = (0 if old.get("PixelRepresentation", 0) == 0 else -(2 ** (old.get("BitsStored", 16) - 1))) * float(
            slope
        )
        assert np.allclose(meant, max(0.0, least + float(intercept)), atol=float(slope) / 2 + 1e-6)


def every_file(folder: Path, result: DefacedSeries) -> list[tuple[Path, Path]]:
    """Pair the originals with what was written of them."""
    assert result.defaced.image is not None
    return [
        (path, result.defaced.image / path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()
    ]


def check(folder: Path, result: DefacedSeries, *, slack: float = 0.01) -> None:
    """See that the series is defaced, and that this is true of each file."""
    assert result.defaced.status is FaceStatus.DEFACED, result.defaced.why
    pairs = every_file(folder, result)
    for before, after in pairs:
        assert_front_alone_is_gone(before, after, slack=slack)
    assert any(front(dcmread(before)).any() for before, _ in pairs)
