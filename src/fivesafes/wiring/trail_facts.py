"""What the audit may say of a trail: whole only when a witness, asked now, shows the newest checkpoint."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from fivesafes.core.errors import FiveSafesError
from fivesafes.core.plugins import load
from fivesafes.setting.model import State
from fivesafes.setting.trail.note import notes_in
from fivesafes.setting.trail.ports import ReadableWitness, WitnessSettings
from fivesafes.stores import trail
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.trail import verify_haven


@frozen(kw_only=True)
class Reading:
    """What a witness showed of this trail: its notes, or why it showed none."""

    name: str
    place: str
    notes: tuple[str, ...] = ()
    why: str = ""


def trail_whole(haven: OpenHaven, settings: Sequence[WitnessSettings]) -> tuple[State, str]:
    """Verify the trail against what its witnesses show now; say what was seen.

    The haven's own checkpoints prove nothing: who owns this machine can make them anew.  Yes needs the newest one read
    back from a witness; no is a trail that does not fit what one shows, or a witness that has lost what it was given.
    """
    kept = trail.checkpoints()  # before the readings: others may hand over meanwhile
    given = {place: one for one in kept for place in one.sent}
    readings = [read_back(one, origin=haven.origin) for one in settings]
    found = verify_haven(haven, notes=[note for one in readings for note in one.notes])
    if found.verdict.refuses:
        return State.NO, max(found.verdict.findings, key=lambda one: one.gravity).why
    if (lost := _lost(readings, given)) is not None:
        return State.NO, lost
    chained = f"{found.entries} entries are chained"
    if not settings:
        return State.UNKNOWN, f"{chained}; no witness keeps a checkpoint elsewhere"
    if not kept:
        return State.UNKNOWN, f"{chained}; no checkpoint was made yet: fivesafes trail checkpoint"
    newest = kept[-1]
    holders = [one.name for one in readings if newest.note in one.notes]
    if holders:
        return State.YES, f"{chained}, the first {newest.size} as in the checkpoint read back from {', '.join(holders)}"
    return State.UNKNOWN, f"{chained}; {_why_not(readings, newest.sent, newest.size)}"


def read_back(settings: WitnessSettings, *, origin: str) -> Reading:
    """Ask a witness for its notes of the trail of that origin; whatever fails is the reason why there are none."""
    try:
        witness = load("witness", settings.kind)(**settings.options)
        if not isinstance(witness, ReadableWitness):
            return Reading(
                name=settings.name, place=settings.place, why=f"a witness of kind {settings.kind} can't be read back"
            )
        text = witness.read_back()
    except FiveSafesError as fault:
        return Reading(name=settings.name, place=settings.place, why=fault.what)
    except Exception as fault:  # noqa: BLE001 - an engine of somebody else's may fail in any way
        return Reading(name=settings.name, place=settings.place, why=f"it can't be read back ({type(fault).__name__})")
    notes = tuple(note for note in notes_in(text) if note.partition("\n")[0] == origin)
    return Reading(name=settings.name, place=settings.place, notes=notes)


def _lost(readings: Sequence[Reading], given: Mapping[str, trail.KeptCheckpoint]) -> str | None:
    """Say which witness could be read and no longer shows what was handed over to it last; None when each does."""
    for one in readings:
        last = given.get(one.place)
        if last is not None and not one.why and last.note not in one.notes:
            return (
                f"the witness {one.name} does not show the checkpoint over {last.size} entries that it was given: "
                "see that its share is mounted, and who could remove it"
            )
    return None


def _why_not(readings: Sequence[Reading], sent: Mapping[str, str], size: int) -> str:
    have = [one for one in readings if one.place in sent]
    if not have:
        return f"the newest checkpoint, over {size}, was handed over to nobody: fivesafes trail checkpoint"
    return "; ".join(f"{one.name} was given the checkpoint over {size}, and {one.why}" for one in have)
