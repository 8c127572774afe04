"""One small synthetic study with all its extras, written once, and what converters make of it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from attrs import frozen

from fivesafes.engines.sources.synthetic import Extra, Planted, write_study

SEED = 5


@frozen(kw_only=True)
class Image:
    """One converted image."""

    affine: npt.NDArray[np.float64]
    voxels: npt.NDArray[np.int16]
    sidecar: Mapping[str, Any]
    path: Path


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Write the study; nobody changes it."""
    return write_study(tmp_path_factory.mktemp("study"), seed=SEED, small=True, extras=tuple(Extra))


@pytest.fixture(scope="session")
def converted(study: Planted, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Image]]:
    """Convert each series by dcm2niix; images by the role of their series."""
    program = shutil.which("dcm2niix", path=str(Path(sys.executable).parent))
    assert program is not None
    images: dict[str, list[Image]] = {}
    for series in study.series:
        out = tmp_path_factory.mktemp("nifti")
        words = [program, "-b", "y", "-z", "n", "-f", "image", "-o", str(out), str(series.files[0].parent)]
        subprocess.run(words, check=True, capture_output=True)
        images[series.role] = [_read(path) for path in sorted(out.glob("*.nii"))]
    return images


def _read(path: Path) -> Image:
    image: Any = nib.load(path)
    return Image(
        affine=image.affine,
        voxels=np.asanyarray(image.dataobj),
        sidecar=json.loads(path.with_suffix(".json").read_text(encoding="utf-8")),
        path=path,
    )
