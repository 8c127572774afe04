"""What is no scan but the haven itself: its folders, its keys and their backups are never taken in."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner
from tests.wiring.conftest import Place, data_of, keys_of

from fivesafes.core.errors import InvalidInput, Refused, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.intake import IngestReport
from fivesafes.interfaces.cli.ingest import command
from fivesafes.interfaces.forms.study import read_form
from fivesafes.setting.keyring import keys_folder
from fivesafes.wiring.process import Way, check_outside, process_project
from fivesafes.wiring.projects import ingest_paths, look_at
from fivesafes.wiring.run import passing_engines, survey_study
from fivesafes.wiring.vault import how_to_open

Named = Callable[[Place], Path]

NO_SCANS: dict[str, tuple[Named, str]] = {
    "the haven": (lambda place: place.path, "is a haven"),
    "what is around the haven": (lambda place: place.folder, "holds"),
    "its keyring": (lambda place: place.path / "keyring", "is a part of the haven"),
    "its vault": (lambda place: place.path / "vault", "is a part of the haven"),
    "the key folder": (lambda _: keys_folder(), "is the key folder"),
    "the keys of havens": (lambda _: keys_folder() / "havens", "lies in the key folder"),
    "the backup of the keys": (keys_of, "is a backup of keys"),
    "what is around a backup of keys": (lambda place: keys_of(place).parent, "holds a backup of keys"),
    "the backup of the data": (data_of, "is a backup of a haven"),
}


def taken(place: Place, *folders: Path) -> IngestReport:
    """Ingest some folders."""
    with place.open() as haven:
        return ingest_paths(haven, "journey", folders, workers=1, progress=Silent())


@pytest.mark.parametrize("name", NO_SCANS)
def test_what_a_haven_is_made_of_is_never_taken_in(sealed: Place, name: str) -> None:
    """The call is refused before anything is read or sealed, and says which folder it is."""
    named, said = NO_SCANS[name]
    folder = named(sealed)
    with pytest.raises(UsageMistake, match=said) as refused:
        taken(sealed, folder)
    assert refused.value.exit_code == 2
    assert "never taken in" in refused.value.what
    assert "scans" in refused.value.fix
    with sealed.open() as haven:
        assert not haven.books.asides("journey")
        with pytest.raises(UsageMistake, match=said):
            look_at(haven, "journey", [folder], workers=1, progress=Silent())


def test_one_such_folder_refuses_the_whole_call(sealed: Place) -> None:
    """What was named before it is not taken in either."""
    scans = sealed.scans(seed=2)
    with pytest.raises(UsageMistake):
        taken(sealed, scans.folder, sealed.path)
    with sealed.open() as haven:
        assert len(haven.books.series("journey")) == 1


def test_a_link_to_the_haven_is_the_haven(sealed: Place) -> None:
    """Links are resolved first."""
    link = sealed.folder / "scans-link"
    link.symlink_to(sealed.path / "keyring", target_is_directory=True)
    with pytest.raises(UsageMistake, match="is a part of the haven"):
        taken(sealed, link)


def test_a_keyring_that_was_moved_out_of_the_haven_is_known_by_its_mark(sealed: Place) -> None:
    """Another haven's keyring, or this one's on a disk of its own."""
    away = sealed.folder / "elsewhere" / "ring"
    away.parent.mkdir()
    (sealed.path / "keyring").rename(away)
    with sealed.open() as haven, pytest.raises(UsageMistake, match="is a keyring"):
        look_at(haven, "journey", [away], workers=1, progress=Silent())


def test_a_key_folder_of_another_machine_is_known_by_its_files(sealed: Place) -> None:
    """It is not the one that this machine uses."""
    (keys,) = (keys_folder() / "havens").iterdir()
    copy = sealed.folder / "disk" / "old"
    copy.mkdir(parents=True)
    (copy / "address.key").write_bytes((keys / "address.key").read_bytes())
    with pytest.raises(UsageMistake, match="holds a folder of keys"):
        taken(sealed, copy.parent)


def test_scans_beside_a_haven_are_taken_in(sealed: Place) -> None:
    """The haven lies in the same folder, as in the tutorial."""
    assert len(taken(sealed, sealed.scans(seed=2).folder).series) == 1


def test_sealed_files_and_keys_among_scans_are_refused_and_not_sealed(sealed: Place) -> None:
    """A vault without its haven, or a custodian's key in an export: told by content, whatever the names."""
    scans = sealed.scans(seed=2)
    wrapped = next((sealed.path / "keyring").rglob("*.age")).read_bytes()
    (keys,) = (keys_folder() / "havens").iterdir()
    secret = next((keys / "custodians").glob("*.agekey")).read_bytes()
    planted = {
        "sealed.dcm": wrapped,
        "armoured.txt": b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n",
        "notes.txt": b"\xef\xbb\xbfthe key of Ada:\n" + secret,
        "ring.tar": bytes(257) + b"ustar" + bytes(250) + wrapped,
        "memory.key": os.urandom(32),
    }
    for name, content in planted.items():
        (scans.folder / name).write_bytes(content)
    report = taken(sealed, scans.folder)
    assert len(report.series) == 1
    assert {(one.path.reveal().name, one.code) for one in report.set_aside} == {
        ("sealed.dcm", "data.file.sealed"),
        ("armoured.txt", "data.file.sealed"),
        ("ring.tar", "data.file.sealed"),
        ("notes.txt", "data.file.key"),
        ("memory.key", "data.file.key"),
    }
    assert {one.status.value for one in report.set_aside} == {"refused"}
    with sealed.open() as haven:
        assert not haven.books.asides("journey")


def test_a_copy_of_the_vault_alone_leaves_nothing_in_quarantine(sealed: Place) -> None:
    """It bears no mark; each of its objects is refused."""
    (sealed.path / "vault").rename(sealed.folder / "copy")
    (sealed.path / "vault").mkdir()
    report = taken(sealed, sealed.folder / "copy")
    assert {one.code for one in report.set_aside if one.bytes} == {"data.file.sealed"}
    with sealed.open() as haven:
        assert not haven.books.asides("journey")


def test_a_folder_named_twice_or_within_another_is_read_once(sealed: Place) -> None:
    """Every series has one answer."""
    scans = sealed.scans(seed=2).folder
    (scans / "within").mkdir()
    assert len(taken(sealed, scans, scans, scans / "within", scans / ".").series) == 1


def test_a_run_reads_no_haven_either(sealed: Place) -> None:
    """The same words for the one-shot journey."""
    form = read_form(sealed.folder / "STUDY.toml")
    with pytest.raises(UsageMistake, match="is a haven"):
        survey_study(form.request(sealed.path), passing_engines("journey", workers=1), progress=Silent())


def test_a_release_goes_nowhere_near_keys_or_around_the_present_folder(
    sealed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole key folder, and not only this haven's part of it; words of another command are not advised."""
    (sealed.folder / "here").mkdir()
    monkeypatch.chdir(sealed.folder / "here")
    with sealed.open() as haven:
        for to in (keys_folder() / "out", keys_folder() / "havens" / "out"):
            with pytest.raises(UsageMistake, match="where its keys are"):
                check_outside(haven, to)
        for to in (Path(), Path("..")):
            with pytest.raises(UsageMistake, match="folder that you are in") as refused:
                check_outside(haven, to)
            assert "--to" in refused.value.fix
        check_outside(haven, Path("release"))


def test_before_any_ingest_the_next_step_is_named(place: Place) -> None:
    """Nothing has been received, so no archive is to blame."""
    place.register("DOE-1")
    with place.open() as haven, pytest.raises(Refused, match="no scans of this project") as refused:
        process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
    assert "fivesafes ingest journey" in refused.value.fix


def test_a_file_that_is_no_folder_is_told_as_that(tmp_path: Path) -> None:
    """It is there, so it is not told as missing."""
    (tmp_path / "scan.dcm").write_bytes(b"x")
    done = CliRunner().invoke(command, ["demo", str(tmp_path / "scan.dcm")])
    assert isinstance(done.exception, InvalidInput)
    assert "is a file" in done.exception.what


def test_the_way_to_a_lost_key_can_be_pasted_whatever_the_paths(sealed: Place) -> None:
    """A space in a path ends a word of the shell."""
    with sealed.open() as haven:
        said = how_to_open(evolve(haven.config, path=Path("/a b/haven")), "haven.address.age", Path("/my keys/a'b.key"))
    words = shlex.split(said.partition("; ")[2].partition(")")[0])
    assert words[-3:] == ["-o", "/my keys/a'b.key", "/a b/haven/keyring/haven.address.age"]
