"""Real scans of each maker, every file of them: nothing that carries physics is lost."""

from pathlib import Path

import pytest

from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.converters.dcm2niix import Dcm2niix, Sidecars
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.flow.compare_conversion import compare_conversion
from fivesafes.flow.deidentify_folder import deidentify_folder

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

IMAGES = {
    "structural-t1": 1,
    "siemens-ge": 8,
    "siemens-enhanced": 4,
    "vendors/philips-dwi": 1,
    "vendors/ge-dwi": 1,
    "vendors/siemens-b17": 1,
    "vendors/canon": 1,
    "vendors/uih": 1,
}


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_of_the_set_is_the_same_in_all_that_must_stay(shared_data: Path, tmp_path: Path, name: str) -> None:
    """All files of the set; what went on purpose is named in the table, and nothing else went."""
    (tmp_path / "scratch").mkdir()
    outcome = deidentify_folder(
        shared_data / name,
        tmp_path / "out",
        profile=load_profile(),
        pseudonyms=Pseudonyms(bytes(range(32)), "test"),
        executor=InlineExecutor(),
        progress=Silent(),
    )
    compared = compare_conversion(
        outcome,
        shared_data / name,
        tmp_path / "out",
        converter=Dcm2niix(sidecars=Sidecars.WHOLE),
        executor=InlineExecutor(),
        scratch=tmp_path / "scratch",
        progress=Silent(),
    )
    assert compared.whole, compared
    assert compared.before == compared.identical == IMAGES[name]
    assert not [series for series in compared.series if series.unconverted]
    assert not list((tmp_path / "scratch").iterdir())
