"""Who can open what is sealed, as the trail tells it: founders first, then each change of custodians.

Rows can be changed by whoever writes to the database.  A row put there would from then on have every new key sealed to
a stranger, and at the next change of custodians all of them: so rows are compared with this before anything is sealed.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from fivesafes.core.event import Event
from fivesafes.setting.vault.vault import fingerprint

INIT: Final = "init"
CUSTODY: Final = "custody"
FOUNDERS: Final = "founders"
"""The fact of the haven's first event that says who could open from the first day: see ``founders_fact``."""

WORKER_NAME: Final = "worker"
ABOUT: Final = "custodian "


class Standing(StrEnum):
    """Where somebody stands who can open what is sealed, could, or is about to."""

    CUSTODIAN = "custodian"
    WORKER = "worker"
    JOINING = "joining"
    JOINING_WORKER = "joining-worker"
    LEAVING = "leaving"
    LEFT = "left"


ARRIVED: Final = {Standing.JOINING: Standing.CUSTODIAN, Standing.JOINING_WORKER: Standing.WORKER}
Circle = dict[tuple[str, str], Standing]
"""By name and the recipient's fingerprint."""


def founders_fact(founders: Iterable[tuple[str, str, str]]) -> str:
    """Write founders down for the trail.  ``founders``: of each the name, the age recipient and the standing."""
    return json.dumps([[name, fingerprint(recipient), standing] for name, recipient, standing in founders])


def told_circle(events: Iterable[Event]) -> Circle:
    """Follow events of the trail, oldest first, from the haven's making on."""
    there: Circle = {}
    for event in events:
        if event.verb == INIT:
            founders = json.loads(str(event.facts.get(FOUNDERS, "[]")))
            there |= {(name, print_): Standing(standing) for name, print_, standing in founders}
            continue
        name = event.object.removeprefix(ABOUT)
        who = name, str(event.facts.get("recipient", ""))
        joining = Standing.JOINING_WORKER if name == WORKER_NAME else Standing.JOINING
        match event.outcome:
            case "joining":
                there[who] = joining
            case "joined":
                there[who] = ARRIVED[joining]
            case "leaving":
                there[who] = Standing.LEAVING
            case _:
                there.pop(who, None)
    return there
