"""Made-up series as GE scanners write them: diffusion, and slices excited several at once."""

import gzip
from struct import pack, pack_into

from pydicom.dataset import Dataset
from tests.data.header.vendors.common import Scan, classic, lay, private

_GE = {
    "Manufacturer": "GE MEDICAL SYSTEMS",
    "ManufacturerModelName": "SIGNA Premier",
    "ReceiveCoilName": "48HP Head",
    "ScanOptions": ["EPI_GEMS", "ACC_GEMS", "PFF"],
    "ScanningSequence": "EP",
    "InPlanePhaseEncodingDirection": "COL",
}
_SLOP = 1_000_000_000
_DIRECTIONS = ((0, (0.0, 0.0, 0.0)), (1000, (1.0, 0.0, 0.0)), (1000, (0.0, 0.6, 0.8)))
_SLICES = 4


def _protocol() -> bytes:
    lines = (
        ("PATIENT", "Qvist Lisbeth"),
        ("SLICEORDER", "1"),
        ("VIEWORDER", "1"),
        ("MBACCEL", "2"),
        ("NOSLC", str(_SLICES)),
        ("IOPT", "EPI, EDR, MPh"),
        ("DELACQ", "0.5"),
        ("DELACQNOAV", "0.5"),
        ("PSEQ", "epi"),
        ("SEDESC", "Lisbeth"),
    )
    text = "".join(f'set {name} "{said}"\n' for name, said in lines)
    packed = gzip.compress(text.encode("ascii"), mtime=0)
    return (pack("<L", len(packed)) + packed + b"\0" * (len(packed) % 2)).ljust(512, b"\0")


def _user_data(*, flipped: bool) -> bytes:
    data = bytearray(b"Lisbeth Qvist   " * 64)
    pack_into("<H", data, 24, 32)
    pack_into("<f", data, 32, 30.0)
    base = 32 + 0x4C
    pack_into("<H", data, base + 0x3A, 0x0800)
    pack_into("<H", data, base + 0x30, 0x0004 if flipped else 0)
    pack_into("<H", data, base + 0x0394 - 0x8C, 0)
    return bytes(data)


def _slice(*, series: int, volume: int, index: int) -> Dataset:
    dataset = classic(_GE, series=series, number=volume * _SLICES + index + 1)
    dataset.SoftwareVersions = ["30", "LX", "SIGNA_LX1.MR30.0_R01_2236.d"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ImagesInAcquisition = _SLICES * 3
    dataset.TriggerTime = f"{index * 500}"
    dataset.EffectiveEchoTime = 30.0
    lay(dataset, index)
    private(dataset, 0x0025, "GEMS_SERS_01", (0x07, "SL", _SLICES * 3), (0x1B, "OB", _protocol()))
    begun = f"{(index % 2) * 1000 + index * 250}"
    private(dataset, 0x0021, "GEMS_RELA_01", (0x4F, "SS", _SLICES), (0x5E, "DS", begun))
    private(dataset, 0x0027, "GEMS_IMAG_01", (0x60, "FL", 16.0), (0x61, "FL", 1.0), (0x62, "FL", 1.0))
    private(
        dataset,
        0x0043,
        "GEMS_PARM_01",
        (0x02, "SS", -12),
        (0x03, "SS", 7),
        (0x04, "SS", 33),
        (0x2A, "OB", _user_data(flipped=True)),
        (0x2C, "SS", 580),
        (0x2F, "SS", 0),
        (0x83, "DS", ["0.5", "1"]),
        (0x8A, "CS", "COL"),
        (0x95, "LO", "RN/s7"),
        (0xB2, "LO", ["0", "0", "-12.5"]),
        (0xB6, "LO", ["2", "16", "1"]),
        (0xB7, "LO", ["1.25", "1", "0"]),
        (0xCA, "LO", ["0.75", "High"]),
    )
    return dataset


def _acquired(dataset: Dataset, *elements: tuple[int, str, object]) -> None:
    common = ((0x17, "SS", 2), (0x1B, "DS", "9.9"), (0x5A, "FL", 12_000_000.0), (0x7F, "DS", "12.5"))
    private(dataset, 0x0019, "GEMS_ACQU_01", *common, (0x9C, "LO", "epi2"), (0x9E, "LO", "EPI2"), *elements)


def diffusion(*, series: int) -> Scan:
    """Make a diffusion series: weighting in 0043, directions in 0019, relative to the axes of the slices."""
    files = []
    for volume, (b_value, direction) in enumerate(_DIRECTIONS):
        for index in range(_SLICES):
            dataset = _slice(series=series, volume=volume, index=index)
            x, y, z = (f"{value:.6f}" for value in direction)
            _acquired(
                dataset,
                (0xB2, "DS", "0"),
                (0xB3, "DS", "0"),
                (0xB6, "DS", "0.72"),
                (0xBB, "DS", x),
                (0xBC, "DS", y),
                (0xBD, "DS", z),
                (0xDF, "DS", "1"),
                (0xE0, "DS", "2"),
            )
            dataset.private_block(0x0043, "GEMS_PARM_01").add_new(0x30, "SS", 16 if b_value else 14)
            weighting = [str(b_value + (_SLOP if b_value else 0)), "8", "0", "0"]
            dataset.private_block(0x0043, "GEMS_PARM_01").add_new(0x39, "IS", weighting)
            dataset.private_block(0x0021, "GEMS_RELA_01").add_new(0x5A, "SL", 2)
            files.append(dataset)
    keys = {*_KEYS, "bval", "bvec"}
    return Scan(files=tuple(files), keys=frozenset(keys), volumes=3)


_KEYS = (
    *("EffectiveEchoSpacing", "TotalReadoutTime", "PhaseEncodingDirection", "PhaseEncodingPolarityGE", "ShimSetting"),
    *("PrescanReuseString", "ParallelReductionFactorInPlane", "AcquisitionDuration"),
    *("InternalPulseSequenceName", "DeepLearning", "TablePosition", "CompressedSensingFactor"),
)


def multiband(*, series: int) -> Scan:
    """Make an EPI series of two slices at once, with the times of its slices and the numbers of a labelling."""
    files = []
    for volume in range(3):
        for index in range(_SLICES):
            dataset = _slice(series=series, volume=volume, index=index)
            dataset.TemporalPositionIdentifier = volume + 1
            dataset.NumberOfTemporalPositions = 3
            _acquired(dataset)
            dataset.private_block(0x0043, "GEMS_PARM_01").add_new(0xA5, "IS", "1450")
            files.append(dataset)
    return Scan(files=tuple(files), keys=frozenset({*_KEYS, "SliceTiming", "MultibandAccelerationFactor"}), volumes=3)
