"""The synthetic head in slices."""

from collections.abc import Mapping
from typing import Any

import pytest
from numpy.typing import NDArray
from tests.heads.dicoms import Sliced, sliced


@pytest.fixture(scope="session")
def axial(synthetic_head: Mapping[str, NDArray[Any]]) -> Sliced:
    """Slice the synthetic head: few and thick slices, as these tests do not look for the face in them."""
    return sliced(synthetic_head["data"] * 10, synthetic_head["affine"], pixel=4.0, apart=8.0)
