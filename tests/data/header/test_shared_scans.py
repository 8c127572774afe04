"""Real scans of each vendor: what science needs is kept, what identifies is gone, and conversion gives the same."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from fivesafes.data.header.collect import TextCollector
from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

pytestmark = pytest.mark.shared_data

SETS = {
    "structural-t1": 12,
    "siemens-ge": 40,
    "siemens-ge/In/20180918Si/mr_0003": 8,
    "siemens-enhanced": 4,
    "vendors/philips-dwi": 32,
    "vendors/ge-dwi": 14,
    "vendors/siemens-b17": 2,
    "vendors/canon": 20,
    "vendors/uih": 4,
}
PHYSICS = [
    "EchoTime",
    "RepetitionTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "PhaseEncodingDirection",
    "EffectiveEchoSpacing",
    "TotalReadoutTime",
    "MultibandAccelerationFactor",
    "ParallelReductionFactorInPlane",
    "SliceThickness",
    "Manufacturer",
    "ScanningSequence",
]
WORDS = frozenset({"FMRI", "SIGNA", "Fast", "Head", "SIEMENS", "MRI"})
"""Identifying where they stood (a station's or a study's name), and words of sequences and makers elsewhere."""


def _converter() -> str:
    found = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or shutil.which("dcm2niix")
    assert found, "dcm2niix comes with the project's dependencies"
    return found


def _copy(source: Path, into: Path, most: int) -> None:
    """Copy some files of a set: of one folder, so that a series stays together, and small ones."""
    into.mkdir()
    folder = max((p for p in [source, *source.rglob("*")] if p.is_dir()), key=lambda p: (len(_files(p)), p.as_posix()))
    for number, path in enumerate(_files(folder)[:most]):
        shutil.copyfile(path, into / f"{number:04}")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size > 10_000)


def _convert(folder: Path, into: Path) -> dict[str, tuple[Any, dict[str, object], str]]:
    into.mkdir()
    call = [_converter(), "-b", "y", "-ba", "n", "-z", "n", "-f", "%s_%e_%z", "-o", str(into), str(folder)]
    subprocess.run(call, capture_output=True, check=False)
    images = {}
    for path in sorted(into.glob("*.nii")):
        companions = "".join(p.read_text() for p in sorted(into.glob(f"{path.stem}.bv*")))
        sidecar = path.with_suffix(".json")
        said = json.loads(sidecar.read_text()) if sidecar.exists() else {}
        images[path.name] = (nib.load(path), said, companions)
    return images


@pytest.mark.parametrize("name", SETS)
def test_conversion_gives_the_same_and_nothing_identifying_is_left(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    """Voxels, affine, bval, bvec and physics are equal; no text of the originals that does not stay is in any byte."""
    _copy(shared_data / name, tmp_path / "before", SETS[name])
    (tmp_path / "after").mkdir()
    profile = load_profile()
    deidentifier = Deidentifier(profile, Pseudonyms(bytes(range(32)), "test"))
    for path in sorted((tmp_path / "before").iterdir()):
        try:
            cleaned = deidentifier.clean(open_data_set(path.read_bytes()))
        except Malformed:
            continue
        if not cleaned.pieces:
            continue
        header = b"".join(bytes(piece) for piece in cleaned.pieces[:2])
        (tmp_path / "after" / path.name).write_bytes(b"".join(cleaned.pieces))
        if int(path.name) % 8 == 0:
            collector = TextCollector(profile)
            collector.add(open_data_set(path.read_bytes()))
            texts = collector.texts() - WORDS
            assert not [text for text in texts if not text.isdigit() and text.encode() in header]
    before, after = (_convert(tmp_path / state, tmp_path / f"{state} nifti") for state in ("before", "after"))
    assert before.keys() == after.keys()
    for image, (old, said, companions) in before.items():
        new, says, kept = after[image]
        assert np.array_equal(np.asarray(old.dataobj), np.asarray(new.dataobj))
        assert np.array_equal(old.affine, new.affine)
        assert companions == kept
        assert {key: said.get(key) for key in PHYSICS} == {key: says.get(key) for key in PHYSICS}
