"""Withdrawal: from its first moment nothing touches the data, at its end nothing opens them; kill -9 or not."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from tests.flow.haven.conftest import AGREED

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.flow.haven.model import (
    JobState,
    KeptParticipant,
    ParticipantState,
    ProjectState,
    ReleaseState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.flow.haven.receipt import receipt_text
from fivesafes.flow.haven.retention import Force, dispose
from fivesafes.flow.haven.shredding import Means, Sweep
from fivesafes.flow.haven.withdraw import Withdrawn, begin_withdrawal, resume_withdrawals, withdraw
from fivesafes.project.model import Tier
from fivesafes.setting.vault.keys import KeyGone, open_identity, participant_key
from fivesafes.setting.vault.seal import unseal
from fivesafes.setting.vault.vault import ObjectMissing

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

NAME = "DOE^JANE 19800229"
OTHER = "ROE^RICHARD 19811111"
FULL = WithdrawalKind.FULL


def peopled(world: "World") -> tuple[KeptParticipant, KeptParticipant]:
    """Take two people in, seal a series of each, release both once and the other alone again."""
    jane, richard = world.admit(NAME, subject="aaaaaaaa"), world.admit(OTHER, subject="bbbbbbbb")
    world.seal(jane, "5e1e5a", [b"slice 1 of jane", b"slice 2 of jane"])
    world.seal(richard, "5e1e5b", [b"slice 1 of richard"])
    world.release("release1", [jane, richard], "Dr B. Researcher", "Dr C. Researcher")
    world.release("release2", [richard], "Dr B. Researcher")
    return jane, richard


def opens(world: "World", person: KeptParticipant, series: str) -> bool:
    """Try as a custodian to open a participant's first original."""
    try:
        name = participant_key(person.id, person.recipient)
        identity = open_identity(world.haven.keyring, name, world.custodian)
        vault = world.haven.vault(person.project)
        return bool([vault.read(one.address, identity=identity) for one in world.books.instances(series)])
    except (KeyGone, ObjectMissing):
        return False


def state_of(world: "World", person: KeptParticipant) -> dict[str, Any]:
    """Tell all that a withdrawal is about, so that two ends can be compared."""
    now = world.books.participant(person.id)
    documents = world.document("x").parent
    return {
        "person": (now.state, now.sealed_name is None),
        "series": [
            (one.id, one.state, len(world.books.instances(one.id))) for one in world.books.series("memory-2026")
        ],
        "releases": [(one.id, one.state) for one in world.books.releases("memory-2026")],
        "jobs": [(one.object, one.state) for one in world.haven.jobs.jobs("memory-2026")],
        "consent": world.books.consents("memory-2026")[person.id].consent,
        "receipts": [one.receipt for one in world.books.withdrawals()],
        "documents": sorted(path.name for path in documents.glob("*")) if documents.exists() else [],
        "events": world.events(),
        "keys": len(list(world.haven.keyring.names("participants/"))),
        "objects": sum(1 for _ in world.haven.blobs.walk()),
        "finished": world.finished("5e1e5a").exists(),
        "left_over": [path.name for path in Path(world.haven.path).rglob(".*")],
    }


def test_a_full_withdrawal_destroys_what_is_held_and_nothing_of_anybody_else(either_world: "World") -> None:
    """Key, objects, name and work are gone; the other participant's stay and open."""
    world = either_world
    jane, richard = peopled(world)
    sealed = [path.read_bytes() for path in Path(world.haven.path, "vault").rglob("*") if path.is_file()]
    assert opens(world, jane, "5e1e5a")
    done = withdraw(world.means, jane.id, FULL)
    assert done.done
    now = world.books.participant(jane.id)
    assert (now.state, now.sealed_name) == (ParticipantState.WITHDRAWN, None)
    assert not list(world.haven.keyring.names(f"participants/{jane.id}"))
    assert not opens(world, jane, "5e1e5a")
    assert opens(world, richard, "5e1e5b")
    assert world.books.one_series("5e1e5a").state is SeriesState.SHREDDED
    assert not world.finished("5e1e5a").exists()
    assert world.finished("5e1e5b").exists()
    assert {one.object: one.state for one in world.haven.jobs.jobs()} == {"5e1e5b": JobState.QUEUED}
    left = [path.read_bytes() for path in Path(world.haven.path, "vault").rglob("*") if path.is_file()]
    assert len(left) == len(sealed) - 2


def test_afterwards_a_byte_search_finds_neither_name_nor_a_key_that_opens(world: "World") -> None:
    """Whoever had copied the vault before holds sealed bytes that no key of the haven opens."""
    jane, _ = peopled(world)
    stolen = [path.read_bytes() for path in Path(world.haven.path, "vault").rglob("*") if path.is_file()]
    withdraw(world.means, jane.id, FULL)
    for needle in (NAME.encode(), b"DOE^", b"^JANE", b"19800229"):
        assert world.holds(needle) == []
    assert world.holds(b"sub-aaaaaaaa")  # the search does find what is there
    keys = [
        open_identity(world.haven.keyring, name, world.custodian) for name in world.haven.keyring.names("participants/")
    ]
    opened = 0
    for sealed in stolen:
        for key in keys:
            try:
                opened += bool(unseal(sealed, key))
            except InvalidInput:
                continue
    assert opened == 1  # the other participant's, of three


def test_the_receipt_counts_what_is_gone_and_names_nobody(world: "World") -> None:
    """The committee reads digests and counts; the trail holds its digest."""
    jane, _ = peopled(world)
    receipt = withdraw(world.means, jane.id, FULL).withdrawal.receipt
    assert receipt is not None
    gone = receipt["destroyed"]
    assert (gone["series"], gone["files"], gone["bytes"]) == (1, 2, 30)  # type: ignore[index]
    assert receipt["subject"] == "sub-aaaaaaaa"
    text = receipt_text(receipt)
    assert "the originals of 1 series (2 files, 30 bytes)" in text
    assert "The originals of 1 series were destroyed" in text
    assert "1 release with the data was recalled" in text
    assert "Verified: keys, originals, derived work, what was measured, a release on its way: every place" in text
    assert "Recalled: release1" in text
    assert "swept a second time" in text
    assert "DOE" not in text + str(receipt)
    assert world.events()[-5:] == [
        ("withdraw", "begun"),
        ("withdraw", "measurements removed"),
        ("withdraw", "name removed"),
        ("recall", "recalled"),
        ("withdraw", "done"),
    ]


def test_releases_are_recalled_with_a_notice_for_each_recipient(world: "World") -> None:
    """Who received it is told which sub-… to delete; a release without them stands."""
    jane, _ = peopled(world)
    withdraw(world.means, jane.id, FULL)
    states = {one.id: one.state for one in world.books.releases()}
    assert states == {"release1": ReleaseState.RECALLED, "release2": ReleaseState.OUT}
    notices = sorted(world.document("x").parent.glob("recall-*.txt"))
    assert len(notices) == 2
    text = notices[0].read_text()
    assert "sub-aaaaaaaa" in text
    assert "To:        Dr B. Researcher" in text
    assert "sub-bbbbbbbb" not in text
    assert notices[0].stat().st_mode & 0o777 == 0o600


def test_nobody_can_be_withdrawn_of_whom_nothing_is_held(world: "World") -> None:
    """A mistyped identifier must not look like a withdrawal."""
    with pytest.raises(InvalidInput, match="nothing is held"):
        withdraw(world.means, "0" * 64, FULL)
    assert world.books.withdrawals() == []


def test_asked_twice_it_is_done_once(world: "World") -> None:
    """The same receipt is told again, and no second event."""
    jane, _ = peopled(world)
    first = withdraw(world.means, jane.id, FULL)
    told = world.events()
    assert withdraw(world.means, jane.id, FULL) == first
    assert withdraw(world.means, jane.id, WithdrawalKind.NO_FACE) == first
    assert world.events() == told


def test_from_the_first_deed_on_no_step_touches_the_data(world: "World") -> None:
    """State, consent and jobs say no before anything is destroyed."""
    jane, _ = peopled(world)
    begin_withdrawal(world.means, jane.id, FULL)
    assert world.books.participant(jane.id).state is ParticipantState.WITHDRAWING
    assert not world.books.consents("memory-2026")[jane.id].consent.in_force(world.watch().date())
    assert {one.object: one.state for one in world.haven.jobs.jobs()}["5e1e5a"] is JobState.CANCELLED
    assert opens(world, jane, "5e1e5a")


class _Away:
    """A key backup that lies on a disk nobody has plugged in."""

    def __init__(self, keys: Any) -> None:  # noqa: ANN401 - the real ones
        self.keys, self.away = keys, True

    def destroy(self, people: Any) -> Sweep:  # noqa: ANN401 - as above
        found: Sweep = self.keys.destroy(people)
        return evolve(found, unreachable=("backup 1",)) if self.away else found

    def destroy_project(self, project: str) -> Sweep:
        return Sweep()

    def bury(self) -> Sweep:
        return Sweep(unreachable=("backup 1",)) if self.away else Sweep()


class _Full:
    """A store that can't be reached."""

    def shred(self, recipients: object) -> int:
        message = "the bucket does not answer"
        raise TryAgain(message, fix="wait")


def test_a_backup_that_is_away_keeps_it_open_until_it_is_back(world: "World") -> None:
    """What can be destroyed is destroyed at once; the rest is told, and done by the next command."""
    jane, _ = peopled(world)
    keys = _Away(world.means.keys)
    means = evolve(world.means, keys=keys)
    waiting = withdraw(means, jane.id, FULL)
    assert not waiting.done
    assert waiting.waits_for == ("tombstones: backup 1 can't be reached", "keys: backup 1 can't be reached")
    assert not opens(world, jane, "5e1e5a")
    assert not list(world.haven.keyring.names(f"participants/{jane.id}"))
    assert world.books.participant(jane.id).state is ParticipantState.WITHDRAWING
    assert [one.done for one in resume_withdrawals(means)] == [False]
    keys.away = False
    assert [one.done for one in resume_withdrawals(means)] == [True]
    assert resume_withdrawals(means) == ()


@pytest.mark.parametrize("kind", WithdrawalKind)
def test_what_cannot_be_written_down_beside_every_copy_of_the_keys_is_not_done(
    world: "World", kind: WithdrawalKind
) -> None:
    """An older backup of the data would undo it, also when nothing else is to be swept."""
    jane, _ = peopled(world)
    keys = _Away(world.means.keys)
    means = evolve(world.means, keys=keys)
    assert "tombstones: backup 1 can't be reached" in withdraw(means, jane.id, kind).waits_for
    keys.away = False
    assert withdraw(means, jane.id, kind).done


def test_a_store_that_does_not_answer_keeps_it_open_and_the_key_is_gone_all_the_same(world: "World") -> None:
    """One place's failure does not spare the others."""
    jane, _ = peopled(world)
    waiting = withdraw(evolve(world.means, originals=_Full()), jane.id, FULL)
    assert waiting.waits_for == ("originals: the bucket does not answer",)
    assert not list(world.haven.keyring.names(f"participants/{jane.id}"))
    assert not world.finished("5e1e5a").exists()
    assert withdraw(world.means, jane.id, FULL).done


def test_what_comes_back_between_two_sweeps_keeps_it_open(world: "World") -> None:
    """A worker that still writes is noticed: verifying can fail."""
    jane, _ = peopled(world)

    class Writing:
        def forget(self, *_: object, **__: object) -> int:
            return 1

        def forget_project(self, project: str) -> int:
            return 1

    waiting = withdraw(evolve(world.means, workspaces=Writing()), jane.id, FULL)
    assert waiting.waits_for
    assert "came back between two sweeps" in waiting.waits_for[0]


def _killed_everywhere(
    make_world: "Callable[..., World]", deed: Callable[[Means, str], object]
) -> tuple[int, dict[str, Any]]:
    """Kill at every step in turn, resume, and compare the end with one that was never killed."""
    whole = make_world("whole")
    jane, _ = peopled(whole)
    whole.blade.set(None)
    deed(whole.means, jane.id)
    steps = whole.blade.steps
    wanted = comparable(state_of(whole, jane))
    for falls_at in range(1, steps + 1):
        world = make_world(f"killed{falls_at}")
        jane, _ = peopled(world)
        world.blade.set(falls_at)
        with pytest.raises(world.blade.death):
            deed(world.means, jane.id)
        world.blade.set(None)
        resume_withdrawals(world.means)
        deed(world.means, jane.id)
        assert comparable(state_of(world, jane)) == wanted, f"killed at step {falls_at} of {steps}"
    return steps, wanted


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from haven to haven: keyed digests."""
    receipts = [
        {key: value for key, value in receipt.items() if key not in {"participant", "destroyed", "notices"}}
        | {"destroyed": {k: v for k, v in receipt["destroyed"].items() if k != "series_digests"}}
        for receipt in state["receipts"]
        if receipt is not None
    ]
    return {**state, "receipts": receipts}


def test_killed_at_any_step_and_run_again_it_ends_the_same(make_world: "Callable[..., World]") -> None:
    """Before every call of a port that changes something, and on both sides of each commit."""
    steps, wanted = _killed_everywhere(make_world, lambda means, id_: withdraw(means, id_, FULL))
    assert steps > 20
    assert wanted["person"] == (ParticipantState.WITHDRAWN, True)
    assert wanted["keys"] == 1


def test_no_future_use_keeps_what_is_done_and_stops_the_rest(world: "World") -> None:
    """Releases stand, originals stay sealed, work that was not released goes, jobs end."""
    jane, _ = peopled(world)
    assert withdraw(world.means, jane.id, WithdrawalKind.NO_FUTURE_USE).done
    assert not world.books.consents("memory-2026")[jane.id].consent.future_use
    assert opens(world, jane, "5e1e5a")
    assert not world.finished("5e1e5a").exists()
    assert {one.state for one in world.books.releases()} == {ReleaseState.OUT}
    assert {one.object: one.state for one in world.haven.jobs.jobs()}["5e1e5a"] is JobState.CANCELLED
    assert world.books.participant(jane.id).state is ParticipantState.ACTIVE


def told(done: Withdrawn) -> str:
    """Give the receipt as people read it."""
    assert done.withdrawal.receipt is not None
    return receipt_text(done.withdrawal.receipt)


@pytest.mark.parametrize("says_now", [True, False])
def test_no_face_recalls_what_left_with_it_whatever_the_form_says_now(world: "World", says_now: bool) -> None:
    """Work goes, and releases in which faces were kept come back; those in which none was stand."""
    jane, richard = peopled(world)
    world.register(keep_face=True)
    world.release("faces", [jane, richard], "Dr B. Researcher", faces=True)
    world.register(keep_face=says_now)
    done = withdraw(world.means, jane.id, WithdrawalKind.NO_FACE)
    assert done.done
    assert not world.books.consents("memory-2026")[jane.id].consent.face
    assert not world.finished("5e1e5a").exists()
    assert world.finished("5e1e5b").exists()
    assert {one.object: one.state for one in world.haven.jobs.jobs()}["5e1e5a"] is JobState.CANCELLED
    assert {one.id for one in world.books.releases() if one.state is ReleaseState.RECALLED} == {"faces"}
    assert "shows the face" in next(world.document("x").parent.glob("recall-faces-*.txt")).read_text()
    text = told(done)
    assert "No work made of the scans that was not released is left" in text
    assert "1 release that may show the face was recalled" in text
    assert "derived work, what was measured, a release on its way: every place was swept a second time" in text


def test_no_face_of_somebody_who_never_agreed_to_it_changes_nothing(world: "World") -> None:
    """No face of theirs was kept: others' releases with faces stand, and the receipt claims no destruction."""
    jane, _ = peopled(world)
    ann = world.admit("ANN", subject="cccccccc", consent=evolve(AGREED, face=False))
    world.seal(ann, "5e1e5c", [b"slice of ann"])
    world.release("faces", [jane, ann], "Dr B. Researcher", faces=True)
    done = withdraw(world.means, ann.id, WithdrawalKind.NO_FACE)
    assert done.done
    assert world.finished("5e1e5c").exists()
    assert {one.object: one.state for one in world.haven.jobs.jobs()}["5e1e5c"] is JobState.QUEUED
    assert {one.state for one in world.books.releases()} == {ReleaseState.OUT}
    text = told(done)
    assert "Work made of the scans stays: the participant had never agreed to the face" in text
    assert "No release that may show the face was there to be recalled" in text
    assert "Verified: nothing had to be removed from the haven, so no place was swept." in text


@pytest.mark.parametrize("says_now", [Tier.T0, Tier.T1])
def test_no_public_recalls_what_left_for_the_public_alone(world: "World", says_now: Tier) -> None:
    """Whatever the form says now: a release to named people stands."""
    jane, _ = peopled(world)
    world.release("public", [jane])
    world.register(shared_with=says_now)
    done = withdraw(world.means, jane.id, WithdrawalKind.NO_PUBLIC)
    assert done.done
    assert {one.id for one in world.books.releases() if one.state is ReleaseState.RECALLED} == {"public"}
    assert world.finished("5e1e5a").exists() is (says_now is not Tier.T0)  # what waits to be published goes
    assert not world.books.consents("memory-2026")[jane.id].consent.public
    assert "1 release for the public was recalled" in told(done)


def test_no_public_where_nothing_is_public_claims_no_recall_and_no_sweep(world: "World") -> None:
    """The receipt says what was done: nothing but that the consent is narrower."""
    jane, _ = peopled(world)
    text = told(withdraw(world.means, jane.id, WithdrawalKind.NO_PUBLIC))
    assert "The data will not be shared publicly" in text
    assert "Work made of the scans stays: the project does not share publicly" in text
    assert "No release for the public was there to be recalled" in text
    assert "second time" not in text
    assert "Destroyed" not in text


def test_the_receipt_of_no_future_use_speaks_of_no_recall(world: "World") -> None:
    """What was released stays, and what was not is gone."""
    jane, _ = peopled(world)
    text = told(withdraw(world.means, jane.id, WithdrawalKind.NO_FUTURE_USE))
    assert "what was released stays.  No work made of the scans that was not released is left" in text
    assert "recalled" not in text


@pytest.mark.parametrize("kind", [WithdrawalKind.NO_FUTURE_USE, WithdrawalKind.NO_FACE])
def test_a_partial_withdrawal_that_is_killed_ends_the_same(
    make_world: "Callable[..., World]", kind: WithdrawalKind
) -> None:
    """Where it was killed shows nowhere.  A part that is taken back may be asked for again, so it is asked for once."""

    def deed(means: Means, id_: str) -> None:
        if not [one for one in means.books.withdrawals() if one.done_at is not None]:
            withdraw(means, id_, kind)

    steps, _ = _killed_everywhere(make_world, deed)
    assert steps > 5


def _disposed_with_releases(world: "World") -> KeptParticipant:
    """Release somebody's data to a recipient and to the public, with the face, and dispose of the project."""
    jane = world.admit(NAME, subject="aaaaaaaa")
    world.seal(jane, "5e1e5a", [b"slice 1 of jane"])
    world.release("r1", [jane], "ann", faces=True)
    world.release("r2", [jane])
    force = Force(reason="the committee asks", custodians=("a", "b"))
    assert dispose(world.means, "memory-2026", custodians=frozenset({"a", "b"}), force=force).certificate is not None
    return jane


def test_after_a_disposal_a_full_withdrawal_recalls_what_is_out(either_world: "World") -> None:
    """There is nothing left to destroy, and the receipt says so and nothing else."""
    world = either_world
    jane = _disposed_with_releases(world)
    done = withdraw(world.means, jane.id, WithdrawalKind.FULL)
    assert done.done
    assert {one.id: one.state for one in world.books.releases("memory-2026")} == dict.fromkeys(
        ("r1", "r2"), ReleaseState.RECALLED
    )
    assert len(list(world.document("x").parent.glob("recall-*.txt"))) == 2
    receipt = done.withdrawal.receipt
    assert receipt is not None
    assert "2 releases with the data were recalled" in str(receipt["means"])
    assert "destroyed before, when the project was disposed of" in str(receipt["means"])
    assert receipt["destroyed"]["key"] is False  # type: ignore[index] # plain data
    assert "Destroyed:" not in receipt_text(receipt)
    assert world.books.project("memory-2026").state is ProjectState.DISPOSED
    assert withdraw(world.means, jane.id, WithdrawalKind.FULL).withdrawal == done.withdrawal


@pytest.mark.parametrize(("kind", "recalled"), [(WithdrawalKind.NO_FACE, {"r1"}), (WithdrawalKind.NO_PUBLIC, {"r2"})])
def test_after_a_disposal_a_part_can_be_taken_back(world: "World", kind: WithdrawalKind, recalled: set[str]) -> None:
    """What left is recalled by what it shows, as before."""
    jane = _disposed_with_releases(world)
    assert withdraw(world.means, jane.id, kind).done
    states = {one.id: one.state for one in world.books.releases("memory-2026")}
    assert {id_ for id_, state in states.items() if state is ReleaseState.RECALLED} == recalled


def test_everything_can_be_withdrawn_after_a_part(world: "World") -> None:
    """The part's receipt stays, and the whole has its own."""
    jane, _ = peopled(world)
    withdraw(world.means, jane.id, WithdrawalKind.NO_FACE)
    withdraw(world.means, jane.id, FULL)
    assert [one.kind for one in world.books.withdrawals() if one.receipt] == [WithdrawalKind.NO_FACE, FULL]
