"""DICOM series made of a head: sliced in any direction, evenly or not, and stored in the ways that scanners store.

A head is numbers (I, J, K) with an affine to RAS mm.  Nothing here comes from the program that is tested.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import SimpleITK
from attrs import frozen
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    ParametricMapStorage,
)

sitk: Any = SimpleITK  # it has no types
Numbers = NDArray[Any]
Affine = NDArray[np.float64]
Change = Callable[[Dataset, int], None]
"""Changes the data set of the slice of that number before it is written."""

PLANES: Final = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Where columns and rows grow, LPS."""

FLIP: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
ROOT: Final = "1.2.826.0.1.3680043.8.498.7"


@frozen(kw_only=True, eq=False)
class Sliced:
    """A head in slices: ``data`` (slices, rows, columns); where the first pixel of each slice lies, LPS mm."""

    data: Numbers
    positions: NDArray[np.float64]
    along: tuple[NDArray[np.float64], NDArray[np.float64]]
    pixel: tuple[float, float]

    def some(self, which: Sequence[int]) -> "Sliced":
        """Take some of the slices."""
        return Sliced(
            data=self.data[list(which)], positions=self.positions[list(which)], along=self.along, pixel=self.pixel
        )


def sliced(
    head: Numbers,
    affine: Affine,
    *,
    plane: str = "axial",
    pixel: float = 2.0,
    apart: float | Sequence[float] = 2.0,
    tilt: float = 0.0,
    turn: Affine | None = None,
) -> Sliced:
    """Slice a head.  ``apart``: mm between slices (or each of the gaps in turn); ``tilt``: degrees, as of a gantry."""
    rotation = np.eye(3) if turn is None else turn[:3, :3]
    along_row, along_column = (rotation @ np.array(way) for way in PLANES[plane])
    normal = np.cross(along_row, along_column)
    way = normal + np.tan(np.radians(tilt)) * along_column
    world = FLIP @ affine
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in head.shape], indexing="ij")).reshape(3, -1)
    corners = np.linalg.inv(np.stack([along_row, along_column, way], axis=1)) @ (world[:3, :3] @ ends + world[:3, 3:])
    low, high = corners.min(axis=1), corners.max(axis=1)
    heights = [0.0]
    gaps = [apart] if isinstance(apart, float | int) else list(apart)
    while heights[-1] < high[2] - low[2]:
        heights.append(heights[-1] + gaps[(len(heights) - 1) % len(gaps)])
    shape = tuple(int((high[axis] - low[axis]) / pixel) + 1 for axis in (0, 1))
    first = along_row * low[0] + along_column * low[1] + way * low[2]
    positions = np.array([first + way * height for height in heights])
    slices = []
    for position in positions:
        grid = np.eye(4)
        grid[:3, 0], grid[:3, 1], grid[:3, 2], grid[:3, 3] = along_row * pixel, along_column * pixel, normal, position
        slices.append(_resampled(head, np.linalg.inv(world) @ grid, shape))
    return Sliced(data=np.stack(slices), positions=positions, along=(along_row, along_column), pixel=(pixel, pixel))


def _resampled(data: Numbers, hop: Affine, shape: Sequence[int]) -> Numbers:
    """Sample one slice: (rows, columns)."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(hop[:3, :3].ravel().tolist())
    transform.SetTranslation(hop[:3, 3].tolist())
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.astype(np.float32).T))
    sampled = np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, [*shape, 1], transform, sitk.sitkLinear)))
    return np.asarray(sampled[0])


@frozen(kw_only=True)
class How:
    """How a series is stored.  ``slopes``: of each slice in turn; ``syntax``: its transfer syntax."""

    stored: int = 12
    allocated: int = 16
    signed: bool = False
    slopes: tuple[float, ...] = (1.0,)
    intercept: float = 0.0
    syntax: str = ExplicitVRLittleEndian
    number: int = 1
    change: Change | None = None
    reverse: bool = False
    kind: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "M", "ND")


PLAIN: Final = How()


def write_classic(head: Sliced, folder: Path, how: How = PLAIN) -> list[Path]:
    """Write one file per slice; instance numbers run as the slices do, or the other way round."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, (pixels, position) in enumerate(zip(head.data, head.positions, strict=True)):
        dataset = _common(how, MRImageStorage)
        number = len(head.data) - index if how.reverse else index + 1
        dataset.SOPInstanceUID = f"{ROOT}.{how.number}.{number}"
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
        dataset.ImageOrientationPatient = [f"{value:.9f}" for way in head.along for value in way]
        dataset.PixelSpacing = list(head.pixel)
        dataset.SliceThickness = 2
        slope = how.slopes[index % len(how.slopes)]
        _put_pixels(dataset, pixels[None], [slope], how)
        if slope != 1 or how.intercept:
            dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.9g}", f"{how.intercept:.9g}"
            dataset.RescaleType = "US"
        path = folder / f"IM_{number:04d}.dcm"
        _save(dataset, path, how, index)
        paths.append(path)
    return paths


def write_enhanced(volumes: Sequence[Sliced], path: Path, how: How = PLAIN) -> Path:
    """Write volumes as one multi-frame file, places and slopes in functional groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = _common(how, EnhancedMRImageStorage)
    dataset.SOPInstanceUID = f"{ROOT}.{how.number}.1"
    dataset.InstanceNumber = 1
    frames = [(head, index) for head in volumes for index in range(len(head.data))]
    dataset.NumberOfFrames = len(frames)
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([_item(PixelSpacing=list(volumes[0].pixel), SliceThickness=2)])
    ways = [f"{value:.9f}" for way in volumes[0].along for value in way]
    shared.PlaneOrientationSequence = Items([_item(ImageOrientationPatient=ways)])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    slopes = [how.slopes[index % len(how.slopes)] for _, index in frames]
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [_frame(head, index, slope, how) for (head, index), slope in zip(frames, slopes, strict=True)]
    )
    _put_pixels(dataset, np.stack([head.data[index] for head, index in frames]), slopes, how)
    _save(dataset, path, how, 0)
    return path


def write_floats(head: Sliced, path: Path, how: How = PLAIN) -> Path:
    """Write a parametric map: floats of 32 or 64 bits, whatever the numbers mean."""
    write_enhanced([head], path, how)
    from pydicom import dcmread  # noqa: PLC0415 - only here

    dataset = dcmread(path)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ParametricMapStorage
    dataset.BitsAllocated = how.allocated
    numbers = head.data.astype(f"<f{how.allocated // 8}").tobytes()
    if how.allocated == 32:
        dataset.FloatPixelData = numbers
    else:
        dataset.DoubleFloatPixelData = numbers
    dataset.save_as(path, enforce_file_format=True)
    return path


def _frame(head: Sliced, index: int, slope: float, how: How) -> Dataset:
    """Say where one frame lies, and how its numbers are read."""
    item = Dataset()
    item.PlanePositionSequence = Items([_item(ImagePositionPatient=[f"{at:.6f}" for at in head.positions[index]])])
    item.PixelValueTransformationSequence = Items(
        [_item(RescaleIntercept=f"{how.intercept:.9g}", RescaleSlope=f"{slope:.9g}", RescaleType="US")]
    )
    item.MRImageFrameTypeSequence = Items([_item(FrameType=list(how.kind))])
    return item


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _common(how: How, sop_class: UID) -> Dataset:
    """Compose what all slices say."""
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.Modality = "MR"
    dataset.ImageType = list(how.kind)
    dataset.PatientName, dataset.PatientID = "Made^Up", "made-up"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.ReferringPhysicianName = dataset.Manufacturer = ""
    dataset.StudyInstanceUID = f"{ROOT}.100"
    dataset.SeriesInstanceUID = f"{ROOT}.{how.number}"
    dataset.SeriesNumber = how.number
    dataset.FrameOfReferenceUID = f"{ROOT}.101"
    dataset.PositionReferenceIndicator = ""
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "GR", "SP", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.EchoTrainLength = "3D", "3", 1
    dataset.RepetitionTime = "2000"
    return dataset


def _put_pixels(dataset: Dataset, real: Numbers, slopes: Sequence[float], how: How) -> None:
    """Store real numbers as the series stores them."""
    divided = (real - how.intercept) / np.array(slopes)[:, None, None]
    least = -(1 << (how.stored - 1)) if how.signed else 0
    numbers = np.clip(np.rint(divided), least, least + (1 << how.stored) - 1)
    order = ">" if how.syntax == ExplicitVRBigEndian else "<"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = real.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = how.allocated, how.stored, how.stored - 1
    dataset.PixelRepresentation = int(how.signed)
    dataset.SmallestImagePixelValue = max(0, int(numbers.min()))
    dataset.LargestImagePixelValue = max(0, int(numbers.max()))
    dataset.PixelData = numbers.astype(f"{order}{'i' if how.signed else 'u'}{how.allocated // 8}").tobytes()


def _save(dataset: Dataset, path: Path, how: How, number: int) -> None:
    """Write a file, compressed where the series is."""
    if how.change is not None:
        how.change(dataset, number)
    packed = UID(how.syntax).is_encapsulated
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if packed else UID(how.syntax)
    dataset.file_meta = meta
    if packed:
        dataset["PixelData"].VR = "OW"
        dataset.compress(UID(how.syntax), generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
