"""Slices of several makers' scanners, as they came: nothing in them changes but the zone and what is declared."""

from pathlib import Path

import pytest
from tests.heads.frontal import Frontal, assert_front_alone_is_gone, defaced, every_file

from fivesafes.data.face.dicom.gather import gather
from fivesafes.data.face.dicom.stack import Stack, lay_stack
from fivesafes.data.model import FaceStatus

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("vendors/canon", (64, 64, 40)),
        ("vendors/ge-dwi", (256, 256, 2)),
        ("siemens-enhanced/In/10_DWI_dir80_PA", (72, 72, 39)),
        ("siemens-ge/In/20180918GE/mr_0005", (64, 64, 15)),
    ],
)
def test_a_scanner_s_own_slices_are_cut_where_they_lie(
    name: str, grid: tuple[int, int, int], shared_data: Path, tmp_path: Path
) -> None:
    """Classic and enhanced, of several volumes, each with its private blocks; what shows no head may be held."""
    folder = shared_data / name
    (series,) = gather(folder).series
    laid = lay_stack(series)
    assert isinstance(laid, Stack)
    assert laid.grid.shape == grid
    near = Frontal()
    near.plane = 0.0
    result = defaced(folder, tmp_path / "out", defacer=near)
    assert result.defaced.status in {FaceStatus.DEFACED, FaceStatus.NEEDS_REVIEW}, result.defaced.why
    written = {path.relative_to(folder) for path, after in every_file(folder, result) if after.exists()}
    assert len(written) == len(series.instances)
    for before, after in every_file(folder, result):
        if after.exists():
            assert_front_alone_is_gone(before, after, plane=0.0)


@pytest.mark.parametrize(("name", "why"), [("vendors/siemens-b17", "mosaic"), ("vendors/uih", "mosaic")])
def test_mosaics_are_refused(name: str, why: str, shared_data: Path) -> None:
    """Two makers' kinds."""
    (series,) = gather(shared_data / name).series
    assert why in str(lay_stack(series))


def test_what_philips_puts_beside_its_slices_is_left_out(shared_data: Path) -> None:
    """A presentation state and two objects of its own kind."""
    found = gather(shared_data / "vendors" / "philips-dwi")
    assert {other.path.name[:2] for other in found.others} == {"PS", "XX"}
    assert isinstance(lay_stack(found.series[0]), Stack)
