"""Images are paired by what does not change, and every difference has its name."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.conversion.compare import ImageComparison, Look, compare_series, look_at
from fivesafes.data.conversion.fates import load_fates
from fivesafes.data.ports import Converted

FATES = load_fates()
PHYSICS = {"EchoTime": 0.03, "FlipAngle": 80, "Manufacturer": "Siemens", "SliceTiming": [0, 1.0025]}


def _look(name: str = "image", *, voxels: str = "v", **sidecar: object) -> Look:
    return Look(
        name=name, parts={"voxels": voxels, "sform": "s", "header.descrip": "d"}, sidecar={**PHYSICS, **sidecar}
    )


def _only(before: Look, after: Look) -> ImageComparison:
    (image,) = compare_series([before], [after], FATES)
    return image


def test_what_goes_on_purpose_is_told_and_is_no_loss() -> None:
    """Names, times and serial numbers may go or change; the header's text with the time too."""
    before = _look(PatientName="Qvist", AcquisitionTime="10:15:30", DeviceSerialNumber="55512")
    after = _look(PatientName="sub1", DeviceSerialNumber="000000")
    image = _only(before, evolve(after, parts={**after.parts, "header.descrip": "other"}))
    assert image.identical
    assert image.removed == ("AcquisitionTime", "DeviceSerialNumber", "PatientName", "header.descrip")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"EchoTime": 0.031}, "different"),
        ({"EchoTime": None}, "missing"),
        ({"PhaseEncodingDirection": "j"}, "added"),
        ({"SliceTiming": [0, 1.0035]}, "different"),
        ({"SomethingNew": 1}, "unexplained"),
    ],
)
def test_each_loss_has_its_name(change: dict[str, Any], kind: str) -> None:
    """Physics that changed, went or came, and a key of which no row says what may become of it."""
    sidecar = {key: value for key, value in {**PHYSICS, **change}.items() if value is not None}
    image = _only(_look(), evolve(_look(), sidecar=sidecar))
    assert getattr(image, kind) == tuple(change)
    assert not image.identical


def test_a_key_in_no_table_fails_even_where_it_is_the_same() -> None:
    """Nobody has decided whether it identifies."""
    assert _only(_look(SomethingNew=1), _look(SomethingNew=1)).unexplained == ("SomethingNew",)


@pytest.mark.parametrize("part", ["voxels", "sform"])
def test_parts_of_the_image_are_compared_too(part: str) -> None:
    """Voxels and geometry."""
    after = _look()
    assert _only(_look(), evolve(after, parts={**after.parts, part: "other"})).different == (part,)


def test_gradients_that_are_gone_are_missing() -> None:
    """A converter that finds no directions writes no file."""
    before = _look()
    assert _only(evolve(before, parts={**before.parts, "bvec": "g"}), before).missing == ("bvec",)


def test_an_image_that_is_gone_is_lost_and_one_more_is_new() -> None:
    """Neither is identical."""
    one, other = _look("image", voxels="1"), _look("image_ph", voxels="2", EchoTime=0.05)
    (kept, lost) = compare_series([one, other], [one], FATES)
    assert (kept.identical, lost.lost) == (True, True)
    (kept, new) = compare_series([one], [one, other], FATES)
    assert (kept.identical, new.new, new.identical) == (True, True, False)


@given(count=st.integers(1, 6), data=st.data())
def test_images_find_their_partners_whatever_their_names_and_order(count: int, data: st.DataObject) -> None:
    """A converter names by letters and dates, in any order; alike voxels (two empty images) do not mix them up."""
    voxels = data.draw(st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    before = [_look(f"image{i}", voxels=v, EchoTime=i, SeriesInstanceUID=f"1.{i}") for i, v in enumerate(voxels)]
    names = data.draw(st.permutations([look.name for look in before]))
    after = [
        evolve(look, name=name, sidecar={**look.sidecar, "SeriesInstanceUID": f"2.25.{name}"})
        for look, name in zip(before, names, strict=True)
    ]
    compared = compare_series(before, data.draw(st.permutations(after)), FATES)
    assert all(image.identical for image in compared)
    assert len(compared) == count


@given(data=st.data())
def test_one_image_that_lost_something_spoils_no_other_pair(data: st.DataObject) -> None:
    """The strictest likeness is used first: the damaged one is left for its own partner."""
    before = [_look(f"image{i}", voxels=str(i), EchoTime=i) for i in range(4)]
    damaged = data.draw(st.integers(0, 3))
    after = list(before)
    after[damaged] = evolve(before[damaged], parts={**before[damaged].parts, "voxels": "0"})
    after = data.draw(st.permutations(after))
    losses = [image.name for image in compare_series(before, after, FATES) if not image.identical]
    assert losses == ([f"image{damaged}"] if damaged else [])


def _nifti(path: Path, *, affine: float = 1.0, change: int = 0, description: str = "TE=30;Time=101530") -> Converted:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    voxels[1, 2, 3] += change
    image = nib.Nifti1Image(voxels, np.diag([affine, 1, 1, 1]))  # type: ignore[no-untyped-call]
    image.header["descrip"] = description
    nib.save(image, path)
    return Converted(nifti=path, sidecar=PHYSICS)


def test_files_are_read_part_by_part(tmp_path: Path) -> None:
    """The last voxel, the geometry, the scaling and the text of the header are told apart."""
    first = look_at(_nifti(tmp_path / "a.nii"))
    assert _only(first, look_at(_nifti(tmp_path / "b.nii", description="TE=30"))).removed == ("header.descrip",)
    assert _only(first, look_at(_nifti(tmp_path / "c.nii", change=1))).different == ("voxels",)
    turned = _only(first, look_at(_nifti(tmp_path / "d.nii", affine=1.1)))
    assert set(turned.different) == {"grid", "sform"}
    scaled = _nifti(tmp_path / "e.nii")
    content = bytearray(scaled.nifti.read_bytes())
    content[112:116] = np.float32(2.5).tobytes()  # scl_slope, nifti1.h
    scaled.nifti.write_bytes(content)
    assert _only(first, look_at(scaled)).different == ("scaling",)
