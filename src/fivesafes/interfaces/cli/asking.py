"""How a command learns which participant is meant: an identifier never stands on the command line."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.ids import Identifying

SHOWN: Final = 12
"""How many digits of a keyed id are shown, and are enough to mean somebody when only one id begins so."""

if TYPE_CHECKING:
    from fivesafes.flow.haven.model import KeptParticipant
    from fivesafes.wiring.consent import Desk


def asked_for(
    desk: "Desk", project: str, words: tuple[str, ...], file: Path | None, *, must_ask: bool
) -> "KeptParticipant":
    """Find the participant whom a person means, without the identifier ever standing on the command line."""
    if words and file is not None:
        message = "the participant is given twice"
        raise UsageMistake(message, fix="give a pseudonym, or --participant-file")
    if words:
        return by_label(desk, project, words)
    if must_ask and not sys.stdin.isatty():
        message = "standard input is no terminal, so nobody can be asked again"
        raise UsageMistake(message, fix="add --yes")
    found = desk.means.books.participant(desk.keyed(project)(_identifier(file)))
    if found is None or found.project != project:
        message = "nothing is held of this participant in this project"
        raise InvalidInput(message, fix="check the identifier: as the scans' PatientID has it, spaces around it aside")
    return found


def check_named(by: str) -> None:
    """Refuse a deed by nobody: receipts, certificates and the trail name who did it.  Raises UsageMistake."""
    if not by.strip():
        message = "nobody is named who does it"
        raise UsageMistake(message, fix='say who: --by "A. Person"')


def _identifier(file: Path | None) -> Identifying[str]:
    """Read one identifier from a file, standard input, or a prompt that does not show it."""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            message = "the participant's file can't be read as text"
            raise InvalidInput(message, fix="one line, in UTF-8") from None
    elif sys.stdin.isatty():
        text = click.prompt("Participant (as in PatientID; not shown)", hide_input=True, err=True)
    else:
        text = sys.stdin.read()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        message = f"one identifier on one line is needed, and there are {len(lines)} lines"
        raise InvalidInput(message, fix="one participant at a time; for several, import a table with their days")
    return Identifying(lines[0])


def by_label(desk: "Desk", project: str, words: tuple[str, ...]) -> "KeptParticipant":
    """Find a participant by pseudonym or keyed id.  What was typed is never repeated: it may be a name."""
    word = words[0].removeprefix("sub-") if len(words) == 1 else ""
    people = desk.means.books.participants(project) if word else ()
    found = [one for one in people if word in {one.subject, one.id}]
    if not found and len(word) >= SHOWN:
        found = [one for one in people if one.id.startswith(word)]
    if len(found) == 1:
        return found[0]
    message = "no participant of this project has this pseudonym or keyed id"
    raise UsageMistake(
        message,
        fix="an identifier never belongs on the command line (clear it from the shell's history): leave it off, and it "
        "is asked for; or give --participant-file FILE",
    )
