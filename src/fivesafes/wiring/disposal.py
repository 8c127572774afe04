"""A project's end: its keys and originals destroyed, its certificate left."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from fivesafes.core.errors import Refused
from fivesafes.flow.circle_told import Standing
from fivesafes.flow.custody import Custodian
from fivesafes.flow.haven import retention
from fivesafes.flow.haven.foretold import Foretold, foretell_disposal
from fivesafes.flow.haven.retention import Disposal, Force, dispose, judge_disposal
from fivesafes.setting.vault.keys import ADDRESS_KEY, open_secret
from fivesafes.setting.vault.seal import Identity, SealBroken
from fivesafes.stores.identity_files import read_identity
from fivesafes.wiring.consent import carry_on, forget_rest, means_of
from fivesafes.wiring.custodians import custodians
from fivesafes.wiring.haven import OpenHaven


def dispose_project(
    haven: OpenHaven, project: str, *, by: str, reason: str, identities: Sequence[Path] = ()
) -> Disposal:
    """Dispose of a project; before its retention date by a reason and the keys of two custodians in force.

    ``identities``: their age identity files, read and not kept.  Raises Refused, before anything is touched, for a key
    that is no custodian's.
    """
    names, force = _force(haven, reason, identities)
    carry_on(haven)
    done = dispose(means_of(haven, by=by), project, custodians=names, force=force)
    forget_rest()
    return done


def check_disposal(haven: OpenHaven, project: str, *, reason: str, identities: Sequence[Path] = ()) -> None:
    """Raise Refused where a project may not be disposed of now, so that nobody is asked in vain."""
    names, force = _force(haven, reason, identities)
    verdict = judge_disposal(haven.project(project), on=haven.clock().date(), custodians=names, force=force)
    if verdict.refuses:
        raise Refused(verdict.findings[0].why, fix=verdict.findings[0].fix)


def set_retention(
    haven: OpenHaven, project: str, until: date, *, by: str, reason: str = "", identities: Sequence[Path] = ()
) -> None:
    """Say until which day a project's originals are kept; an earlier day by a reason and two custodians' keys.

    Raises Refused, before anything is changed, for a key that is no custodian's.
    """
    names, force = _force(haven, reason, identities)
    retention.set_retention(haven.books, haven.author(by), project, until, custodians=names, force=force)


def foretell(haven: OpenHaven, project: str, *, reason: str, identities: Sequence[Path] = ()) -> tuple[Foretold, str]:
    """Say what disposing of a project would destroy, and why it may not be done now (empty: it may)."""
    kept = haven.project(project)
    names, force = _force(haven, reason, identities)
    verdict = judge_disposal(kept, on=haven.clock().date(), custodians=names, force=force)
    why = verdict.findings[0].why if verdict.refuses else ""
    return foretell_disposal(means_of(haven, by="fivesafes"), kept), why


def _force(haven: OpenHaven, reason: str, identities: Sequence[Path]) -> tuple[frozenset[str], Force | None]:
    """Name the custodians in force, and those of them who proved themselves."""
    in_force = {one.recipient: one for one in custodians() if one.standing is Standing.CUSTODIAN}
    proved = tuple(_proved(haven, read_identity(path), in_force).name for path in identities)
    force = Force(reason=reason, custodians=proved) if reason or identities else None
    return frozenset(one.name for one in in_force.values()), force


def _proved(haven: OpenHaven, identity: Identity, in_force: dict[str, Custodian]) -> Custodian:
    """Find whose key it is, and have it open what the keyring has sealed to all custodians: a row could be forged."""
    found = in_force.get(identity.recipient)
    try:
        opens = bool(open_secret(haven.keyring, ADDRESS_KEY, identity))
    except SealBroken:
        opens = False
    if found is None or not opens:
        message = "a key that was given is not the key of a custodian in force"
        raise Refused(message, fix="give the identity files of two of those whom `fivesafes vault custodians` lists")
    return found
