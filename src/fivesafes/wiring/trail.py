"""The trail of an open haven put together: its signing key, its checkpoints, its witnesses by name."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, PolicyInvalid
from fivesafes.core.event import Fact
from fivesafes.core.plugins import load
from fivesafes.core.verdict import Verdict, note
from fivesafes.setting.keyring import KEY_BYTES, read_known_key
from fivesafes.setting.trail.checkpoint import Checkpoint, SignedCheckpoint
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.note import NoteSigner, VerifierKey
from fivesafes.setting.trail.ports import ReadableWitness, Witness, WitnessSettings
from fivesafes.setting.trail.proof import other_lines
from fivesafes.setting.trail.verify import Verified, verify
from fivesafes.stores import trail
from fivesafes.stores.trail import KeptCheckpoint
from fivesafes.wiring.found import TRAIL_KEY
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.vault import how_to_open

_LINES: Final = 5000
"""Lines taken at once."""


@frozen(kw_only=True)
class Delivery:
    """Where a witness stands: the size it has last and since when (ISO 8601), and why it has not the newest."""

    name: str
    kind: str
    size: int | None
    at: str
    why: str = ""
    fix: str = ""

    @property
    def waits(self) -> bool:
        """Whether the newest checkpoint could not be handed over."""
        return bool(self.why)


def trail_signer(haven: OpenHaven) -> NoteSigner:
    """Give the haven's signer.  Raises PolicyInvalid when its key is not on this machine, or is another's.

    What another key signs, nobody who has this haven's public key could verify.
    """
    path = haven.keys / "trail.key"
    fix = how_to_open(haven.config, TRAIL_KEY, path)
    if not path.exists():
        message = "the key that signs this haven's checkpoints is not on this machine"
        raise PolicyInvalid(message, fix=f"run this where the haven was made, or {fix}")
    key = read_known_key(path, known=haven.config.trail_key, haven=haven.id, fix=fix)
    return NoteSigner(key[:KEY_BYTES], haven.origin)


def trail_key(haven: OpenHaven) -> VerifierKey:
    """Give the haven's public key."""
    return trail_signer(haven).key


def verify_haven(haven: OpenHaven, *, notes: Sequence[str] = (), key: VerifierKey | None = None) -> Verified:
    """Verify the open haven's trail against its own checkpoints and those given; with its own key unless one is."""
    own = [kept.note for kept in trail.checkpoints()]
    found = verify(trail.rows(), notes=[*own, *notes], key=key or trail_key(haven), head=trail.head)
    return found if notes or not own else evolve(found, verdict=found.verdict + _only_own())


def _only_own() -> Verdict:
    return note(
        "setting.trail.own",
        why="checkpoints were compared that lie in the haven itself, and none that a witness keeps",
        fix="give one: --checkpoint NOTE; who owns this machine could have made the haven's own anew",
        source="NIST SP 800-53 AU-9(3)",
    )


def tell(haven: OpenHaven, *, actor: str, verb: str, outcome: str, **facts: Fact) -> None:
    """Tell of a deed that touches nothing but the trail itself (it was exported, or sent elsewhere)."""
    event = evolve(haven.author(actor).event(verb, f"haven {haven.id}", outcome, project=""), facts=facts)
    with haven.books.deed():
        haven.books.tell(event)


def make_checkpoint(haven: OpenHaven) -> SignedCheckpoint:
    """Sign the trail as it is now, and keep the note."""
    return trail.checkpoint(trail_signer(haven), clock=haven.clock)


def lacking(settings: Sequence[WitnessSettings]) -> frozenset[str]:
    """Look at each witness that is said to have the newest checkpoint; name those that lost it or can't be looked at.

    Only some kinds can be asked what they keep (``ReadableWitness``); of the others the record is all that there is.
    """
    newest, had = trail.newest_checkpoint(), trail.last_sent()
    if newest is None:
        return frozenset()
    said = [one for one in settings if had.get(one.place, (None, ""))[0] == newest.size]
    return frozenset(one.name for one in said if not _still_has(one, newest))


def _still_has(settings: WitnessSettings, newest: KeptCheckpoint) -> bool:
    try:
        witness = _witness(settings)
        if not isinstance(witness, ReadableWitness) or newest.signed().note in witness.read_back():
            return True
    except FiveSafesError:
        return False  # handing it over again tells why
    trail.mark_lost(newest.size, settings.place)
    return False


def hand_over(haven: OpenHaven, settings: Sequence[WitnessSettings], *, again: Collection[str] = ()) -> list[Delivery]:
    """Give each witness the newest checkpoint unless it has it, and once more to those named in ``again``.

    One that can't be reached is told of and asked again next time; the others get theirs.  An older checkpoint that
    it missed need not be sent: the newest covers it.
    """
    newest = trail.newest_checkpoint()
    had = trail.last_sent()
    told = []
    for one in settings:
        size, at = had.get(one.place, (None, ""))
        why = fix = ""
        if newest is not None and (size != newest.size or one.name in again):
            try:
                _witness(one).send(newest.signed())
            except FiveSafesError as fault:
                why, fix = fault.what, fault.fix
            else:
                now = haven.clock()
                trail.mark_sent(newest.size, one.place, at=now)
                size, at = newest.size, now.isoformat(timespec="seconds")
        told.append(Delivery(name=one.name, kind=one.kind, size=size, at=at, why=why, fix=fix))
    return told


def witness_states(settings: Sequence[WitnessSettings]) -> list[Delivery]:
    """Say what each witness was given last, by the record; nothing is sent, and none is looked at."""
    newest, had = trail.newest_checkpoint(), trail.last_sent()
    told = []
    for one in settings:
        size, at = had.get(one.place, (None, ""))
        behind = newest is not None and size != newest.size
        why = "it has not the newest checkpoint" if behind else ""
        fix = "fivesafes trail checkpoint" if behind else ""
        told.append(Delivery(name=one.name, kind=one.kind, size=size, at=at, why=why, fix=fix))
    return told


def tend(haven: OpenHaven, settings: Sequence[WitnessSettings]) -> list[Delivery]:
    """Make a checkpoint when one is due, and hand over what a witness lacks; called between deeds, never within one."""
    if trail.is_due(now=haven.clock()):
        make_checkpoint(haven)
    return hand_over(haven, settings)


def covered_lines(haven: OpenHaven, n: int = 0) -> tuple[list[bytes], SignedCheckpoint]:
    """Give the trail's lines with a checkpoint that covers entry ``n``; a new one is made where none does."""
    newest = trail.newest_checkpoint()
    upto = newest.signed() if newest is not None and newest.size > n else make_checkpoint(haven)
    return list(trail.entries(0, upto.checkpoint.size)), upto


def exported_lines(upto: Checkpoint) -> Iterator[bytes]:
    """Give the lines that a checkpoint covers.  Raises Refused at the end when it was signed over others."""
    tree = Frontier()
    lines = trail.entries(0, upto.size)
    while some := list(islice(lines, _LINES)):
        tree.grow([leaf_hash(line) for line in some])
        yield from some
    if (tree.size, tree.root()) != (upto.size, upto.root):
        raise other_lines(upto)


def release_places(haven: OpenHaven) -> dict[str, str]:
    """Say where each release went, as a URI, by its object in the trail."""
    releases = [one for project in haven.books.projects() for one in haven.books.releases(project.id)]
    return {f"release {one.id}": Path(one.destination).absolute().as_uri() for one in releases}


def _witness(settings: WitnessSettings) -> Witness:
    try:
        made: Witness = load("witness", settings.kind)(**settings.options)
    except TypeError:
        message = f"the witness {settings.name!r} has options that its kind does not know, or lacks one"
        raise InvalidInput(
            message, fix="mend its [[witness]] in haven.toml; docs/reference/trail.md shows each kind"
        ) from None
    if (missing := made.missing()) is not None:
        message = f"the witness {settings.name!r} can't work here"
        raise EngineMissing(message, fix=missing)
    return made
