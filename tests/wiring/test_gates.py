"""Gates that hold in the deed itself, whatever was judged before it."""

import shutil
from pathlib import Path

import pytest
from attrs import evolve
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import KeptAside, ProjectState, WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.flow.holdings import forget
from fivesafes.flow.ports import Workplace
from fivesafes.output.airlock import Review
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.process import Way, process_project, work_on_project
from fivesafes.wiring.projects import ingest_paths, record_review


def test_nothing_new_enters_a_project_that_was_closed_a_moment_ago(place: Place) -> None:
    """Neither a newcomer, nor a series, nor a file set aside: refused in the deed."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (series,) = haven.books.series("journey")
        (person,) = haven.books.participants("journey")
        with haven.books.deed():
            haven.books.set_project_state("journey", ProjectState.DISPOSED, at=haven.clock())
        aside = KeptAside(
            project="journey",
            address=b"a" * 32,
            bytes=1,
            status="review",
            code="x",
            why="x",
            received_at=haven.clock(),
        )
        with pytest.raises(Refused), haven.books.deed():
            haven.books.add_aside([aside])
        with pytest.raises(Refused), haven.books.deed():
            haven.books.add_series(series, haven.books.instances(series.id))
        with pytest.raises(Refused), haven.books.deed():
            haven.books.add_participants([evolve(person, id="0" * 64, subject=None)], at=haven.clock())


def test_a_release_does_not_go_into_the_haven(place: Place) -> None:
    """Backups and sweeps would take it for theirs."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven, pytest.raises(UsageMistake, match="lies in the haven"):
        process_project(haven, "journey", Way(workers=1), to=place.path / "vault" / "r", progress=Silent())


def test_what_was_handed_over_is_not_removed_when_somebody_withdraws(tmp_path: Path) -> None:
    """Only a release of ours goes; a recipient's folder is recalled by a notice."""
    folders = {name: tmp_path / name for name in ("private", "delivered", "finished", "withheld", "scratch")}
    for folder in folders.values():
        folder.mkdir()
    (folders["delivered"] / "sub-gone").mkdir()
    workplace = Workplace(
        private=folders["private"],
        release=folders["delivered"],
        scratch=folders["scratch"],
        finished=folders["finished"],
        withheld=folders["withheld"],
    )
    assert forget(workplace, allowed=[], releases=[]) == []
    assert (folders["delivered"] / "sub-gone").exists()
    assert forget(workplace, allowed=[], releases=[folders["delivered"]]) == ["delivered"]
    assert not folders["delivered"].exists()


def test_two_reviewers_at_once_are_both_recorded(place: Place) -> None:
    """The second reads what the first has written."""
    reviewer = '\n[[reviewer]]\nname = "{}"\ninstitution = "U"\naccount = "{}"\n'
    term = "valid_from = 2026-01-01\nvalid_until = 2026-12-31\n"
    place.register(form=FORM + "".join(reviewer.format(one, one) + term for one in ("Dr A", "Dr B")))
    with place.open() as haven:
        for name in ("Dr A", "Dr B"):
            review = Review(by=name, on=haven.clock().date(), candidate="0" * 64, accepts=frozenset())
            record_review(haven, "journey", review)
        assert {one.by for one in haven.project("journey").reviews} == {"Dr A", "Dr B"}


def test_a_projects_keys_are_destroyed_in_a_backup_that_comes_back_later(place: Place) -> None:
    """The keys are gone here already; the backup that was away then still has them, by name."""
    backup = place.folder / "key-backup"
    description = place.path / "haven.toml"
    description.write_text(description.read_text().replace("key_backups = []", f'key_backups = ["{backup}"]'))
    place.register()
    with place.open() as haven:
        names = sorted(haven.keyring.names("projects/"))
        sealed = {name: haven.keyring.get(name) for name in names}
        assert len(names) == 2
        backup.mkdir()
        means_of(haven, by="test").keys.destroy_project("journey")
        for name, content in sealed.items():
            (backup / name).parent.mkdir(exist_ok=True, parents=True)
            (backup / name).write_bytes(content)
        means_of(haven, by="test").keys.destroy_project("journey")
        assert not list(backup.rglob("*.age"))


def test_when_everybody_withdrew_that_is_the_reason(place: Place) -> None:
    """And no better place: a tier of nobody's data would be guessed, and no place mends it."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (person,) = haven.books.participants("journey")
        assert withdraw(means_of(haven, by="M"), person.id, WithdrawalKind.FULL).done
        done = process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
    codes = [one.code for one in done.state.verdicts["project"].findings]
    assert "project.tier.place" not in codes
    assert "project.nobody" in codes
    assert done.exit_code == 3


@pytest.mark.parametrize("state", [ProjectState.CLOSED, ProjectState.DISPOSED])
def test_a_project_that_ended_is_processed_no_more_and_that_is_the_reason(place: Place, state: ProjectState) -> None:
    """Told before any key is asked for: after a disposal there is none, and nobody's keyring lacks anything."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        with haven.books.deed():
            haven.books.set_project_state("journey", state, at=haven.clock())
        shutil.rmtree(haven.path / "keyring" / "projects", ignore_errors=True)
        with pytest.raises(Refused, match=f"the project is {state.value}"):
            process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        with pytest.raises(Refused, match=f"the project is {state.value}"):
            work_on_project(haven, "journey", Way(workers=1), progress=Silent())
