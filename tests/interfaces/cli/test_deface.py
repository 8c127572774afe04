"""``fivesafes deface`` as a person and a script call it; the engine is a stand-in, its answers are not."""

import errno
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from PIL import Image

from fivesafes.core.errors import EngineMissing, InvalidInput, UsageMistake
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture, Residual
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import command
from fivesafes.interfaces.cli.deface_outcome import HELD, REPORT

EVIDENCE = FaceEvidence(
    mutual_information=0.4,
    residual=Residual(eyes=0.0, nose=0.01, mouth=None, chin=0.0, ears=0.05),
    brain_voxels_altered=0,
    determinant=1.1,
    scales=(1.0, 1.05, 1.1),
    mask_ml=1200.5,
    outside_voxels_altered=0,
)


class StandIn:
    """Answers by the file's name: ``refused.nii`` is refused, and so on."""

    name: ClassVar[str] = "stand-in"
    lacks: str | None = None
    stops: BaseException | None = None
    cuts = b""

    def missing(self) -> str | None:
        """Say what the test wants missing."""
        return self.lacks

    def version(self) -> str:
        """Have a version."""
        return "1"

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Copy the image when the answer has one."""
        kind = image.name.split(".")[0]
        if kind == "broken":
            raise InvalidInput("the image is cut short", fix="get it again from its source")
        status = FaceStatus(kind)
        written = status in {FaceStatus.DEFACED, FaceStatus.NEEDS_REVIEW}
        answer = Defaced(
            status=status,
            image=None,
            mask=None,
            engine=self.name,
            engine_version=self.version(),
            mode=mode,
            evidence=EVIDENCE,
            why="" if status is FaceStatus.DEFACED else "a reason",
        )
        if not written:
            return answer
        into.mkdir(exist_ok=True)
        mask = into / f"{kind}_mask.nii"
        shutil.copy(image, mask)
        if mode is FaceMode.MASK:
            return evolve(answer, mask=mask)
        (into / image.name).write_bytes(image.read_bytes() + self.cuts)
        if self.stops is not None:
            raise self.stops
        return evolve(answer, image=into / image.name, mask=mask)


def dot(shade: int) -> bytes:
    """Make a picture of one pixel."""
    out = io.BytesIO()
    Image.new("L", (1, 1), shade).save(out, "PNG")
    return out.getvalue()


def pictures(original: Path, defaced: Path | None, mask: Path | None) -> tuple[Picture, ...]:
    """Draw a pixel of the original, and one of what was made of it where that was written."""
    assert original.exists()
    assert defaced is None or defaced.exists()
    before = Picture(name="before-front", alt="the head before", png=dot(50), identifying=True)
    if mask is None:
        return (before,)
    assert mask.exists()
    return (before, Picture(name="after-front", alt="the head after", png=dot(200), identifying=False))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deface, "load", lambda _kind, _name: StandIn)
    monkeypatch.setattr(deface, "_drawer", lambda: pictures)


def call(folder: Path, *kinds: str, options: tuple[str, ...] = ()) -> Result:
    """Write an image of each kind and call the command on them all."""
    (folder / "in").mkdir(exist_ok=True)
    images = [folder / "in" / f"{kind}.nii" for kind in kinds]
    for image in images:
        image.write_bytes(b"voxels")
    return CliRunner().invoke(command, [*map(str, images), "--out", str(folder / "out"), *options])


def test_an_earlier_result_of_what_is_refused_now_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be of another image of that name: nobody should take it for what this call made, and nothing is lost."""
    assert call(tmp_path, "defaced").exit_code == 0
    content = (tmp_path / "out" / "defaced.nii").read_bytes()

    def refuse(*_: object, **__: object) -> Defaced:
        raise InvalidInput("the image is cut short", fix="get it again from its source")

    monkeypatch.setattr(StandIn, "deface", refuse)
    result = call(tmp_path, "defaced")
    assert result.exit_code == 4
    assert "moved to needs-review" in result.output
    assert not (tmp_path / "out" / "defaced.nii").exists()
    assert (tmp_path / "out" / HELD / "defaced.nii").read_bytes() == content


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_was_not_judged_yet_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    """Stopped between writing and judging, the image is in no folder where one could take it for finished."""
    monkeypatch.setattr(StandIn, "stops", stop)
    call(tmp_path, "defaced", options=("--no-report",))
    assert not (tmp_path / "out").exists()
    call(tmp_path, "defaced")
    assert [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".nii"] == []


def test_what_a_killed_call_left_goes_with_the_next(tmp_path: Path) -> None:
    """An image that nobody judged does not lie on, hidden, in a folder that is uploaded; that of a live call does."""
    for name in (".deface-killed", ".deface-alive"):
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / "defaced.nii").write_bytes(b"voxels")
    alive = os.open(tmp_path / "out" / ".deface-alive", os.O_RDONLY)
    fcntl.flock(alive, fcntl.LOCK_EX)
    call(tmp_path, "defaced")
    os.close(alive)
    hidden = sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith("."))
    assert hidden == [".deface-alive"]
    assert (tmp_path / "out" / "defaced.nii").exists()


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (("defaced",), 0),
        (("defaced", "nothing-to-do"), 0),
        (("defaced", "needs-review"), 6),
        (("refused",), 3),
        (("broken",), 4),
        (("broken", "refused"), 3),
        (("defaced", "refused"), 5),
        (("needs-review", "broken"), 5),
    ],
)
def test_the_exit_code_tells_what_came_of_all(tmp_path: Path, kinds: tuple[str, ...], code: int) -> None:
    """0 done, 3 refused, 4 unreadable, 5 some of each, 6 a person must look."""
    assert call(tmp_path, *kinds).exit_code == code


def test_the_json_is_as_the_contract_says(tmp_path: Path) -> None:
    """One object; paths relative to the output folder; evidence with the five parts of the face."""
    result = call(tmp_path, "defaced", "refused", options=("--json",))
    answer = json.loads(result.stdout)
    assert answer["schema"] == 1
    done, refused = answer["images"]
    assert done["status"] == "defaced"
    assert done["output"] == "defaced.nii"
    assert done["mask"] == "defaced_mask.nii"
    assert (done["engine"], done["engine_version"], done["mode"]) == ("stand-in", "1", "remove")
    assert done["evidence"]["residual"] == {"eyes": 0.0, "nose": 0.01, "mouth": None, "chin": 0.0, "ears": 0.05}
    assert done["evidence"]["mutual_information"] == 0.4
    assert done["evidence"]["brain_voxels_altered"] == 0
    assert (refused["status"], refused["output"], refused["mask"]) == ("refused", None, None)
    assert refused["why"] == "a reason"


def test_what_needs_review_is_held_apart(tmp_path: Path) -> None:
    """It lies in a folder of its own, and no earlier result of that name stays beside the finished ones."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "needs-review.nii").write_bytes(b"from an earlier run")
    result = call(tmp_path, "needs-review", options=("--json",))
    (image,) = json.loads(result.stdout)["images"]
    assert image["output"] == f"{HELD}/needs-review.nii"
    assert (tmp_path / "out" / image["output"]).exists()
    assert (tmp_path / "out" / image["mask"]).exists()
    assert not (tmp_path / "out" / "needs-review.nii").exists()


def test_what_can_not_be_read_is_told_with_its_remedy(tmp_path: Path) -> None:
    """The rest goes on."""
    result = call(tmp_path, "broken", "defaced", options=("--json",))
    broken, done = json.loads(result.stdout)["images"]
    assert broken["status"] == "refused"
    assert "cut short" in broken["why"]
    assert "get it again" in broken["why"]
    assert done["status"] == "defaced"


def test_a_file_that_may_not_be_read_is_told_as_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks at each itself: the others are done, and it is told why that one is not."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert call(tmp_path, "broken", "defaced").exit_code == 5


def test_the_page_holds_its_pictures_and_warns_of_the_faces(tmp_path: Path) -> None:
    """Nothing is loaded from elsewhere; what identifies is said to, and its folder is its owner's alone."""
    call(tmp_path, "defaced")
    folder = (tmp_path / "out" / REPORT).parent
    page = (folder / "images" / "defaced.nii.html").read_text(encoding="utf-8")
    assert "IDENTIFYING" in page
    assert page.count("data:image/png;base64,") == 2
    assert 'alt="the head before"' in page
    assert not re.search(r'(?:src|href)="(?!data:|\.\./index\.html)', page)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_may_leave_shows_no_original_and_no_image_that_was_not_verified(tmp_path: Path) -> None:
    """Its pages are of verified images, and of these only what was made."""
    call(tmp_path, "defaced", "needs-review", "refused", "nothing-to-do", "broken")
    folder = tmp_path / "out" / "deface-report"
    assert [page.name for page in (folder / "images").iterdir()] == ["defaced.nii.html"]
    for file in folder.rglob("*"):
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        assert "head before" not in text
        assert 'alt="before' not in text
    assert (folder / "index.html").read_text(encoding="utf-8").count("data:image/png;base64,") == 1


def test_what_may_leave_holds_digests_of_what_was_written_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of an original would lead back to it; in the rows decisions are known by it, and no page tells it."""
    monkeypatch.setattr(StandIn, "cuts", b"less")
    kinds = ("defaced", "needs-review", "refused", "nothing-to-do")
    call(tmp_path, *kinds)
    folder = tmp_path / "out" / "deface-report"
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    assert set(re.findall(r"\b[0-9a-f]{64}\b", "".join(texts.values()))) == {hashlib.sha256(b"voxelsless").hexdigest()}
    assert not [path for path, text in texts.items() if path.suffix == ".html" and re.search(r"\b[0-9a-f]{64}\b", text)]


def test_no_page_is_written_when_none_is_wanted(tmp_path: Path) -> None:
    """Without pictures nothing in the folder shows a face."""
    call(tmp_path, "defaced", options=("--no-report",))
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["defaced.nii", "defaced_mask.nii"]


def test_the_mask_alone_comes_without_image(tmp_path: Path) -> None:
    """An unchanged copy of the face is not written; the page shows what the mask would do."""
    result = call(tmp_path, "defaced", options=("--mode", "mask", "--json"))
    (image,) = json.loads(result.stdout)["images"]
    assert image["output"] is None
    files = [entry.name for entry in (tmp_path / "out").iterdir() if entry.is_file()]
    assert files == ["defaced_mask.nii"]


@pytest.mark.parametrize(
    ("kind", "choice", "code", "place"),
    [
        ("needs-review", "approve", 0, "needs-review.nii"),
        ("needs-review", "reject", 6, f"{HELD}/rejected/needs-review.nii"),
        ("defaced", "reject", 6, f"{HELD}/rejected/defaced.nii"),
    ],
)
def test_what_people_decided_holds_for_the_same_bytes_made_again(
    tmp_path: Path, kind: str, choice: str, code: int, place: str
) -> None:
    """What somebody rejected does not come back as finished by a second run; what was approved needs no second look."""
    first = json.loads(call(tmp_path, kind, options=("--json",)).stdout)["images"][0]
    written = (tmp_path / "out" / first["output"]).read_bytes()
    row = {"image": f"{kind}.nii", "sha256": hashlib.sha256(written).hexdigest(), "decision": choice}
    row |= {"by": "Ada", "at": "2026-01-02T03:04:05Z", "reason": "an eye is left"}
    (tmp_path / "out" / "deface-decisions.json").write_text(json.dumps({"schema": 1, "decisions": [row]}))
    result = call(tmp_path, kind, options=("--json",))
    (image,) = json.loads(result.stdout)["images"]
    assert (result.exit_code, image["output"]) == (code, place)
    assert "Ada" in image["why"]
    assert {path.name for path in (tmp_path / "out").rglob(f"{kind}.nii")} == {f"{kind}.nii"}
    assert sum(1 for _ in (tmp_path / "out").rglob(f"{kind}*.nii")) == 2


def test_neither_images_nor_decisions_is_a_mistake_and_so_are_both(tmp_path: Path) -> None:
    """Told before anything is done."""
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UsageMistake)
    (tmp_path / "d.json").write_text("{}")
    result = call(tmp_path, "defaced", options=("--decisions", str(tmp_path / "d.json")))
    assert isinstance(result.exception, UsageMistake)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be written, and where."""
    result = call(tmp_path, "defaced", options=("--dry-run", "--json"))
    assert json.loads(result.stdout)["images"] == [
        {"path": str(tmp_path / "in" / "defaced.nii"), "output": "defaced.nii"}
    ]
    assert not (tmp_path / "out").exists()


def test_the_folder_of_an_original_is_refused(tmp_path: Path) -> None:
    """The result bears the original's name: it would take its place."""
    image = tmp_path / "defaced.nii"
    image.write_bytes(b"voxels")
    result = CliRunner().invoke(command, [str(image), "--out", str(tmp_path)])
    assert isinstance(result.exception, UsageMistake)
    assert image.read_bytes() == b"voxels"


def test_a_link_to_an_original_is_not_overwritten_either(tmp_path: Path) -> None:
    """In a data set under git-annex each image is a link to its content elsewhere."""
    (tmp_path / "annex").mkdir()
    (tmp_path / "annex" / "key").write_bytes(b"voxels")
    (tmp_path / "data").mkdir()
    image = tmp_path / "data" / "defaced.nii"
    image.symlink_to(tmp_path / "annex" / "key")
    result = CliRunner().invoke(command, [str(image), "--out", str(tmp_path / "data")])
    assert isinstance(result.exception, UsageMistake)
    assert image.is_symlink()


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/x.nii", "b/x.nii"), ("x.nii.gz", "x.img"), ("x.nii.gz", "x_mask.nii.gz"), ("x.NII.GZ", "x.Img")],
)
def test_two_images_of_one_name_are_refused(tmp_path: Path, one: str, other: str) -> None:
    """One result, or its mask, would overwrite the other."""
    paths = [tmp_path / one, tmp_path / other]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"voxels")
    result = CliRunner().invoke(command, [*map(str, paths), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UsageMistake)


def test_an_engine_that_lacks_something_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 69, with what to install; never another engine in its place."""
    monkeypatch.setattr(StandIn, "lacks", "the program other-tool")
    result = call(tmp_path, "defaced")
    assert isinstance(result.exception, EngineMissing)
    assert "other-tool" in str(result.exception)


def test_a_person_reads_status_figures_and_reason(tmp_path: Path) -> None:
    """One line per image, the reason under it."""
    result = call(tmp_path, "defaced", "nothing-to-do")
    assert "skin left: eyes 0%, nose 1%, chin 0%, ears 5%; brain voxels altered: 0" in result.stdout
    assert "a reason" in result.stdout
    assert "keep it where the originals are kept" in result.stderr


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_mode_that_the_engine_can_not_do_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """A dry run that promises what the run refuses is worse than none."""
    monkeypatch.setattr(StandIn, "modes", (FaceMode.REMOVE,), raising=False)
    result = call(tmp_path, "defaced", options=("--mode", "reface", *options))
    assert isinstance(result.exception, UsageMistake)
    assert "can't do the mode reface" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_folder_in_which_the_engine_can_not_work_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """As a path with spaces, which other tools put into shell commands."""
    monkeypatch.setattr(deface, "load", lambda _kind, _name: Cramped)
    result = call(tmp_path, "defaced", options=options)
    assert isinstance(result.exception, UsageMistake)
    assert not (tmp_path / "out").exists()


class Cramped(StandIn):
    """Can work in no folder."""

    def check_place(self, into: Path) -> None:
        """Refuse it."""
        what = f"it can't work in {into.name}"
        raise UsageMistake(what, fix="give another")
