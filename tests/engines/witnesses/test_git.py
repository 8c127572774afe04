"""The git witness against a real bare repository."""

import subprocess
from pathlib import Path

import pytest

from fivesafes.core.errors import PolicyInvalid, TryAgain
from fivesafes.engines.witnesses.git import GitWitness
from fivesafes.setting.trail.checkpoint import SignedCheckpoint
from fivesafes.setting.trail.note import notes_in


def git(*words: str, at: Path) -> str:
    """Run git without anybody's settings."""
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *settings, *words], cwd=at, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Make an empty bare repository."""
    git("init", "--quiet", "--bare", "remote.git", at=tmp_path)
    return tmp_path / "remote.git"


@pytest.fixture
def clone(tmp_path: Path, remote: Path) -> Path:
    """Clone it."""
    git("clone", "--quiet", str(remote), "clone", at=tmp_path)
    return tmp_path / "clone"


def kept(remote: Path) -> dict[str, str]:
    """Read what the remote has, by file name."""
    names = git("ls-tree", "-r", "--name-only", "main", at=remote).split()
    return {name: git("show", f"main:{name}", at=remote) for name in names}


def test_notes_are_committed_and_pushed_each_once(
    remote: Path, clone: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """One file and one commit each; sent again, nothing happens."""
    witness = GitWitness(clone=str(clone))
    for one in [*checkpoints, checkpoints[0]]:
        witness.send(one)
    expected = {f"checkpoints/{one.checkpoint.size:012d}.txt": one.note for one in checkpoints}
    assert kept(remote) == expected
    assert len(git("log", "--oneline", "main", at=remote).splitlines()) == 3
    assert witness.missing() is None


def test_what_somebody_else_pushed_meanwhile_stays(
    tmp_path: Path, remote: Path, clone: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """Two havens, one repository: the second's commit goes on top of the first's."""
    GitWitness(clone=str(clone)).send(checkpoints[0])
    git("clone", "--quiet", "--branch", "main", str(remote), "other", at=tmp_path)
    GitWitness(clone=str(tmp_path / "other")).send(checkpoints[1])
    GitWitness(clone=str(clone)).send(checkpoints[2])
    assert len(kept(remote)) == 3


def test_a_remote_that_is_away_is_tried_again_and_gets_all_it_missed(
    tmp_path: Path, remote: Path, clone: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """The commit waits in the clone."""
    witness = GitWitness(clone=str(clone))
    remote.rename(tmp_path / "away.git")
    with pytest.raises(TryAgain):
        witness.send(checkpoints[0])
    (tmp_path / "away.git").rename(remote)
    witness.send(checkpoints[0])
    assert len(kept(remote)) == 1


def test_what_the_remote_keeps_is_read_back_whatever_the_clone_says(
    tmp_path: Path, remote: Path, clone: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """A commit that never left this machine is no witness; what another clone pushed is fetched."""
    witness = GitWitness(clone=str(clone))
    assert witness.read_back() == ""
    witness.send(checkpoints[0])
    git("clone", "--quiet", "--branch", "main", str(remote), "other", at=tmp_path)
    GitWitness(clone=str(tmp_path / "other")).send(checkpoints[1])
    assert list(notes_in(witness.read_back())) == [one.note for one in checkpoints[:2]]
    remote.rename(tmp_path / "away.git")
    with pytest.raises(TryAgain):
        witness.send(checkpoints[2])
    with pytest.raises(TryAgain, match="can't be asked"):
        witness.read_back()
    (tmp_path / "away.git").rename(remote)
    assert checkpoints[2].note not in witness.read_back()
    git("update-ref", "-d", "refs/heads/main", at=remote)
    assert witness.read_back() == ""


def test_no_hook_of_the_clone_runs(tmp_path: Path, clone: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """A program that somebody put there is not ours to start."""
    for name in ("pre-commit", "post-commit", "pre-push"):
        hook = clone / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    GitWitness(clone=str(clone)).send(checkpoints[0])
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_no_clone_is_a_mistake(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """Told, and nothing is made there."""
    with pytest.raises(PolicyInvalid):
        GitWitness(clone=str(tmp_path)).send(checkpoints[0])
    assert not (tmp_path / "checkpoints").exists()
