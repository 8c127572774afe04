"""What the walk over a data set finds, leaves alone, and can't read."""

from datetime import UTC, datetime
from pathlib import Path

from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.walk import residues_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIGHT = {Severity.INFO, Severity.LOW}


def heavy(dataset: Path) -> list[Residue]:
    """Give the findings of medium severity or worse."""
    return [found for found in residues_in(dataset, now=NOW).findings if found.severity not in LIGHT]


def test_a_careful_data_set_has_no_finding_of_medium_or_worse(clean: Path) -> None:
    """Ordinary BIDS content, authors' names and look-alikes are not flagged."""
    found = residues_in(clean, now=NOW)
    assert [(f.path, f.locator, f.code) for f in heavy(clean)] == []
    assert found.unread == ()
    assert found.files > 30
