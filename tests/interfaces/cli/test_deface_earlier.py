"""``fivesafes deface``: an earlier call's result never lies where one takes it for what this call made."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tests.heads.dicoms import How, Sliced, write_classic
from tests.heads.frontal import Frontal

from fivesafes.core.errors import InvalidInput
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import command
from fivesafes.interfaces.cli.deface_outcome import HELD

RESULT = {"a_T1w.img": b"image", "a_T1w.hdr": b"header", "a_T1w_mask.nii.gz": b"mask"}


class Nothing(Frontal):
    """Writes nothing: it refuses what it is given, or has nothing to do."""

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Answer as the test wants it."""
        if self.status is FaceStatus.DEFACED:
            what = "the image is cut short"
            raise InvalidInput(what, fix="get it again from its source")
        evidence = FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None)
        return Defaced(
            status=self.status,
            image=None,
            mask=None,
            engine=self.name,
            engine_version="1",
            mode=mode,
            evidence=evidence,
            why="a reason",
        )


class MaskAlone(Frontal):
    """Writes a mask, and no image."""

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Write it as the embedded engine would."""
        if image.suffix != ".img":
            return super().deface(image, into=into, mode=mode)
        mask = into / "a_T1w_mask.nii.gz"
        mask.write_bytes(b"mask of now")
        evidence = FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None)
        return Defaced(
            status=self.status,
            image=None,
            mask=mask,
            engine=self.name,
            engine_version="1",
            mode=mode,
            evidence=evidence,
            why="only the mask was written",
        )


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deface, "load", lambda _kind, _name: Nothing)


def call(folder: Path, source: str, *more: str) -> Result:
    """Deface what is there."""
    words = [str(folder / source), "--out", str(folder / "out"), "--no-report", *more]
    return CliRunner().invoke(command, words)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def series(folder: Path) -> str:
    """Write a series, and give the name of a file of it."""
    positions = np.array([[0.0, -100.0, 5.0 * number] for number in range(10)])
    along = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    write_classic(
        Sliced(data=np.ones((10, 30, 40)), positions=positions, along=along, pixel=(5.0, 5.0)), folder, How(number=1)
    )
    return next(folder.iterdir()).name


@pytest.mark.parametrize("status", [FaceStatus.DEFACED, FaceStatus.REFUSED, FaceStatus.NOTHING_TO_DO])
@pytest.mark.parametrize("taken", ["a_T1w.img", "a_T1w_mask.nii.gz"])
def test_it_gets_a_free_name_where_a_person_must_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str, status: FaceStatus
) -> None:
    """Image, header and mask the same, so that they stay together; what lay there before stays as it is."""
    monkeypatch.setattr(Nothing, "status", status)
    write(tmp_path / "in", {"a_T1w.img": b"x", "a_T1w.hdr": b"x"})
    for number in (1, 2):
        write(tmp_path / "out", RESULT)
        write(tmp_path / "out" / HELD, {taken: b"held before"})
        result = call(tmp_path, "in/a_T1w.img")
        assert f"moved to needs-review, as a_T1w-earlier{number}" in result.stdout
    moved = {
        name.replace("a_T1w", f"{HELD}/a_T1w-earlier{number}"): content
        for name, content in RESULT.items()
        for number in (1, 2)
    }
    assert contents(tmp_path / "out") == {f"{HELD}/{taken}": b"held before", **moved}


def test_a_series_gets_one_too(tmp_path: Path) -> None:
    """Its folder and its mask."""
    name = series(tmp_path / "scans" / "1")
    for folder, what in (("out/scans", b"earlier"), (f"out/{HELD}/scans", b"held before")):
        write(tmp_path / folder / "1", {name: what})
        write(tmp_path / folder, {"1_mask.nii.gz": what})
    assert "as 1-earlier1" in call(tmp_path, "scans").stdout
    held = {f"1/{name}": b"held before", "1_mask.nii.gz": b"held before"}
    held |= {f"1-earlier1/{name}": b"earlier", "1-earlier1_mask.nii.gz": b"earlier"}
    assert contents(tmp_path / "out") == {f"{HELD}/scans/{path}": content for path, content in held.items()}


@pytest.mark.parametrize("status", [FaceStatus.DEFACED, FaceStatus.NEEDS_REVIEW])
def test_an_image_of_before_does_not_stay_beside_a_mask_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: FaceStatus
) -> None:
    """It would be taken for what the mask leaves; with its own mask it goes where a person must look, and is kept."""
    monkeypatch.setattr(deface, "load", lambda _kind, _name: MaskAlone)
    monkeypatch.setattr(MaskAlone, "status", status)
    write(tmp_path / "in", {"a_T1w.img": b"x", "a_T1w.hdr": b"x"})
    before = {name: b"held " + content for name, content in RESULT.items()}
    write(tmp_path / "out", RESULT)
    write(tmp_path / "out" / HELD, before)
    result = call(tmp_path, "in/a_T1w.img", "--mode", "mask")
    assert "moved to needs-review, as a_T1w-earlier1 and a_T1w-earlier2" in result.stdout
    mask = "a_T1w_mask.nii.gz" if status is FaceStatus.DEFACED else f"{HELD}/a_T1w_mask.nii.gz"
    assert contents(tmp_path / "out") == {
        mask: b"mask of now",
        **{f"{HELD}/{name.replace('a_T1w', 'a_T1w-earlier1')}": content for name, content in RESULT.items()},
        **{f"{HELD}/{name.replace('a_T1w', 'a_T1w-earlier2')}": content for name, content in before.items()},
    }
    again = call(tmp_path, "in/a_T1w.img", "--mode", "mask")
    assert "moved" not in again.stdout
    assert contents(tmp_path / "out")[mask] == b"mask of now"


def test_no_series_of_before_stays_beside_a_mask_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder goes the same way."""
    monkeypatch.setattr(deface, "load", lambda _kind, _name: MaskAlone)
    name = series(tmp_path / "scans" / "1")
    write(tmp_path / "out/scans/1", {name: b"earlier"})
    write(tmp_path / "out/scans", {"1_mask.nii.gz": b"earlier"})
    assert "as 1-earlier1" in call(tmp_path, "scans", "--mode", "mask").stdout
    held = {f"{HELD}/scans/1-earlier1/{name}", f"{HELD}/scans/1-earlier1_mask.nii.gz"}
    assert held < contents(tmp_path / "out").keys()
    assert not (tmp_path / "out/scans/1").exists()
    assert len(contents(tmp_path / "out")) == 3
