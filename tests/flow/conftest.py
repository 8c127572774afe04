"""A small sealed haven, and the same opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.setting.vault.havens import SealedHaven, make_haven

from fivesafes.wiring.haven import OpenHaven, opened_haven


@pytest.fixture
def haven(tmp_path: Path) -> SealedHaven:
    """Make a haven with the custodians Ada and Ben, a worker, 15 objects of three series and one that was set aside."""
    return make_haven(tmp_path)


@pytest.fixture
def opened(haven: SealedHaven) -> Iterator[OpenHaven]:
    """Open it."""
    with opened_haven(haven.path) as opened:
        yield opened
