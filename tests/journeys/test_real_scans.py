"""Real scans of several vendors become releases: valid BIDS, voxels as converted from the originals."""

import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from attrs import frozen
from numpy.typing import NDArray
from tests.journeys.studies import FORM, Study

pytestmark = pytest.mark.shared_data

A_FACE = 0.05
"""More of an image's voxels than what is cut away of a head defaced before: 2.6 %."""


def rule(pattern: str, *, datatype: str, suffix: str, **entities: str) -> str:
    """Write one [[series]] rule."""
    name = {"datatype": datatype, "suffix": suffix, **entities}
    words = ", ".join(f'{key} = "{value}"' for key, value in name.items())
    return f'\n[[series]]\nwhen = {{ SeriesDescription = "{pattern}" }}\nname = {{ {words} }}\n'


@frozen(kw_only=True)
class RealSet:
    """One set of scans beside the checkout: whose, how its series are named, how many images must leave.

    ``more_removed``: defaced by those who share it, and cut once more, since about its eyes 7 % of the skin is left.
    """

    folder: str
    participant: str
    rules: str
    images: int
    more_removed: bool = False

    def keeps(self, original: NDArray[np.generic], released: NDArray[np.generic]) -> bool:
        """Tell whether the released voxels are the original's, but for a face that is blank now."""
        changed = original != released
        return (
            not changed.any() if not self.more_removed else 0 < changed.mean() < A_FACE and not released[changed].any()
        )


SETS = {
    "siemens-ge": RealSet(
        folder="siemens-ge",
        participant="DEV",
        rules="".join(
            rule(f"EPI PE={way}", datatype="func", suffix="bold", task="rest", dir=way)
            for way in ("AP", "PA", "LR", "RL")
        )
        + rule("Axial EPI-FMRI*", datatype="func", suffix="bold", task="rest", acq="ge"),
        images=8,
    ),
    "siemens-enhanced": RealSet(
        folder="siemens-enhanced",
        participant="12343@hucheng",
        rules=rule("DWI_dir80_PA", datatype="dwi", suffix="dwi", dir="PA"),
        images=1,
    ),
    "structural-t1": RealSet(folder="structural-t1", participant="02", rules="", images=1, more_removed=True),
}


@pytest.mark.parametrize("name", SETS)
def test_real_scans_become_a_release_with_the_converter_s_own_voxels(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    """Each released image equals, voxel for voxel outside of a face, what dcm2niix makes of the originals."""
    real = SETS[name]
    study = Study(folder=tmp_path, key=tmp_path / "key", planted=())
    (tmp_path / "scans").symlink_to(shared_data / real.folder)
    study.key.touch(mode=0o600)
    study.key.write_bytes(bytes(32))
    study.form(FORM + real.rules)
    study.consent(f"{real.participant},NRES,no,2026-01-01/..,")
    answer = study.run()
    assert answer.json["release"] == "release", answer.stderr
    released = sorted((study.out / "release").glob("sub-*/**/*.nii.gz"))
    assert len(released) == real.images
    originals = converted(study.scans.resolve(), tmp_path / "raw")
    for path in released:
        image = nib.Nifti1Image.from_filename(path)
        voxels = np.asanyarray(image.dataobj)
        alike = [o for o in originals if o.shape == image.shape and np.array_equal(o.affine, image.affine)]
        assert any(real.keeps(np.asanyarray(original.dataobj), voxels) for original in alike), path.name


def converted(scans: Path, into: Path) -> list[nib.Nifti1Image]:
    """Convert the originals as a user would without us."""
    into.mkdir()
    program = str(Path(sys.executable).with_name("dcm2niix"))
    subprocess.run(
        [program, "-z", "n", "-b", "n", "-f", "%s_%d", "-o", str(into), str(scans)], check=False, capture_output=True
    )
    return [nib.Nifti1Image.from_filename(path) for path in sorted(into.glob("*.nii"))]


def test_a_head_with_its_whole_face_is_defaced_alone(shared_data: Path, tmp_path: Path) -> None:
    """The stand-alone command says what it did, and nothing of the input is touched."""
    head = shared_data / "heads" / "ds031_T1w.nii.gz"
    copy = tmp_path / "head.nii.gz"
    shutil.copy(head, copy)
    command = [sys.executable, "-m", "fivesafes", "deface", str(copy), "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"status": "defaced"' in done.stdout
    assert copy.read_bytes() == head.read_bytes()
