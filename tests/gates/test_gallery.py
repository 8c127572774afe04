"""The gallery's pictures are small, hold nothing but pixels, and show of real people only what defacing left."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from benchmarks.gallery import LARGEST, NOBODY, PAGE, PICTURES, Case, cases
from PIL import Image

SOURCES: Mapping[str, Path] = {"head": Path("head.nii.gz"), "colin": Path("ch2.nii.gz")}


def every() -> list[Case]:
    """List what the gallery shows; nothing is read for that."""
    return list(cases(SOURCES["head"], colin=SOURCES["colin"]))


def test_only_what_is_nobody_is_shown_before_defacing() -> None:
    """The mean head, a phantom and noise."""
    assert {case.name for case in every() if "before" in case.shown} == {"mean", *NOBODY}


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.png")), ids=lambda path: path.name)
def test_pictures_are_small_and_hold_nothing_but_pixels(path: Path) -> None:
    """No text, no time, no place of making."""
    assert path.stat().st_size < LARGEST
    with Image.open(path) as picture:
        assert set(picture.info) <= {"transparency"}


def test_the_page_shows_every_picture_and_no_other_case() -> None:
    """Made by one command: python -m benchmarks.gallery."""
    page = PAGE.read_text(encoding="utf-8")
    titles = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert titles == [case.title for case in every()]
    assert {path.name for path in PICTURES.glob("*.png")} == {
        f"{case.name}.png" for case in every() if f"gallery/{case.name}.png" in page
    }
