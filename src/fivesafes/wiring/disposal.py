"""A project's end: its keys and originals destroyed, its certificate left."""

from collections.abc import Sequence

from fivesafes.flow.custody import Standing
from fivesafes.flow.haven.retention import Disposal, Force, dispose
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.custodians import custodians
from fivesafes.wiring.haven import OpenHaven


def dispose_project(
    haven: OpenHaven, project: str, *, by: str, reason: str, custodians_behind: Sequence[str]
) -> Disposal:
    """Dispose of a project; before its retention date by a reason and two custodians in force.  Raises Refused."""
    in_force = frozenset(one.name for one in custodians() if one.standing is Standing.CUSTODIAN)
    force = Force(reason=reason, custodians=tuple(custodians_behind)) if reason or custodians_behind else None
    return dispose(means_of(haven, by=by), project, custodians=in_force, force=force)
