"""Plain series for measuring."""

from pathlib import Path

from pydicom import dcmread

from fivesafes.engines.sources.synthetic import write_series


def test_as_many_slices_as_asked_for(tmp_path: Path) -> None:
    """One series, one file per slice, evenly spaced, of the size asked for, each with its own identity."""
    written = write_series(tmp_path, slices=12, seed=4, matrix=64)
    datasets = [dcmread(file) for file in written.files_of("anat")]
    assert len(datasets) == 12
    assert {dataset.pixel_array.shape for dataset in datasets} == {(64, 64)}
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == 12
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == 1
    heights = [float(dataset.ImagePositionPatient[2]) for dataset in datasets]
    assert heights == [heights[0] + index for index in range(12)]
    assert datasets[0].PatientID == written.participant_id
