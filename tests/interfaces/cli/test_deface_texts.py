"""``fivesafes deface`` takes no text out of a header: what stays there is told of each image, and never repeated."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result

from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus
from fivesafes.interfaces.cli import deface
from fivesafes.interfaces.cli.deface import command

nib: Any = nibabel  # it has no types
TEXTS = {"descrip": b"QUILLFEATHER XANTHE", "aux_file": b"Jane Smith", "db_name": b"SMITH^JANE", "intent_name": b"Zork"}
SECRETS = ("QUILLFEATHER", "Smith", "SMITH", "Zork", "1961", "Thistlewood")


class Copying:
    """Defaces nothing: it writes the image as it is, or says that there is nothing to do."""

    name: ClassVar[str] = "copying"
    status: FaceStatus = FaceStatus.DEFACED

    def missing(self) -> str | None:
        """Lack nothing."""
        return None

    def version(self) -> str:
        """Have a version."""
        return "1"

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Copy the image and what belongs to it."""
        written = mode is not FaceMode.MASK and self.status is FaceStatus.DEFACED
        if written:
            for file in image.parent.glob(f"{image.name.split('.')[0]}.*"):
                shutil.copy(file, into / file.name)
        evidence = FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None)
        return Defaced(
            status=self.status,
            image=into / image.name if written else None,
            mask=None,
            engine=self.name,
            engine_version="1",
            mode=mode,
            evidence=evidence,
            why="",
        )


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deface, "load", lambda _kind, _name: Copying)
    monkeypatch.setattr(deface, "_drawer", lambda: lambda *_: ())
    monkeypatch.setattr(Copying, "status", FaceStatus.DEFACED)


def write(path: Path, comment: bytes = b"", **texts: bytes) -> None:
    """Write an image with texts in its header."""
    kind = nib.Nifti1Pair if path.suffix == ".img" else nib.Nifti1Image
    image = kind(np.zeros((4, 4, 4), np.int16), np.eye(4))
    for name, text in texts.items():
        image.header[name] = text
    if comment:
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", comment))
    path.parent.mkdir(exist_ok=True)
    nib.save(image, path)


def call(image: Path, *options: str) -> Result:
    """Deface an image."""
    return CliRunner().invoke(command, [str(image), "--out", str(image.parent.parent / "out"), *options])


@pytest.mark.parametrize("name", ["a_T1w.nii.gz", "a_T1w.nii", "a_T1w.img"])
def test_texts_that_stay_in_a_header_are_told_and_not_repeated(tmp_path: Path, name: str) -> None:
    """In the terminal, in the JSON and on the pages: which field, why, and where it says how to clear it."""
    image = tmp_path / "in" / name
    write(image, b"" if name.endswith(".img") else b"born 1961-03-12, Mrs Thistlewood", **TEXTS)
    result = call(image)
    assert result.exit_code == 0
    assert f"warning: {image}" in result.stderr
    for field in [*TEXTS, *([] if name.endswith(".img") else ["extension"])]:
        assert field in result.stderr
    (warning,) = json.loads(call(image, "--json").stdout)["images"][0]["warnings"]
    assert "holds what looks like a person's name" in warning
    assert "how-to/deface.md" in warning
    for place in ("deface-report", "deface-report-IDENTIFYING"):
        page = (tmp_path / "out" / place / "index.html").read_text(encoding="utf-8")
        assert "db_name" in page
    told = (
        result.output
        + warning
        + "".join(
            path.read_text(encoding="utf-8")
            for path in (tmp_path / "out").glob("deface-report*/**/*")
            if path.is_file()
        )
    )
    assert not [secret for secret in SECRETS if secret in told]


def test_what_programs_write_there_is_no_matter(tmp_path: Path) -> None:
    """A warning at each image is read by nobody."""
    image = tmp_path / "in" / "a_T1w.nii.gz"
    write(image, descrip=b"TE=2.9;phase=1", aux_file=b"imageComments", db_name=b"?")
    result = call(image, "--json")
    assert json.loads(result.stdout)["images"][0]["warnings"] == []
    assert "warning" not in result.stderr


def test_it_is_told_of_the_original_where_that_is_to_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that shows no face nothing is written: the original goes on as it is.  A mask has a header of its own."""
    image = tmp_path / "in" / "a_T1w.nii.gz"
    write(image, **TEXTS)
    assert json.loads(call(image, "--mode", "mask", "--json").stdout)["images"][0]["warnings"] == []
    monkeypatch.setattr(Copying, "status", FaceStatus.NOTHING_TO_DO)
    assert json.loads(call(image, "--json").stdout)["images"][0]["warnings"] != []
    monkeypatch.setattr(Copying, "status", FaceStatus.REFUSED)
    assert json.loads(call(image, "--json").stdout)["images"][0]["warnings"] == []


def test_a_header_that_can_not_be_looked_at_is_told(tmp_path: Path) -> None:
    """Silence would say that nothing is there."""
    image = tmp_path / "in" / "a_T1w.nii"
    write(image)
    content = bytearray(image.read_bytes())
    content[42:44] = b"\xff\xff"  # a negative size
    image.write_bytes(content)
    (warning,) = json.loads(call(image, "--json").stdout)["images"][0]["warnings"]
    assert "could not be looked at for texts" in warning


def test_the_lines_that_the_page_gives_clear_every_text(tmp_path: Path) -> None:
    """And leave each voxel where and as it was."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "deface.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    image = tmp_path / "in" / "sub-01_T1w.nii.gz"
    write(image, b"born 1961-03-12, Mrs Thistlewood", **TEXTS)
    before = gzip.decompress(image.read_bytes())
    exec(code.replace('"sub-01_T1w', f'"{image.parent}/sub-01_T1w'), {})  # noqa: S102 - our own page
    cleared = image.with_name("sub-01_T1w_cleared.nii.gz")
    after = gzip.decompress(cleared.read_bytes())
    offset = int(nib.load(cleared).dataobj.offset)
    assert offset == int(nib.load(image).dataobj.offset)
    assert after[offset:] == before[offset:]
    assert np.array_equal(nib.load(cleared).affine, nib.load(image).affine)
    assert not nib.load(cleared).header.extensions
    assert json.loads(call(cleared, "--json").stdout)["images"][0]["warnings"] == []
