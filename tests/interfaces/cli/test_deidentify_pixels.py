"""``fivesafes deidentify --pixels`` with a real engine: a made-up name, burned into made-up tissue."""

import json
import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fivesafes.core.errors import EngineMissing, UsageMistake
from fivesafes.engines.text_finders.tesseract import Tesseract
from fivesafes.interfaces.cli.deidentify import command

needs_tesseract = pytest.mark.skipif(Tesseract().missing() is not None, reason="tesseract is not installed")
MARKS = Image.new("1", (256, 192))
ImageDraw.Draw(MARKS).text((30, 80), "QVIST LISBETH", fill=1, font=ImageFont.load_default(22))
WRITTEN = np.asarray(MARKS)


def _save(path: Path, number: int, *, named: bool) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"1.2.826.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.826", "1.2.826.1", "MR"
    dataset.PatientID, dataset.PatientName = "MRN-1", "Qvist^Lisbeth"
    dataset.Rows, dataset.Columns = WRITTEN.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    numbers = np.random.default_rng(number).normal(900, 40, WRITTEN.shape).astype("<u2")
    if named:
        numbers[WRITTEN] = 3000
    dataset.PixelData = numbers.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder with one image that has a name in it and one that has none."""
    folder = tmp_path / "in"
    folder.mkdir()
    _save(folder / "a", 1, named=True)
    _save(folder / "b", 2, named=False)
    return folder


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@needs_tesseract
def test_examining_holds_what_has_a_name_in_it(scans: Path, tmp_path: Path) -> None:
    """The one goes on, the other waits for a person with a picture in a private folder."""
    review = tmp_path / "review"
    result = _call(
        *(scans, tmp_path / "out", "--json", "--pixels", "examine"),
        *("--text-finder", "tesseract", "--review-folder", review),
    )
    assert result.exit_code == 6
    named, other = json.loads(result.stdout)["files"]
    assert (named["status"], named["output"], named["reason"]) == ("review", None, "data.pixels.text")
    assert named["pixels"]["found_in"] == [1]
    assert (other["status"], other["pixels"]["found_in"]) == ("deidentified", [])
    assert other["pixels"]["engine"].startswith("tesseract ")
    assert stat.S_IMODE(review.stat().st_mode) == 0o700
    (picture,) = review.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.name in (review / "index.html").read_text()
    assert "QVIST" not in result.stdout + result.stderr


@needs_tesseract
def test_blanking_takes_the_name_out_and_says_so(scans: Path, tmp_path: Path) -> None:
    """What is written has no letter left, and its header tells; outside of the blanked boxes nothing changed."""
    arguments = (scans, tmp_path / "out", "--json", "--pixels", "blank", "--text-finder", "tesseract")
    result = _call(*arguments, "--review-folder", tmp_path / "review")
    assert result.exit_code == 0
    named, other = json.loads(result.stdout)["files"]
    made = pydicom.dcmread(tmp_path / "out" / named["output"])
    before = pydicom.dcmread(scans / "a").pixel_array
    inside = np.zeros(WRITTEN.shape, bool)
    for top, bottom, left, right in named["pixels"]["blanked"]:
        inside[top:bottom, left:right] = True
    assert inside[WRITTEN].all()
    assert not made.pixel_array[inside].any()
    assert np.array_equal(made.pixel_array[~inside], before[~inside])
    assert made.BurnedInAnnotation == "NO"
    assert named["reason"] == "data.pixels.blanked"
    assert other["pixels"]["blanked"] == []
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.png")) == []
    again = _call(*arguments, "--review-folder", tmp_path / "review")
    assert again.stdout == result.stdout


def test_without_a_look_there_is_nothing_to_review(scans: Path, tmp_path: Path) -> None:
    """Options that need another are a mistake, told before anything is read."""
    result = _call(scans, tmp_path / "out", "--review-folder", tmp_path / "review")
    assert isinstance(result.exception, UsageMistake)
    assert not (tmp_path / "review").exists()


def test_an_engine_that_is_not_there_is_named(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine, no run: what nobody looked at is never told as looked at."""
    result = _call(scans, tmp_path / "out", "--pixels", "examine", "--text-finder", "crystal-ball")
    assert isinstance(result.exception, EngineMissing)
    monkeypatch.setattr("fivesafes.engines.text_finders.tesseract.Tesseract.missing", lambda _: "install it")
    monkeypatch.setattr("fivesafes.engines.text_finders.rapidocr.RapidOcr.missing", lambda _: "install it")
    result = _call(scans, tmp_path / "out", "--pixels", "blank")
    assert isinstance(result.exception, EngineMissing)
    assert not (tmp_path / "out").exists()


@needs_tesseract
def test_pictures_never_go_into_the_output_or_among_strange_files(scans: Path, tmp_path: Path) -> None:
    """The folder for review lies outside of input and output, and holds nothing but pictures."""
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "notes.txt").write_text("keep")
    for review in (tmp_path / "out" / "review", scans / "review", strange):
        result = _call(
            *(scans, tmp_path / "out", "--pixels", "examine"),
            *("--text-finder", "tesseract", "--review-folder", review),
        )
        assert isinstance(result.exception, UsageMistake)
    assert [path.name for path in strange.iterdir()] == ["notes.txt"]
