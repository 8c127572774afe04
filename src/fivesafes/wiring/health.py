"""Is a haven sound?  Its database, its keys, its witnesses, changes that were begun and not finished."""

from collections.abc import Iterator, Sequence
from typing import Final

from fivesafes.core.errors import FiveSafesError, Refused
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.flow.custody import check_as_told, unfinished
from fivesafes.setting.trail.ports import WitnessSettings
from fivesafes.stores.custody import DjangoCustody
from fivesafes.stores.database import judge_database
from fivesafes.stores.file_systems import judge_place
from fivesafes.wiring.found import CUSTODIANS
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.standing import UNENFORCED
from fivesafes.wiring.trail import witness_states

_SOURCE: Final = "ARCHITECTURE: the haven"


def judge_haven(haven: OpenHaven, witnesses: Sequence[WitnessSettings]) -> Verdict:
    """Judge what a person who keeps a haven should know and mend."""
    place = judge_place(haven.path) if haven.config.database == "sqlite" else Verdict()
    return Verdict.all_of(
        [judge_database(), place, *_keys(haven), *_witnesses(witnesses), *_custody(), *_unfinished(haven)]
    )


def _keys(haven: OpenHaven) -> Iterator[Verdict]:
    if any((haven.keys / CUSTODIANS).glob("*")):
        why = "custodians' keys lie on this machine: who breaks in can open every original"
        yield review("haven.keys.custodians", why=why, fix=f"carry away {haven.keys / CUSTODIANS}", source=_SOURCE)
    yield from _keyring(haven)
    if haven.config.tier == UNENFORCED:
        why = "haven.toml names no tier: the place is not held to an audit"
        yield note("haven.tier", why=why, fix='write tier = "T2" there, and audit the setting', source=_SOURCE)


def _keyring(haven: OpenHaven) -> Iterator[Verdict]:
    try:
        places = haven.keyring.places()
    except FiveSafesError as fault:
        yield refuse("haven.keyring", why=fault.what, fix=fault.fix, source=_SOURCE)
        return
    if not places:
        why = "there is no backup of the keyring: when it is lost, every original is"
        fix = "fivesafes backup keys DIR"
        yield review("haven.keys.backup", why=why, fix=fix, source=_SOURCE)


def _witnesses(witnesses: Sequence[WitnessSettings]) -> Iterator[Verdict]:
    if not witnesses:
        why = "no witness keeps the trail's checkpoints: who owns this machine could make the trail anew"
        fix = "name one in haven.toml: docs/how-to/verify-a-trail.md"
        yield review("haven.witness.none", why=why, fix=fix, source=_SOURCE)
    for one in witness_states(witnesses):
        if one.why:
            fix = "see that it can be reached: the next command tries again"
            yield review("haven.witness.behind", why=f"witness {one.name}: {one.why}", fix=fix, source=_SOURCE)


def _custody() -> Iterator[Verdict]:
    try:
        check_as_told(DjangoCustody())
    except Refused as fault:
        yield refuse("haven.custody.not-as-told", why=fault.what, fix=fault.fix, source=_SOURCE)


def _unfinished(haven: OpenHaven) -> Iterator[Verdict]:
    if begun := unfinished(DjangoCustody()):
        why = f"a change of custodians was begun and not finished ({len(begun)})"
        yield review("haven.custody.begun", why=why, fix="run the same vault command again", source=_SOURCE)
    if open_ := haven.books.withdrawals(open_only=True):
        why = f"{len(open_)} withdrawals are not finished"
        yield review(
            "haven.withdrawals.open", why=why, fix="any command of the haven goes on with them", source=_SOURCE
        )
