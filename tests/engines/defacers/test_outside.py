"""Users' own tools as engines: what they see, what is taken of them, and what comes of their failures.

Stand-ins (stand_ins.py) speak for the tools that can't be installed here; quickshear is the real one.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from tests.engines.defacers.stand_ins import brain, face, install
from tests.heads.dicoms import How, Sliced, write_classic

from fivesafes.core import plugins
from fivesafes.core.errors import EngineMissing, TryAgain, UsageMistake
from fivesafes.data.face.cut import look_at
from fivesafes.data.face.examine import Examined
from fivesafes.data.face.neutral import neutral
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import Defaced, FaceMode, FaceStatus
from fivesafes.data.ports import Defacer
from fivesafes.engines.defacers import outside
from fivesafes.engines.defacers.outside import OutsideDefacer
from fivesafes.interfaces.cli.deface import command

nib: Any = nibabel
Place = Callable[[Path, pytest.MonkeyPatch], None]
NEEDS = {
    "pydeface": ("pydeface", "flirt", "fsl"),
    "mridefacer": (
        *("mridefacer", "bet", "convert_xfm", "flirt", "fslinfo", "fslmaths", "fslreorient2std"),
        *("imcp", "imln", "imtest", "bc", "numbound"),
    ),
    "afni_refacer": ("afni_refacer2", "3dAllineate", "3dUnifize", "tcsh"),
    "mri_reface": ("run_mri_reface.sh", "ANTS", "antsApplyTransforms", "reg_aladin"),
    "synthstrip": ("mri_synthstrip",),
    "hd_bet": ("hd-bet",),
}
STRIPPERS = {"synthstrip", "hd_bet"}
VERSIONS = {
    "pydeface": "2.1.0+fsl6.0.7",
    "mridefacer": "0.2.2+fsl6.0.7",
    "afni_refacer": "afni_refacer2 2.7",
    "mri_reface": "0.3.5",
    "synthstrip": "freesurfer-7.4.1",
    "hd_bet": "unknown",
}


@pytest.fixture
def suites(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the variables of FSL and FreeSurfer, and a home with HD-BET's weights; they hold nothing else."""
    assert tools.exists()  # what else was set is unset by then
    folder = tmp_path / "suites"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "fslversion").write_text("6.0.7:abc\n")
    (folder / "build-stamp.txt").write_text("freesurfer-7.4.1\n")
    (folder / "hd-bet_params" / "release_2.0.0").mkdir(parents=True)
    for name in ("FSLDIR", "FREESURFER_HOME", "HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("PATIENT", "CANARY^JOHN")
    return folder


@pytest.fixture
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no head be found in any image: quicker, where it does not matter."""
    seen = Examined(pose=None, to_surface=None, shares={}, scalp=0.0, brain_alone=False)
    monkeypatch.setattr("fivesafes.data.face.cut.examine", lambda _: seen)


def ready(name: str, tools: Path, *, how: str = "well", spy: Path | None = None, **given: float) -> OutsideDefacer:
    """Install a tool's stand-in with all that it calls, and load the engine by the door that everybody uses."""
    for program in NEEDS[name]:
        install(tools, program, how=how, spy=spy)
    engine = plugins.load("defacer", name)(**given)
    assert isinstance(engine, OutsideDefacer)
    return engine


def mode_of(name: str) -> FaceMode:
    """Say what a tool is for."""
    return FaceMode.SKULL_STRIP if name in STRIPPERS else FaceMode.REMOVE


def removed(answer: Defaced) -> np.ndarray:
    """Read the mask, in RAS order."""
    assert answer.mask is not None, answer.why
    return np.asarray(nib.as_closest_canonical(nib.load(answer.mask)).dataobj) > 0


@pytest.mark.parametrize("name", sorted(NEEDS))
@pytest.mark.usefixtures("suites")
def test_a_tool_sees_no_name_and_only_what_it_marks_is_taken(
    name: str, tools: Path, head_file: Path, tmp_path: Path
) -> None:
    """Re-scaled images, blurred rims, clipped numbers stay behind: outside of the mask each byte is the original's.

    Its words, its variables, its files' names and headers don't say who it is; only we can enter its folder.
    """
    before, spy = head_file.read_bytes(), tmp_path / "seen"
    engine: Defacer = ready(name, tools, spy=spy)
    answer = engine.deface(head_file, into=tmp_path / "out", mode=mode_of(name))
    shape = nib.as_closest_canonical(nib.load(head_file)).shape
    if name in STRIPPERS:
        kept = ~removed(answer)
        assert kept[brain(shape)].all()
        assert 1 < kept.sum() / brain(shape).sum() < 1.2  # a rim of one voxel of 2 mm
    else:
        gone = removed(answer)
        assert is_air(gone & ~face(shape), head_file)
        assert gone[face(shape)].mean() > (0.999 if name == "mri_reface" else 0.999999)
    assert answer.evidence.outside_voxels_altered == 0
    assert answer.evidence.residual is not None
    assert answer.evidence.residual.ears is not None
    assert answer.image is not None
    assert read_stored(answer.image).dtype == np.dtype(">i2")
    assert head_file.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([answer.image.name, answer.mask.name])  # type: ignore[union-attr]
    assert answer.engine_version == VERSIONS[name]
    assert answer.run is not None
    assert answer.run.exit_code == 0
    assert not any("/" in word or "CANARY" in word for word in answer.run.arguments)
    seen = spy.read_text()
    assert "head.nii" in seen
    assert seen.endswith("'0o40700')")
    assert not any(word in seen for word in ("CANARY", "canary-clinic", str(head_file)))


def is_air(gone: np.ndarray, head_file: Path) -> bool:
    """Tell whether what went besides the mask is the air before the face, but for a rim where both meet."""
    shown = np.asarray(nib.as_closest_canonical(nib.load(head_file)).dataobj)[gone]
    return shown.size > 1000 and float((shown < 60).mean()) > 0.95


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("crash", "exit code 3"),
        ("nothing", "without its result"),
        ("flipped", "does not lie on the grid"),
        ("smaller", "does not lie on the grid"),
        ("series", "does not lie on the grid"),
        ("cut-short", "can't be read"),
        ("empty", "marked nothing"),
    ],
)
@pytest.mark.parametrize("name", ["mridefacer", "mri_reface"])
@pytest.mark.usefixtures("suites", "nothing_found")
def test_a_tool_that_fails_has_the_image_refused(
    name: str, how: str, told: str, tools: Path, head_file: Path, tmp_path: Path
) -> None:
    """The reason is told with its remedy, nothing is written, nothing is left behind, and no other engine steps in."""
    (tmp_path / "out").mkdir()
    answer = ready(name, tools, how=how).deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED
    assert answer.engine == name
    assert told in answer.why
    assert "fix: " in answer.why
    assert (answer.image, answer.mask) == (None, None)
    assert not list((tmp_path / "out").iterdir())
    assert answer.run is not None
    assert answer.run.exit_code == (3 if how == "crash" else 0)


@pytest.mark.usefixtures("suites", "nothing_found")
def test_what_a_tool_says_is_kept_without_paths_and_names(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """The file it was given keeps its neutral name; colours of a terminal go, too."""
    answer = ready("mridefacer", tools, how="crash").deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.run is not None
    assert answer.run.messages.replace("[31m", "") == "can't read head.nii.gz for … of …"
    assert not (tmp_path / "out").exists()


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.usefixtures("suites", "nothing_found")
def test_a_tool_that_hangs_ends_with_all_that_it_started(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """Its time is up: the whole group is killed, and the copy of the image is gone."""
    spy = tmp_path / "child"
    engine = ready("mri_reface", tools, how="hang", spy=spy, seconds=4.0)
    answer = engine.deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED
    assert "time was up" in answer.why
    assert answer.run is not None
    assert answer.run.exit_code is None
    end = time.monotonic() + 10
    while _runs(int(spy.read_text())) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(int(spy.read_text()))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("suites", "nothing_found")
def test_a_container_that_hangs_is_killed_too(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """It belongs to Docker's service: it is found by the folder that it has mounted, and no other one is touched."""
    log = tmp_path / "asked"
    install(tools, "synthstrip-docker", how="hang", spy=tmp_path / "child")
    docker = tools / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in ps*/work) echo abc123;; esac\n')
    docker.chmod(0o755)
    engine = plugins.load("defacer", "synthstrip")(seconds=4.0)
    answer = engine.deface(head_file, into=tmp_path / "out", mode=FaceMode.SKULL_STRIP)
    assert "time was up" in answer.why
    asked = log.read_text().splitlines()
    assert [line for line in asked if line.startswith("kill")] == ["kill abc123"]
    assert all(f"volume={tmp_path}/out/.defacing-" in line for line in asked if line.startswith("ps"))


@pytest.mark.usefixtures("suites", "nothing_found")
def test_a_stop_leaves_no_copy_of_the_image(
    tools: Path, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the tool works: it ends, and its folder is gone."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outside, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        ready("mri_reface", tools).deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("suites", "nothing_found")
def test_files_that_can_not_be_removed_are_told(
    tools: Path, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may write as another user: whoever cleans up must know that a copy of the image lies there."""
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(TryAgain, match="copy of the image"):
        ready("mri_reface", tools).deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)


@pytest.mark.usefixtures("suites")
def test_a_path_that_a_shell_would_read_is_refused(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """Tools put the paths that they are given into shell commands."""
    with pytest.raises(UsageMistake, match="spaces or signs"):
        ready("mri_reface", tools).deface(head_file, into=tmp_path / "my out; ls", mode=FaceMode.REMOVE)
    assert not (tmp_path / "my out; ls").exists()


@pytest.mark.parametrize("out", ["my out; ls", "it's $HOME", "(neuer Ordner) äöü"])
@pytest.mark.usefixtures("suites")
def test_where_that_was_allowed_it_works_among_temporary_files_instead(
    tools: Path, head_file: Path, tmp_path: Path, out: str
) -> None:
    """In a folder only we can enter, of which nothing stays, nor of one that a killed call left; never silently."""
    aside, spy = tmp_path / "aside", tmp_path / "seen"
    (aside / f"{outside.ELSEWHERE}killed" / "work").mkdir(parents=True)
    engine = ready("pydeface", tools, spy=spy)
    engine.may_work_in(aside)
    assert engine.works_in(tmp_path / out) == aside
    assert engine.works_in(tmp_path / "plain") == tmp_path / "plain"
    answer = engine.deface(head_file, into=tmp_path / out, mode=FaceMode.REMOVE)
    assert answer.image is not None, answer.why
    assert answer.image.parent == tmp_path / out
    assert str(aside) in spy.read_text()
    assert spy.read_text().endswith("'0o40700')")
    assert not list(aside.iterdir())
    assert len(list((tmp_path / out).iterdir())) == 2


@pytest.mark.usefixtures("suites", "nothing_found")
def test_a_series_goes_into_any_folder_too(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command, which says where the tool works; the series' own folder may be called anything."""
    ready("pydeface", tools)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    positions = np.array([[0.0, -100.0, 5.0 * number] for number in range(20)])
    along = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    data = np.random.default_rng(1).integers(1, 999, (20, 30, 40))
    write_classic(
        Sliced(data=data, positions=positions, along=along, pixel=(5.0, 5.0)), tmp_path / "my scans" / "it's $1", How()
    )
    words = [str(tmp_path / "my scans"), "--out", str(tmp_path / "my out"), "--engine", "pydeface", "--no-report"]
    result = CliRunner().invoke(command, words)
    assert f"works in a private folder in {tmp_path}, not in --out" in result.stderr
    assert result.stdout.startswith("needs-review"), result.output
    assert len(list((tmp_path / "my out/needs-review/my scans/it's $1").iterdir())) == 20
    assert not list(tmp_path.glob(f"{outside.ELSEWHERE}*"))


@pytest.mark.usefixtures("suites")
def test_a_place_for_temporary_files_must_be_plain_too(tools: Path, tmp_path: Path) -> None:
    """Else nothing is gained."""
    engine = ready("pydeface", tools)
    engine.may_work_in(tmp_path / "my files")
    with pytest.raises(UsageMistake, match="TMPDIR"):
        engine.check_place(tmp_path / "my out")


@pytest.mark.parametrize("name", [*sorted(NEEDS), "quickshear"])
@pytest.mark.usefixtures("tools")
def test_a_tool_that_is_not_here_is_said_to_be_missing(
    name: str, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before anything is run, with what to install; nothing is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    engine: Defacer = plugins.load("defacer", name)()
    missing = engine.missing()
    assert missing is not None
    assert "http" in missing or "pip install" in missing
    assert "unknown" in engine.version()
    with pytest.raises(EngineMissing, match=name):
        engine.deface(head_file, into=tmp_path / "out", mode=mode_of(name))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(NEEDS))
@pytest.mark.usefixtures("suites")
def test_each_thing_that_a_tool_calls_is_asked_for(name: str, tools: Path) -> None:
    """Whatever single program is taken away, the engine is no longer ready; with all of them it is."""
    engine = ready(name, tools)
    assert engine.missing() is None
    for program in NEEDS[name]:
        (tools / program).rename(tools / "away")
        if program not in {"bc", "tcsh"}:  # which this machine itself may have
            assert engine.missing() is not None, program
        (tools / "away").rename(tools / program)


@pytest.mark.parametrize(("name", "variable"), [("pydeface", "FSLDIR"), ("mridefacer", "FSLDIR")])
@pytest.mark.usefixtures("suites")
def test_a_suites_variable_is_asked_for(name: str, variable: str, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs are there, and would fail without it."""
    engine = ready(name, tools)
    monkeypatch.delenv(variable)
    assert variable in (engine.missing() or "")


def test_weights_are_asked_for(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HD-BET would fetch them while it has a person's scan in hand."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "weights" in (ready("hd_bet", tools).missing() or "")


@pytest.mark.parametrize("name", ["pydeface", "synthstrip"])
@pytest.mark.usefixtures("suites")
def test_a_mode_that_a_tool_can_not_do_is_refused(name: str, tools: Path, head_file: Path, tmp_path: Path) -> None:
    """A defacer does not strip skulls, and the other way round; the embedded engine does both."""
    other = FaceMode.REMOVE if name in STRIPPERS else FaceMode.SKULL_STRIP
    with pytest.raises(UsageMistake, match="can't do the mode"):
        ready(name, tools).deface(head_file, into=tmp_path / "out", mode=other)


@pytest.mark.usefixtures("suites")
def test_the_older_refacer_of_afni_is_called_in_its_own_words(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """Where afni_refacer2 is not there; the option for the shell has another name."""
    for program in ("@afni_refacer_run", "3dAllineate", "3dUnifize", "tcsh"):
        install(tools, program)
    engine = plugins.load("defacer", "afni_refacer")()
    answer = engine.deface(head_file, into=tmp_path / "out", mode=FaceMode.MASK)
    assert answer.image is None
    assert answer.engine_version == "@afni_refacer_run 2.4"
    gone, marked = removed(answer), face(nib.as_closest_canonical(nib.load(head_file)).shape)
    assert gone[marked].all()
    assert is_air(gone & ~marked, head_file)


@pytest.mark.usefixtures("suites")
def test_synthstrip_in_a_container_needs_docker(tools: Path) -> None:
    """Its script says which container it is."""
    install(tools, "synthstrip-docker", behind="version = '1.5'")
    engine = plugins.load("defacer", "synthstrip")()
    assert engine.version() == "container 1.5"
    if not os.access("/usr/bin/docker", os.X_OK):
        assert engine.missing() == "Docker"
    install(tools, "docker")
    assert engine.missing() is None


@pytest.mark.usefixtures("suites", "nothing_found")
def test_mri_reface_is_told_what_kind_of_image_it_is(tools: Path, head_file: Path, tmp_path: Path) -> None:
    """From a neutral name it can't guess."""
    flair = tmp_path / "sub-01_FLAIR.nii.gz"
    flair.write_bytes(head_file.read_bytes())
    answer = ready("mri_reface", tools).deface(flair, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.run is not None
    assert answer.run.arguments[2:4] == ("-imType", "FLAIR")


@pytest.fixture(scope="module")
def sheared(head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    """Run the real quickshear once."""
    engine: Defacer = plugins.load("defacer", "quickshear")()
    return engine.deface(head_file, into=tmp_path_factory.mktemp("sheared"), mode=FaceMode.REMOVE)


def test_quickshear_cuts_and_is_measured(sheared: Defaced) -> None:
    """The real one: it is given ones and our brain mask; what it cuts lies in front of the brain, the ears stay."""
    assert sheared.engine_version.startswith("1.")
    assert sheared.status is FaceStatus.NEEDS_REVIEW
    assert "ears" in sheared.why
    evidence = sheared.evidence
    assert evidence.brain_voxels_altered == 0
    assert evidence.outside_voxels_altered == 0
    assert evidence.residual is not None
    assert evidence.residual.nose == 0
    assert evidence.residual.ears is not None
    assert evidence.residual.ears > 0.9
    share = removed(sheared).mean(axis=(0, 2))
    assert share[-5:].mean() > share[:5].mean()


def test_quickshear_cuts_a_flat_grid_as_it_cuts_a_high_one(sheared: Defaced, head_file: Path, tmp_path: Path) -> None:
    """It runs over as many rows as the image is high; of 30 slices of 8 mm it would else cut the foremost rows only."""
    image = nib.as_closest_canonical(nib.load(head_file))
    data = np.asarray(image.dataobj)
    thick = data[:, :, : data.shape[2] // 4 * 4].reshape(*data.shape[:2], -1, 4).mean(axis=-1)
    path = tmp_path / "thick.nii.gz"
    nib.save(nib.Nifti1Image(thick.astype(np.int16), image.affine @ np.diag([1.0, 1, 4, 1])), path)
    assert thick.shape[2] < thick.shape[1] // 3
    flat = plugins.load("defacer", "quickshear")().deface(path, into=tmp_path / "flat", mode=FaceMode.REMOVE)
    assert flat.evidence.mask_ml is not None
    assert sheared.evidence.mask_ml is not None
    assert 0.7 < flat.evidence.mask_ml / sheared.evidence.mask_ml < 1.4


def test_quickshear_cuts_a_head_whose_back_is_out_of_view(sheared: Defaced, head_file: Path, tmp_path: Path) -> None:
    """It fails where the image is higher than long, and takes a brain's cut end for its front: the face would stay."""
    image = nib.as_closest_canonical(nib.load(head_file))
    short = image.slicer[:, image.shape[1] // 4 :, :]
    nib.save(short, path := tmp_path / "short.nii.gz")
    assert short.shape[1] < short.shape[2]
    cut = plugins.load("defacer", "quickshear")().deface(path, into=tmp_path / "short", mode=FaceMode.REMOVE)
    assert cut.evidence.residual is not None, cut.why
    assert cut.evidence.residual.nose == cut.evidence.residual.mouth == 0
    assert cut.evidence.brain_voxels_altered == 0
    assert cut.evidence.mask_ml is not None
    assert sheared.evidence.mask_ml is not None
    assert 0.9 < cut.evidence.mask_ml / sheared.evidence.mask_ml < 1.1


@pytest.mark.usefixtures("nothing_found")
def test_without_a_brain_quickshear_is_not_run(head_file: Path, tmp_path: Path) -> None:
    """It would have to be given a guess."""
    answer = plugins.load("defacer", "quickshear")().deface(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED
    assert "no brain was found" in answer.why
    assert answer.run is None
    assert not (tmp_path / "out").exists()


def test_the_answer_of_the_command_says_how_the_tool_was_run(head_file: Path, tmp_path: Path) -> None:
    """Program, words, exit code, seconds, its last messages, and what was taken: where a script reads it."""
    from click.testing import CliRunner  # noqa: PLC0415 - only here

    from fivesafes.interfaces.cli.deface import command  # noqa: PLC0415 - as above

    words = [str(head_file), "--out", str(tmp_path / "out"), "--engine", "quickshear", "--no-report", "--json"]
    (image,) = json.loads(CliRunner().invoke(command, words).stdout)["images"]
    assert image["run"]["program"] == "quickshear"
    assert image["run"]["arguments"][:3] == ["head.nii.gz", "brain.nii.gz", "out.nii.gz"]
    assert image["run"]["exit_code"] == 0
    assert "brain mask" in image["run"]["taken"]


@pytest.mark.usefixtures("nothing_found")
@pytest.mark.parametrize("encoding", ["plain", "scaled", "series", "oblique", "floats", "background"])
def test_the_copy_is_the_same_whatever_the_original_looks_like(encoding: str, head_file: Path, tmp_path: Path) -> None:
    """One volume, upright, whole numbers above 0, in the middle of its world; and its voxels find their way back."""
    stored = nib.load(head_file)
    data, affine = np.asarray(stored.dataobj).astype(np.float32), stored.affine
    first = look_at(head_file)
    assert not isinstance(first, str)
    image = nib.Nifti1Image(data.astype(np.int16), affine)
    if encoding == "scaled":
        image = nib.Nifti2Image(((data + 100) / 0.5).astype(np.uint16), affine)
        image.header.set_slope_inter(0.5, -100)
    elif encoding == "series":
        image = nib.Nifti1Image(np.stack([data, data], axis=-1).astype(np.int16), affine)
    elif encoding == "oblique":
        turn = np.eye(4)
        turn[:2, :2] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
        image = nib.Nifti1Image(data.astype(np.int16), turn @ affine)
    elif encoding == "floats":
        image = nib.Nifti1Image(np.where(data == 0, np.nan, data).astype(">f8"), affine)
    elif encoding == "background":
        image = nib.Nifti1Image((data - 1024).astype(np.int16), affine)
    path = tmp_path / "one.nii"
    nib.save(image, path)
    look = look_at(path)
    assert not isinstance(look, str)
    copy, expected = neutral(look), neutral(first)
    assert copy.data.shape == expected.data.shape
    assert copy.data.min() >= 1
    assert np.abs(copy.data.astype(int) - expected.data).max() <= (60 if encoding == "background" else 3)
    assert np.allclose(copy.affine, expected.affine, atol=1e-3)
    assert np.allclose(copy.affine @ [*((np.array(copy.data.shape) - 1) / 2), 1], [0, 0, 0, 1], atol=1e-3)
    back = copy.returned(copy.data > 500)
    assert np.array_equal(back, look.stored.real(0) - look.scan.background > (500.5 - 1) * look.scan.bright / 2000)
