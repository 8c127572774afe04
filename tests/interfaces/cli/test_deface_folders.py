"""``fivesafes deface FOLDER…`` as a person and a script call it; the engine cuts by a plane, the slices are files."""

import base64
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset, dcmread
from tests.heads.dicoms import ROOT, How, Sliced, write_classic
from tests.heads.frontal import Frontal

from fivesafes.core.errors import InvalidInput
from fivesafes.data.model import Defaced, FaceMode, FaceStatus, Picture
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import command
from fivesafes.interfaces.cli.deface_folders import ASIDE
from fivesafes.interfaces.cli.deface_outcome import HELD, REPORT


class Told(Frontal):
    """Answers as the series' thickness of slices tells: 1 refused, 3 unsure, else done."""

    stops: type[BaseException] | None = None
    besides: ClassVar[list[Path | None]] = []

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Stop where the test wants it."""
        if self.stops is not None:
            raise self.stops
        assert beside is None or beside.exists()
        self.besides.append(beside)
        return super().deface(image, into=into, mode=mode, beside=beside)


PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Told]:
    """Let the command find the stand-in, and draw nothing."""
    monkeypatch.setattr(deface, "load", lambda _kind, _name: Told)
    monkeypatch.setattr(deface, "_drawer", lambda: drawn)
    monkeypatch.setattr(Told, "status", FaceStatus.DEFACED)
    monkeypatch.setattr(Told, "stops", None)
    monkeypatch.setattr(Told, "besides", [])
    return Told


def drawn(before: Path, after: Path, mask: Path) -> tuple[Picture, ...]:
    """Draw nothing, in one picture, of files that are there."""
    assert before.exists()
    assert after.exists()
    assert mask.exists()
    return (Picture(name="before-front", alt="the head before", png=PIXEL, identifying=True),)


@pytest.fixture(scope="module")
def few() -> Sliced:
    """Make a few slices of something."""
    data = np.tile(np.arange(40.0), (10, 30, 1))
    positions = np.array([[0.0, -100.0, 5.0 * number] for number in range(10)])
    along = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    return Sliced(data=data, positions=positions, along=along, pixel=(5.0, 5.0))


def call(folder: Path, *options: str, source: str = "scans") -> Result:
    """Deface a folder."""
    return CliRunner().invoke(command, [str(folder / source), "--out", str(folder / "out"), *options])


def rows(result: Result) -> list[dict[str, object]]:
    """Read the rows of the JSON object."""
    return list(json.loads(result.stdout)["images"])


def test_each_series_gets_the_place_that_it_has_in_its_folder(few: Sliced, tmp_path: Path) -> None:
    """Its mask lies beside it, and the row tells of it as of an image."""
    for number in (1, 2):
        write_classic(few, tmp_path / "scans" / "study" / f"{number}", How(number=number))
    result = call(tmp_path, "--json")
    assert result.exit_code == 0, result.output
    first, second = rows(result)
    assert first["output"] == "scans/study/1"
    assert second["mask"] == "scans/study/2_mask.nii.gz"
    assert (first["status"], first["files"], first["engine"], first["mode"]) == ("defaced", 10, "frontal", "remove")
    assert {path.name for path in (tmp_path / "out" / "scans" / "study" / "1").iterdir()} == {
        path.name for path in (tmp_path / "scans" / "study" / "1").iterdir()
    }
    assert (tmp_path / "out" / str(second["mask"])).exists()
    assert not [*(tmp_path / "out").glob(f"{ASIDE}*")]
    assert (tmp_path / "out" / REPORT).exists()


def test_of_a_session_the_others_are_looked_at_beside_the_best(
    few: Sliced, engine: type[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one with the finest voxels; its image is there while the others are defaced, and gone when all is done."""
    monkeypatch.setattr("fivesafes.data.face.dicom.best.shows_head", lambda twin: twin.exists())
    for number, step in ((1, 5.0), (2, 2.0), (3, 4.0)):
        positions = few.positions / [1, 1, 5 / step]
        fine = Sliced(data=few.data, positions=positions, along=few.along, pixel=(step, step))
        write_classic(fine, tmp_path / "scans" / f"{number}", How(number=number))
    assert call(tmp_path, "--session").exit_code == 0
    first, best, last = engine.besides
    assert (best, first) == (None, last)
    assert first is not None
    assert not first.parent.exists()
    engine.besides.clear()
    assert call(tmp_path).exit_code == 0
    assert engine.besides == [None, None, None]


def test_of_a_session_a_phase_is_looked_at_with_its_magnitude(
    few: Sliced, engine: type[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies beside the phase's image, under a name that says so; beside any other nothing lies."""
    monkeypatch.setattr("fivesafes.data.face.dicom.best.shows_head", lambda twin: twin.exists())
    seen: list[tuple[str, ...]] = []
    defaced = engine.deface

    def noted(self: Told, image: Path, **how: Any) -> Defaced:  # noqa: ANN401 - handed on
        seen.append(tuple(sorted(path.name for path in image.parent.iterdir())))
        return defaced(self, image, **how)

    monkeypatch.setattr(engine, "deface", noted)
    for number, kind in ((1, "M"), (2, "P")):
        write_classic(few, tmp_path / "scans" / f"{number}", How(number=number, kind=("ORIGINAL", "PRIMARY", kind)))
    assert call(tmp_path, "--session").exit_code == 0
    assert seen == [("twin.nii",), ("twin_part-mag_MR.nii", "twin_part-phase_MR.nii")]


def test_series_that_share_a_folder_are_parted(few: Sliced, tmp_path: Path) -> None:
    """One can be whole when the other is not."""

    def named(dataset: Dataset, _: int) -> None:
        dataset.SeriesInstanceUID = f"{ROOT}.{dataset.InstanceNumber % 2}"

    write_classic(few, tmp_path / "scans", How(change=named))
    places = [str(row["output"]) for row in rows(call(tmp_path, "--json"))]
    assert len(set(places)) == 2
    assert all(place.startswith("scans/series-") for place in places)
    assert sum(len(list((tmp_path / "out" / place).iterdir())) for place in places) == 10


def test_what_needs_review_lies_apart_and_what_was_judged_otherwise_before_goes(
    few: Sliced, tmp_path: Path, engine: type[Told]
) -> None:
    """Nobody takes an earlier result for the one of now."""
    write_classic(few, tmp_path / "scans")
    assert call(tmp_path).exit_code == 0
    engine.status = FaceStatus.NEEDS_REVIEW
    result = call(tmp_path, "--json")
    assert result.exit_code == 6
    assert rows(result)[0]["output"] == f"{HELD}/scans"
    assert not (tmp_path / "out" / "scans").exists()
    assert not (tmp_path / "out" / "scans_mask.nii.gz").exists()
    assert "RecognizableVisualFeatures" not in dcmread(tmp_path / "out" / HELD / "scans" / "IM_0001.dcm")


def test_running_again_gives_the_same_and_keeps_nothing_else(few: Sliced, tmp_path: Path) -> None:
    """An earlier result is replaced by the same bytes."""
    write_classic(few, tmp_path / "scans")
    call(tmp_path, "--no-report")
    once = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    call(tmp_path, "--no-report")
    assert once == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_whatever_stops_it_leaves_nothing_half_written(
    stop: type[BaseException], few: Sliced, tmp_path: Path, engine: type[Told]
) -> None:
    """Neither a part of a series nor the place where it was made."""
    write_classic(few, tmp_path / "scans")
    engine.stops = stop
    assert call(tmp_path).exit_code != 0
    assert list((tmp_path / "out").rglob("*")) == []


def test_a_dry_run_tells_the_places_and_writes_nothing(few: Sliced, tmp_path: Path) -> None:
    """Nothing, not even the folder."""
    write_classic(few, tmp_path / "scans")
    result = call(tmp_path, "--dry-run", "--json")
    assert rows(result) == [{"path": str(tmp_path / "scans"), "output": "scans"}]
    assert not (tmp_path / "out").exists()


def test_other_files_are_told_and_do_not_stop_it(few: Sliced, tmp_path: Path) -> None:
    """A damaged file makes it partly done; a text file does not."""
    (first, *_) = write_classic(few, tmp_path / "scans")
    (tmp_path / "scans" / "notes.txt").write_text("not DICOM")
    result = call(tmp_path, "--json")
    assert result.exit_code == 0
    (other,) = json.loads(result.stdout)["others"]
    assert (Path(other["path"]).name, other["why"]) == ("notes.txt", "the file is not DICOM")
    (tmp_path / "scans" / "cut.dcm").write_bytes(first.read_bytes()[:-50])
    again = call(tmp_path)
    assert again.exit_code == 5
    assert "cut.dcm" in again.stderr
    assert "notes.txt" in again.stderr


def test_headers_that_identify_are_warned_of(few: Sliced, tmp_path: Path) -> None:
    """In the JSON object too."""
    write_classic(few, tmp_path / "scans")
    assert f"warning: {tmp_path / 'scans'}: the headers do not say" in call(tmp_path).stderr
    assert rows(call(tmp_path, "--json"))[0]["warnings"]


def test_a_series_that_is_refused_is_told_with_its_reason(few: Sliced, tmp_path: Path) -> None:
    """And nothing of it is written."""

    def turned(dataset: Dataset, index: int) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, index % 2, 1 - index % 2]

    write_classic(few, tmp_path / "scans", How(change=turned))
    result = call(tmp_path, "--json")
    assert result.exit_code == 3
    assert "several directions" in str(rows(result)[0]["why"])
    assert not (tmp_path / "out" / "scans").exists()


def test_a_series_that_can_not_be_read_is_told_with_its_remedy(few: Sliced, tmp_path: Path) -> None:
    """Its pixels end too soon."""

    def short(dataset: Dataset, _: int) -> None:
        dataset.PixelData = b"\0" * 10

    write_classic(few, tmp_path / "scans", How(change=short))
    result = call(tmp_path, "--json")
    assert result.exit_code == 4
    assert "unreadable" in str(rows(result)[0]["why"])


@pytest.mark.parametrize("into", ["scans", "scans/inside", "."])
def test_the_output_never_lies_in_or_around_the_scans(into: str, few: Sliced, tmp_path: Path) -> None:
    """Originals are never replaced."""
    write_classic(few, tmp_path / "scans")
    result = CliRunner().invoke(command, [str(tmp_path / "scans"), "--out", str(tmp_path / into)])
    assert "output folder" in str(result.exception)


def test_a_folder_that_holds_other_files_is_not_replaced(few: Sliced, tmp_path: Path) -> None:
    """Somebody may want them."""
    write_classic(few, tmp_path / "scans")
    (tmp_path / "out" / "scans").mkdir(parents=True)
    (tmp_path / "out" / "scans" / "thesis.doc").write_text("the only copy")
    assert "holds other files" in str(call(tmp_path).exception)
    assert (tmp_path / "out" / "scans" / "thesis.doc").exists()


def test_a_folder_without_dicom_says_so(tmp_path: Path) -> None:
    """Before anything is done."""
    (tmp_path / "scans").mkdir()
    assert "no DICOM image" in str(call(tmp_path).exception)


def test_a_folder_that_can_not_be_opened_is_told(few: Sliced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold series whose faces nobody took out; where there is nothing else, it is told why."""
    write_classic(few, tmp_path / "scans" / "open", How(number=1))
    write_classic(few, tmp_path / "scans" / "shut", How(number=2))
    look = os.scandir

    def shut(path: Path | str | int) -> object:
        if str(path).endswith("/shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", shut)
    result = call(tmp_path, "--json")
    assert result.exit_code == 5
    (other,) = json.loads(result.stdout)["others"]
    assert other["path"] == str(tmp_path / "scans" / "shut")
    assert "does not let this folder be opened" in other["why"]
    result = CliRunner().invoke(command, [str(tmp_path / "scans" / "shut"), "--out", str(tmp_path / "other")])
    assert isinstance(result.exception, InvalidInput)
    assert "does not let this folder be opened" in str(result.exception)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.heads.frontal import Frontal
from fivesafes.data.face.dicom import best
from fivesafes.interfaces.cli import deface

class Killed(Frontal):
    def deface(self, image, **_):
        os.kill(os.getpid(), signal.SIGKILL)

deface.load = lambda _kind, _name: Killed
best.shows_head = lambda twin: True
deface.command(sys.argv[1:])
"""


def test_images_of_whole_heads_that_a_killed_call_left_go_with_the_next(few: Sliced, tmp_path: Path) -> None:
    """They lie where the next call looks, for nobody else to enter; nothing lies among temporary files."""
    for number in (1, 2):
        write_classic(few, tmp_path / "scans" / f"{number}", How(number=number))
    (tmp_path / "tmp").mkdir()
    words = [sys.executable, "-c", KILLED, str(tmp_path / "scans"), "--out", str(tmp_path / "out"), "--session"]
    known = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(words, env=known, check=False).returncode == -signal.SIGKILL
    twins = sorted(path.name for path in tmp_path.rglob("*.nii"))
    assert twins == ["best.nii", "twin.nii"]
    assert list((tmp_path / "tmp").iterdir()) == []
    left = list((tmp_path / "out").glob(f"{ASIDE}*"))
    assert {folder.stat().st_mode & 0o777 for folder in left} == {0o700}
    (tmp_path / "scans" / "2").rename(tmp_path / "scan")
    assert call(tmp_path, source="scan").exit_code == 0
    assert list(tmp_path.rglob("*.nii")) == []
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
