"""Originals and copies are converted side by side, series by series, and nothing of it is left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
import pytest
from attrs import define, field
from tests.data.header.vendors.common import saved
from tests.data.header.vendors.scans import SCANS

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus
from fivesafes.data.ports import Converted
from fivesafes.engines.converters.dcm2niix import Dcm2niix, Sidecars
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.engines.executors.process import ProcessExecutor
from fivesafes.flow.compare_conversion import ConversionComparison, compare_conversion
from fivesafes.flow.deidentify_folder import deidentify_folder
from fivesafes.flow.folder_outcome import FileOutcome, FolderOutcome
from fivesafes.flow.ports import Executor


@define
class Scripted:
    """A converter that makes one image of a folder, or fails on the originals or on the copies."""

    name: ClassVar[str] = "scripted"
    fails: str = ""
    seen: list[tuple[str, ...]] = field(factory=list)
    said: Mapping[str, Any] = field(factory=lambda: {"EchoTime": 0.03})

    def missing(self) -> str | None:
        """Be there."""
        return None

    def version(self) -> str:
        """Give a name."""
        return "scripted 1"

    def convert(self, series: Path, *, into: Path) -> tuple[Converted, ...]:
        """Write one image."""
        self.seen.append(tuple(path.read_text() for path in sorted(series.iterdir())))
        if self.fails == "disk":
            raise OSError(28, "No space left on device")
        if self.fails == series.parent.name:
            raise InvalidInput("the converter failed on a series", fix="none")
        image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))  # type: ignore[no-untyped-call]
        nib.save(image, into / "image.nii")
        return (Converted(nifti=into / "image.nii", sidecar=self.said),)


@pytest.fixture
def outcome(tmp_path: Path) -> FolderOutcome:
    """Lay out two series of two files, and one file that was refused."""
    files = []
    for name, output in (("z", "s/1/a.dcm"), ("y", "s/1/b.dcm"), ("x", "s/2/a.dcm"), ("w", "s/2/b.dcm"), ("v", None)):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(f"original of {output}")
        if output:
            (tmp_path / "out" / output).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "out" / output).write_text(f"copy {output}")
        status = FileStatus.DEIDENTIFIED if output else FileStatus.REFUSED
        files.append(FileOutcome(path=name, status=status, code="", why="", output=output))
    return FolderOutcome(files=tuple(files), profile="p", policy_digest="d")


def _compare(tmp_path: Path, outcome: FolderOutcome, converter: Scripted) -> ConversionComparison:
    (tmp_path / "scratch").mkdir()
    return compare_conversion(
        outcome,
        tmp_path / "in",
        tmp_path / "out",
        converter=converter,
        executor=InlineExecutor(),
        scratch=tmp_path / "scratch",
        progress=Silent(),
    )


def test_each_series_is_converted_with_its_own_originals_in_the_order_of_the_copies(
    tmp_path: Path, outcome: FolderOutcome
) -> None:
    """What was refused is not looked at; nothing is left in the scratch."""
    converter = Scripted()
    compared = _compare(tmp_path, outcome, converter)
    assert converter.seen == [
        ("original of s/1/a.dcm", "original of s/1/b.dcm"),
        ("copy s/1/a.dcm", "copy s/1/b.dcm"),
        ("original of s/2/a.dcm", "original of s/2/b.dcm"),
        ("copy s/2/a.dcm", "copy s/2/b.dcm"),
    ]
    assert (compared.before, compared.after, compared.identical, compared.lost) == (2, 2, 2, 0)
    assert compared.whole
    assert not list((tmp_path / "scratch").iterdir())


def test_a_copy_that_does_not_convert_is_a_loss(tmp_path: Path, outcome: FolderOutcome) -> None:
    """Its images are gone."""
    compared = _compare(tmp_path, outcome, Scripted(fails="after"))
    assert (compared.before, compared.after, compared.lost, compared.whole) == (2, 0, 2, False)
    assert compared.series[0].failed == "the converter failed on a series"
    assert not list((tmp_path / "scratch").iterdir())


def test_originals_that_never_converted_prove_nothing(tmp_path: Path, outcome: FolderOutcome) -> None:
    """Nothing is lost, and nothing was compared either."""
    compared = _compare(tmp_path, outcome, Scripted(fails="before"))
    assert (compared.before, compared.lost, compared.whole) == (0, 0, False)
    assert compared.series[0].unconverted == "the converter failed on a series"


def test_a_full_disk_is_told(tmp_path: Path, outcome: FolderOutcome) -> None:
    """The scratch is cleared, and the message says where room is needed."""
    with pytest.raises(TryAgain, match="TMPDIR"):
        _compare(tmp_path, outcome, Scripted(fails="disk"))
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("executor", [InlineExecutor(), ProcessExecutor(2)], ids=["inline", "process"])
def test_several_series_of_several_makers_in_one_folder_find_their_partners(tmp_path: Path, executor: Executor) -> None:
    """Eleven series of one person: each image is compared with its own copy, whatever the converter calls it."""
    chosen = [name for name in SCANS if name.startswith(("siemens", "philips", "ge", "hitachi"))]
    for name in chosen:
        saved(SCANS[name]().files, tmp_path / "in")
    (tmp_path / "scratch").mkdir()
    outcome = deidentify_folder(
        tmp_path / "in",
        tmp_path / "out",
        profile=load_profile(),
        pseudonyms=Pseudonyms(bytes(range(32)), "test"),
        executor=executor,
        progress=Silent(),
    )
    compared = compare_conversion(
        outcome,
        tmp_path / "in",
        tmp_path / "out",
        converter=Dcm2niix(sidecars=Sidecars.WHOLE),
        executor=executor,
        scratch=tmp_path / "scratch",
        progress=Silent(),
    )
    assert len(compared.series) == len(chosen) == 11
    assert compared.before == compared.identical == 12
    assert compared.whole
