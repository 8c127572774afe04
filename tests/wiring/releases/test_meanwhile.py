"""Somebody withdraws beside a running release: nothing leaves, and it is told as that, not as a fault of the disk."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from tests.wiring.conftest import Place
from tests.wiring.releases.releasing import PROJECT, WAY, release, released_rows, when, with_head, withdrawn
from tests.wiring.test_standing import audited, demanded

from fivesafes.core.errors import TryAgain
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import KeptConsent, KeptProject, ReleaseState
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient
from fivesafes.project.model import Consent, Tier
from fivesafes.setting.model import Attestation
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import process_project

HAPPENS_BEFORE = {
    "the candidate is built": "fivesafes.flow.release.build",
    "the report is written": "fivesafes.engines.reporters.html.HtmlReporter.write",
    "it is copied": "fivesafes.engines.destinations.delivery.durable",
    "the trail's last line": "fivesafes.flow.release._tell_end",
}


def told_of(haven: OpenHaven, subject: str) -> list[str]:
    """Name the files of the project's private part that tell of a participant."""
    private = haven.workspaces.private(PROJECT)
    return [
        str(one.relative_to(private))
        for one in private.rglob("*")
        if one.is_file() and (subject in one.name or subject.encode() in one.read_bytes())
    ]


@pytest.mark.parametrize("name", HAPPENS_BEFORE.values(), ids=HAPPENS_BEFORE)
def test_a_withdrawal_beside_a_release_is_told_and_nothing_leaves(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever it takes from under the release's hands; the next run releases the others."""
    with ready.open() as haven:
        subject = with_head(haven).subject
        assert subject is not None
        with monkeypatch.context() as patch:
            when(patch, name, lambda: withdrawn(haven))
            if name.endswith("_tell_end"):  # it stands by then: the withdrawal recalls it
                assert release(haven, to).release == to.name
            else:
                with pytest.raises(TryAgain, match="withdrew") as told:
                    release(haven, to)
                assert told.value.exit_code == 75
                assert "run the same command again" in told.value.fix
                assert not to.parent.exists() or list(to.parent.iterdir()) == []
                assert released_rows(haven) == []
        again = to.with_name("again")
        assert release(haven, again).release == again.name
        assert not (again / f"sub-{subject}").exists()
        assert told_of(haven, subject) == []
        states = {one.destination: one.state for one in released_rows(haven)}
        assert states.get(str(to), ReleaseState.RECALLED) is ReleaseState.RECALLED


def test_a_withdrawal_beside_a_processing_leaves_no_report_that_tells_of_the_person(
    ready: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked for the report before that was written: who wrote it takes it back."""
    with ready.open() as haven:
        subject = with_head(haven).subject
        assert subject is not None
        with monkeypatch.context() as patch:
            when(patch, "fivesafes.flow.release._record", lambda: withdrawn(haven))
            with pytest.raises(TryAgain, match="withdrew"):
                process_project(haven, PROJECT, WAY, to=None, progress=Silent())
        assert told_of(haven, subject) == []


COPIED = HAPPENS_BEFORE["it is copied"]
LOOKED = Review(by="Dr A", on=date(2026, 6, 1), candidate="0" * 64)
NEW_WORD = Attestation(control="x", by="A", on=date(2026, 1, 1), valid_until=date(2027, 1, 1), evidence="seen")
SOMEBODY = Recipient(name="Dr N", institution="U", account="n", mfa=False, agreement_signed=None, training_on=None)
FORMS: dict[str, Callable[[KeptProject], KeptProject]] = {
    "tier": lambda kept: evolve(kept, project=evolve(kept.project, shared_with=Tier.T1)),
    "approval": lambda kept: evolve(
        kept, project=evolve(kept.project, approval=evolve(kept.project.approval, number="2026/999"))
    ),
    "recipients": lambda kept: evolve(kept, recipients=(SOMEBODY,)),
    "attestations": lambda kept: evolve(kept, attestations=(NEW_WORD,)),
    "a review is gone": lambda kept: evolve(kept, reviews=()),
}


def says(haven: OpenHaven, change: Callable[[KeptProject], KeptProject]) -> None:
    """Change what the project's form says, as ``project add`` does."""
    with haven.books.deed():
        haven.books.save_project(change(haven.project(PROJECT)), at=haven.clock())


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_a_form_that_is_changed_beside_a_release_stops_it(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[KeptProject], KeptProject]
) -> None:
    """What leaves was judged by what holds when it leaves: nothing is outside, and it is told as that."""
    with ready.open() as haven:
        says(haven, lambda kept: evolve(kept, reviews=(LOOKED,)))
        when(monkeypatch, COPIED, lambda: says(haven, change))
        with pytest.raises(TryAgain, match="form was changed meanwhile") as told:
            release(haven, to)
        assert told.value.exit_code == 75
        assert "run the same command again" in told.value.fix
        assert list(to.parent.iterdir()) == []
        assert released_rows(haven) == []


def test_a_look_that_comes_beside_a_release_does_not_stop_it(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes back nothing by which the release was judged."""
    with ready.open() as haven:
        when(monkeypatch, COPIED, lambda: says(haven, lambda kept: evolve(kept, reviews=(*kept.reviews, LOOKED))))
        assert release(haven, to).release == to.name


def narrower(haven: OpenHaven, change: Callable[[Consent], Consent]) -> None:
    """Record a consent that says less, and still allows what is under way."""
    person = with_head(haven)
    kept = haven.books.consents(PROJECT)[person.id]
    with haven.books.deed():
        haven.books.add_consents(
            [
                KeptConsent(
                    participant=person.id,
                    consent=change(kept.consent),
                    evidence_digest="0" * 64,
                    recorded_at=haven.clock(),
                )
            ]
        )


def test_a_consent_that_is_narrowed_beside_a_release_stops_it(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody withdrew, and the work would be allowed; but it was judged by another yes than the one that holds."""
    with ready.open() as haven:
        when(monkeypatch, COPIED, lambda: narrower(haven, lambda one: evolve(one, valid_until=date(2026, 12, 31))))
        with pytest.raises(TryAgain, match="a consent or the approval changed"):
            release(haven, to)
        assert list(to.parent.iterdir()) == []
        assert released_rows(haven) == []


def test_a_place_that_may_let_nothing_out_any_more_stops_a_release(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit beside it has found a lack: what it says holds for what has not left yet."""
    description = ready.path / "haven.toml"
    description.write_text(description.read_text().replace('tier = "none"', 'tier = "T0"'))
    name, _ = demanded()
    with ready.open() as haven:
        audited(haven)
        when(monkeypatch, COPIED, lambda: audited(haven, lacking=frozenset({name})))
        with pytest.raises(TryAgain, match="may let nothing out any more") as told:
            release(haven, to)
        assert name in told.value.what
        assert "setting audit" in told.value.fix
        assert list(to.parent.iterdir()) == []
        assert released_rows(haven) == []


def test_a_fault_of_the_disk_stays_one(ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody withdrew: it is not told as if somebody had."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("fivesafes.engines.reporters.html.HtmlReporter.write", broken)
    with ready.open() as haven, pytest.raises(OSError, match="Input/output"):
        release(haven, to)
