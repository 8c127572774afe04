"""What ``doctor`` says of a haven: each lack is told, and goes when it is mended."""

import shutil
from pathlib import Path

from tests.wiring.conftest import Place

from fivesafes.interfaces.forms.witnesses import read_witnesses
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.health import judge_haven


def codes(haven: OpenHaven) -> set[str]:
    """Name what is found."""
    return {finding.code for finding in judge_haven(haven, read_witnesses(haven.config.witnesses)).findings}


def test_a_new_haven_is_told_what_it_lacks(place: Place) -> None:
    """Custodians' keys on the machine, no backup of the keyring, no witness, no tier."""
    with place.open() as haven:
        assert {"haven.keys.custodians", "haven.keys.backup", "haven.witness.none", "haven.tier"} <= codes(haven)


def test_what_was_mended_is_not_told_any_more(place: Place, tmp_path: Path) -> None:
    """Each finding goes with its cause."""
    description = place.path / "haven.toml"
    text = description.read_text().replace("key_backups = []", f'key_backups = ["{tmp_path}"]')
    text = text.replace('tier = "none"', 'tier = "T1"')
    description.write_text(f'{text}\n[[witness]]\nkind = "file"\npath = "{tmp_path / "witness.txt"}"\n')
    with place.open() as haven:
        shutil.rmtree(haven.keys / "custodians")
        found = codes(haven)
    assert not found & {"haven.keys.custodians", "haven.keys.backup", "haven.witness.none", "haven.tier"}


def test_a_keyring_that_is_away_is_told(place: Place, tmp_path: Path) -> None:
    """It stops nobody from being told the rest."""
    away = (place.path / "keyring").rename(tmp_path / "away")
    with place.open() as haven:
        assert {"haven.keyring", "haven.witness.none"} <= codes(haven)
        away.rename(place.path / "keyring")
        assert "haven.keyring" not in codes(haven)
