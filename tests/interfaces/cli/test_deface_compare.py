"""``fivesafes deface --compare``: the engines that are here, side by side."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.data.face.pack import template
from fivesafes.data.model import FaceMode, FaceStatus, Picture
from fivesafes.interfaces.cli import deface_compare
from fivesafes.interfaces.cli.deface import command
from fivesafes.interfaces.cli.deface_compare_page import write_page
from fivesafes.interfaces.cli.deface_compare_rows import Cost, Row, table

nib: Any = nibabel


@pytest.fixture(scope="module")
def head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the template's head with some noise."""
    rng = np.random.default_rng(7)
    head = template().head
    data = np.hypot(head.data + rng.normal(0, 2, head.data.shape), rng.normal(0, 2, head.data.shape))
    path = tmp_path_factory.mktemp("scans") / "sub-01_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.rint(4 * data).astype(np.int16), head.affine), path)
    return path


@pytest.fixture
def two_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be one engine that is ready, and one that is not."""
    monkeypatch.setattr(deface_compare, "names", lambda _: ["quickshear", "synthstrip"])
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def call(*words: str | Path) -> Result:
    """Call the command."""
    return CliRunner().invoke(command, [*map(str, words), "--compare"])


@pytest.mark.slow
@pytest.mark.usefixtures("two_engines")
def test_each_engine_that_is_ready_runs_and_is_measured(head_file: Path, tmp_path: Path) -> None:
    """A row with residual, brain, cost and how the tool was run; who is not here is said; all lies in one folder."""
    result = call(head_file, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    (row,) = answer["compare"]
    assert (row["engine"], row["mode"], row["status"]) == ("quickshear", "remove", "needs-review")
    assert row["residual"]["nose"] == 0
    assert row["residual"]["ears"] > 0.9
    assert row["brain_voxels_altered"] == 0
    assert row["mask_ml"] > 100
    assert row["run"]["program"] == "quickshear"
    assert row["cpu_seconds"] > 1
    assert row["peak_mb"] > 100
    assert row["output"] == "compare/quickshear-remove/needs-review/sub-01_T1w.nii.gz"
    assert (tmp_path / "out" / row["output"]).exists()
    (absent,) = answer["absent"]
    assert absent["engine"] == "synthstrip"
    assert "FreeSurfer" in absent["missing"]
    assert answer["page"] == "compare/deface-compare.html"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["compare"]
    page = (tmp_path / "out" / answer["page"]).read_text(encoding="utf-8")
    assert "before (identifying)" in page
    assert "quickshear, remove" in page
    assert "FreeSurfer" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "<script" not in page
    again = call(head_file, "--out", tmp_path / "out")
    assert isinstance(again.exception, UsageMistake)  # results of two comparisons are not mixed


@pytest.mark.usefixtures("two_engines")
def test_a_dry_run_says_what_would_be_run(head_file: Path, tmp_path: Path) -> None:
    """And writes nothing."""
    answer = json.loads(call(head_file, "--out", tmp_path / "out", "--dry-run", "--json").stdout)
    assert answer["compare"] == [{"path": str(head_file), "engine": "quickshear", "mode": "remove"}]
    assert "quickshear remove" in call(head_file, "--out", tmp_path / "out", "--dry-run").stdout
    assert not (tmp_path / "out").exists()


def test_one_engine_or_mode_can_not_be_asked_for_beside_it(head_file: Path, tmp_path: Path) -> None:
    """It would be passed over in silence."""
    result = call(head_file, "--out", tmp_path / "out", "--engine", "embedded")
    assert isinstance(result.exception, UsageMistake)


@pytest.mark.usefixtures("two_engines")
def test_a_file_that_is_no_image_stops_it_before_anything_is_run(tmp_path: Path) -> None:
    """Exit code 4, and no folder."""
    path = tmp_path / "a.nii"
    path.write_bytes(b"nothing")
    result = call(path, "--out", tmp_path / "out")
    assert isinstance(result.exception, InvalidInput)
    assert not (tmp_path / "out").exists()


def test_the_embedded_engine_is_run_in_each_of_its_modes() -> None:
    """In all that write an image; the engines of one mode stand together."""
    planned, _ = deface_compare.plan([Path("a.nii")])
    modes = [row.mode for row in planned if row.engine == "embedded"]
    assert modes == [mode for mode in FaceMode if mode is not FaceMode.MASK]
    assert [row.mode for row in planned] == sorted((row.mode for row in planned), key=list(FaceMode).index)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts otherwise")
def test_what_a_tool_uses_is_counted_with_its_children() -> None:
    """The child of a child: two seconds of work, 200 MB."""
    grandchild = "import time; b = b'x' * 200_000_000\nwhile time.process_time() < 2: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}], check=True); print('done')"
    printed, cost = deface_compare._counted([sys.executable, "-c", child])
    assert printed == b"done\n"
    assert cost.cpu_seconds is not None
    assert cost.cpu_seconds >= 2
    assert cost.peak_mb is not None
    assert cost.peak_mb >= 190


def test_a_run_that_ends_without_an_answer_is_told(
    head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One engine that dies does not take the others with it, and the exit code says that something is missing."""
    monkeypatch.setattr(deface_compare, "names", lambda _: ["quickshear"])
    monkeypatch.setattr(deface_compare, "_counted", lambda _: (b"", Cost(seconds=1.0)))
    result = call(head_file, "--out", tmp_path / "out", "--no-report", "--json")
    (row,) = json.loads(result.stdout)["compare"]
    assert row["status"] == "failed"
    assert result.exit_code == 5
    refusal = json.dumps({"schema": 1, "error": {"what": "the disk is full", "fix": "make room"}}).encode()
    monkeypatch.setattr(deface_compare, "_counted", lambda _: (refusal, Cost(seconds=1.0)))
    (row,) = json.loads(call(head_file, "--out", tmp_path / "other", "--no-report", "--json").stdout)["compare"]
    assert row["why"] == "the disk is full (fix: make room)"


def rows_of(*engines: str) -> list[Row]:
    """Make rows with two pictures each."""
    pictures = tuple(
        Picture(name=f"{when}-front", alt=f"the head {when}", png=when.encode(), identifying=when == "before")
        for when in ("before", "after")
    )
    shares: dict[str, float | None] = {"eyes": 0.5, "nose": 0.0, "mouth": None, "chin": 0.0, "ears": 1.0}
    return [
        Row(
            path=Path("a.nii"),
            engine=engine,
            mode=FaceMode.REMOVE,
            status=FaceStatus.NEEDS_REVIEW.value,
            residual=shares,
            brain_voxels_altered=3,
            mask_ml=1234.5,
            cost=Cost(seconds=2.0, cpu_seconds=1.25, peak_mb=300),
            why="ears <left>",
            pictures=pictures,
        )
        for engine in engines
    ]


def test_a_person_reads_a_table() -> None:
    """Columns line up; what the scan never showed has a dash; the reason stands under its row."""
    head, line, why = table(rows_of("quickshear"))
    told = ["quickshear", "remove", "needs-review", "50%", "0%", "–", "0%", "100%", "3", "1234", "1.2", "300"]
    assert line.split() == told
    assert len(head) == len(line)
    assert why.strip() == "ears <left>"


def test_the_page_shows_the_original_once_beside_all_engines(tmp_path: Path) -> None:
    """Per view: before, then each engine; what engines say is text, not markup."""
    page = write_page(rows_of("one", "two"), [{"engine": "three", "missing": "<b>it</b>"}], tmp_path).read_text()
    assert page.count("data:image/png;base64,") == 3
    assert page.count("before (identifying)") == 1
    assert page.index("one, remove") < page.index("two, remove")
    assert "<b>" not in page
    assert "ears &lt;left&gt;" in page
