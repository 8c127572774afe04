"""``fivesafes deface --decisions``: what was decided on the page happens to the files, once and for these bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fivesafes.core.errors import InvalidInput
from fivesafes.interfaces.cli.deface import command

NAME = "a_T1w.nii.gz"
SHA = hashlib.sha256(b"voxels").hexdigest()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Make a folder with two images that wait, and their masks."""
    folder = tmp_path / "out"
    (folder / "needs-review").mkdir(parents=True)
    for stem in ("a_T1w", "b_T1w"):
        (folder / "needs-review" / f"{stem}.nii.gz").write_bytes(b"voxels")
        (folder / "needs-review" / f"{stem}_mask.nii.gz").write_bytes(b"mask")
    return folder


def row(**changed: object) -> dict[str, Any]:
    """Write a decision as the page does."""
    given = {"image": NAME, "sha256": SHA, "decision": "approve", "by": "Ada", "at": "2026-01-02T03:04:05.678Z"}
    return {**given, "reason": "looked at", **changed}


def apply(out: Path, *rows: dict[str, Any], options: tuple[str, ...] = ()) -> Result:
    """Save decisions in a file and apply it."""
    file = out.parent / "deface-decisions.json"
    file.write_text(json.dumps({"schema": 1, "decisions": rows}), encoding="utf-8")
    return CliRunner().invoke(command, ["--decisions", str(file), "--out", str(out), *options])


def files(folder: Path) -> set[str]:
    """List all files but the record and the report."""
    every = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in every if not path.startswith("deface-")}


def test_approved_moves_out_and_rejected_is_held_apart(out: Path) -> None:
    """With their masks; the record beside them is the page's own form; done twice it says and does the same."""
    rows = [row(), row(image="b_T1w.nii.gz", decision="reject", reason="an ear")]
    wanted = {NAME, "a_T1w_mask.nii.gz"}
    wanted |= {"needs-review/rejected/b_T1w.nii.gz", "needs-review/rejected/b_T1w_mask.nii.gz"}
    for _ in range(2):
        result = apply(out, *rows, options=("--json",))
        assert result.exit_code == 0, result.output
        first, second = json.loads(result.stdout)["decisions"]
        assert first == {"image": NAME, "status": "approved", "output": NAME, "by": "Ada", "why": ""}
        assert (second["status"], second["output"]) == ("rejected", "needs-review/rejected/b_T1w.nii.gz")
        assert files(out) == wanted
    record = json.loads((out / "deface-decisions.json").read_text(encoding="utf-8"))
    assert [one["image"] for one in record["decisions"]] == [NAME, "b_T1w.nii.gz"]
    again = CliRunner().invoke(command, ["--decisions", str(out / "deface-decisions.json"), "--out", str(out)])
    assert again.exit_code == 0
    assert files(out) == wanted


@pytest.mark.parametrize("bad", [{"by": "  "}, {"image": "c_T1w.nii.gz"}, {"sha256": "0" * 64}])
def test_what_is_refused_stays_where_it_was(out: Path, bad: dict[str, str]) -> None:
    """Alone it is exit code 3, beside another that was applied 5; a person reads why."""
    before = files(out)
    result = apply(out, row(**bad))
    assert result.exit_code == 3
    assert "refused" in result.stdout
    assert files(out) == before
    assert not (out / "deface-decisions.json").exists()
    assert apply(out, row(**bad), row(image="b_T1w.nii.gz")).exit_code == 5
    assert "b_T1w.nii.gz" in files(out)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema": 2, "decisions": []}',
        b'{"schema": 1, "decisions": [{"image": "a"}]}',
        json.dumps({"schema": 1, "decisions": [row(at="2026-01-02T03:04:05")]}).encode(),
        json.dumps({"schema": 1, "decisions": [row(decision="maybe")]}).encode(),
        json.dumps({"schema": 1, "decisions": [row(image="a\nb")]}).encode(),
        json.dumps({"schema": 1, "decisions": [row(more="x")]}).encode(),
    ],
)
def test_what_is_no_file_of_decisions_is_refused_as_a_whole(out: Path, content: bytes) -> None:
    """Exit code 4, nothing is moved, and nothing of the file is repeated."""
    file = out.parent / "wrong.json"
    file.write_bytes(content)
    before = files(out)
    result = CliRunner().invoke(command, ["--decisions", str(file), "--out", str(out)])
    assert isinstance(result.exception, InvalidInput)
    assert "Ada" not in str(result.exception)
    assert files(out) == before


def test_a_dry_run_says_what_would_happen(out: Path) -> None:
    """And nothing does."""
    before = files(out)
    result = apply(out, row(), options=("--dry-run", "--json"))
    answer = json.loads(result.stdout)
    assert answer["dry_run"] is True
    assert answer["decisions"][0]["output"] == NAME
    assert files(out) == before
    assert not (out / "deface-decisions.json").exists()


def test_a_person_reads_what_still_waits(out: Path) -> None:
    """One line per decision, then how many are left."""
    result = apply(out, row())
    assert f"approved  {NAME}" in result.stdout
    assert "still held for review: 1" in result.stderr


def test_it_says_on_record_of_what_was_put_there(out: Path) -> None:
    """Not where all was refused, and not in a dry run."""
    result = apply(out, row(by=" "))
    assert "on record:" not in result.stderr
    assert "nothing was put on record" in result.stderr
    result = apply(out, row(), options=("--dry-run",))
    assert "on record:" not in result.stderr
    assert "dry run: nothing was moved" in result.stderr
    assert f"on record: {out / 'deface-decisions.json'}" in apply(out, row(by=" "), row()).stderr


def test_an_image_with_a_hidden_name_is_decided_about_like_any(out: Path) -> None:
    """Nobody could ever let it pass else."""
    for end in (".nii.gz", "_mask.nii.gz"):
        (out / "needs-review" / f"a_T1w{end}").rename(out / "needs-review" / f".a_T1w{end}")
    result = apply(out, row(image=f".{NAME}"))
    assert result.exit_code == 0, result.output
    assert {f".{NAME}", ".a_T1w_mask.nii.gz"} <= files(out)
