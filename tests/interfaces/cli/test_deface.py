"""``fivesafes deface`` as a person and a script call it; the engine is a stand-in, its answers are not."""

import json
import re
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from fivesafes.core.errors import EngineMissing, InvalidInput, UsageMistake
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture, Residual
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import HELD, REPORT, command

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
        shutil.copy(image, into / image.name)
        return evolve(answer, image=into / image.name, mask=mask)


def pictures(original: Path, defaced: Path, mask: Path) -> tuple[Picture, ...]:
    """Draw nothing, in two pictures."""
    assert original.exists()
    assert defaced.exists()
    assert mask.exists()
    return (
        Picture(name="before-front", alt="the head before", png=b"before", identifying=True),
        Picture(name="after-front", alt="the head after", png=b"after", identifying=False),
    )


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


def test_the_page_holds_its_pictures_and_warns_of_the_faces(tmp_path: Path) -> None:
    """Nothing is loaded from elsewhere; what identifies is said to."""
    call(tmp_path, "defaced")
    page = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "identify people" in page
    assert page.count("data:image/png;base64,") == 2
    assert 'alt="the head before"' in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "<script" not in page


def test_no_page_is_written_when_none_is_wanted(tmp_path: Path) -> None:
    """Without pictures nothing in the folder shows a face."""
    call(tmp_path, "defaced", options=("--no-report",))
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["defaced.nii", "defaced_mask.nii"]


def test_the_mask_alone_comes_without_image_and_page(tmp_path: Path) -> None:
    """An unchanged copy of the face is not written, and nothing is drawn."""
    result = call(tmp_path, "defaced", options=("--mode", "mask", "--json"))
    (image,) = json.loads(result.stdout)["images"]
    assert image["output"] is None
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["defaced_mask.nii"]


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


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    """One result would overwrite the other."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "defaced.nii").write_bytes(b"voxels")
    paths = [str(tmp_path / folder / "defaced.nii") for folder in ("a", "b")]
    result = CliRunner().invoke(command, [*paths, "--out", str(tmp_path / "out")])
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
