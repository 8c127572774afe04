"""Made-up series as scanners of Canon and Toshiba, United Imaging, Hitachi and Bruker write them."""

from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from tests.data.header.vendors.common import SIDE, Scan, classic, group, lay, private

_DIRECTIONS = ((0.0, (0.0, 0.0, 0.0)), (1000.0, (1.0, 0.0, 0.0)), (1000.0, (0.0, 0.6, 0.8)))
_SLICES = 3
_TILES = 4


def canon(*, maker: str, model: str, series: int, images: int) -> Scan:
    """Make a diffusion series whose directions stand in the comments of its images, and nowhere else."""
    files = []
    for volume, (b_value, direction) in enumerate(_DIRECTIONS):
        for index in range(_SLICES):
            look = {"Manufacturer": maker, "ManufacturerModelName": model, "SoftwareVersions": "V6.0"}
            dataset = classic(look, series=series, number=volume * _SLICES + index + 1)
            dataset.SequenceName, dataset.ReceiveCoilName = "SEEPI", "Atlas Head"
            dataset.DiffusionBValue = b_value
            x, y, z = direction
            dataset.ImageComments = f"b={b_value:.0f}({x:.3f},{y:.3f},{z:.3f})" if b_value else "b=0"
            dataset.TemporalPositionIdentifier = volume + 1
            lay(dataset, index)
            private(dataset, 0x700D, "TOSHIBA_MEC_MR3", (0x00, "DS", "1.25"), (0x19, "LO", "Lisbeth"))
            files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({"bval", "bvec"}), volumes=4 - images, images=images)


def united_imaging(*, series: int, began: float) -> Scan:
    """Make a diffusion series of grids, in which a private sequence holds the moment of each slice.

    ``began`` is in seconds since midnight.
    """
    files = []
    for volume, (b_value, direction) in enumerate(_DIRECTIONS):
        look = {"Manufacturer": "UIH", "ManufacturerModelName": "uMR 790", "SoftwareVersions": "uMR_V10"}
        dataset = classic(look, series=series, number=volume + 1, rows=2 * SIDE, columns=2 * SIDE)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
        dataset.SequenceName, dataset.AcquisitionNumber = "epi_dwi", volume + 1
        first = began + 2.5 * volume
        dataset.AcquisitionDate, dataset.AcquisitionTime = clock(first)
        moments = [_moment(first + (0.0, 1.2, 0.6, 1.8)[tile], index=tile) for tile in range(_TILES)]
        private(
            dataset,
            0x0065,
            "Image Private Header",
            (0x05, "SH", "P->A"),
            (0x09, "FD", b_value),
            (0x0D, "SH", "F:2S"),
            (0x14, "DS", ["0", "0", "1"]),
            (0x37, "FD", list(direction)),
            (0x50, "DS", str(_TILES)),
            (0x51, "SQ", Items(moments)),
            (0x58, "IS", "1"),
            (0x60, "LO", "Lisbeth"),
        )
        files.append(dataset)
    keys = {"bval", "bvec", "SliceTiming", "ParallelReductionFactorInPlane", "PhaseEncodingDirection"}
    return Scan(files=tuple(files), keys=frozenset(keys), volumes=3)


def clock(seconds: float) -> tuple[str, str]:
    """Give date and time so many seconds after midnight of the made-up day."""
    moment = datetime(2026, 1, 31) + timedelta(seconds=seconds)  # noqa: DTZ001 - DICOM's local time
    return f"{moment:%Y%m%d}", f"{moment:%H%M%S.%f}"


def _moment(seconds: float, *, index: int) -> Dataset:
    dataset = Dataset()
    dataset.AcquisitionDate, dataset.AcquisitionTime = clock(seconds)
    dataset.ImagePositionPatient = ["-24", "-24", f"{3.3 * index:.1f}"]
    return dataset


def hitachi(*, series: int) -> Scan:
    """Make a diffusion series in the standard's own attributes."""
    files = []
    for volume, (b_value, direction) in enumerate(_DIRECTIONS):
        for index in range(_SLICES):
            look = {"Manufacturer": "Hitachi Medical Corporation", "ManufacturerModelName": "ECHELON_OVAL"}
            dataset = classic(look, series=series, number=volume * _SLICES + index + 1)
            dataset.SoftwareVersions = "V5.0F"
            dataset.DiffusionBValue = b_value
            if b_value:
                dataset.DiffusionGradientDirectionSequence = group(DiffusionGradientOrientation=list(direction))
                dataset.DiffusionGradientOrientation = list(direction)
            dataset.TemporalPositionIdentifier = volume + 1
            lay(dataset, index)
            files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({"bval"}), volumes=3)


def bruker(*, series: int) -> Scan:
    """Make an anatomical series of an animal scanner."""
    files = []
    for index in range(_SLICES):
        look = {"Manufacturer": "Bruker BioSpin MRI GmbH", "ManufacturerModelName": "PharmaScan"}
        dataset = classic(look, series=series, number=index + 1)
        dataset.SoftwareVersions = "ParaVision 6.0.1"
        dataset.RescaleIntercept, dataset.RescaleSlope = "0", "0.73"
        lay(dataset, index)
        files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({"Manufacturer", "FlipAngle"}))
