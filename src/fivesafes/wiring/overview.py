"""What a haven holds, told by counts and pseudonyms: a project at a glance, and where all work stands."""

from collections import Counter
from typing import Any

from fivesafes.flow.haven.appointed import ahead_in
from fivesafes.flow.haven.model import KeptRelease, ReleaseState
from fivesafes.flow.haven.retention import due
from fivesafes.flow.plan import Plan, make_plan
from fivesafes.stores.workspaces import load_report
from fivesafes.wiring.at_work import work_of
from fivesafes.wiring.haven import OpenHaven


def project_plan(haven: OpenHaven, project: str) -> Plan:
    """Derive a project's plan from its form and the consents that are recorded."""
    kept = haven.project(project)
    consents = [one.consent for one in haven.books.consents(project).values()]
    return make_plan(kept.project, consents, on=haven.clock().date())


def project_overview(haven: OpenHaven, project: str) -> dict[str, Any]:
    """Tell of a project: what its form says, and how many of what the haven holds."""
    kept = haven.project(project)
    approval = kept.project.approval
    consents = haven.books.consents(project).values()
    today = haven.clock().date()
    return {
        "id": kept.id,
        "title": kept.project.title,
        "state": kept.state.value,
        "approval": f"{approval.committee}, {approval.number}, {approval.valid_from} to {approval.valid_until}",
        "purpose": kept.project.use.purpose,
        "shared_with": kept.project.shared_with.label,
        "recipients": [f"{one.name}, {one.institution}" for one in kept.recipients],
        "retain_until": kept.retain_until.isoformat() if kept.retain_until else None,
        "participants": dict(Counter(one.state.value for one in haven.books.participants(project))),
        "consents": dict(Counter("in force" if one.consent.in_force(today) else "ended" for one in consents)),
        "series": dict(Counter(one.state.value for one in haven.books.series(project))),
        "set_aside": dict(Counter(one.code for one in haven.books.asides(project))),
        "releases": dict(Counter(one.state.value for one in haven.books.releases(project))),
    }


def status_of(haven: OpenHaven) -> dict[str, Any]:
    """Tell where all work stands: jobs by state, what failed and why, what a person must do."""
    counts = haven.jobs.counts()
    ended = {one.project: one for one in due(haven.books, on=haven.clock().date())}
    projects = []
    for kept in haven.books.projects():
        report = load_report(haven.workspaces.private(kept.id))
        told = ended.get(kept.id)
        releases = haven.books.releases(kept.id)
        projects.append(
            {
                "project": kept.id,
                "state": kept.state.value,
                "series": dict(Counter(one.state.value for one in haven.books.series(kept.id))),
                "set_aside": len(haven.books.asides(kept.id)),
                "jobs": dict(counts.get(kept.id, {})),
                **work_of(haven.jobs, kept.id, counts.get(kept.id, {}), now=haven.clock()),
                "last": report["outcome"]["sentence"] if report else None,
                "releases": len(releases),
                "going": [_going(one) for one in releases if one.state is ReleaseState.GOING],
                "approval_ended": bool(told and told.approval_ended),
                "disposal_due": bool(told and told.disposal_due),
                "consents_ended": told.consents_ended if told else 0,
                "withdrawals_due": told.withdrawals_due if told else 0,
                "withdrawals_open": told.withdrawals_open if told else 0,
                **ahead_of(haven, kept.id),
            }
        )
    return {"haven": haven.id, "projects": projects}


def ahead_of(haven: OpenHaven, project: str) -> dict[str, Any]:
    """Tell of how many participants of a project the haven will destroy what it holds, and the nearest day."""
    ahead = ahead_in(haven.books, project, on=haven.clock().date())
    return {
        "withdrawals_ahead": ahead.participants,
        "next_withdrawal": ahead.nearest.isoformat() if ahead.nearest else None,
    }


def _going(release: KeptRelease) -> dict[str, str]:
    """Tell of a delivery that is under way, or was when its command was killed."""
    return {
        "release": release.id,
        "destination": release.destination,
        "since": release.released_at.isoformat(),
    }
