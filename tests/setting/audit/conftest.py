"""A made-up machine for each test."""

from pathlib import Path

import pytest
from tests.setting.audit.made_up import Made, make


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Make a machine where everything that a machine can see is met."""
    return make(tmp_path)
