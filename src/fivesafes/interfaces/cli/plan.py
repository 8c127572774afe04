"""``fivesafes plan STUDY.toml``: the tier with its reasons, and each step with the control that asks for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fivesafes.core.errors import EXIT_OK, Refused
from fivesafes.core.event import utc_now
from fivesafes.interfaces.cli.at_haven import haven_option, json_option
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.flow.plan import Plan


@click.command()
@click.argument("study", type=click.Path(path_type=Path), metavar="STUDY|PROJECT")
@haven_option
@json_option
@click.pass_context
def command(context: click.Context, study: Path, haven: Path | None, *, as_json: bool) -> None:
    """Show the tier of a project, and each step with the control that asks for it.

    STUDY is a form in TOML; a PROJECT is looked up in the haven.

    Nothing is measured yet: the tier is judged from what the controls promise.  Exit code 3 when the place that
    the form names is not protected well enough for the tier.
    """
    plan = _of_form(study) if study.suffix == ".toml" or study.is_file() else _of_haven(str(study), haven)
    context.exit(tell_plan(plan, as_json=as_json))


def _of_form(study: Path) -> "Plan":
    from fivesafes.flow.plan import make_plan  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.interfaces.forms.study import read_study  # noqa: PLC0415 - as above

    form = read_study(study)
    return make_plan(form.project, form.consents.values(), on=utc_now().date())


def _of_haven(project: str, haven: Path | None) -> "Plan":
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.overview import project_plan  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        return project_plan(opened, project)


def tell_plan(plan: "Plan", *, as_json: bool) -> int:
    """Print a plan; give the exit code."""
    if as_json:
        emit_json(as_contract(plan))
    else:
        _show(plan)
    return Refused.exit_code if plan.verdict.refuses else EXIT_OK


def as_contract(plan: "Plan") -> dict[str, Any]:
    """Write a plan as docs/reference/json.md has it, with the reasons and the verdict besides."""
    decision = plan.decision
    return {
        "tier": decision.tier.label if decision.tier is not None else None,
        "probability": decision.probability.name if decision.probability is not None else None,
        "impact": decision.impact.name,
        "raised_by": [f"{reason.fact}: at least {reason.led_to}" for reason in decision.raised_by],
        "steps": [{"name": s.name, "because": s.because, "control": s.control} for s in plan.steps],
        "reasons": [{"fact": reason.fact, "led_to": reason.led_to} for reason in decision.reasons],
        "shared_with": plan.controls.tier.label,
        "verdict": {
            "gravity": plan.verdict.gravity.word,
            "findings": [
                {
                    "code": f.code,
                    "gravity": f.gravity.word,
                    "why": f.why,
                    "fix": f.fix,
                    "source": f.source,
                    "about": f.about,
                }
                for f in plan.verdict.findings
            ],
        },
        "policy_digest": plan.controls.policy_digest,
    }


def _show(plan: "Plan") -> None:
    decision = plan.decision
    tier = f"{decision.tier.label}: {decision.tier.words}" if decision.tier is not None else "not assessed"
    probability = decision.probability.name if decision.probability is not None else "not assessed"
    click.echo(f"tier {tier}")
    click.echo(f"  probability {probability} × impact {decision.impact.name}, if every step keeps its promise, because")
    for reason in decision.reasons:
        click.echo(f"    {reason.fact}: {reason.led_to}")
    for reason in decision.raised_by:
        click.echo(f"    raised by a gate: {reason.fact}: at least {reason.led_to}")
    click.echo(f"shared with a place of {plan.controls.tier.label}: {plan.controls.tier.words}")
    for finding in plan.verdict.findings:
        click.echo(f"  {finding}")
    click.echo("steps")
    for step in plan.steps:
        click.echo(f"  {step.name:<11} {step.because}  [{step.control}]")
