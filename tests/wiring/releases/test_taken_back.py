"""What a participant takes back is judged by what left, not by what the form says since."""

from pathlib import Path

import pytest
from tests.journeys.studies import FORM
from tests.wiring.conftest import Clock, Place
from tests.wiring.releases.releasing import PROJECT, WAY, release, released_rows, when, with_head

from fivesafes.core.errors import TryAgain
from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_study
from fivesafes.flow.haven.model import ReleaseState, WithdrawalKind
from fivesafes.flow.haven.withdraw import Withdrawn, withdraw
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table
from fivesafes.interfaces.forms.study import read_form
from fivesafes.output.airlock import Review
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import process_project
from fivesafes.wiring.projects import Registration, add_project, ingest_paths, record_review, record_stated

KEEPS = FORM.replace('with = "public"', 'with = "iso27001"\nkeep_face = true')
ATTESTED = "".join(
    f'\n[[attestation]]\ncontrol = "{name}"\nby = "Admin"\non = 2026-01-01\nvalid_until = 2099-01-01\nevidence = "x"\n'
    for name in ("encrypted_disk", "iso27001")
)
PEOPLE = """
[[recipient]]
name = "Dr R"
institution = "U"
account = "r"
mfa = true
agreement_signed = 2026-05-01
training_on = 2026-05-01
"""
REVIEWERS = "".join(
    f'\n[[reviewer]]\nname = "{name}"\ninstitution = "U"\naccount = "{name}"\n'
    "valid_from = 2026-01-01\nvalid_until = 2026-12-31\n"
    for name in ("Dr A", "Dr B")
)


def stated(haven: OpenHaven, folder: Path, form: str) -> None:
    """Take over what a form says."""
    (folder / "STUDY.toml").write_text(form, encoding="utf-8")
    study = read_form(folder / "STUDY.toml")
    wish = Registration(
        project=study.project,
        recipients=study.recipients,
        attestations=study.attestations,
        rules=study.rules,
        reviewers=study.reviewers,
    )
    add_project(haven, wish, key=None)


@pytest.fixture
def with_face(tmp_path: Path) -> Place:
    """Make a haven with one head whose face stays on, as place, study and participant agreed."""
    place = Place(folder=tmp_path, clock=Clock(), tier="none")
    found_haven(Founding(path=place.path, database="sqlite", tier="none", custodians={}), clock=place.clock)
    scans = write_study(tmp_path / "study", seed=1, small=True)
    (tmp_path / "consent.csv").write_text(f"{HEADER}{scans.participant_id},NRES,yes,2026-01-01/..,\n")
    with place.open() as haven:
        stated(haven, tmp_path, KEEPS + PEOPLE + ATTESTED + REVIEWERS)
        record_stated(haven, PROJECT, read_consent_table(tmp_path / "consent.csv"), table="consent.csv")
        ingest_paths(haven, PROJECT, [*(tmp_path / "study").glob("*/02")], workers=1, progress=Silent())
    return place


def looked_at(haven: OpenHaven) -> None:
    """Make the candidate, and let two people look at it."""
    done = process_project(haven, PROJECT, WAY, to=None, progress=Silent())
    candidate = next(
        one.fix.partition('candidate = "')[2][:64]
        for one in done.state.verdicts["output"].findings
        if one.code == "output.review.open"
    )
    for name in ("Dr A", "Dr B"):
        record_review(haven, PROJECT, Review(by=name, on=haven.clock().date(), candidate=candidate))


def faces_in(haven: OpenHaven) -> list[Path]:
    """Name the images that the haven holds of finished work and candidates."""
    return [*haven.workspaces.private(PROJECT).rglob("*.nii.gz")]


def test_what_left_with_a_face_comes_back_whatever_the_form_says_since(with_face: Place, to: Path) -> None:
    """keep_face was true when it left and is false now: notice, recall, and no work that shows the face is left."""
    with with_face.open() as haven:
        looked_at(haven)
        assert release(haven, to).release == to.name
        assert faces_in(haven)
        stated(haven, with_face.folder, KEEPS.replace("keep_face = true", "keep_face = false") + PEOPLE + ATTESTED)
        done = withdraw(means_of(haven, by="test"), with_head(haven).id, WithdrawalKind.NO_FACE)
        assert done.done
        assert [one.state for one in released_rows(haven)] == [ReleaseState.RECALLED]
        assert len([*(haven.path / "documents" / PROJECT).glob("recall-*.txt")]) == 1
        assert faces_in(haven) == []


def test_work_that_was_begun_with_the_face_is_thrown_away_when_the_face_is_taken_back(
    with_face: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was admitted before, and queued after: no job was there to be cancelled, and no work to be removed."""
    with with_face.open() as haven:
        done: list[Withdrawn] = []
        person = with_head(haven).id
        means = means_of(haven, by="test")
        when(
            monkeypatch,
            "fivesafes.flow.series_jobs._work",
            lambda: done.append(withdraw(means, person, WithdrawalKind.NO_FACE)),
        )
        with pytest.raises(TryAgain, match="a consent or the approval changed"):
            process_project(haven, PROJECT, WAY, to=None, progress=Silent())
        assert [one.done for one in done] == [True]
        assert faces_in(haven) == []
