"""How ``fivesafes consent import`` reads a table, carries out what it says, and tells of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fivesafes.core.errors import NeedsReview, UsageMistake
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.flow.haven.consent import ImportPlan
    from fivesafes.flow.haven.withdraw import Withdrawn
    from fivesafes.interfaces.forms.consent_redcap import RedcapConsents
    from fivesafes.wiring.consent import Desk


def read_table(table: Path, *, redcap: Path | None, evidence: Path | None) -> "RedcapConsents":
    """Read the table: ours, or REDCap's by its mapping.  Raises UsageMistake, InvalidInput."""
    from fivesafes.interfaces.forms.consent import read_consent_table  # noqa: PLC0415 - help stays quick
    from fivesafes.interfaces.forms.consent_mapping import read_mapping  # noqa: PLC0415 - as above
    from fivesafes.interfaces.forms.consent_redcap import RedcapConsents, read_redcap  # noqa: PLC0415 - as above

    if evidence is not None and not evidence.is_dir():
        message = "--evidence is no folder"
        raise UsageMistake(message, fix="give the folder that holds the signed forms")
    if redcap is None:
        return RedcapConsents(stated=read_consent_table(table, evidence=evidence), declined=(), without=0)
    return read_redcap(table, read_mapping(redcap), evidence=evidence)


def carry_out(desk: "Desk", plan: "ImportPlan") -> "list[Withdrawn]":
    """Do what an import planned: the withdrawals first, then the consents."""
    from fivesafes.flow.haven.entered import record_consents  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.haven.model import WithdrawalKind  # noqa: PLC0415 - as above
    from fivesafes.flow.haven.withdraw import withdraw as withdraw_participant  # noqa: PLC0415 - as above

    withdrawn = [withdraw_participant(desk.means, id_, WithdrawalKind.FULL) for id_ in plan.withdraw]
    record_consents(desk.means.books, plan, newcomers=desk.newcomers(plan.project), author=desk.means.author)
    return withdrawn


def tell_import(
    plan: "ImportPlan",
    labels: Mapping[str, str],
    *,
    without: int,
    waits_for: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Tell what an import did or would do: counts, labels of the missing and the renewed, lines that name nobody."""
    counts = {
        **{change.value: number for change, number in plan.changes.items()},
        "unchanged": plan.unchanged,
        "withdrawn_now": len(plan.withdraw),
        "withdrawn_before": plan.withdrawn_before,
        "withdrawn_unseen": len(plan.unseen),
        "withdrawn_later": plan.later,
        "taken_back": plan.taken_back,
        "declined": plan.declined,
        "without_consent": without,
        "missing": len(plan.missing),
    }
    named = {
        "ended": [labels[one.participant] for one in plan.record if one.change.value == "ended"],
        "renewed": [labels[one.participant] for one in plan.record if one.change.value == "renewed"],
        "withdrawn_unseen": [f"line {one.line}" for one in plan.unseen],
        "missing": [labels[id_] for id_ in plan.missing],
    }
    if as_json:
        lines = {"unseen_lines": [one.line for one in plan.unseen]}
        told = {
            "renewed": named["renewed"],
            "ended": named["ended"],
            **lines,
            "missing": named["missing"],
            "waits_for": [*waits_for],
        }
        emit_json({"project": plan.project, "dry_run": dry_run, "counts": counts, **told})
        return
    if not (plan.record or plan.withdraw or any(not one.noted for one in plan.unseen)):
        click.echo("no change: the table says what is recorded")
    for name, number in counts.items():
        if number:
            click.echo(f"{number:>7} {_SAYS[name]}")
            for label in named.get(name, ()):
                click.echo(f"        {label}")
    if dry_run:
        click.echo("nothing was written (--dry-run)")


def check_unseen(plan: "ImportPlan | None") -> None:
    """End with ``needs review`` where a withdrawal names nobody known: it may be a mistyped identifier."""
    if plan is not None and any(not one.noted for one in plan.unseen):
        click.echo(
            "look at these lines: is each identifier what stands in PatientID?  A mistyped one withdraws nobody",
            err=True,
        )
        click.get_current_context().exit(NeedsReview.exit_code)


_SAYS: Final = {
    "new": "new consents",
    "changed": "changed consents; the earlier ones are kept as history",
    "renewed": "renewed consents: what was taken back is given again",
    "ended": "say no now: their consent has ended, and nothing was destroyed (to do so: fivesafes consent withdraw)",
    "unchanged": "unchanged",
    "withdrawn_now": "withdrawn by this table",
    "withdrawn_before": "withdrawn before",
    "withdrawn_unseen": "withdrew before anything of theirs was received, or are mistyped; they stay out",
    "withdrawn_later": "end on a later day: on that day the haven destroys what it holds of them, by itself",
    "taken_back": "say less than the table: a part was taken back, and stays so",
    "declined": "say no, and no consent of theirs is recorded",
    "without_consent": "records hold no consent yet",
    "missing": "are not in the table any more; their consent stays (to withdraw: fivesafes consent withdraw)",
}
