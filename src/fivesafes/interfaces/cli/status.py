"""``fivesafes status``: what runs, waits, failed, and why."""

import shutil
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fivesafes.core.errors import InvalidInput
from fivesafes.interfaces.cli.ahead import ahead_words
from fivesafes.interfaces.cli.at_haven import haven_option, json_option
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.wiring.haven import OpenHaven

_MOST_NAMED: Final = 5
"""Series that one reason names; the rest is counted, and stands in ``--json``."""


@click.command()
@haven_option
@json_option
def command(haven: Path | None, *, as_json: bool) -> None:
    """Show of each project what is sealed, queued, running, done, given up, and what waits for a person.

    Of what runs: the step it is in, for how long, how far the work is and how long the rest takes at this rate.  Of
    each witness: which of the trail's checkpoints it was given last, and when.
    """
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.overview import status_of  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        told = {**status_of(opened), "witnesses": _witnesses(opened)}
    if as_json:
        emit_json(told)
        return
    if not told["projects"]:
        click.echo("no project yet: fivesafes project add STUDY.toml")
    for project in told["projects"]:
        _show(project)
    for one in told["witnesses"]:
        click.echo(f"witness {one['name']} ({one['kind']}): {_given(one)}")


def _witnesses(opened: "OpenHaven") -> list[dict[str, Any]]:
    """Tell what each witness was given last; of a haven.toml that names one wrongly only that it does."""
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - help stays quick
    from fivesafes.wiring.trail import witness_states  # noqa: PLC0415 - as above

    try:
        states = witness_states(read_witnesses(opened.config.witnesses))
    except InvalidInput as fault:
        click.echo(f"no witness is told: {fault}", err=True)
        return []
    return [
        {"name": one.name, "kind": one.kind, "size": one.size, "at": one.at, "waits": one.waits, "why": one.why}
        for one in states
    ]


def _given(witness: Mapping[str, Any]) -> str:
    if witness["size"] is None:
        return "was given no checkpoint yet: fivesafes trail checkpoint"
    told = f"was given the checkpoint over {witness['size']} entries at {witness['at']}"
    return f"{told}, and not the newest: fivesafes trail checkpoint" if witness["waits"] else told


def _show(project: dict[str, Any]) -> None:
    click.echo(f"{project['project']} ({project['state']})")
    _say("originals", f"{_counted(project['series']) or 'none'}; {project['set_aside']} files set aside")
    _show_work(project)
    if project["last"]:
        _say("last", project["last"])
    for one in project["going"]:
        _say("going out", f"a release to {one['destination']}; if its command was killed, the next one settles it")
    for what, words in (
        ("approval_ended", "the approval has ended: no step works any more"),
        ("disposal_due", "the retention date has passed: dispose of it, or prolong it"),
    ):
        if project[what]:
            _say("due", words)
    if project["consents_ended"]:
        _say("due", f"the consent of {project['consents_ended']} participants has ended")
    if project["withdrawals_due"]:
        _say("due", f"{project['withdrawals_due']} withdrawals begin with the next command: the day they name has come")
    if project["withdrawals_open"]:
        _say("due", f"{project['withdrawals_open']} withdrawals go on with the next command")
    if words := ahead_words(project["project"], project):
        _say("ahead", words)


def _show_work(project: dict[str, Any]) -> None:
    _say("work", _how_far(project))
    for job in project["running"]:
        _say("", _at_work(job))
    for reason, ids in _by_reason(project["put_off"], "why").items():
        _say("put off", f"{reason[0]}: {_named(ids)}")
    for (state, why, fix), ids in _by_reason(project["stopped"], "state", "why", "fix").items():
        _say(state, f"{why}: {_named(ids)}")
        _say("", f"do: {fix}" if fix else "do: see what the report says of it")
    if project["stopped"]:
        _say("", f"when its cause is mended: fivesafes process {project['project']} --retry")


def _how_far(project: Mapping[str, Any]) -> str:
    progress = project["progress"]
    if not progress["total"]:
        return "nothing was queued yet"
    counts = dict(project["jobs"])
    waiting = counts.pop("queued", 0) + project["held"]
    parts = [f"{progress['done']} of {progress['total']} series done"]
    parts += [f"{len(project['running'])} running"] if project["running"] else []
    parts += [f"{waiting} waiting"] if waiting else []
    parts += [f"{counts[state]} {state}" for state in ("failed", "quarantined") if counts.get(state)]
    told = ", ".join(parts)
    if progress["seconds_left"] is not None:
        return f"{told}; about {_span(progress['seconds_left'])} to go"
    if waiting and not project["workers"]:
        told += f"; nobody is at work: fivesafes process {project['project']}, or fivesafes worker"
    return told


def _at_work(job: Mapping[str, Any]) -> str:
    stage = job["stage"] or "begins"
    told = f"{job['object']}: {stage} {_span(job['stage_seconds'])} (in all {_span(job['seconds'])})"
    if job["worker"] == "gone":
        return f"{told}; its worker has died: the next process or worker goes on with it"
    if job["worker"] == "silent":
        return f"{told}; its worker on {job['machine'] or 'another machine'} is silent: the next one goes on with it"
    return told if job["worker"] == "alive" else f"{told} on {job['machine'] or 'another machine'}"


def _by_reason(jobs: Sequence[Mapping[str, Any]], *what: str) -> dict[tuple[str, ...], list[str]]:
    ids: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for job in jobs:
        ids[tuple(job[one] for one in what)].append(job["object"])
    return ids


def _named(objects: Sequence[str]) -> str:
    kind = objects[0].split(" ")[0]
    rest = len(objects) - _MOST_NAMED
    ids = ", ".join(one.removeprefix(f"{kind} ") for one in objects[:_MOST_NAMED])
    return f"{kind} {ids}" + (f" and {rest} more (--json names them)" if rest > 0 else "")


def _say(label: str, text: str) -> None:
    """Write a line under its label; what does not fit goes on below it."""
    width = max(shutil.get_terminal_size().columns, 60)
    begin = f"  {label:<11} "
    wrapped = textwrap.wrap(text, width - len(begin), break_long_words=False, break_on_hyphens=False)
    click.echo(begin + f"\n{' ' * len(begin)}".join(wrapped))


def _span(seconds: float) -> str:
    """Say how long, in the two largest units that matter."""
    whole = round(seconds)
    minutes, hours = divmod(whole, 60), divmod(whole // 60, 60)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{minutes[0]} min {minutes[1]:02} s"
    if hours[0] < 48:  # noqa: PLR2004 - two days
        return f"{hours[0]} h {hours[1]:02} min"
    return f"{hours[0] // 24} days {hours[0] % 24} h"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} series {word}" for word, count in sorted(counts.items()))
