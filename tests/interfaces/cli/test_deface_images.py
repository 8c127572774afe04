"""``fivesafes deface FOLDER`` of NIfTI: a tree like the data set's, each session's head carried, nothing done twice."""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from fivesafes.core.errors import UsageMistake
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture, Residual
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import command
from fivesafes.interfaces.cli.deface_images import holds_images, session_of
from fivesafes.interfaces.cli.deface_outcome import HELD

RESIDUAL = Residual(eyes=0.0, nose=0.01, mouth=None, chin=0.0, ears=0.05)
TREE = (
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-01/anat/sub-01_T2w.nii.gz",
    "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz",
    "sub-02/ses-2/anat/sub-02_ses-2_T1w.nii.gz",
)


class Engine:
    """Copies an image; what it is asked is kept.  ``held``: ends of names that need review."""

    name: ClassVar[str] = "copying"
    asked: ClassVar[list[tuple[str, str | None]]] = []
    held: ClassVar[tuple[str, ...]] = ()
    refused: ClassVar[tuple[str, ...]] = ()

    def missing(self) -> str | None:
        """Lack nothing."""
        return None

    def version(self) -> str:
        """Have a version."""
        return "1"

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Copy it and make a mask."""
        self.asked.append((image.name, None if beside is None else beside.name))
        status = FaceStatus.NEEDS_REVIEW if image.name.endswith(self.held or "?") else FaceStatus.DEFACED
        status = FaceStatus.REFUSED if image.name.endswith(self.refused or "?") else status
        written = mask = None
        if status is not FaceStatus.REFUSED:
            written, mask = into / image.name, into / image.name.replace(".nii.gz", "_mask.nii.gz")
            shutil.copy(image, written)
            mask.write_bytes(b"mask")
        evidence = FaceEvidence(
            mutual_information=0.4, residual=RESIDUAL, brain_voxels_altered=0, scales=(1.0, 1.0, 1.1)
        )
        return Defaced(
            status=status,
            image=written,
            mask=mask,
            engine=self.name,
            engine_version="1",
            mode=mode,
            evidence=evidence,
            why="" if status is FaceStatus.DEFACED else "a reason",
        )


class Killing(Engine):
    """Dies of one image, as of too little memory."""

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Kill this process, or copy the image."""
        if image.name == "sub-02_ses-1_T1w.nii.gz":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().deface(image, into=into, mode=mode, beside=beside)


def no_pictures(_original: Path, _image: Path | None, _mask: Path | None) -> tuple[Picture, ...]:
    """Draw nothing; a function of the module, which other processes find."""
    return ()


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    """Put the engine in, and let the first image of a session be its best."""

    def first(images: Sequence[Path]) -> Path:
        return images[0]

    monkeypatch.setattr(deface, "load", lambda _kind, _name: Engine)
    monkeypatch.setattr(deface, "_drawer", lambda: no_pictures)
    monkeypatch.setattr("fivesafes.data.face.session.best_of", first)
    monkeypatch.setattr(Engine, "asked", [])
    return Engine


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Make a data set of two people, one with two sessions."""
    for number, name in enumerate(TREE):
        put(tmp_path / "bids" / name, f"voxels {number}")
    put(tmp_path / "bids/dataset_description.json", "{}")
    return tmp_path / "bids"


def put(path: Path, content: str) -> None:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def call(folder: Path, *options: str) -> Result:
    """Deface a folder into ``out`` beside it."""
    return CliRunner().invoke(command, [str(folder), "--out", str(folder.parent / "out"), *options])


def answers(result: Result) -> dict[str, Any]:
    """Give what is told of each image, by the place of its result among the others."""
    told = json.loads(result.stdout)["images"]
    return {one["path"].partition("/bids/")[2]: one for one in told}


def files(out: Path) -> list[Path]:
    """List all files of a folder."""
    return sorted(path for path in out.rglob("*") if path.is_file())


def results(out: Path) -> set[str]:
    """List the images in the output folder, without masks."""
    files = (path.relative_to(out).as_posix() for path in out.rglob("*.nii.gz"))
    return {file for file in files if not file.endswith("_mask.nii.gz")}


def test_results_lie_in_a_like_tree_and_each_session_shares_a_head(bids: Path, engine: type[Engine]) -> None:
    """Alone in its session an image is looked at by itself; names and content are the original's."""
    told = answers(call(bids, "--json"))
    out = bids.parent / "out"
    assert results(out) == set(TREE)
    assert {one["output"] for one in told.values()} == set(TREE)
    assert (out / TREE[2]).read_text() == "voxels 2"
    assert told[TREE[0]]["mask"] == "sub-01/anat/sub-01_T1w_mask.nii.gz"
    best = "sub-01_T1w.nii.gz"
    assert engine.asked == [
        (best, best),
        ("sub-01_T2w.nii.gz", best),
        ("sub-02_ses-1_T1w.nii.gz", None),
        ("sub-02_ses-2_T1w.nii.gz", None),
    ]


def test_what_is_left_as_it_is_is_told(bids: Path) -> None:
    """By policy, by place, by name; nothing of it is written, and hidden folders are passed by."""
    left = (
        "sub-01/func/sub-01_task-rest_bold.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz",
        "sub-01/anat/sub-01_label-lesion_mask.nii.gz",
    )
    for name in (*left, ".git/annex/sub-01_T1w.nii.gz"):
        put(bids / name, "voxels")
    result = call(bids, "--json")
    others = {one["path"].partition("/bids/")[2]: one["why"] for one in json.loads(result.stdout)["others"]}
    assert others.keys() == set(left)
    assert "matched in 0–2 %" in others[left[0]]
    assert "not raw data" in others[left[1]]
    assert results(bids.parent / "out") == set(TREE)
    assert "left out" in call(bids).stderr


def test_what_is_not_there_is_told(bids: Path) -> None:
    """Of a data set under git-annex some content may be elsewhere; a link may lead out; a pair may lack its header."""
    (bids / "sub-03").symlink_to(bids / "sub-02")
    (bids / TREE[0]).unlink()
    (bids / TREE[0]).symlink_to("../../.git/annex/objects/x")
    put(bids / "sub-01/anat/sub-01_PDw.img", "voxels")
    result = call(bids, "--json")
    others = {one["path"].partition("/bids/")[2]: one["why"] for one in json.loads(result.stdout)["others"]}
    assert "link to a folder" in others["sub-03"]
    assert "not here" in others[TREE[0]]
    assert "header is missing" in others["sub-01/anat/sub-01_PDw.img"]
    assert results(bids.parent / "out") == set(TREE[1:])


def test_nothing_is_done_twice(bids: Path, engine: type[Engine]) -> None:
    """What is there is told again as it was; what changed, is gone, was refused, or is asked for otherwise, is done."""
    first = answers(call(bids, "--json"))
    engine.asked.clear()
    again = call(bids, "--json")
    assert engine.asked == []
    assert answers(again) == first
    assert "4 of 4 were done by an earlier call" in call(bids).stderr
    out = bids.parent / "out"
    (bids / TREE[0]).write_text("another scan")
    (out / TREE[1]).write_text("tampered")
    (out / TREE[2].replace("_T1w", "_T1w_mask")).unlink()
    call(bids)
    assert [name for name, _ in engine.asked] == [Path(name).name for name in TREE[:3]]
    assert (out / TREE[1]).read_text() == "voxels 1"
    engine.asked.clear()
    call(bids, "--mode", "reface")
    assert len(engine.asked) == 4
    engine.asked.clear()
    call(bids, "--mode", "reface", "--no-report")
    assert len(engine.asked) == 4


def test_what_was_refused_is_tried_again(bids: Path, engine: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine may have been mended."""
    monkeypatch.setattr(engine, "refused", ("sub-01_T2w.nii.gz",))
    assert call(bids).exit_code == 5
    engine.asked.clear()
    assert call(bids).exit_code == 5
    assert [name for name, _ in engine.asked] == ["sub-01_T2w.nii.gz"]
    monkeypatch.setattr(engine, "refused", ())
    assert call(bids).exit_code == 0


def test_a_decision_moves_an_image_to_its_place_in_the_tree(
    bids: Path, engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a like tree in needs-review; afterwards it counts as done and approved."""
    monkeypatch.setattr(engine, "held", ("ses-1_T1w.nii.gz",))
    assert call(bids).exit_code == 6
    out = bids.parent / "out"
    assert results(out) == {*TREE, f"{HELD}/{TREE[2]}"} - {TREE[2]}
    page = (out / "deface-report-IDENTIFYING/index.html").read_text(encoding="utf-8")
    sha = page.partition(f'data-image="{TREE[2]}" data-sha256="')[2][:64]
    row = {"image": TREE[2], "sha256": sha, "decision": "approve", "by": "Ada", "at": "2026-01-02T03:04:05Z"}
    put(bids.parent / "decisions.json", json.dumps({"schema": 1, "decisions": [row]}))
    words = ["--decisions", str(bids.parent / "decisions.json"), "--out", str(out)]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    assert results(out) == set(TREE)
    assert (out / "sub-02/ses-1/anat/sub-02_ses-1_T1w_mask.nii.gz").is_file()
    engine.asked.clear()
    told = answers(call(bids, "--json"))[TREE[2]]
    assert engine.asked == []
    assert (told["status"], told["output"]) == ("defaced", TREE[2])
    assert told["why"].startswith("approved by Ada")


def test_images_of_any_folder_are_taken_each_by_itself(tmp_path: Path, engine: type[Engine]) -> None:
    """Where no name tells a person; with --session all are of one."""
    for name in ("a.nii.gz", "b/c.nii.gz"):
        put(tmp_path / "scans" / name, name)
    assert call(tmp_path / "scans").exit_code == 0
    assert results(tmp_path / "out") == {"a.nii.gz", "b/c.nii.gz"}
    assert engine.asked == [("a.nii.gz", None), ("c.nii.gz", None)]
    shutil.rmtree(tmp_path / "out")
    engine.asked.clear()
    assert call(tmp_path / "scans", "--session").exit_code == 0
    assert engine.asked == [("a.nii.gz", "a.nii.gz"), ("c.nii.gz", "a.nii.gz")]


def test_sessions_are_done_at_a_time(bids: Path) -> None:
    """The same comes of it in the same order, pages and index too; and nothing of it is done twice."""
    one = call(bids, "--json")
    pages = {path.relative_to(bids.parent / "out"): path.read_bytes() for path in files(bids.parent / "out")}
    shutil.rmtree(bids.parent / "out")
    two = call(bids, "--json", "--workers", "2")
    assert two.exit_code == 0, two.output
    assert answers(two) == answers(one)
    assert list(answers(two)) == list(TREE)
    assert {path.relative_to(bids.parent / "out"): path.read_bytes() for path in files(bids.parent / "out")} == pages
    assert "4 of 4" in call(bids, "--workers", "2").stderr


def test_what_kills_its_worker_costs_that_session_alone(bids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, with what to do."""
    monkeypatch.setattr(deface, "load", lambda _kind, _name: Killing)
    result = call(bids, "--json", "--workers", "2")
    assert result.exit_code == 5
    told = answers(result)
    refused = [name for name, one in told.items() if one["status"] == "refused"]
    assert refused == [TREE[2]]
    assert "--workers 1" in told[TREE[2]]["why"]
    assert results(bids.parent / "out") == {*TREE} - {TREE[2]}


def test_a_folder_of_dicom_is_none_of_images(tmp_path: Path) -> None:
    """What was converted beside it is no reason to leave the slices out."""
    put(tmp_path / "scans/a.nii.gz", "voxels")
    assert holds_images(tmp_path / "scans")
    (tmp_path / "scans/1.dcm").write_bytes(bytes(128) + b"DICM")
    assert not holds_images(tmp_path / "scans")
    put(tmp_path / "scans/dataset_description.json", "{}")
    assert holds_images(tmp_path / "scans")


def test_a_dry_run_tells_the_tree_and_writes_nothing(bids: Path) -> None:
    """Places as they would be."""
    told = json.loads(call(bids, "--dry-run", "--json").stdout)
    assert {one["output"] for one in told["images"]} == set(TREE)
    assert not (bids.parent / "out").exists()


def test_a_data_set_is_defaced_by_itself_and_never_into_itself(bids: Path) -> None:
    """Two trees would meet in one place; results inside would be taken for originals by the next call."""
    put(bids.parent / "more/x.nii.gz", "voxels")
    for words in ([bids, bids.parent / "more"], [bids, bids.parent / "more/x.nii.gz"]):
        result = CliRunner().invoke(command, [*map(str, words), "--out", str(bids.parent / "out")])
        assert isinstance(result.exception, UsageMistake)
    for out in (bids / "out", bids.parent):
        result = CliRunner().invoke(command, [str(bids), "--out", str(out)])
        assert isinstance(result.exception, UsageMistake)
    assert not (bids / "out").exists()


@pytest.mark.parametrize(
    ("place", "session"),
    [
        ("sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "sub-01/ses-2"),
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01"),
        ("sub-01_ses-a_T1w.nii", "sub-01/ses-a"),
        ("sub-01/anat/T1w.nii.gz", "sub-01"),
        ("scans/T1w.nii.gz", ""),
        ("ses-1/T1w.nii.gz", ""),
    ],
)
def test_a_session_is_known_by_folders_and_name(place: str, session: str) -> None:
    """Without a person no session: two people may both have a first."""
    assert session_of(Path(place)) == session
