"""A head in slices goes in with its face and comes out without: the embedded engine, and dcm2niix as a witness."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import asdict
from numpy.typing import NDArray
from tests.heads.dicoms import sliced, write_classic
from tests.heads.frontal import one_series

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.dicom.series import DefacedSeries, deface_series
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode, FaceStatus
from fivesafes.engines.converters.dcm2niix import Dcm2niix
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

Head = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def slices(synthetic_head: Head, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the synthetic head in sagittal slices."""
    folder = tmp_path_factory.mktemp("slices")
    write_classic(sliced(synthetic_head["data"] * 4, synthetic_head["affine"], plane="sagittal"), folder)
    return folder


@pytest.fixture(scope="module")
def done(slices: Path, tmp_path_factory: pytest.TempPathFactory) -> DefacedSeries:
    """Deface it once."""
    into = tmp_path_factory.mktemp("out")
    return deface_series(one_series(slices), into=into, defacer=EmbeddedDefacer(), mode=FaceMode.REMOVE)


def converted(folder: Path | None, into: Path) -> Path:
    """Convert a series with dcm2niix."""
    assert folder is not None
    into.mkdir()
    (one,) = Dcm2niix().convert(folder, into=into)
    return one.nifti


def test_the_face_is_gone_and_the_brain_whole(done: DefacedSeries, synthetic_head: Head) -> None:
    """By what was measured, and by the truth that the head was made from."""
    assert done.defaced.status is FaceStatus.DEFACED, done.defaced.why
    evidence = done.defaced.evidence
    assert evidence.residual is not None
    assert all((share or 0) <= 0.1 for share in asdict(evidence.residual).values())
    assert (evidence.brain_voxels_altered, evidence.outside_voxels_altered) == (0, 0)
    assert done.defaced.mask is not None
    mask = read_stored(done.defaced.mask)
    hop = np.linalg.inv(synthetic_head["affine"]) @ mask.grid.affine
    at = np.rint(np.argwhere(mask.voxels[..., 0]) @ hop[:3, :3].T + hop[:3, 3]).astype(int)
    inside = ((at >= 0) & (at < synthetic_head["brain"].shape)).all(axis=1)
    assert not synthetic_head["brain"][tuple(at[inside].T)].any()


def test_dcm2niix_finds_the_same_voxels_removed_as_from_its_own_image(
    slices: Path, done: DefacedSeries, tmp_path: Path
) -> None:
    """Converted and then defaced, or defaced and then converted: all but the zone's border agrees."""
    before = converted(slices, tmp_path / "before")
    after = read_stored(converted(done.defaced.image, tmp_path / "after")).voxels[..., 0]
    image = deface_image(before, into=tmp_path / "nifti", mode=FaceMode.REMOVE).image
    assert image is not None
    original, other = (read_stored(path).voxels[..., 0] for path in (before, image))
    here, there = after != original, other != original
    assert here.sum() > 10_000
    assert 2 * (here & there).sum() / (here.sum() + there.sum()) > 0.99
    assert np.array_equal(after[~here & ~there], other[~here & ~there])
