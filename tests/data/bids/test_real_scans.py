"""From real DICOM to a valid data set, on the scans of six vendors where they lie beside the checkout."""

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.data.bids import dataset as texts
from fivesafes.data.bids.naming import STEM, Placed, assign, companions_for, image_names
from fivesafes.data.bids.nifti import write_clean
from fivesafes.data.bids.reproin import parse
from fivesafes.data.bids.rules import Held
from fivesafes.data.bids.sidecar import clean
from fivesafes.data.model import BidsName
from fivesafes.data.ports import Converted
from fivesafes.engines.converters import dcm2niix
from fivesafes.engines.converters.dcm2niix import Dcm2niix
from fivesafes.engines.validators.bids_validator import BidsValidator

HEADER, GEOMETRY, TEXTS = 352, slice(252, 328), slice(148, 252)  # of nifti1.h: all of it; q/sform; descrip, aux_file
GE, SIEMENS, XA = "siemens-ge/In/20180918GE", "siemens-ge/In/20180918Si", "siemens-enhanced/In"
SCANS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("t1", "anat-T1w", ["structural-t1"]),
    ("ge", "func-bold_task-rest", [f"{GE}/mr_0004", f"{GE}/mr_0007"]),
    ("siemens", "func-bold_task-rest", [f"{SIEMENS}/mr_0003", f"{SIEMENS}/mr_0004"]),
    ("enhanced", "dwi_dir-PA", [f"{XA}/10_DWI_dir80_PA"]),
    ("philips", "dwi", ["vendors/philips-dwi"]),
    ("gedwi", "dwi", ["vendors/ge-dwi"]),
    ("b17", "func-bold_task-rest", ["vendors/siemens-b17"]),
    ("canon", "dwi", ["vendors/canon"]),
    ("uih", "dwi", ["vendors/uih"]),
)


def _name(text: str) -> BidsName:
    found = parse(text)
    assert found is not None
    assert found.name is not None
    return found.name


def _plainly(series: Path, into: Path) -> Path:
    """Convert as a user would on the command line."""
    into.mkdir(parents=True)
    program = dcm2niix._program()
    subprocess.run([str(program), "-z", "n", "-f", STEM, "-o", into, series], check=True, stdout=subprocess.DEVNULL)
    return into


def _put(root: Path, subject: SubjectLabel, name: BidsName, converted: Converted) -> Path:
    """Write one image with all that goes beside it."""
    target = root / texts.relative_path(subject, None, name, ".nii.gz")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_clean(converted.nifti, target)
    sidecar = texts.as_json(clean(converted.sidecar, name=name)[0])
    (root / texts.relative_path(subject, None, name, ".json")).write_text(sidecar, encoding="utf-8")
    for ending, path in companions_for(name, converted).items():
        (root / texts.relative_path(subject, None, name, ending)).write_bytes(path.read_bytes())
    return target


@pytest.mark.shared_data
def test_scans_of_six_vendors_become_valid_bids_with_their_voxels(shared_data: Path, tmp_path: Path) -> None:
    """Voxels, geometry and gradients are those that dcm2niix gives; nothing else of its headers stays."""
    root = tmp_path / "bids"
    for label, text, folders in SCANS:
        subject = SubjectLabel(label)
        series = [
            Placed(id=SeriesId(folder), subject=subject, session=None, name=_name(text), order=(number,))
            for number, folder in enumerate(folders)
        ]
        for folder, name in assign(series).items():
            plain = _plainly(shared_data / folder, tmp_path / "plain" / folder)
            into = tmp_path / "converted" / folder
            into.mkdir(parents=True)
            (converted,) = Dcm2niix().convert(shared_data / folder, into=into)
            (answer,) = image_names(name, [converted])
            assert not isinstance(answer, Held), (folder, answer)
            target = _put(root, subject, answer, converted)
            before, after = (plain / f"{STEM}.nii").read_bytes(), gzip.decompress(target.read_bytes())
            assert after[HEADER:] == before[HEADER:]
            assert after[GEOMETRY] == before[GEOMETRY]
            assert after[TEXTS] == bytes(104)
            for ending, path in converted.companions.items():
                assert path.read_bytes() == (plain / f"{STEM}{ending}").read_bytes()
    made = texts.dataset_description(title="Vendors", licence="CC0", made_by={"dcm2niix": Dcm2niix().version()})
    (root / "dataset_description.json").write_text(texts.as_json(made), encoding="utf-8")
    (root / "README.md").write_text("Scans of six vendors.", encoding="utf-8")
    assert [issue for issue in BidsValidator().validate(root) if issue.severity == "error"] == []


@pytest.mark.shared_data
@pytest.mark.parametrize("folder", ["11_DWI_dir80_PA", "12_DWI_dir80_PA", "13_DWI_dir80_PA"])
def test_maps_that_the_scanner_computed_are_held(shared_data: Path, tmp_path: Path, folder: str) -> None:
    """ADC, trace and FA come in series of their own, with the name of their source."""
    (converted,) = Dcm2niix().convert(shared_data / XA / folder, into=tmp_path)
    assert isinstance(image_names(_name("dwi_dir-PA"), [converted])[0], Held)
