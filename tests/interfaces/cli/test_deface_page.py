"""A person decides on the page, in a real browser, and the file that it saves is applied: no server, no network."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from tests.browser import Page, browser, found

from fivesafes.data.face.decisions import digest_of
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture, Residual
from fivesafes.engines.reporters.faces import IDENTIFYING, FacesReport, Told
from fivesafes.interfaces.cli.deface import command

pytestmark = pytest.mark.skipif(found() is None, reason="no Chromium is installed (Debian: chromium)")

NAMES = ("a_T1w.nii.gz", "b_T1w.nii.gz")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Make a folder as a call leaves it: two images that wait, and the pages."""
    folder = tmp_path / "out"
    (folder / "needs-review").mkdir(parents=True)
    report = FacesReport(folder)
    for name in NAMES:
        image = folder / "needs-review" / name
        image.write_bytes(name.encode())
        image.with_name(name.replace(".nii", "_mask.nii")).write_bytes(b"mask")
        report.add(told(name, digest_of(image)))
    report.index()
    return folder


def dot() -> bytes:
    """Make a picture of one pixel."""
    out = io.BytesIO()
    Image.new("L", (1, 1), 128).save(out, "PNG")
    return out.getvalue()


def told(name: str, sha256: str) -> Told:
    """Tell of an image that waits for a person."""
    evidence = FaceEvidence(
        mutual_information=0.4,
        residual=Residual(eyes=0.2, nose=0.0, mouth=None, chin=0.0, ears=0.0),
        brain_voxels_altered=0,
    )
    defaced = Defaced(
        status=FaceStatus.NEEDS_REVIEW,
        image=None,
        mask=None,
        engine="embedded",
        engine_version="1",
        mode=FaceMode.REMOVE,
        evidence=evidence,
        why="too much skin is left",
    )
    pictures = tuple(
        Picture(name=f"{when}-front", alt=f"{when} defacing", png=dot(), identifying=when == "before")
        for when in ("before", "after")
    )
    return Told(name=name, defaced=defaced, output=f"needs-review/{name}", sha256=sha256, pictures=pictures)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """Start a browser."""
    with browser(tmp_path / "profile", downloads=tmp_path) as page:
        yield page


def saved(folder: Path) -> Path:
    """Wait for the file that the page saves."""
    file = folder / "deface-decisions.json"
    for _ in range(200):
        if file.exists() and file.stat().st_size:
            return file
        time.sleep(0.05)
    raise AssertionError(list(folder.iterdir()))


def decide(page: Page, name: str, choice: str, reason: str = "") -> None:
    """Choose for an image, and give a reason."""
    field = f"fieldset[data-image='{name}']"
    page.press(f'{field} input[value="{choice}"]')
    if reason:
        page.write(f"{field} input[type=text]", reason)


def test_what_is_decided_on_the_page_happens_to_the_files(out: Path, page: Page) -> None:
    """Approve one, reject the other, save, apply: each lies where it belongs, with its mask."""
    page.open(out / IDENTIFYING / "index.html")
    decide(page, NAMES[0], "approve")
    decide(page, NAMES[1], "reject", "an “eye” is <left>")
    page.write("#by", "Ada Example")
    page.press("#save")
    file = saved(out.parent)
    first, second = json.loads(file.read_text(encoding="utf-8"))["decisions"]
    assert (first["image"], first["decision"], first["by"]) == (NAMES[0], "approve", "Ada Example")
    assert second["reason"] == "an “eye” is <left>"
    result = CliRunner().invoke(command, ["--decisions", str(file), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert (out / "a_T1w_mask.nii.gz").exists()
    assert (out / NAMES[0]).read_bytes() == NAMES[0].encode()
    assert (out / "needs-review" / "rejected" / NAMES[1]).exists()
    page.open(out / IDENTIFYING / "index.html")
    text = page.js("document.querySelector('main').textContent")  # innerText has none that no frame has shown yet
    assert "by Ada Example" in text
    assert "an “eye” is <left>" in text
    assert page.complaints == []


def test_nothing_is_saved_without_a_name_or_a_rejections_reason(out: Path, page: Page) -> None:
    """The page says what is missing, and puts the cursor there."""
    page.open(out / IDENTIFYING / "index.html")
    page.press("#save")
    assert "your name" in page.js("document.getElementById('told').textContent")
    assert page.js("document.activeElement.id") == "by"
    page.write("#by", "Ada")
    page.press("#save")
    assert "Nothing is decided" in page.js("document.getElementById('told').textContent")
    decide(page, NAMES[1], "reject")
    page.press("#save")
    assert f"why {NAMES[1]}" in page.js("document.getElementById('told').textContent")
    assert not list(out.parent.glob("*.json"))


def test_choices_are_kept_on_the_way_to_another_page_and_back(out: Path, page: Page) -> None:
    """What is decided on an image's own page stands in the list too."""
    page.open(out / IDENTIFYING / "images" / f"{NAMES[0]}.html")
    decide(page, NAMES[0], "approve", "clear")
    page.press("nav a")
    time.sleep(0.5)
    page.js("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
    field = f"document.querySelector(\"fieldset[data-image='{NAMES[0]}']\")"
    assert page.js(f"{field}.querySelector('input:checked').value") == "approve"
    assert page.js(f"{field}.querySelector('input[type=text]').value") == "clear"


def test_before_and_after_flicker_until_they_are_stopped(out: Path, page: Page) -> None:
    """One upon the other; who wants no motion gets none and goes from one to the other by hand."""
    page.open(out / IDENTIFYING / "images" / f"{NAMES[0]}.html")
    running = "document.getAnimations().length"
    assert page.js(running) == 0
    page.press("#flicker")
    assert page.js(running) == 1
    places = "[...document.querySelectorAll('.pair figure')].map(one => Math.round(one.getBoundingClientRect().left))"
    before, after = page.js(places)
    assert before == after
    page.press("#after")
    assert page.js(running) == 0
    assert page.js("getComputedStyle(document.querySelector('.before')).visibility") == "hidden"
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    assert page.js("getComputedStyle(document.querySelector('#flicker')).display") == "none"


def test_no_other_script_runs_and_nothing_is_fetched(out: Path, page: Page) -> None:
    """The page's own policy stops what somebody might bring in."""
    page.open(out / IDENTIFYING / "index.html")
    page.js("{const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)}")
    assert page.js("window.ran") is None
    page.js(
        "new Promise(done => {const i = new Image(); i.onerror = i.onload = done; i.src = 'http://127.0.0.1:9/x.png'})"
    )
    assert any("Content Security Policy" in complaint for complaint in page.complaints)
