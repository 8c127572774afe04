"""The file witness: appended to, never twice, mended after a short write."""

from pathlib import Path

import pytest

from fivesafes.core.errors import TryAgain
from fivesafes.engines.witnesses.file import FileWitness
from fivesafes.setting.trail.checkpoint import SignedCheckpoint
from fivesafes.setting.trail.note import notes_in


def test_notes_are_appended_each_once(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """Sent again, a note is not written again; what the file holds can be read back."""
    witness = FileWitness(path=str(tmp_path / "notes.txt"))
    for one in [checkpoints[0], *checkpoints, checkpoints[1]]:
        witness.send(one)
    assert witness.missing() is None
    assert list(notes_in((tmp_path / "notes.txt").read_text())) == [one.note for one in checkpoints]


def test_what_the_file_holds_is_read_back(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """Of a share that is there: its notes, or nothing; one that is away can't be read."""
    witness = FileWitness(path=str(tmp_path / "share" / "notes.txt"))
    with pytest.raises(TryAgain, match="can't be read"):
        witness.read_back()
    (tmp_path / "share").mkdir()
    assert witness.read_back() == ""
    for one in checkpoints:
        witness.send(one)
    assert list(notes_in(witness.read_back())) == [one.note for one in checkpoints]
    (tmp_path / "share" / "notes.txt").unlink()
    (tmp_path / "share" / "notes.txt").mkdir()
    with pytest.raises(TryAgain):
        witness.read_back()


def test_after_a_short_write_the_whole_note_follows(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """Half a note of a crashed share does not spoil the next."""
    path = tmp_path / "notes.txt"
    path.write_text(checkpoints[0].note[:30])
    FileWitness(path=str(path)).send(checkpoints[0])
    assert list(notes_in(path.read_text())) == [checkpoints[0].note]


def test_a_share_that_is_not_mounted_is_noticed(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """The folder is not made: a note beside the mount point would be no witness."""
    with pytest.raises(TryAgain):
        FileWitness(path=str(tmp_path / "share" / "notes.txt")).send(checkpoints[0])
    assert not (tmp_path / "share").exists()
