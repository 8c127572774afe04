"""Engines that find text: tesseract for real, RapidOCR through a stand-in for its package."""

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fivesafes.core.errors import EngineMissing
from fivesafes.data.boxes import Box
from fivesafes.data.pixels.examine import examine_frame
from fivesafes.data.pixels.layout import PixelLayout
from fivesafes.data.ports import TextFinder, TextFinderFailed
from fivesafes.engines.text_finders import rapidocr, tesseract
from fivesafes.engines.text_finders.rapidocr import RapidOcr
from fivesafes.engines.text_finders.tesseract import Tesseract

needs_tesseract = pytest.mark.skipif(Tesseract().missing() is not None, reason="tesseract is not installed")


def _written(text: str, *, turned: int = 0) -> NDArray[np.uint8]:
    image = Image.new("L", (420, 160), 20)
    ImageDraw.Draw(image).text((40, 50), text, fill=240, font=ImageFont.load_default(36))
    return np.rot90(np.asarray(image), turned)


def _share(found: list[Box], image: NDArray[np.uint8]) -> float:
    """Tell how much of what is bright lies in the boxes."""
    inside = np.zeros(image.shape, bool)
    for box in found:
        part = box.within(*image.shape)
        inside[part.top : part.bottom, part.left : part.right] = True
    return float(inside[image > 200].mean())


@needs_tesseract
@pytest.mark.parametrize("turned", [0, 1, 3])
def test_tesseract_finds_a_name_in_each_direction(turned: int) -> None:
    """Upright and turned by a quarter to either side, the box lies around the letters."""
    image = _written("QVIST LISBETH", turned=turned)
    found = [text.box for text in Tesseract().find(image)]
    assert _share(found, image) > 0.9


@needs_tesseract
def test_tesseract_finds_nothing_where_nothing_is_written() -> None:
    """An even picture has no text."""
    assert Tesseract().find(np.full((160, 420), 90, np.uint8)) == ()
    assert Tesseract().version().startswith("tesseract ")


@needs_tesseract
@pytest.mark.parametrize("value", [0, 700, 3000])
def test_a_name_burned_into_a_scan_is_found_with_tesseract(value: int) -> None:
    """Black, grey and white on noisy tissue, at the size of a matrix: most of the letters lie in the boxes."""
    marks = Image.new("1", (256, 192))
    ImageDraw.Draw(marks).text((30, 80), "QVIST LISBETH", fill=1, font=ImageFont.load_default(20))
    written = np.asarray(marks)
    numbers = np.random.default_rng(1).normal(1200, 60, (192, 256)).astype("<u2")
    numbers[written] = value
    found = examine_frame(numbers[..., None], PixelLayout(rows=192, columns=256), Tesseract())
    assert found is not None
    inside = np.zeros(written.shape, bool)
    for box in found.boxes:
        inside[box.top : box.bottom, box.left : box.right] = True
    assert inside[written].mean() > 0.9


def test_without_the_program_nothing_is_found_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is not there is told, never taken for one that found nothing."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "apt-get install tesseract-ocr" in (Tesseract().missing() or "")
    with pytest.raises(EngineMissing):
        Tesseract().find(_written("QVIST"))


@pytest.mark.parametrize("problem", [subprocess.TimeoutExpired("x", 1), subprocess.CalledProcessError(1, "x")])
def test_a_program_that_fails_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    """No answer is no proof; and what the program says may quote a picture."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/tesseract")
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(TextFinderFailed) as told:
        Tesseract().find(_written("QVIST"))
    assert str(told.value) == ""


def test_words_that_are_unsure_or_too_short_are_no_text() -> None:
    """Tissue reads as single letters; a word has three signs and a confidence."""
    line = "5\t1\t1\t1\t1\t1\t10\t20\t30\t8\t{}\t{}"
    head = "level\tpage_num\n"
    rows = [line.format("91.5", "QVIST"), line.format("30", "QVIST"), line.format("96", "l~"), "4\t1", ""]
    assert list(tesseract._words(head + "\n".join(rows))) == [(Box(20, 10, 28, 40), 0.915)]


class _StandIn:
    """Answers as the package does: corners, what was read, how sure."""

    def __init__(self, **options: object) -> None:
        self.options = options

    def __call__(self, image: NDArray[np.uint8]) -> tuple[list[Any] | None, None]:
        assert image.shape[2] == 3
        if not image.any():
            return None, None
        corners = [[10.4, 20.6], [40.2, 20.6], [40.2, 29.1], [10.4, 29.1]]
        return [(corners, "QVIST", 0.97), (corners, "~", 0.99), (corners, "QVIST", "0.2")], None


def test_rapidocr_tells_where_and_how_sure_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corners become a box; what is unsure or too short is no text; what was read is not handed on."""
    package = ModuleType("rapidocr_onnxruntime")
    package.RapidOCR = _StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", package)
    monkeypatch.setattr(rapidocr, "version", lambda _: "1.4.4")
    rapidocr._models.cache_clear()
    (found,) = RapidOcr().find(np.ones((50, 60), np.uint8))
    assert (found.box, found.confidence) == (Box(20, 10, 30, 41), 0.97)
    assert "QVIST" not in repr(found)
    assert RapidOcr().find(np.zeros((50, 60), np.uint8)) == ()
    assert RapidOcr().version() == "rapidocr-onnxruntime 1.4.4"
    assert RapidOcr().missing() is None
    rapidocr._models.cache_clear()


def test_rapidocr_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""

    def absent(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(rapidocr, "version", absent)
    assert "fivesafes[ocr]" in (RapidOcr().missing() or "")


@pytest.mark.parametrize("engine", [RapidOcr, Tesseract])
def test_each_engine_meets_the_port(engine: type[TextFinder]) -> None:
    """Ours enter by the same door as a stranger's."""
    finder: TextFinder = engine()
    assert finder.name
