"""The pages of many images: the worst first, what identifies apart from what may leave, and whole at any moment."""

import io
import json
import re
from base64 import b64decode
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve
from PIL import Image

from fivesafes.data.face.decisions import Choice, Decision
from fivesafes.data.face.render import VIEWS
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture, Residual
from fivesafes.engines.reporters.faces import IDENTIFYING, LEAVING, FacesReport, Told
from fivesafes.engines.reporters.faces.rows import checks, row_of

CLEAN = FaceEvidence(
    mutual_information=0.4,
    residual=Residual(eyes=0.0, nose=0.01, mouth=None, chin=0.0, ears=0.05),
    brain_voxels_altered=0,
    determinant=1.1,
    scales=(1.0, 1.05, 1.1),
    mask_ml=1200.5,
    outside_voxels_altered=0,
    brain_guard="own",
)
BEFORE, AFTER = 0x33, 0xCC
"""Shades: a page shows an original when a pixel of the first is in one of its pictures."""

HOSTILE = 'sub-"><script>alert(1)</script>&amp;_T1w.nii.gz'


def dot(shade: int) -> bytes:
    """Make a picture of one shade."""
    out = io.BytesIO()
    Image.new("L", (4, 4), shade).save(out, "PNG")
    return out.getvalue()


def told(name: str = "a_T1w.nii.gz", status: FaceStatus = FaceStatus.DEFACED, residual: float = 0.0) -> Told:
    """Tell of an image as a call would; only what was written has pictures of what was made."""
    written = status in {FaceStatus.DEFACED, FaceStatus.NEEDS_REVIEW}
    views = [*VIEWS, "slices"]
    before = [Picture(name=f"before-{view}", alt=f"before {view}", png=dot(BEFORE), identifying=True) for view in views]
    after = [Picture(name=f"after-{view}", alt=f"after {view}", png=dot(AFTER), identifying=False) for view in views]
    parts = Residual(eyes=residual, nose=0.0, mouth=None, chin=0.0, ears=0.0)
    defaced = Defaced(
        status=status,
        image=None,
        mask=None,
        engine="embedded",
        engine_version="1",
        mode=FaceMode.REMOVE,
        evidence=evolve(CLEAN, residual=parts),
        why="" if status is FaceStatus.DEFACED else "a reason",
    )
    held = "needs-review/" if status is FaceStatus.NEEDS_REVIEW else ""
    return Told(
        name=name,
        defaced=defaced,
        output=f"{held}{name}" if written else None,
        sha256="ab" * 32 if written else None,
        pictures=(*before, *after) if written else tuple(before),
    )


def decided(choice: Choice, name: str = "a_T1w.nii.gz") -> Decision:
    """Have somebody decide about an image."""
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    return Decision(image=name, sha256="ab" * 32, choice=choice, by="Ada", at=at, reason="seen")


def shades(text: str) -> set[int]:
    """Say which shades the pictures of a page, or of a row, have."""
    found = re.findall(r"iVBORw0KGgo[A-Za-z0-9+/=]+", text)
    return {int(Image.open(io.BytesIO(b64decode(one))).convert("L").getpixel((0, 0))) for one in found}  # type: ignore[arg-type]


def all_text(folder: Path) -> str:
    """Join all files of a folder."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.mark.parametrize("status", list(FaceStatus))
def test_nothing_of_an_original_is_where_it_may_leave(tmp_path: Path, status: FaceStatus) -> None:
    """Whatever came of an image: no page, no row and no small picture there has the original's shade."""
    report = FacesReport(tmp_path)
    report.add(told(status=status))
    report.index()
    assert BEFORE in shades(all_text(tmp_path / IDENTIFYING))
    assert BEFORE not in shades(all_text(tmp_path / LEAVING))
    assert (AFTER in shades(all_text(tmp_path / LEAVING))) is (status is FaceStatus.DEFACED)


def test_what_is_approved_may_leave_and_what_is_rejected_may_not(tmp_path: Path) -> None:
    """The page that may leave waits beside the faces until then, and goes back there."""
    report = FacesReport(tmp_path)
    report.add(told(status=FaceStatus.NEEDS_REVIEW))
    assert AFTER not in shades(all_text(tmp_path / LEAVING))
    for choice, there in ((Choice.APPROVE, True), (Choice.REJECT, False), (Choice.APPROVE, True)):
        FacesReport(tmp_path).decided([decided(choice)])
        assert (AFTER in shades(all_text(tmp_path / LEAVING))) is there
        assert BEFORE not in shades(all_text(tmp_path / LEAVING))
        word = "approved" if there else "rejected"
        assert f'<span class="tag {word}">' in (tmp_path / IDENTIFYING / "index.html").read_text(encoding="utf-8")


def test_what_is_rejected_leaves_also_where_the_folder_of_faces_was_moved_away(tmp_path: Path) -> None:
    """Keeping the originals' pictures elsewhere is what is asked for: nothing depends on them."""
    FacesReport(tmp_path).add(told())
    (tmp_path / IDENTIFYING).rename(tmp_path / "elsewhere")
    FacesReport(tmp_path).decided([decided(Choice.REJECT)])
    assert shades(all_text(tmp_path / LEAVING)) == set()
    assert not (tmp_path / IDENTIFYING).exists()


def test_an_image_made_again_takes_its_earlier_page_from_where_it_may_leave(tmp_path: Path) -> None:
    """The earlier run verified it, the later one did not."""
    report = FacesReport(tmp_path)
    report.add(told())
    report.add(told(status=FaceStatus.NEEDS_REVIEW))
    report.index()
    assert shades(all_text(tmp_path / LEAVING)) == set()


def test_the_worst_comes_first(tmp_path: Path) -> None:
    """Refused, then what waits, then by the skin that is left, then what needed nothing."""
    report = FacesReport(tmp_path)
    wanted = ["refused", "waits", "some-left", "clean", "nothing"]
    for name, status, left in (
        ("clean", FaceStatus.DEFACED, 0.0),
        ("nothing", FaceStatus.NOTHING_TO_DO, 0.0),
        ("waits", FaceStatus.NEEDS_REVIEW, 0.0),
        ("some-left", FaceStatus.DEFACED, 0.09),
        ("refused", FaceStatus.REFUSED, 0.0),
    ):
        report.add(told(name=name, status=status, residual=left))
    report.index()
    for folder in (IDENTIFYING, LEAVING):
        page = (tmp_path / folder / "index.html").read_text(encoding="utf-8")
        places = [page.index(f'id="{name}"') for name in wanted]
        assert all(one < other for one, other in pairwise(places))


def test_a_call_that_was_killed_leaves_whole_pages_of_what_was_done(tmp_path: Path) -> None:
    """Each page is there before the next image; the index leads to nearly all of them, and a later call to the rest."""
    report = FacesReport(tmp_path)
    for number in range(100):
        report.add(told(name=f"{number}_T1w.nii.gz"))
    pages = list((tmp_path / IDENTIFYING / "images").iterdir())
    assert len(pages) == 100
    assert all(page.read_text(encoding="utf-8").rstrip().endswith("</html>") for page in pages)
    index = (tmp_path / IDENTIFYING / "index.html").read_text(encoding="utf-8")
    assert index.count("<article") > 80
    later = FacesReport(tmp_path)
    later.add(told(name="later_T1w.nii.gz"))
    later.index()
    assert (tmp_path / IDENTIFYING / "index.html").read_text(encoding="utf-8").count("<article") == 101
    assert not list(tmp_path.rglob("*.part"))


def test_a_page_loads_nothing_and_runs_its_own_script_alone(tmp_path: Path) -> None:
    """A name that is markup stays a name; what may leave has no script at all."""
    report = FacesReport(tmp_path)
    report.add(told(name=HOSTILE.replace("/", "_"), status=FaceStatus.NEEDS_REVIEW))
    report.add(told())
    report.index()
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert "<script>alert" not in text
        leaves = LEAVING in page.parts or "not-passed" in page.parts
        assert text.count("<script") == (0 if leaves else 1)
        assert not re.search(r'(?:src|href)="(?!data:image/png|images/|#|\.\./index\.html)', text)
        assert not re.search(r"@import|url\(", text)


def test_a_series_in_a_folder_of_its_own_has_a_page_too(tmp_path: Path) -> None:
    """Its name is a path, and nobody decides about a folder of slices on the page."""
    report = FacesReport(tmp_path)
    report.add(evolve(told(name="sub-01/3-T1w"), sha256=None))
    report.index()
    for folder in (IDENTIFYING, LEAVING):
        index = (tmp_path / folder / "index.html").read_text(encoding="utf-8")
        assert 'href="images/sub-01%2C3-T1w.html"' in index
        assert (tmp_path / folder / "images" / "sub-01,3-T1w.html").exists()
        assert "<fieldset" not in index


def test_the_folder_of_faces_is_its_owners_and_git_passes_it_by(tmp_path: Path) -> None:
    """Shipped by mistake is what the name, the mode and the ignore file are against."""
    FacesReport(tmp_path).add(told())
    assert "IDENTIFYING" in IDENTIFYING
    assert (tmp_path / IDENTIFYING).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / IDENTIFYING / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_each_figure_stands_beside_its_limit() -> None:
    """A part above its limit, an altered brain, a doubtful fit and a brain guarded by the mean head's are marked."""
    bad = evolve(
        CLEAN,
        residual=Residual(eyes=0.11, nose=0.0, mouth=None, chin=0.29, ears=0.31),
        brain_voxels_altered=3,
        mutual_information=0.18,
        brain_guard="template",
    )
    row = json.loads(json.dumps(row_of(evolve(told(), defaced=evolve(told().defaced, evidence=bad)))))
    kept = {check.what: check.kept for check in checks(row["evidence"])}
    assert [what for what, is_kept in kept.items() if is_kept is False] == [
        "skin left: eyes",
        "skin left: ears",
        "brain voxels altered",
        "brain guarded by",
        "fit of the head (mutual information)",
    ]
    assert kept["skin left: mouth"] is None
    clean = {check.kept for check in checks(row_of(told())["evidence"])}
    assert clean == {True, None}


def test_each_picture_has_words(tmp_path: Path) -> None:
    """For those who can't see it; and each field to write into has a name."""
    FacesReport(tmp_path).add(told())
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", text))
        assert text.count('<html lang="en">') == 1
