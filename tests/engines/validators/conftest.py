"""A small valid data set, made up."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.bids import dataset as texts
from fivesafes.data.bids.names import bids_name
from fivesafes.data.bids.nifti import write_clean
from fivesafes.data.bids.sidecar import clean
from fivesafes.data.model import BidsName

X = SubjectLabel("x")
MADE_BY = {"fivesafes": "0.1.0", "dcm2niix": "v1.0.20260724"}
PHYSICS = {
    "Manufacturer": "Siemens",
    "MagneticFieldStrength": 3,
    "EchoTime": 0.03,
    "RepetitionTime": 2.0,
    "FlipAngle": 75,
    "PhaseEncodingDirection": "j",
    "TotalReadoutTime": 0.03,
    "SliceTiming": [0.0, 0.5, 1.0],
    "DeviceSerialNumber": "1234",
}
MP2RAGE = {
    "InversionTime": 0.7,
    "RepetitionTimeExcitation": 0.007,
    "RepetitionTimePreparation": 5.0,
    "NumberShots": 176,
}
NAMES = {
    "T1w": bids_name("anat", "T1w", {"acq": "mprage"}),
    "MP2RAGE": bids_name("anat", "MP2RAGE", {"inv": "1"}),
    "bold": bids_name("func", "bold", {"task": "rest"}),
    "phase": bids_name("func", "bold", {"task": "rest", "part": "phase"}),
    "dwi": bids_name("dwi", "dwi", {"dir": "AP"}),
    "epi": bids_name("fmap", "epi", {"dir": "PA"}),
    "magnitude1": bids_name("fmap", "magnitude1", {}),
    "phasediff": bids_name("fmap", "phasediff", {}),
}


def write_image(path: Path, *, volumes: int = 1) -> None:
    """Write a little noise as a clean image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (4, 4, 3) if volumes == 1 else (4, 4, 3, volumes)
    voxels = np.random.default_rng(1).integers(0, 99, shape).astype("<i2")
    image = nib.Nifti1Image(voxels, np.eye(4))  # type: ignore[no-untyped-call] # nibabel's own
    image.header["xyzt_units"], image.header["pixdim"][4] = 2 | 8, 2.0  # mm and s
    rough = path.with_name("rough.nii")
    nib.save(image, rough)
    write_clean(rough, path)
    rough.unlink()


def put(root: Path, name: BidsName, text_by_ending: dict[str, str]) -> None:
    """Write the texts beside an image."""
    for ending, text in text_by_ending.items():
        (root / texts.relative_path(X, None, name, ending)).write_text(text, encoding="utf-8")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Write a data set of one participant with an image of each kind, and the masks of two of them."""
    root = tmp_path / "data, set of Jönes"
    for suffix, name in NAMES.items():
        write_image(
            root / texts.relative_path(X, None, name, ".nii.gz"), volumes=2 if name.datatype in {"func", "dwi"} else 1
        )
        raw = PHYSICS | MP2RAGE | ({"EchoTime1": 0.004, "EchoTime2": 0.006} if suffix == "phasediff" else {})
        put(root, name, {".json": texts.as_json(clean(raw, name=name)[0])})
    put(root, NAMES["dwi"], {".bval": "0 1000\n", ".bvec": "0 1\n0 0\n0 0\n"})
    made = texts.dataset_description(
        title="Memory", licence="CC0", made_by=MADE_BY, further={"Authors": ["A. Person", "B. Person"]}
    )
    (root / "dataset_description.json").write_text(texts.as_json(made), encoding="utf-8")
    (root / "README.md").write_text("What this is, how it was made and whom to ask. " * 8, encoding="utf-8")
    rows = [{"participant_id": "sub-x", "age": "89+", "sex": "F"}]
    (root / "participants.tsv").write_text(texts.participants_tsv(rows, ("age", "sex")), encoding="utf-8")
    described = texts.as_json(texts.participants_json(("age", "sex")))
    (root / "participants.json").write_text(described, encoding="utf-8")
    scans = [(texts.relative_path(X, None, name, ".nii.gz"), None) for name in NAMES.values()]
    listed = texts.scans_tsv(scans, subject_folder=texts.subject_folder(X, None))
    (root / texts.scans_path(X, None)).write_text(listed, encoding="utf-8")
    _write_masks(root)
    return root


def _write_masks(root: Path) -> None:
    derivative = root / texts.DERIVATIVES
    for suffix in ("T1w", "bold", "magnitude1", "MP2RAGE"):
        mask = texts.mask_name(NAMES[suffix])
        write_image(derivative / texts.relative_path(X, None, mask, ".nii.gz"))
        source = texts.relative_path(X, None, NAMES[suffix], ".nii.gz")
        sidecar = texts.as_json(texts.mask_sidecar(source))
        (derivative / texts.relative_path(X, None, mask, ".json")).write_text(sidecar, encoding="utf-8")
    made = texts.as_json(texts.derivative_description(title="Memory", licence="CC0", made_by=MADE_BY))
    (derivative / "dataset_description.json").write_text(made, encoding="utf-8")
    (derivative / "README.md").write_text("Masks of what was removed from the images. " * 8, encoding="utf-8")


@pytest.fixture
def spoil(dataset: Path) -> Callable[[str, str], None]:
    """Write a text into one file of the data set."""

    def write(path: str, text: str) -> None:
        (dataset / path).parent.mkdir(parents=True, exist_ok=True)
        (dataset / path).write_text(text, encoding="utf-8")

    return write
