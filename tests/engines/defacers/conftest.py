"""A head for tools to work on, and a place where stand-ins for the tools are the only ones that are found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from fivesafes.data.face import locate
from fivesafes.data.face.pack import template
from fivesafes.engines.defacers import programs

nib: Any = nibabel


@pytest.fixture(scope="module", autouse=True)
def few_starts() -> Iterator[None]:
    """Search from three coarse starts: the head lies straight."""
    whole = locate.turns
    patch = pytest.MonkeyPatch()
    patch.setattr(locate, "turns", lambda: whole()[:3])
    yield
    patch.undo()


@pytest.fixture(scope="session")
def head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the template's head with some noise, under a name that nobody may learn, with a header that tells more."""
    rng = np.random.default_rng(5)
    head = template().head
    data = np.rint(4 * np.hypot(head.data + rng.normal(0, 2, head.data.shape), rng.normal(0, 2, head.data.shape)))
    turned = np.ascontiguousarray(data.astype(">i2").transpose(2, 0, 1)[::-1])  # as a sagittal scan would lie
    affine = head.affine[:, [2, 0, 1, 3]] @ np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] += head.affine[:3, 2] * (head.data.shape[2] - 1)
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    header["descrip"] = b"CANARY^JOHN"
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"CANARY^JOHN 1970-01-01"))
    path = tmp_path_factory.mktemp("canary-clinic") / "sub-CANARYJOHN_T1w.nii.gz"
    nib.save(nib.Nifti1Image(turned, affine, header), path)
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is all of PATH but for the system's own, with no suite's variable set."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(programs, "BESIDE", folder)
    for name in ("FSLDIR", "FREESURFER_HOME", "AFNI_BIN", "MCRROOT"):
        monkeypatch.delenv(name, raising=False)
    return folder
