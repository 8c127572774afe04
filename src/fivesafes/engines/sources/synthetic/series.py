"""Writers of classic series: one slice, or one mosaic of a volume's slices, in each file (MR Image Storage)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from attrs import frozen
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from fivesafes.core.progress import Progress
from fivesafes.engines.sources.synthetic.grids import Grid
from fivesafes.engines.sources.synthetic.header import (
    common_header,
    decimal,
    save_instance,
    stamp_acquisition,
    stamp_instance,
)
from fivesafes.engines.sources.synthetic.session import SeriesPlan, Session
from fivesafes.engines.sources.synthetic.siemens import Mosaic, add_local_groups, add_siemens_groups

Voxels = npt.NDArray[np.int16]
_BITS_STORED = 12


@frozen(kw_only=True)
class Output:
    """Where files go, what is told as they are written, and how they are called."""

    folder: Path
    file_stem: str
    progress: Progress
    stage: str

    def path(self, series: SeriesPlan, instance: int) -> Path:
        """Name the file of an instance; its folder exists afterwards."""
        folder = self.folder / f"{series.number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.file_stem}{instance:05d}.dcm"

    def save(self, dataset: Dataset, series: SeriesPlan, instance: int, session: Session) -> Path:
        """Write an instance and count it."""
        path = self.path(series, instance)
        save_instance(dataset, path, session)
        self.progress.advance(self.stage)
        return path


ECHO_3D: Mapping[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
    "ScanningSequence": ["GR", "IR"],
    "SequenceVariant": ["SK", "SP", "MP"],
    "ScanOptions": "IR",
    "MRAcquisitionType": "3D",
    "SequenceName": "*tfl3d1_16ns",
    "RepetitionTime": "2300",
    "EchoTime": "2.98",
    "InversionTime": "900",
    "FlipAngle": "9",
    "EchoTrainLength": 1,
    "PixelBandwidth": "240",
}
"""An MPRAGE."""

ECHO_PLANAR: Mapping[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
    "ScanningSequence": "EP",
    "SequenceVariant": "SK",
    "ScanOptions": "FS",
    "MRAcquisitionType": "2D",
    "SequenceName": "*epfid2d1_64",
    "RepetitionTime": "2000",
    "EchoTime": "30",
    "FlipAngle": "78",
    "EchoTrainLength": 64,
    "PixelBandwidth": "2232",
}
"""A gradient-echo EPI of the Siemens product sequence, its slices as a mosaic."""

LOCALIZER: Mapping[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM", "ND"],
    "ScanningSequence": "GR",
    "SequenceVariant": "SP",
    "ScanOptions": "PFP",
    "MRAcquisitionType": "2D",
    "SequenceName": "*fl2d1",
    "RepetitionTime": "8.6",
    "EchoTime": "4",
    "FlipAngle": "20",
    "EchoTrainLength": 1,
    "PixelBandwidth": "320",
}
"""A quick look in three planes."""

TURBO_SPIN_ECHO: Mapping[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "ScanningSequence": "SE",
    "SequenceVariant": ["SK", "SP", "OSP"],
    "ScanOptions": "",
    "MRAcquisitionType": "2D",
    "SequenceName": "*h2d1_256",
    "RepetitionTime": "1100",
    "EchoTime": "92",
    "FlipAngle": "150",
    "EchoTrainLength": 256,
    "PixelBandwidth": "710",
}
"""A half-Fourier single-shot spin echo."""


def classic_header(session: Session, series: SeriesPlan, *, physics: Mapping[str, object], grid: Grid) -> Dataset:
    """Compose what the slices of a classic series share."""
    dataset = common_header(session, series, sop_class=MRImageStorage)
    for keyword, value in {**_MAGNET, **physics}.items():
        setattr(dataset, keyword, value)
    dataset.SliceThickness = decimal(grid.spacing[0])
    dataset.SpacingBetweenSlices = decimal(grid.spacing[0])
    dataset.AcquisitionMatrix = [grid.shape[2], 0, 0, grid.shape[1]]
    dataset.InPlanePhaseEncodingDirection = "COL" if physics is ECHO_PLANAR else "ROW"
    dataset.ImageOrientationPatient = [decimal(cosine) for cosine in grid.orientation()]
    dataset.PixelSpacing = [decimal(grid.spacing[1]), decimal(grid.spacing[2])]
    add_local_groups(dataset, session)
    return dataset


def write_slices(
    session: Session,
    series: SeriesPlan,
    *,
    parts: Sequence[tuple[Grid, Iterable[Voxels]]],
    physics: Mapping[str, object],
    output: Output,
) -> Iterator[Path]:
    """Write each slice of each part (a grid with its voxels) as one file, instance numbers running on."""
    number = 0
    for grid, voxels in parts:
        dataset = classic_header(session, series, physics=physics, grid=grid)
        add_siemens_groups(dataset, session, series, grid=grid)
        for index, pixels in enumerate(voxels):
            number += 1
            moment = series.began + timedelta(milliseconds=37 * number)
            stamp_instance(dataset, session, number=number, moment=moment)
            stamp_acquisition(dataset, session, number=1, moment=series.began)
            place_slice(dataset, grid.position(index).tolist(), float(grid.normal @ grid.position(index)))
            set_pixels(dataset, pixels)
            yield output.save(dataset, series, number, session)


def write_mosaics(
    session: Session, series: SeriesPlan, *, grid: Grid, volumes: Voxels, repetition_ms: float, output: Output
) -> Iterator[Path]:
    """Write each volume as one file, its slices side by side."""
    timing = Mosaic(slice_times=interleaved_times(grid.shape[0], repetition_ms), bandwidth_per_pixel=27.778)
    dataset = classic_header(session, series, physics=ECHO_PLANAR, grid=grid)
    dataset.RepetitionTime = decimal(repetition_ms)
    add_siemens_groups(dataset, session, series, grid=grid, mosaic=timing)
    tiles = mosaic_tiles(grid.shape[0])
    corner = grid.first - (tiles - 1) / 2 * (
        grid.along_row * grid.spacing[2] * grid.shape[2] + grid.along_column * grid.spacing[1] * grid.shape[1]
    )
    for index, volume in enumerate(volumes, start=1):
        moment = series.began + timedelta(milliseconds=repetition_ms * (index - 1))
        stamp_instance(dataset, session, number=index, moment=moment + timedelta(milliseconds=310))
        stamp_acquisition(dataset, session, number=index, moment=moment)
        place_slice(dataset, corner.tolist(), float(grid.normal @ grid.first))
        set_pixels(dataset, as_mosaic(volume))
        yield output.save(dataset, series, index, session)


def place_slice(dataset: Dataset, position: list[float], location: float) -> None:
    """Say where a slice lies."""
    dataset.ImagePositionPatient = [decimal(round(value, 6)) for value in position]
    dataset.SliceLocation = decimal(round(location, 6))


def set_pixels(dataset: Dataset, pixels: Voxels) -> None:
    """Put the pixels in, with what tells how to read and show them."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, _BITS_STORED, _BITS_STORED - 1
    dataset.PixelRepresentation = 0
    least, most = int(pixels.min()), int(pixels.max())
    dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = least, most
    dataset.WindowCenter, dataset.WindowWidth = decimal((least + most) // 2), decimal(most - least + 1)
    dataset.PixelData = pixels.astype("<u2").tobytes()


def mosaic_tiles(slices: int) -> int:
    """Count the tiles along each side of a mosaic."""
    return int(np.ceil(np.sqrt(slices)))


def as_mosaic(volume: Voxels) -> Voxels:
    """Lay the slices of a volume (slices, rows, columns) side by side, row by row."""
    slices, rows, columns = volume.shape
    tiles = mosaic_tiles(slices)
    sheet = np.zeros((tiles * tiles, rows, columns), volume.dtype)
    sheet[:slices] = volume
    return sheet.reshape(tiles, tiles, rows, columns).swapaxes(1, 2).reshape(tiles * rows, tiles * columns)


def interleaved_times(slices: int, repetition_ms: float) -> tuple[float, ...]:
    """Tell when each slice begins, in ms: every second one first; with an even count, beginning with the second."""
    first = 1 if slices % 2 == 0 else 0
    order = [*range(first, slices, 2), *range(1 - first, slices, 2)]
    times = np.zeros(slices)
    times[order] = np.round(np.arange(slices) * repetition_ms / slices / 2.5) * 2.5
    return tuple(times.tolist())


_MAGNET: Mapping[str, object] = {
    "MagneticFieldStrength": "3",
    "ImagingFrequency": "123.25",
    "ImagedNucleus": "1H",
    "NumberOfAverages": "1",
    "EchoNumbers": 1,
    "PercentSampling": "100",
    "PercentPhaseFieldOfView": "100",
    "TransmitCoilName": "Body",
    "VariableFlipAngleFlag": "N",
    "SAR": "0.0556",
    "dBdt": "0",
    "AngioFlag": "N",
}
