"""The head: it has a face, each person another one, and the same person always the same."""

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK

from fivesafes.engines.sources.synthetic.anatomy import head_of, phantom, t1_weighted
from fivesafes.engines.sources.synthetic.grids import centred
from fivesafes.engines.sources.synthetic.people import draws
from fivesafes.engines.sources.synthetic.session import Session

GRID = centred("sagittal", shape=(64, 86, 86), spacing=(3.0, 3.0, 3.0), centre=(0.0, -10.0, -34.0))
MIDDLE = GRID.shape[0] // 2


def scan(seed: int, *, visit: int = 1) -> npt.NDArray[np.int16]:
    """Scan a person: (slices from left to right, rows downwards, columns from front to back)."""
    session = Session.opened(seed=seed, visit=visit)
    return t1_weighted(head_of(seed), GRID, pose=session.pose, rng=session.draws("test"))


def profile(volume: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Give the column of the first skin from the front, for each row of the middle slice."""
    skin = volume[MIDDLE] > 250
    return np.where(skin.any(axis=1), skin.argmax(axis=1), GRID.shape[2])


def test_the_middle_slice_shows_a_nose() -> None:
    """Going down from the forehead the profile comes forward by a centimetre or more and goes back again."""
    front = profile(scan(1))
    rows = GRID.position(MIDDLE)[2] - GRID.spacing[1] * np.arange(GRID.shape[1])
    nose = front[(rows < -45) & (rows > -85)].min()
    bridge = front[(rows < -15) & (rows > -40)].max()
    lip = front[(rows < -80) & (rows > -95)].max()
    assert bridge - nose >= 5
    assert lip - nose >= 2


def test_two_people_have_different_faces_and_one_person_has_one() -> None:
    """Held still, the profiles of two people differ by more than two visits of one person do."""
    images = [SimpleITK.GetArrayFromImage(head_of(seed).tissue) for seed in (1, 2, 1)]
    middle = [image[:, 90:, image.shape[2] // 2] for image in images]
    assert np.abs(middle[0] - middle[1]).mean() > 8
    assert np.array_equal(middle[0], middle[2])


def test_tissue_contrast_is_that_of_a_t1() -> None:
    """White matter is brighter than grey, fluid dark, air nearly black but never without noise."""
    volume = scan(1)
    air = volume[2:6, 2:10, 2:10]
    brain = volume[20:44, 18:40, 25:60]
    assert 0 < air.mean() < 30
    assert air.std() > 3
    assert np.percentile(brain, 90) > 1.3 * np.percentile(brain, 25)
    assert volume.max() <= 4095


def test_the_phantom_is_a_sphere() -> None:
    """As much signal as a sphere of 85 mm radius holds."""
    grid = centred("axial", shape=(40, 64, 64), spacing=(5.0, 3.5, 3.5), centre=(0.0, 0.0, 0.0))
    volume = phantom(grid, rng=draws(1, "sphere"))
    litres = np.count_nonzero(volume > 400) * np.prod(grid.spacing) / 1e6
    assert litres == pytest.approx(4 / 3 * np.pi * 0.85**3, rel=0.03)
