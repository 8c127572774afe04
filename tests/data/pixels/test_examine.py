"""Text is shown to the engine however it was drawn, and what the engine finds lies where the text is."""

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fivesafes.data.boxes import Box
from fivesafes.data.pixels.examine import MOST_SHOWN, examine, examine_frame, plain_view, union
from fivesafes.data.pixels.layout import PixelLayout
from fivesafes.data.pixels.render import UNUSED, frequent_values, renderings, thin
from fivesafes.data.pixels.strokes import may_hold_text
from fivesafes.data.ports import FoundText

Numbers = NDArray[np.int64]
LAYOUT = PixelLayout(rows=96, columns=128)
AT = (30, 20)


@frozen
class BrightSpot:
    """Stands for an engine: it finds one box around whatever is brightest, and counts how often it was asked."""

    name: ClassVar[str] = "bright-spot"
    asked: list[tuple[int, ...]] = field(factory=list)

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def version(self) -> str:
        """Give a version."""
        return "1"

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Give the box around the brightest pixels."""
        self.asked.append(image.shape)
        rows, columns = np.nonzero(image == image.max())
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        return (FoundText(box=box, confidence=1.0),)


def _tissue(seed: int = 4) -> Numbers:
    """Make a picture as scanners do: a bright body with noise in a dark, noisy ground."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :128]
    body = 600 * (((rows - 48) / 40) ** 2 + ((columns - 64) / 55) ** 2 < 1)
    numbers: Numbers = np.abs(random.normal(body, 30)).astype(np.int64)
    return numbers


def _letters(text: str = "QVIST L") -> NDArray[np.bool_]:
    image = Image.new("1", (128, 96))
    ImageDraw.Draw(image).text((AT[1], AT[0]), text, fill=1, font=ImageFont.load_default(16))
    return np.asarray(image)


def _cells(numbers: Numbers) -> NDArray[Any]:
    return numbers.astype("<u2")[..., None]


@pytest.mark.parametrize("value", [0, 300, 900, 4000, 65535])
def test_text_of_one_value_is_shown_alone(value: int) -> None:
    """Black, grey, white, beyond the window, in a padding value: one of the views shows the letters and little else."""
    marks = _letters()
    numbers = np.where(marks, value, _tissue())
    views = [one.image > 127 for one in renderings(numbers) if one.name == "value"]
    shares = [(view & marks).sum() / max(1, view.sum()) for view in views if (view & marks).sum() > 0.9 * marks.sum()]
    assert max(shares, default=0) > 0.5


def test_one_grey_level_on_an_even_ground_is_shown() -> None:
    """No window of a person shows a step of one in 65536; a view does."""
    marks = _letters()
    numbers = np.full((96, 128), 1000)
    numbers[:20] = 60000
    numbers[marks] = 1001
    assert any(one.name == "value" and ((one.image > 127) == marks).all() for one in renderings(numbers))


def test_text_in_bits_without_a_pixel_is_shown() -> None:
    """Each bit that holds no pixel is a view of its own, if it differs anywhere."""
    marks = _letters()
    layout = PixelLayout(rows=96, columns=128, stored=12, high_bit=11)
    cells = _cells(_tissue() & 0x0FFF) | (marks.astype("<u2") << 13)[..., None]
    found = examine_frame(cells, layout, BrightSpot())
    assert found is not None
    assert UNUSED in found.views


def test_scans_without_text_have_few_views() -> None:
    """Noise has no value that stands out beyond the ends of the scale; an even picture has no view at all."""
    assert [one.name for one in renderings(_tissue() + 5)][:1] == ["window"]
    assert len(list(renderings(_tissue() + 5))) <= 2
    assert list(renderings(np.full((9, 9), 3))) == []


def test_what_is_thick_is_no_stroke() -> None:
    """A plate of one value is left out, the letters beside it stay."""
    plate = np.zeros((60, 60), bool)
    plate[5:40, 5:40] = True
    plate[50:52, 5:50] = True
    left = thin(plate)
    assert left[50:52, 5:50].all()
    assert not left[10:35, 10:35].any()


@given(value=st.integers(0, 4095), seed=st.integers(0, 20))
def test_a_drawn_value_is_among_the_frequent_ones(value: int, seed: int) -> None:
    """Whatever value letters are drawn in, its count tells it from the noise."""
    numbers = np.random.default_rng(seed).integers(0, 4096, (96, 128))
    numbers[_letters()] = value
    assert value in frequent_values(numbers)


@given(shade=st.integers(60, 255), turned=st.booleans())
def test_letters_are_never_too_plain_to_be_read(shade: int, *, turned: bool) -> None:
    """The cheap look before the engine lets letters pass, upright or turned, in any shade that can be told."""
    image = np.where(_letters(), shade, 0).astype(np.uint8)
    assert may_hold_text(image.T if turned else image)
    assert not may_hold_text(np.zeros_like(image))
    assert not may_hold_text(np.zeros((1, 1), np.uint8))


@pytest.mark.parametrize("shape", [(96, 128), (40, 61), (500, 300)])
def test_boxes_come_back_in_the_pixels_of_the_picture(shape: tuple[int, int]) -> None:
    """However much larger the engine's picture is, the box lies around the mark, with its margin."""
    numbers = np.zeros(shape, np.int64)
    numbers[20:28, 30:50:2] = 301
    found = examine_frame(_cells(numbers), PixelLayout(rows=shape[0], columns=shape[1]), BrightSpot())
    assert found is not None
    box = union([found])[0]
    assert 15 <= box.top <= 20
    assert 25 <= box.left <= 30
    assert 28 <= box.bottom <= 33
    assert 49 <= box.right <= 54


def test_like_frames_are_shown_to_the_engine_once() -> None:
    """A frame that was seen is not read again, and is told as found all the same."""
    finder, cells = BrightSpot(), _cells(np.where(_letters(), 900, _tissue()))
    found = list(examine([cells, cells, cells], LAYOUT, finder))
    assert [text.frame for text in found] == [0, 1, 2]
    once = BrightSpot()
    examine_frame(cells, LAYOUT, once)
    assert len(finder.asked) == len(once.asked)


def _frames(count: int) -> Iterator[NDArray[Any]]:
    for seed in range(count):
        yield _cells(np.where(_letters(), 900, _tissue(seed))[:64, :64])


def test_five_hundred_frames_take_bounded_time() -> None:
    """The ways of seeing cost some hundredths of a second for each frame, the engine aside."""
    began = time.process_time()
    found = list(examine(_frames(500), PixelLayout(rows=64, columns=64), BrightSpot()))
    assert time.process_time() - began < 60
    assert [text.frame for text in found] == list(range(500))
    assert sum(text.view is not None for text in found) == MOST_SHOWN


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    """Frames come one by one, and nothing of them is kept but boxes and a few views."""
    tracemalloc.start()
    assert len(list(examine(_frames(60), PixelLayout(rows=64, columns=64), BrightSpot()))) == 60
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_each_colour_is_looked_at() -> None:
    """Text in blue alone is found: there is no grey in which a colour could hide."""
    numbers = np.stack([_tissue(), _tissue(1), np.where(_letters(), 4000, 100)], axis=-1).astype("<u2")
    layout = PixelLayout(rows=96, columns=128, samples=3, photometric="RGB")
    finder = BrightSpot()
    found = examine_frame(numbers, layout, finder)
    assert found is not None
    assert any(box.top <= AT[0] + 8 < box.bottom for box in found.boxes)
    assert plain_view(numbers, layout).shape == (96, 128)


def test_an_even_frame_is_shown_as_an_even_one() -> None:
    """A frame of one value has a plain view too."""
    assert not plain_view(_cells(np.full((96, 128), 7)), LAYOUT).any()
    assert examine_frame(_cells(np.full((96, 128), 7)), LAYOUT, BrightSpot()) is None
