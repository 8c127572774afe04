"""Made-up scans of every maker and generation: a converter finds in the copies what it found in the originals.

They hold what real ones of that generation hold in private data, so that each element that is kept is kept for a test.
"""

import shutil
from pathlib import Path

import nibabel as nib
import pytest
from attrs import evolve
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from tests.data.header.vendors import others
from tests.data.header.vendors.common import Scan, saved
from tests.data.header.vendors.scans import SCANS

from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.converters.dcm2niix import Dcm2niix, Sidecars
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.flow.compare_conversion import ConversionComparison, compare_conversion
from fivesafes.flow.deidentify_folder import deidentify_folder

CONVERTER = Dcm2niix(sidecars=Sidecars.WHOLE)
PLANTED = (b"Qvist", b"Lisbeth", b"55512", b"QVIST", b"19480305", b"20260131")
WITHOUT_PRIVATE = {"hitachi-diffusion", "bruker-animal", "canon-diffusion", "toshiba-diffusion", "canon-enhanced"}
"""Made of standard attributes alone, as far as converters read them."""


def compared(
    folder: Path, scan: Scan, profile: Profile, pseudonyms: Pseudonyms, *, syntax: str = ExplicitVRLittleEndian
) -> ConversionComparison:
    """De-identify a made-up scan and compare its conversions."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scratch").mkdir(parents=True)
    saved(scan.files, folder / "in", syntax=syntax)
    outcome = deidentify_folder(
        folder / "in",
        folder / "out",
        profile=profile,
        pseudonyms=pseudonyms,
        executor=InlineExecutor(),
        progress=Silent(),
    )
    assert outcome.counts == {"deidentified": len(scan.files)}
    return compare_conversion(
        outcome,
        folder / "in",
        folder / "out",
        converter=CONVERTER,
        executor=InlineExecutor(),
        scratch=folder / "scratch",
        progress=Silent(),
    )


@pytest.mark.parametrize("name", SCANS)
def test_the_science_survives_and_the_person_does_not(
    tmp_path: Path, profile: Profile, pseudonyms: Pseudonyms, name: str
) -> None:
    """Voxels, geometry, scaling, gradients and every key of physics are the same; no planted value is in any byte."""
    scan = SCANS[name]()
    found = compared(tmp_path, scan, profile, pseudonyms)
    assert found.whole, found
    assert found.before == found.after == scan.images
    for path in (tmp_path / "out").rglob("*.dcm"):
        content = path.read_bytes()
        assert not [planted for planted in PLANTED if planted in content]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=["implicit", "big-endian"])
@pytest.mark.parametrize("name", ["siemens-ve11-mosaics", "siemens-xa-enhanced", "ge-diffusion", "philips-enhanced"])
def test_so_it_does_in_other_transfer_syntaxes(
    tmp_path: Path, profile: Profile, pseudonyms: Pseudonyms, *, name: str, syntax: str
) -> None:
    """Archives write private data without a VR, and old ones the other way round."""
    found = compared(tmp_path, SCANS[name](), profile, pseudonyms, syntax=syntax)
    assert found.whole, found


@pytest.mark.parametrize("name", SCANS)
def test_made_up_scans_tell_the_converter_what_real_ones_do(tmp_path: Path, name: str) -> None:
    """Without this the test above could compare nothing with nothing."""
    scan = SCANS[name]()
    saved(scan.files, tmp_path / "in")
    (tmp_path / "out").mkdir()
    images = CONVERTER.convert(tmp_path / "in", into=tmp_path / "out")
    assert len(images) == scan.images
    told = {key for image in images for key in image.sidecar}
    told |= {ending.removeprefix(".") for image in images for ending in image.companions}
    assert scan.keys - told == set()
    shapes = [nib.load(image.nifti).shape for image in images]  # type: ignore[attr-defined]
    assert max(shape[3] if len(shape) > 3 else 1 for shape in shapes) == scan.volumes


@pytest.mark.parametrize("name", [name for name in SCANS if name not in WITHOUT_PRIVATE])
def test_a_profile_that_keeps_no_private_data_is_seen_to_lose(
    tmp_path: Path, profile: Profile, pseudonyms: Pseudonyms, name: str
) -> None:
    """The comparison can fail, for each maker."""
    found = compared(tmp_path, SCANS[name](), evolve(profile, private={}), pseudonyms)
    assert not found.whole


def test_a_scan_that_is_moved_across_midnight_keeps_its_slice_timing(
    tmp_path: Path, profile: Profile, pseudonyms: Pseudonyms
) -> None:
    """Slice timing comes from times of day here, and the participant's offset may put midnight between two slices."""
    moved = pseudonyms.shift(Identifying("MRN-55512")).seconds
    scan = others.united_imaging(series=1, began=(86399.3 - moved) % 86400)
    found = compared(tmp_path, scan, profile, pseudonyms)
    times = {path.read_bytes().count(b"235959.") for path in (tmp_path / "out").rglob("*.dcm")}
    assert max(times) > 0
    assert found.whole, found
