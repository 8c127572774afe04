"""The built-in defacer keeps the port's promises."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from fivesafes.core import plugins
from fivesafes.data.face import locate
from fivesafes.data.face.pack import template
from fivesafes.data.model import FaceMode, FaceStatus
from fivesafes.data.ports import Defacer
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

nib: Any = nibabel


def test_it_is_found_by_the_door_that_strangers_use() -> None:
    """The entry point names this class, and the class meets the port."""
    assert "embedded" in plugins.names("defacer")
    engine: Defacer = plugins.load("defacer", "embedded")()
    assert isinstance(engine, EmbeddedDefacer)
    assert engine.missing() is None


def test_its_version_names_program_and_template() -> None:
    """Both decide the result, so both are told."""
    assert EmbeddedDefacer().version() == f"{version('fivesafes')}+template{template().version}"


def test_it_writes_image_and_mask_and_leaves_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same name, mask beside it, evidence with it; the original's bytes are what they were."""
    turns = locate.turns()[:3]  # the head lies straight: three starts are enough here
    monkeypatch.setattr(locate, "turns", lambda: turns)
    rng = np.random.default_rng(5)
    data = template().head.data + np.abs(rng.normal(0, 3, template().head.data.shape))
    image = tmp_path / "in" / "sub-01_T1w.nii.gz"
    image.parent.mkdir()
    nib.save(nib.Nifti1Image(data.astype(np.int16), template().affine), image)
    before = image.read_bytes()
    engine = EmbeddedDefacer()
    defaced = engine.deface(image, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert defaced.status is FaceStatus.DEFACED, defaced.why
    assert defaced.image == tmp_path / "out" / "sub-01_T1w.nii.gz"
    assert defaced.mask == tmp_path / "out" / "sub-01_T1w_mask.nii.gz"
    assert (defaced.engine, defaced.engine_version) == (engine.name, engine.version())
    assert image.read_bytes() == before
