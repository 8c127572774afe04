"""How a run, a processing or a release tells a person of its end."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from fivesafes.flow.release import Conclusion
    from fivesafes.flow.run import RunState

_SELF_EVIDENT: Final = {"released", "ready"}


def show_conclusion(conclusion: "Conclusion") -> None:
    """Tell on standard error how it ended: what became of the series, what each safe says, one sentence."""
    state = conclusion.state
    show_set_aside(state)
    for status, count in sorted(Counter(one.status.value for one in state.outcomes).items()):
        click.echo(f"  {count} series {status}", err=True)
    reasons = Counter((one.status.value, one.why) for one in state.outcomes if one.status.value not in _SELF_EVIDENT)
    for (status, why), count in sorted(reasons.items()):
        click.echo(f"    {count} {status}: {why}", err=True)
    for safe, verdict in state.verdicts.items():
        heavy = [finding for finding in verdict.findings if finding.gravity.word != "note"]
        word = {"note": "yes", "review": "a person must look", "refuse": "no"}[verdict.gravity.word]
        click.echo(f"  safe {safe:<8} {word}", err=True)
        for finding in heavy:
            click.echo(f"    {finding}", err=True)
    click.echo(conclusion.sentence, err=True)


def show_set_aside(state: "RunState") -> None:
    """Count the files that were received and those that were set aside, with the reasons."""
    if state.received is None:
        return
    click.echo(f"  {sum(len(s.originals) for s in state.received.series)} files received", err=True)
    counted = Counter((aside.status.value, aside.why) for aside in state.received.set_aside)
    for (status, why), count in sorted(counted.items()):
        click.echo(f"  {count} files set aside, {status}: {why}", err=True)
