"""Text in pixels through the whole of de-identification: refused, held, or blanked and told truthfully."""

import csv
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom
import pytest
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.verdict import Gravity
from fivesafes.data.boxes import Box
from fivesafes.data.header.deidentify import Cleaned, Deidentifier
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.pixel_policies import kinds_of_pictures, region_rules
from fivesafes.data.header.pixel_step import AS_TOLD, SETTLED, PixelMode, PixelStep
from fivesafes.data.header.profile import POLICIES, Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.ports import FoundText, TextFinderFailed

Write = Callable[..., bytes]
MR = "1.2.840.10008.5.1.4.1.1.4"
ROWS, COLUMNS = 40, 52
MARK = np.s_[10:16, 8:30:2]
AROUND = Box(10, 8, 16, 29)


@frozen
class Stripes:
    """Stands for an engine: few pixels that are brightest are a text; an even ground is none."""

    name: ClassVar[str] = "stripes"

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def version(self) -> str:
        """Give a version."""
        return "1"

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Give the box around the brightest pixels, if they are few."""
        bright = image > 200
        if not 0 < bright.mean() < 0.08:
            return ()
        rows, columns = np.nonzero(bright)
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        return (FoundText(box=box, confidence=0.9),)


@frozen
class Stubborn(Stripes):
    """Finds text whatever was blanked."""

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Give the same box each time."""
        return (FoundText(box=Box(20, 20, 30, 60), confidence=0.9),)


@frozen
class Broken(Stripes):
    """Gives no answer."""

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Fail as a program does that takes too long."""
        raise TextFinderFailed


EXAMINE = PixelStep(mode=PixelMode.EXAMINE, finder=Stripes(), engine="stripes 1")
BLANK = PixelStep(mode=PixelMode.BLANK, finder=Stripes(), engine="stripes 1")


def _numbers(*, marked: bool = True, frames: int = 1, dtype: str = "u2", text: int = 200) -> NDArray[Any]:
    numbers = np.full((frames, ROWS, COLUMNS), 90, dtype)
    numbers += np.random.default_rng(2).integers(0, 9, numbers.shape).astype(dtype)
    if marked:
        numbers[frames - 1][MARK] = text
    return numbers


def _image(numbers: NDArray[Any], make: Callable[[], Dataset], **attributes: object) -> Dataset:
    dataset = make()
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = numbers.shape[0], ROWS, COLUMNS
    bits = numbers.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, int(numbers.dtype.kind == "i")
    dataset.PixelData = numbers.tobytes()
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = 90, 200
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _clean(content: bytes, step: PixelStep, profile: Profile | None = None) -> Cleaned:
    return Deidentifier(profile or load_profile(), Pseudonyms(bytes(range(32)), "test"), step).clean(
        open_data_set(content)
    )


def _read(cleaned: Cleaned) -> Dataset:
    return pydicom.dcmread(BytesIO(b"".join(cleaned.pieces)))


def _codes(dataset: Dataset) -> set[str]:
    return {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}


def _outside(box: Box) -> NDArray[np.bool_]:
    marks = np.ones((ROWS, COLUMNS), bool)
    marks[box.top : box.bottom, box.left : box.right] = False
    return marks


def test_by_default_no_pixel_is_looked_at(make_image: Callable[[], Dataset], write: Write) -> None:
    """The header decides; an object that says nothing of text passes with its pixels as they are."""
    content = write(_image(_numbers(), make_image))
    cleaned = _clean(content, AS_TOLD)
    assert cleaned.looked is None
    assert _read(cleaned).PixelData == _numbers().tobytes()


def test_what_has_text_is_held_for_review(make_image: Callable[[], Dataset], write: Write) -> None:
    """Examining writes nothing of an object with text, says in how many frames it is, and never what it says."""
    cleaned = _clean(write(_image(_numbers(frames=3), make_image)), EXAMINE)
    assert (cleaned.pieces, cleaned.verdict.gravity) == ((), Gravity.REVIEW)
    assert "1 of 3 frames" in cleaned.verdict.findings[0].why
    assert cleaned.looked is not None
    assert [text.frame for text in cleaned.looked.found] == [2]
    assert cleaned.looked.blanked == ()


def test_an_object_without_text_passes_unchanged(make_image: Callable[[], Dataset], write: Write) -> None:
    """Nothing found, nothing changed, nothing claimed: an engine that finds nothing proves nothing."""
    numbers = _numbers(marked=False)
    for step in (EXAMINE, BLANK):
        made = _read(_clean(write(_image(numbers, make_image)), step))
        assert made.PixelData == numbers.tobytes()
        assert "BurnedInAnnotation" not in made
        assert made.LargestImagePixelValue == 200
        assert "113101" not in _codes(made)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4"])
def test_found_text_is_blanked_in_every_frame_and_told(
    make_image: Callable[[], Dataset], write: Write, syntax: str, dtype: str
) -> None:
    """Outside of the blanked boxes every bit is the same; the header says that it was done, and how."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    if (dtype, order) == ("u1", ">"):
        assert _clean(write(_image(_numbers(dtype="u1"), make_image), syntax=syntax), BLANK).verdict.refuses
        return
    numbers = _numbers(frames=2, dtype=order + dtype if dtype != "u1" else dtype)
    cleaned = _clean(write(_image(numbers, make_image), syntax=syntax), BLANK)
    made = _read(cleaned)
    after = np.frombuffer(made.PixelData, numbers.dtype).reshape(numbers.shape)
    assert cleaned.looked is not None
    (box,) = cleaned.looked.blanked
    assert box.around(AROUND) == box
    assert np.array_equal(after[:, _outside(box)], numbers[:, _outside(box)])
    assert not after[:, ~_outside(box)].any()
    assert made.BurnedInAnnotation == "NO"
    assert "113101" in _codes(made)
    assert "SmallestImagePixelValue" not in made
    assert "DerivationDescription" not in made
    assert cleaned.verdict.gravity is Gravity.NOTE
    assert cleaned.record.replaced["PixelData"] == 1


def _compressed(dataset: Dataset, numbers: NDArray[Any], syntax: UID) -> Dataset:
    """Compress with what is installed: pydicom's encoders, or Pillow."""
    if get_encoder(syntax).is_available if syntax in {RLELossless, JPEGLSLossless} else False:
        dataset.compress(syntax, encoding_plugin="")
        return dataset
    frames = []
    for frame in numbers:
        file = BytesIO()
        if syntax == JPEGBaseline8Bit:
            Image.fromarray(frame).save(file, "JPEG", quality=95)
        else:
            Image.fromarray(frame).save(file, "JPEG2000", irreversible=False, no_jp2=True)
        frames.append(file.getvalue())
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


_SYNTAXES = [RLELossless, JPEGBaseline8Bit, JPEG2000Lossless]
if get_encoder(JPEGLSLossless).is_available:
    _SYNTAXES.append(JPEGLSLossless)


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_compressed_pixels_are_decoded_blanked_and_stored_uncompressed(
    make_image: Callable[[], Dataset], write: Write, syntax: UID
) -> None:
    """What a decoder gives is kept bit for bit outside of the boxes; what was lossy stays told as lossy."""
    numbers = _numbers(frames=2, dtype="u1" if syntax == JPEGBaseline8Bit else "u2")
    dataset = _image(numbers, make_image)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content = write(_compressed(dataset, numbers, syntax), syntax=syntax)
    decoded = pydicom.dcmread(BytesIO(content)).pixel_array
    made = _read(_clean(content, BLANK))
    assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    cleaned = _clean(content, BLANK)
    assert cleaned.looked is not None
    (box,) = cleaned.looked.blanked
    assert np.array_equal(made.pixel_array[:, _outside(box)], decoded[:, _outside(box)])
    assert not made.pixel_array[:, ~_outside(box)].any()
    assert made.get("LossyImageCompression") == ("01" if syntax == JPEGBaseline8Bit else None)
    assert (made.BurnedInAnnotation, made.PhotometricInterpretation) == ("NO", "MONOCHROME2")
    held = _clean(content, EXAMINE)
    assert (held.pieces, held.verdict.gravity) == ((), Gravity.REVIEW)


def test_compressed_pixels_without_text_stay_compressed(make_image: Callable[[], Dataset], write: Write) -> None:
    """Looking changes nothing: the fragments are copied as they lie."""
    numbers = _numbers(marked=False)
    dataset = _image(numbers, make_image)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.compress(RLELossless)
    content = write(dataset, syntax=RLELossless)
    made = _read(_clean(content, BLANK))
    assert made.file_meta.TransferSyntaxUID == RLELossless
    assert made.PixelData == pydicom.dcmread(BytesIO(content)).PixelData


@pytest.mark.parametrize("syntax", [RLELossless, "1.2.840.10008.1.2.4.100"])
def test_pixels_that_nothing_can_decode_are_refused(
    make_image: Callable[[], Dataset], write: Write, syntax: str
) -> None:
    """Damaged fragments and films that no decoder reads: who asked for a look gets a refusal with its reason."""
    dataset = _image(_numbers(), make_image)
    dataset.PixelData = encapsulate([b"\x01\x02\x03\x04" * 20])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    content = write(dataset, syntax=syntax)
    for step in (EXAMINE, BLANK):
        cleaned = _clean(content, step)
        assert (cleaned.pieces, cleaned.verdict.gravity) == ((), Gravity.REFUSE)
        assert cleaned.verdict.findings[0].code == "data.pixels.unreadable"
    with pytest.raises(Malformed):  # and who did not cannot have their comments cleared
        _clean(content, AS_TOLD)


def test_text_that_stays_is_for_a_person(make_image: Callable[[], Dataset], write: Write) -> None:
    """After two rounds nothing is written of an object in which text is still found."""
    step = PixelStep(mode=PixelMode.BLANK, finder=Stubborn(), engine="stubborn 1")
    cleaned = _clean(write(_image(_numbers(), make_image)), step)
    assert (cleaned.pieces, cleaned.verdict.findings[0].code) == ((), "data.pixels.text-left")


def test_an_engine_without_an_answer_holds_the_object(make_image: Callable[[], Dataset], write: Write) -> None:
    """No answer is no proof that there is nothing."""
    step = PixelStep(mode=PixelMode.EXAMINE, finder=Broken(), engine="broken 1")
    cleaned = _clean(write(_image(_numbers(), make_image)), step)
    assert (cleaned.pieces, cleaned.verdict.findings[0].code) == ((), "data.pixels.engine")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("step", [AS_TOLD, EXAMINE, BLANK])
def test_overlays_in_unused_bits_are_cleared_and_counted(
    make_image: Callable[[], Dataset], write: Write, step: PixelStep, *, signed: bool
) -> None:
    """The bits above the stored ones go, the numbers stay, with their sign; it is counted in the record."""
    numbers = _numbers(marked=False).astype("i2") - 95
    stored = numbers.view("u2") & np.uint16(0x0FFF) if signed else _numbers(marked=False)
    drawn = stored.copy()
    drawn[0][MARK] |= 0x8000
    dataset = _image(drawn, make_image, BitsStored=12, HighBit=11, PixelRepresentation=int(signed))
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 15)
    cleaned = _clean(write(dataset), step)
    made = _read(cleaned)
    assert np.array_equal(made.pixel_array, numbers[0] if signed else stored[0])
    assert cleaned.record.removed[SETTLED] == 1
    assert 0x60000102 not in made
    assert "BurnedInAnnotation" not in made


@pytest.mark.parametrize(("position", "length"), [(11, 2), (None, 2), (14, 1)])
def test_overlays_that_can_not_be_parted_are_refused(
    make_image: Callable[[], Dataset], write: Write, position: int | None, length: int
) -> None:
    """In a bit of the pixels, in a bit that is not named, or where two overlays lie in one of each."""
    dataset = _image(_numbers(marked=False), make_image, BitsStored=12, HighBit=11)
    dataset.add_new(0x60000100, "US", 16)
    if position is not None:
        dataset.add_new(0x60000102, "US", position)
    if length == 1:
        dataset.add_new(0x60020100, "US", 16)
        dataset.add_new(0x60020102, "US", 3)
    verdict = _clean(write(dataset), BLANK).verdict
    assert (verdict.gravity, verdict.findings[0].code) == (Gravity.REFUSE, "data.header.overlay-in-pixels")


def test_text_in_bits_that_no_overlay_names_is_cleared_when_asked(
    make_image: Callable[[], Dataset], write: Write
) -> None:
    """A tool that took the overlay's attributes away left its bits: they are seen, and cleared without a black box."""
    stored = _numbers(marked=False)
    drawn = stored.copy()
    drawn[0][MARK] |= 0x4000
    content = write(_image(drawn, make_image, BitsStored=12, HighBit=11))
    assert _clean(content, EXAMINE).verdict.gravity is Gravity.REVIEW
    cleaned = _clean(content, BLANK)
    assert _read(cleaned).PixelData == stored.tobytes()
    assert cleaned.looked is not None
    assert cleaned.looked.blanked == ()
    assert "held no pixel" in cleaned.verdict.findings[0].why or "hold no pixel" in cleaned.verdict.findings[0].why


def test_fewer_pixels_than_said_are_seen_before_anything_is_drawn(
    make_image: Callable[[], Dataset], write: Write
) -> None:
    """A file that ends too soon is set aside, in every mode."""
    dataset = _image(_numbers(), make_image, NumberOfFrames=3)
    for step in (AS_TOLD, EXAMINE, BLANK):
        with pytest.raises(Malformed):
            _clean(write(dataset), step)


@pytest.fixture
def ruled(tmp_path: Path) -> Profile:
    """Give the shipped profile with one rule more: where a made-up scanner writes."""
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    with (folder / "pixels" / "regions.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(
            ["banner", MR, "Acme Scanners", "", "", ROWS, COLUMNS, "0-4/0-52; 36-40/0-20", "a name", "a made-up person"]
        )
    return load_profile(folder=folder)


def test_a_listed_region_lets_an_object_pass_that_says_it_has_text(
    make_image: Callable[[], Dataset], write: Write, ruled: Profile
) -> None:
    """Only where a rule tells where this device writes, and only when blanking was asked for."""
    numbers = _numbers(marked=False)
    dataset = _image(numbers, make_image, Manufacturer="ACME  scanners", BurnedInAnnotation="YES")
    content = write(dataset)
    assert _clean(content, AS_TOLD, ruled).verdict.refuses
    assert _clean(content, EXAMINE, ruled).verdict.refuses
    assert _clean(content, BLANK).verdict.refuses
    cleaned = _clean(content, BLANK, ruled)
    made = _read(cleaned)
    assert cleaned.looked is not None
    assert (cleaned.looked.rule, made.BurnedInAnnotation) == ("banner", "NO")
    expected = numbers[0].copy()
    expected[0:4], expected[36:40, 0:20] = 0, 0
    assert np.array_equal(made.pixel_array, expected)


def test_a_rule_is_not_stretched_to_another_size_or_device(ruled: Profile) -> None:
    """One column more, or another maker: nobody knows where that one writes."""
    (rule,) = region_rules(ruled.folder)
    texts = {"SOPClassUID": MR, "Manufacturer": "Acme Scanners"}
    assert rule.fits(texts, rows=ROWS, columns=COLUMNS)
    assert not rule.fits(texts, rows=ROWS, columns=COLUMNS + 1)
    assert not rule.fits({**texts, "Manufacturer": "Acme"}, rows=ROWS, columns=COLUMNS)
    assert not rule.fits({"Manufacturer": "Acme Scanners"}, rows=ROWS, columns=COLUMNS)


@pytest.mark.parametrize(
    "row",
    [
        "a,,ACME,,,4,4,0-1/0-1,why,source",
        "a,1.2,ACME,,,4,4,0-1/0-1,,source",
        "a,1.2,ACME,,,4,four,0-1/0-1,why,source",
        "a,1.2,ACME,,,4,4,0-5/0-1,why,source",
        "a,1.2,ACME,,,4,4,1-1/0-1,why,source",
        "a,1.2,ACME,,,4,4,0-1,why,source",
    ],
)
def test_a_rule_that_can_not_be_meant_is_refused(tmp_path: Path, row: str) -> None:
    """A rectangle beyond the picture, or without reason, device or source, is named with its line."""
    folder = tmp_path / "pixels"
    folder.mkdir()
    head = "name,sop_class,manufacturer,model,image_type,rows,columns,regions,why,source"
    (folder / "regions.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")
    with pytest.raises(PolicyInvalid, match="line 2"):
        region_rules(tmp_path)


@pytest.mark.parametrize(
    ("image_type", "gravity"),
    [
        ("DERIVED\\SECONDARY\\SCREEN SAVE", Gravity.REFUSE),
        ("DERIVED\\SECONDARY\\SCREEN_SAVE\\X", Gravity.REFUSE),
        ("derived\\secondary\\screenshot", Gravity.REFUSE),
        ("OTHER\\CSA REPORT\\", Gravity.REFUSE),
        ("DERIVED\\SECONDARY\\PASTED", Gravity.REFUSE),
        ("ORIGINAL\\PRIMARY\\SC", Gravity.REFUSE),
        ("DERIVED\\SECONDARY\\DOSE_INFO", Gravity.REFUSE),
        ("DERIVED\\SECONDARY\\OTHER", Gravity.REVIEW),
        ("ORIGINAL\\PRIMARY\\OTHER", Gravity.NOTE),
        ("DERIVED\\SECONDARY\\MPR", Gravity.NOTE),
        ("DERIVED\\PRIMARY\\DIFFUSION\\FA", Gravity.NOTE),
        ("ORIGINAL\\PRIMARY\\M_SE\\M\\SE", Gravity.NOTE),
    ],
)
def test_image_type_tells_pictures_of_screens_from_scans(
    make_image: Callable[[], Dataset], write: Write, image_type: str, gravity: Gravity
) -> None:
    """Whole words decide, whatever divides them; maps and reformatted images of research pass."""
    dataset = _image(_numbers(marked=False), make_image)
    dataset[0x00080008] = DataElement(0x00080008, "CS", image_type.split("\\"), validation_mode=0)
    assert _clean(write(dataset), AS_TOLD).verdict.gravity is gravity


@pytest.mark.parametrize(
    ("attributes", "gravity"),
    [
        ({"ConversionType": "SYN"}, Gravity.NOTE),
        ({"ConversionType": "WSD"}, Gravity.REFUSE),
        ({"ConversionType": "CAMERA"}, Gravity.REFUSE),
        ({"BurnedInAnnotation": "NO"}, Gravity.NOTE),
        ({"BurnedInAnnotation": "YES"}, Gravity.REFUSE),
        ({"BurnedInAnnotation": "MAYBE"}, Gravity.REFUSE),
        ({"PhotometricInterpretation": "PALETTE COLOR", "ImagePositionPatient": None}, Gravity.REVIEW),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, Gravity.NOTE),
    ],
)
def test_what_the_header_says_of_text_decides_by_inclusion(
    make_image: Callable[[], Dataset], write: Write, attributes: dict[str, object], gravity: Gravity
) -> None:
    """A value that nobody foresaw counts as the worst one, never as the best."""
    dataset = _image(_numbers(marked=False), make_image, **attributes)
    assert _clean(write(dataset), AS_TOLD).verdict.gravity is gravity


def test_each_kind_of_picture_has_reason_and_source() -> None:
    """The shipped list can be read by a steward, and each row can be met."""
    for kind in kinds_of_pictures(POLICIES):
        assert kind.why
        assert kind.source
        assert kind.fits("\\".join(kind.values))


def test_a_kind_without_an_outcome_is_refused(tmp_path: Path) -> None:
    """Pass is no outcome of this list: what it names is refused or looked at."""
    (tmp_path / "pixels").mkdir()
    (tmp_path / "pixels" / "image-types.csv").write_text("values,outcome,why,source\nMPR,accept,why,source\n")
    with pytest.raises(PolicyInvalid, match="line 2"):
        kinds_of_pictures(tmp_path)
