"""The template pack: small, symmetric, its zones clear of its brain, its origin told."""

import hashlib
import json
from importlib.resources import files

import numpy as np

from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import FEATURES, template
from fivesafes.data.face.prepare import Prepared
from fivesafes.data.face.skin import TEMPLATE_FLOOR, TEMPLATE_ML, find_skin, surface
from fivesafes.data.face.zones import GUARD_MM

PACK = files("fivesafes.data.face") / "pack"


def test_the_pack_is_small_and_carries_its_licence() -> None:
    """Half a megabyte of other people's work, with their terms beside it."""
    assert sum(len(entry.read_bytes()) for entry in PACK.iterdir()) < 1_500_000
    assert "MIT License" in (PACK / "LICENSE.pydeface").read_text(encoding="utf-8")


def test_the_digests_are_those_of_the_files() -> None:
    """What a result says of its template is true of the template."""
    about = json.loads((PACK / "pack.json").read_text(encoding="utf-8"))
    for name, digest in about["files"].items():
        assert hashlib.sha256((PACK / name).read_bytes()).hexdigest() == digest
    assert template().digest == about["digest"]


def test_gzip_headers_hold_neither_name_nor_time() -> None:
    """The same wheel gives the same bytes, whoever builds it and when."""
    for name in ("head.nii.gz", "zones.nii.gz", "brain.nii.gz", "outline.nii.gz", "shell.nii.gz"):
        packed = (PACK / name).read_bytes()
        assert packed[3] == 0
        assert packed[4:8] == b"\0\0\0\0"


def test_left_and_right_are_mirror_images() -> None:
    """No registration tells left from right, so neither may a zone."""
    pack = template()
    for part in (pack.head.data, pack.features, pack.removal, pack.brain):
        assert np.array_equal(part, part[::-1])


def test_each_feature_is_drawn_and_lies_in_the_removal_zone() -> None:
    """What is measured is what goes."""
    pack = template()
    for number in range(1, len(FEATURES) + 1):
        assert (pack.features == number).any()
    assert pack.removal[pack.features > 0].all()


def test_the_face_lies_clear_of_the_guarded_brain() -> None:
    """The guard may take nothing of eyes, nose or mouth away from the zone."""
    pack = template()
    skin = (pack.features > 0) & (pack.head.data > 0)
    assert (pack.to_brain[skin] > GUARD_MM).mean() > 0.99


def test_the_brain_has_the_size_of_one() -> None:
    """About 1.4 litres with its fluid."""
    assert 1300 < template().brain.sum() * 0.008 < 1600


def test_the_templates_skin_is_what_is_expected_of_a_head() -> None:
    """Counted on the template as on any scan; of the chin it shows only a part."""
    pack = template()
    still = Prepared(volume=pack.head, background=0.0, floor=TEMPLATE_FLOOR, bright=255.0)
    shell = surface(still)
    assert shell is not None
    here = Pose(affine=np.eye(4), mutual_information=0.0)
    found = find_skin(pack.head.data > TEMPLATE_FLOOR, pack.grid, to_surface=shell, pose=here).ml
    for part in ("eyes", "nose", "mouth", "ears"):
        assert abs(found[part] - TEMPLATE_ML[part]) < 0.01, part
    assert found["chin"] < TEMPLATE_ML["chin"]
