"""What ingest sets aside is sealed too, with its reason: to whom it names, or to the project."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve

from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.data.header.inspect import SetAside
from fivesafes.data.header.malformed import KEY_FILE, SEALED
from fivesafes.data.model import FileStatus
from fivesafes.flow.haven.intake import Intake
from fivesafes.flow.haven.model import KeptAside, KeptParticipant, KeptProject, ParticipantState

LARGEST_ASIDE: Final = 2**30
"""A stray file larger than this is told and left where it is."""
ASIDE_FILES: Final = 200
"""Files that one deed tells of as set aside."""
_WITHDREW: Final = "data.participant.withdrawn"
_NOT_KEPT: Final = frozenset(
    {
        _WITHDREW,
        "data.file.link",
        "data.file.special",
        "data.file.folder",
        "data.file.duplicate",
        "data.file.dicomdir",  # it names everybody on the medium: no one withdrawal could take it away
        SEALED,  # under another key it would outlive the destruction of its own
        KEY_FILE,
    }
)


def worth_keeping(file: SetAside) -> bool:
    """Tell whether a file's content is kept: links and copies have none, and a huge stray stays where it lies."""
    return file.code not in _NOT_KEPT and 0 < file.bytes <= LARGEST_ASIDE


def of_who_withdrew(file: SetAside, people: Mapping[Identifying[str], KeptParticipant]) -> SetAside:
    """Say of a file whose participant takes part no more that it was not taken in."""
    person = None if file.patient is None else people.get(file.patient)
    if person is None or person.state is ParticipantState.ACTIVE:
        return file
    why = "the participant has withdrawn: the file was not taken in"
    return evolve(file, status=FileStatus.REFUSED, code=_WITHDREW, why=why)


def keep_aside(
    kept: KeptProject, files: Sequence[SetAside], people: Mapping[Identifying[str], KeptParticipant], intake: Intake
) -> int:
    """Seal what was set aside, with its reason: to whom it names, or to the project when it names nobody.

    Gives how many were set aside before, had been lost by the vault, and are sealed anew.
    """
    worth = [one for one in files if worth_keeping(one)]
    known = {one.address for one in intake.books.asides(kept.id)}
    healed = 0
    intake.progress.begin("set aside", total=len(worth), unit="files")
    for start in range(0, len(worth), ASIDE_FILES):
        some = worth[start : start + ASIDE_FILES]
        sealed = [one for file in some if (one := _aside(file, kept, people, intake)) is not None]
        again = [row for row, is_new in sealed if is_new and row.address in known]
        _enter_aside([row for row, _ in sealed if row.address not in known], again, intake)
        healed += len(again)
        intake.progress.advance("set aside", len(some))
    intake.progress.end("set aside")
    return healed


def _enter_aside(rows: Sequence[KeptAside], again: Sequence[KeptAside], intake: Intake) -> None:
    """Write down what was set aside, but for those who withdrew a moment ago: what was sealed to them is shredded.

    ``again``: those that were set aside before and are sealed anew.
    """
    if not rows and not again:
        return
    with intake.books.deed():
        people = {
            one.participant: intake.books.participant(one.participant) for one in (*rows, *again) if one.participant
        }
        takes_part = {id_ for id_, person in people.items() if person and person.state is ParticipantState.ACTIVE}
        entered = [one for one in rows if one.participant is None or one.participant in takes_part]
        intake.books.add_aside(entered)
        told = [_told_aside(row, "quarantine", row.code, intake) for row in entered]
        healed = [row for row in again if row.participant is None or row.participant in takes_part]
        intake.books.tell(*told, *(_told_aside(row, "heal", "sealed anew", intake) for row in healed))


def _told_aside(row: KeptAside, verb: str, outcome: str, intake: Intake) -> Event:
    """Tell of a file by its keyed address; its size is not told, which two projects could be joined by."""
    whose = {} if row.participant is None else {"participant": row.participant}
    return intake.author.event(verb, f"file {row.address.hex()}", outcome, project=row.project, **whose)


def _aside(
    file: SetAside, kept: KeptProject, people: Mapping[Identifying[str], KeptParticipant], intake: Intake
) -> tuple[KeptAside, bool] | None:
    """Seal one file; give its row and whether the vault lacked it."""
    person = None if file.patient is None else people[file.patient]
    try:
        content = file.path.reveal().read_bytes()
    except OSError:
        return None  # it is told as unreadable, and lies where it lay
    sealed = intake.vault.keep([content], recipient=kept.recipient if person is None else person.recipient)[0]
    row = KeptAside(
        project=kept.id,
        participant=None if person is None else person.id,
        address=sealed.address,
        bytes=sealed.bytes,
        status=file.status.value,
        code=file.code,
        why=file.why,
        received_at=intake.author.clock(),
    )
    return row, sealed.new
