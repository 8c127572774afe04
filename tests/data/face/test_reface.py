"""A face is replaced by nobody's, and nothing of the old one is left in it; where that can't be done it is removed."""

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray

from fivesafes.core.errors import UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.data.face import reface
from fivesafes.data.face import zones as zones_module
from fivesafes.data.face.cut import By, Look, look_at
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.examine import _examine
from fivesafes.data.face.faceless import Faceless
from fivesafes.data.face.itk import Grid, Volume, one_thread
from fivesafes.data.face.likeness import judge_likeness, likeness
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.other import deface_with
from fivesafes.data.face.outline import Outline, outline_brain
from fivesafes.data.face.pack import CORE, FEATURES, template
from fivesafes.data.face.present import Presence, face_present
from fivesafes.data.face.reface import cut_by_view, lay
from fivesafes.data.face.shell import Coarse
from fivesafes.data.face.spread import stretched
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.verify import skin_of
from fivesafes.data.face.zones import Zones, lay_zones
from fivesafes.data.model import Defaced, FaceMode, FaceStatus, Replaced, Residual, Severity
from fivesafes.flow.check_faces import faces_in

Head = Mapping[str, NDArray[Any]]
Writer = Callable[..., Path]
nib: Any = nibabel
NONE = Residual(eyes=0.0, nose=0.0, mouth=0.0, chin=None, ears=0.0)
UNLIKE = Replaced(
    coincidence=NONE,
    plain=NONE,
    by_chance=NONE,
    relief_correlation=0.0,
    relief_kept=0.0,
    equal_voxels=0.01,
    equal_by_chance=0.01,
    seam=1.0,
    detached_ml=0.0,
)


@pytest.fixture(scope="module")
def refaced(head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    """Replace the synthetic head's face once."""
    return deface_image(head_file, into=tmp_path_factory.mktemp("out"), mode=FaceMode.REFACE)


@pytest.fixture(scope="module")
def looked(head_file: Path) -> tuple[Look, Zones]:
    """Look at the synthetic head, and lay the zone of its face."""
    with one_thread():
        look = look_at(head_file)
        assert isinstance(look, Look)
        assert look.seen.pose is not None
        pose, scan = look.seen.pose, look.scan.volume
        return look, lay_zones(look.stored.grid, scan=scan, pose=pose, mode=FaceMode.REFACE)


def painted(look: Look, zones: Zones) -> NDArray[Any]:
    """Paint the shell into a head, and give all its voxels."""
    assert look.seen.pose is not None
    with one_thread():
        laid = lay(look, zones, face=zones, pose=look.seen.pose)
        assert laid.doubt is None
        return laid.painted().voxels


def test_a_face_is_replaced_and_nothing_else_changes(refaced: Defaced, head_file: Path, tmp_path: Path) -> None:
    """The mask is that of a removal; outside of it each byte stays, and the brain is whole."""
    assert refaced.status is FaceStatus.DEFACED, refaced.why
    assert refaced.mode is FaceMode.REFACE
    assert refaced.image is not None
    assert refaced.mask is not None
    removed = deface_image(head_file, into=tmp_path, mode=FaceMode.REMOVE)
    assert removed.mask is not None
    assert removed.mask.read_bytes() == refaced.mask.read_bytes()
    kept = read_stored(refaced.mask).voxels[..., 0] == 0
    before, after = read_stored(head_file), read_stored(refaced.image)
    assert np.array_equal(before.voxels[kept], after.voxels[kept])
    assert bytes(before.content[: before.offset]) == bytes(after.content[: after.offset])
    assert refaced.evidence.brain_voxels_altered == 0
    assert refaced.evidence.outside_voxels_altered == 0


def test_a_refaced_image_shows_a_face(refaced: Defaced) -> None:
    """That is what it is for; whoever looks for faces finds one, and can't know that it is nobody's."""
    assert refaced.image is not None
    assert face_present(refaced.image).state is Presence.PRESENT


def test_the_evidence_tells_how_alike_the_new_face_is(refaced: Defaced) -> None:
    """No skin is called left, since other skin stands there; relief and numbers are nobody's."""
    evidence = refaced.evidence
    assert evidence.residual is None
    assert evidence.replaced is not None
    assert evidence.replaced.relief_kept < 0.2
    assert evidence.replaced.equal_voxels < 1.5 * evidence.replaced.equal_by_chance + 0.03
    assert evidence.replaced.detached_ml == 0
    assert evidence.replaced.seam is not None
    assert evidence.replaced.seam < 1.6


def test_what_stood_in_the_zone_does_not_matter(looked: tuple[Look, Zones]) -> None:
    """Two people who differ in their faces alone become the same, to the last bit: nothing can shine through."""
    look, zones = looked
    rng = np.random.default_rng(7)
    other = look.stored.blanked(zones.removed, box=zones.box, fill=0)
    there = other.voxels[(*zones.box, 0)]
    there[zones.removed] = rng.integers(0, 1000, int(zones.removed.sum()))
    assert not np.array_equal(other.voxels, look.stored.voxels)
    assert np.array_equal(painted(look, zones), painted(evolve(look, stored=other), zones))


def test_what_is_replaced_is_never_given(looked: tuple[Look, Zones]) -> None:
    """Neither in a box, slice by slice, nor at single voxels."""
    look, zones = looked
    faceless = Faceless(stored=look.stored, box=zones.box, removed=zones.removed, fill=-7.0)
    expected = look.stored.real(0)
    expected[zones.box][zones.removed] = -7
    parts = list(faceless.means((0,), look.stored.grid.whole, 16))
    assert np.array_equal(np.concatenate(parts, axis=2), expected)
    index = np.random.default_rng(1).integers(0, look.stored.grid.shape, (5000, 3))
    assert np.array_equal(faceless.at(0, index), expected[tuple(index.T)])
    assert np.array_equal(faceless.stays(index), expected[tuple(index.T)] != -7)


def test_the_same_image_is_refaced_to_the_same_bytes(refaced: Defaced, head_file: Path, tmp_path: Path) -> None:
    """Its noise is new, and yet the same each time."""
    _examine.cache_clear()
    again = deface_image(head_file, into=tmp_path, mode=FaceMode.REFACE)
    assert again.image is not None
    assert refaced.image is not None
    assert again.image.read_bytes() == refaced.image.read_bytes()
    assert again.evidence == refaced.evidence


def test_each_volume_of_a_series_is_painted_at_its_own_level(
    synthetic_head: Head, tmp_path: Path, write_image: Writer
) -> None:
    """An echo that is half as bright gets half as bright a face."""
    data = np.stack([synthetic_head["data"], 0.5 * synthetic_head["data"]], axis=-1)
    path = write_image("sub-x_MEGRE.nii", np.rint(data * 4).astype(np.int16), synthetic_head["affine"])
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REFACE)
    assert answer.mode is FaceMode.REFACE, answer.why
    assert answer.image is not None
    assert answer.mask is not None
    zone = read_stored(answer.mask).voxels[..., 0] > 0
    first, second = (read_stored(answer.image).real(number)[zone] for number in (0, 1))
    body = first > 200
    assert abs(second[body].mean() / first[body].mean() - 0.5) < 0.05


@pytest.mark.parametrize("stored", [("u1", 1.0, 0.0), (">i2", 0.5, -30.0), ("<f8", 1.0, 0.0)])
def test_new_voxels_are_written_as_the_scan_stores_its_own(
    stored: tuple[str, float, float], synthetic_head: Head, tmp_path: Path
) -> None:
    """Whatever kind of number, order of bytes and scaling: real values in the zone are in the scan's own range."""
    dtype, slope, inter = stored
    data = (np.minimum(synthetic_head["data"], 250) - inter) / slope
    image = nib.Nifti1Image(np.rint(data).astype(dtype), synthetic_head["affine"])
    image.header.set_slope_inter(slope, inter)
    path = tmp_path / "in" / f"sub-{np.dtype(dtype).kind}{np.dtype(dtype).itemsize}_T1w.nii"
    path.parent.mkdir()
    nib.save(image, path)
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REFACE)
    assert answer.mode is FaceMode.REFACE, answer.why
    assert answer.image is not None
    assert answer.mask is not None
    written = read_stored(answer.image)
    zone = read_stored(answer.mask).voxels[..., 0] > 0
    assert written.dtype == read_stored(path).dtype
    real = written.real(0)[zone]
    assert real.min() >= -1
    assert real.max() <= 260
    assert (real > 60).mean() > 0.1


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 2), (3, 1, 2)])
def test_slices_are_those_of_the_whole(factors: tuple[int, int, int]) -> None:
    """One after another, they are what stretching the coarse grid along each axis gives."""
    data = np.asfortranarray(np.random.default_rng(3).normal(size=(5, 6, 4)).astype(np.float32))
    sizes = [size * factor + factor // 2 for size, factor in zip(data.shape, factors, strict=True)]
    whole = (slice(2, 2 + sizes[0]), slice(0, sizes[1]), slice(1, 1 + sizes[2]))
    grid = Grid(shape=(5, 6, 4), affine=np.eye(4))
    coarse = Coarse(box=whole, grid=grid, factors=factors, kept=data, depth=data)
    part = (slice(3, 6), slice(1, sizes[1]), slice(2, 1 + sizes[2]))
    expected = data
    for axis, (factor, wanted, there) in enumerate(zip(factors, part, whole, strict=True)):
        first = wanted.start - there.start
        expected = stretched(expected, axis, factor, first, wanted.stop - wanted.start)
    assert np.array_equal(np.stack(list(coarse.slices(data, part))).T, expected)


def test_numbers_that_do_not_fit_become_the_nearest(looked: tuple[Look, Zones]) -> None:
    """A voxel brighter than the kind of number allows is as bright as that allows."""
    look, zones = looked
    stored = look.stored
    values = [np.full(int(zone.sum()), 1e9, np.float32) for zone in zones.removed.T]
    copy = stored.blanked(zones.removed, box=zones.box, fill=0)
    copy.paint(zones.removed, box=zones.box, real=[values])
    there = copy.voxels[(*zones.box, 0)]
    assert (there[zones.removed] == np.iinfo(stored.dtype).max).all()


def counted_outlines(monkeypatch: pytest.MonkeyPatch) -> list[Pose]:
    """Keep a list of the poses for which the outline of the brain is looked for."""
    asked: list[Pose] = []

    def noted(scan: Volume, pose: Pose) -> Outline:
        asked.append(pose)
        return outline_brain(scan, pose)

    monkeypatch.setattr(zones_module, "outline_brain", noted)
    return asked


@pytest.mark.parametrize(
    ("mode", "instead"), [(FaceMode.REFACE, FaceMode.REMOVE), (FaceMode.REFACE_PLUS, FaceMode.SKULL_STRIP)]
)
def test_a_head_cut_through_the_face_is_removed_instead(
    mode: FaceMode,
    instead: FaceMode,
    synthetic_head: Head,
    tmp_path: Path,
    write_image: Writer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer's mode is what was done, and its reason says why; no less goes than would have been replaced.

    The outline of the brain is looked for once at the most.
    """
    outlines = counted_outlines(monkeypatch)
    lowest = round((-70 - synthetic_head["affine"][2, 3]) / 2)
    affine = synthetic_head["affine"].copy()
    affine[2, 3] += 2 * lowest
    data = np.rint(synthetic_head["data"][:, :, lowest:] * 4).astype(np.int16)
    answer = deface_image(write_image("sub-x_T2w.nii", data, affine), into=tmp_path, mode=mode)
    assert answer.mode is instead
    assert answer.why.startswith("removed, not replaced: the field of view cuts")
    assert answer.evidence.replaced is None
    assert len(outlines) == (instead is FaceMode.SKULL_STRIP)
    assert answer.image is not None
    assert answer.mask is not None
    assert not read_stored(answer.image).voxels[read_stored(answer.mask).voxels > 0].any()


def test_a_shell_that_does_not_fit_costs_no_second_outline(
    head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found of the brain for the whole new head serves for letting all but the brain go."""
    outlines = counted_outlines(monkeypatch)
    monkeypatch.setattr(reface, "_doubt", lambda _: "it does not fit")
    answer = deface_image(head_file, into=tmp_path, mode=FaceMode.REFACE_PLUS)
    assert answer.mode is FaceMode.SKULL_STRIP
    assert answer.why.startswith("removed, not replaced: it does not fit")
    assert len(outlines) == 1


def test_bright_air_is_removed_instead(synthetic_head: Head, tmp_path: Path, write_image: Writer) -> None:
    """Where the outline of the head can't be seen, none can be painted."""
    rng = np.random.default_rng(4)
    air = rng.uniform(0, 255, synthetic_head["data"].shape)
    data = np.where(synthetic_head["data"] < 20, air, synthetic_head["data"]).astype(np.uint8)
    path = write_image("sub-x_UNIT1.nii", data, synthetic_head["affine"])
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REFACE)
    assert answer.mode is FaceMode.REMOVE
    assert answer.status is FaceStatus.NEEDS_REVIEW
    assert "removed, not replaced: air is as bright as tissue" in answer.why


def test_all_but_the_brain_can_be_replaced(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """Scalp, skull and neck go too; the brain stays as it was, and is covered."""
    answer = deface_image(head_file, into=tmp_path, mode=FaceMode.REFACE_PLUS)
    assert answer.status is FaceStatus.DEFACED, answer.why
    assert answer.mode is FaceMode.REFACE_PLUS
    assert answer.image is not None
    assert answer.mask is not None
    zone = read_stored(answer.mask).voxels[..., 0] > 0
    assert not (zone & synthetic_head["brain"]).any()
    head = (synthetic_head["data"] > 40) & ~synthetic_head["brain"]
    assert zone[head].mean() > 0.6
    assert face_present(answer.image).state is Presence.PRESENT


def test_an_engine_that_only_marks_is_not_asked_to_replace(head_file: Path, tmp_path: Path) -> None:
    """It would blank the face, and its answer would claim another."""
    by = By(engine="other", version="1", mode=FaceMode.REFACE)
    with pytest.raises(UsageMistake, match="can't replace"):
        deface_with(head_file, into=tmp_path, by=by, marker=lambda _: np.ones((1, 1, 1), bool))


def test_the_original_itself_would_not_pass(looked: tuple[Look, Zones]) -> None:
    """Were the old face painted there again, relief, place and numbers would each tell."""
    look, zones = looked
    assert look.seen.pose is not None
    assert look.seen.to_surface is not None
    with one_thread():
        surface, pose = look.seen.to_surface, look.seen.pose
        skin = skin_of(look.stored, zones.box, scan=look.scan, pose=pose, to_surface=surface)
        assert skin is not None
        told = likeness(look.stored, look.stored, zones, scan=look.scan, pose=pose, skin=skin, to_surface=surface)
    assert told is not None
    assert told.relief_kept > 0.9
    assert told.equal_voxels == 1
    assert {finding.code for finding in judge_likeness(told).findings} >= {
        "data.face.lookalike",
        "data.face.relief",
        "data.face.shines-through",
    }


@pytest.mark.parametrize(
    ("replaced", "code"),
    [
        (evolve(UNLIKE, coincidence=evolve(NONE, nose=0.3)), "data.face.lookalike"),
        (evolve(UNLIKE, relief_kept=0.3), "data.face.relief"),
        (evolve(UNLIKE, equal_voxels=0.2), "data.face.shines-through"),
        (evolve(UNLIKE, seam=2.5), "data.face.seam"),
        (evolve(UNLIKE, detached_ml=3.0), "data.face.seam"),
    ],
)
def test_a_likeness_needs_review(replaced: Replaced, code: str) -> None:
    """Each kind has its code; a face that is unlike, has a clean seam and holds together has none."""
    assert not judge_likeness(UNLIKE).findings
    assert [finding.code for finding in judge_likeness(replaced).findings] == [code]


def test_a_whole_head_is_not_called_cut(looked: tuple[Look, Zones]) -> None:
    """The same head in a field of view that ends under its nose is."""
    look, _ = looked
    assert look.seen.pose is not None
    grid = look.stored.grid
    assert cut_by_view(grid, look.seen.pose) is None
    shape = grid.shape
    part = grid.cropped((slice(0, shape[0]), slice(0, shape[1]), slice(shape[2] - 62, shape[2])))
    assert "mouth" in (cut_by_view(part, look.seen.pose) or "")


def test_the_shell_is_one_symmetric_head_with_jaw_and_neck() -> None:
    """No ghost floats before its eyes, it tells left from right as little as the zones do, and it goes on below."""
    pack = template()
    assert np.array_equal(pack.to_shell, pack.to_shell[::-1])
    assert np.array_equal(pack.shell.data, pack.shell.data[::-1])
    solid = pack.to_shell < 0
    middle = solid[solid.shape[0] // 2]
    front = np.where(middle.any(axis=0), middle.shape[0] - 1 - middle[::-1].argmax(axis=0), -1)
    height = (np.array([-68, -138, -190]) - pack.affine[2, 3]) / 2
    nose, chin, neck = (front[round(at)] for at in height)
    assert nose > chin > neck > 0
    for part in CORE:
        assert (np.abs(pack.to_shell)[pack.features == 1 + FEATURES.index(part)] < 1).any()


def test_a_replaced_face_is_known_by_its_measure_and_its_sidecar_together(
    refaced: Defaced, head_file: Path, tmp_path: Path
) -> None:
    """A sidecar may lie, and a person may look like the mean head: either alone counts for nothing."""
    assert refaced.image is not None
    said = json.dumps({"DeidentificationMethod": ["face: reface (fivesafes, defacer embedded 1), verified"]})
    for number, (image, sidecar) in enumerate(
        [(refaced.image, said), (refaced.image, "{"), (refaced.image, "{}"), (head_file, said)], start=1
    ):
        shutil.copy(image, tmp_path / f"sub-{number}_T1w.nii.gz")
        (tmp_path / f"sub-{number}_T1w.json").write_text(sidecar, encoding="utf-8")
    stored = read_stored(refaced.image)
    volume = nibabel.MGHImage(stored.voxels[..., 0].astype("i2"), stored.grid.affine.astype("f4"))  # type: ignore[no-untyped-call]
    (tmp_path / "sub-0_T1w.mgz").write_bytes(gzip.compress(volume.to_bytes()))
    (tmp_path / "sub-0_T1w.json").write_text(said, encoding="utf-8")
    found = faces_in(tmp_path, progress=Silent())
    assert [(one.path, one.code, one.severity) for one in found] == [
        ("sub-0_T1w.mgz", "data.residue.face_replaced", Severity.LOW),
        ("sub-1_T1w.nii.gz", "data.residue.face_replaced", Severity.LOW),
        ("sub-2_T1w.nii.gz", "data.residue.face", Severity.HIGH),
        ("sub-3_T1w.nii.gz", "data.residue.face", Severity.HIGH),
        ("sub-4_T1w.nii.gz", "data.residue.face", Severity.HIGH),
    ]
