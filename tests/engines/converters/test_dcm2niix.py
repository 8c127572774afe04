"""Converting one series with dcm2niix."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, TryAgain
from fivesafes.core.plugins import load
from fivesafes.data.bids.naming import STEM
from fivesafes.data.bids.nifti import write_clean
from fivesafes.data.ports import Converter
from fivesafes.engines.converters import dcm2niix
from fivesafes.engines.converters.dcm2niix import Dcm2niix

Pretend = Callable[[str], None]


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Put a made-up program in dcm2niix's place: Python code that knows its words as ``out`` and ``folder``."""

    def place(code: str) -> None:
        program = tmp_path / "pretended"
        head = f"#!{sys.executable}\nimport pathlib, sys, time\n"
        words = "out = pathlib.Path(sys.argv[sys.argv.index('-o') + 1]); folder = pathlib.Path(sys.argv[-1])\n"
        program.write_text(head + words + code)
        program.chmod(0o700)
        monkeypatch.setattr(dcm2niix, "_program", lambda: program)

    return place


def test_it_is_a_converter_found_by_its_entry_point() -> None:
    """The built-in enters by the same door as a stranger's."""
    converter: Converter = load("converter", "dcm2niix")()
    assert converter.missing() is None
    assert converter.version().startswith("v1.")


def test_a_series_becomes_one_image_with_its_voxels_and_geometry(series: Path, into: Path) -> None:
    """Files in sub-folders and hidden ones are part of it."""
    (converted,) = Dcm2niix().convert(series, into=into)
    image = nib.Nifti1Image.from_filename(converted.nifti)
    assert image.shape == (10, 12, 6)
    voxels = np.asarray(image.dataobj)
    for column, row, number in [(0, 0, 0), (3, 0, 0), (0, 5, 0), (4, 7, 5)]:
        left_posterior_superior = np.array([1.5 * column, 1.5 * row, 2 * number, 1])
        index = np.linalg.inv(image.affine) @ (left_posterior_superior * [-1, -1, 1, 1])
        assert voxels[tuple(np.round(index[:3]).astype(int))] == 10 * row + column + 200 * number
    assert converted.sidecar["EchoTime"] == pytest.approx(0.0031)
    assert converted.companions == {}


def test_only_the_images_are_left_under_neutral_names(series: Path, into: Path) -> None:
    """Nothing of the scratch folder, and no name of a file or a person."""
    Dcm2niix().convert(series, into=into)
    assert [path.name for path in into.iterdir()] == [f"{STEM}.nii"]


def test_the_image_itself_carries_no_canary_once_it_is_written_clean(series: Path, into: Path) -> None:
    """dcm2niix writes the time of day into the NIfTI header."""
    (converted,) = Dcm2niix().convert(series, into=into)
    assert b"CANARY" not in converted.nifti.read_bytes()
    assert b"1228" in converted.nifti.read_bytes()
    write_clean(converted.nifti, into / "clean.nii")
    assert b"1228" not in (into / "clean.nii").read_bytes()
    assert b"PatientName" not in json.dumps(converted.sidecar).encode()


@pytest.mark.parametrize("content", [b"", b"hello", bytes(2000)])
def test_a_folder_without_images_is_refused_plainly(tmp_path: Path, into: Path, content: bytes) -> None:
    """The sentence names no file."""
    folder = tmp_path / "Jones"
    folder.mkdir()
    (folder / "Jones.dcm").write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        Dcm2niix().convert(folder, into=into)
    assert "Jones" not in str(refused.value)
    assert list(into.iterdir()) == []


def test_a_damaged_series_is_refused_as_a_whole(series: Path, into: Path) -> None:
    """Half a series would be taken for all of it."""
    damaged = series / "deep" / "IM0003, of Jones"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    with pytest.raises(InvalidInput):
        Dcm2niix().convert(series, into=into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("sys.exit('Jones')", InvalidInput),
        ("sys.exit(8)", InvalidInput),
        ("import os; os.abort()", InvalidInput),
        ("print('Jones')", InvalidInput),
        ("(out / 'image.nii').write_text('x'); (out / 'image.json').write_text('[]')", InvalidInput),
        ("(out / 'image.nii').write_text('x'); (out / 'image.json').write_text('{\"Jones')", InvalidInput),
        ("time.sleep(60)", InvalidInput),
    ],
)
def test_whatever_goes_wrong_is_said_in_a_plain_sentence(
    series: Path, into: Path, pretend: Pretend, code: str, kind: type[FiveSafesError]
) -> None:
    """A crash, a hang, no output or a broken one: one sentence, no value, nothing left behind."""
    pretend(code)
    with pytest.raises(kind) as refused:
        Dcm2niix(seconds=3).convert(series, into=into)
    assert "Jones" not in str(refused.value)
    assert list(into.iterdir()) == []


def test_a_full_disk_is_told_as_such(
    series: Path, into: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the series' fault."""
    pretend("sys.exit(1)")
    monkeypatch.setattr(dcm2niix, "_FULL_BELOW", 1 << 62)
    with pytest.raises(TryAgain, match="disk"):
        Dcm2niix().convert(series, into=into)


def test_the_program_gets_neutral_file_names_in_a_flat_folder(series: Path, into: Path, pretend: Pretend) -> None:
    """Neither its messages nor its outputs can then hold a name that a site gave."""
    code = (
        "names = sorted(path.name for path in folder.iterdir())\n"
        "(out / 'image.nii').write_text('x')\n"
        "import json; (out / 'image.json').write_text(json.dumps({'names': names}))\n"
    )
    pretend(code)
    (converted,) = Dcm2niix().convert(series, into=into)
    assert converted.sidecar["names"] == [f"{number:07}.dcm" for number in range(6)]


def test_companions_are_collected_and_other_files_left(series: Path, into: Path, pretend: Pretend) -> None:
    """Logs and the like are not images."""
    pretend("[(out / f'image{ending}').write_text('1') for ending in ('.nii', '.bval', '.bvec', '.log')]")
    (converted,) = Dcm2niix().convert(series, into=into)
    assert set(converted.companions) == {".bval", ".bvec"}
    assert sorted(path.name for path in into.iterdir()) == ["image.bval", "image.bvec", "image.nii"]


def test_a_sidecar_with_numbers_that_json_does_not_have_is_read(series: Path, into: Path, pretend: Pretend) -> None:
    """C prints nan and inf; the cleaning drops what is no number."""
    text = '{"EchoTime": nan, "SliceTiming": [0, -inf, inf], "BodyPart": "HEAD", "X": "inf"}'
    pretend(f"(out / 'image.nii').write_text('x'); (out / 'image.json').write_text({text!r})")
    (converted,) = Dcm2niix().convert(series, into=into)
    assert converted.sidecar == {"EchoTime": None, "SliceTiming": [0, None, None], "BodyPart": "HEAD", "X": "inf"}


def test_a_missing_program_says_how_to_install_it(series: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In missing() and when it is needed."""
    monkeypatch.setattr(dcm2niix, "_program", lambda: None)
    assert "pip install" in str(Dcm2niix().missing())
    with pytest.raises(EngineMissing, match="pip install"):
        Dcm2niix().convert(series, into=into)
