"""``fivesafes review PROJECT``: what waits for a person's eye, and the place to say what was seen."""

from pathlib import Path
from typing import Any

import click

from fivesafes.core.errors import EXIT_OK, NeedsReview, UsageMistake
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, witnessed
from fivesafes.interfaces.cli.output import emit_json


@click.command()
@click.argument("project")
@haven_option
@click.option("--by", default="", help="Record that this person has looked at the candidate.")
@click.option("--candidate", default="", help="Which candidate was looked at: the 64 digits that are shown.")
@click.option("--accept", "accepts", multiple=True, help="The code of a finding that the reviewer accepts.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Open the sealed pictures of faces into this new folder, for looking; needs --identity and --reason.",
)
@click.option("--identity", type=click.Path(path_type=Path), help="A custodian's identity file (mode 0600).")
@click.option("--reason", default="", help="Why pictures are opened; it stands in the trail.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    *,
    project: str,
    haven: Path | None,
    by: str,
    candidate: str,
    accepts: tuple[str, ...],
    pictures: Path | None,
    identity: Path | None,
    reason: str,
    as_json: bool,
) -> None:
    """Show what of PROJECT waits for a person; with --by, record that somebody has looked.

    A review is of exactly one candidate: when the candidate changes, it is looked at anew.
    """
    from fivesafes.wiring.reviewing import open_pictures, sign_review, waiting_for  # noqa: PLC0415 - as above

    with witnessed(haven) as opened:
        if pictures is not None:
            if identity is None or not reason.strip():
                message = "pictures of faces are opened by a custodian, for a reason"
                raise UsageMistake(message, fix="add --identity FILE and --reason TEXT")
            count = open_pictures(opened, project, into=pictures, identity=identity, reason=reason)
            click.echo(f"opened {count} pictures into {pictures}; remove that folder when you have looked", err=True)
        if by:
            sign_review(opened, project, by=by, candidate=candidate, accepts=frozenset(accepts))
        told = waiting_for(opened, project)
    if as_json:
        emit_json(told)
    else:
        _show(told)
    context.exit(NeedsReview.exit_code if told["waits"] else EXIT_OK)


def _show(told: dict[str, Any]) -> None:
    if told["candidate"] is None and not told["waits"]:
        click.echo("nothing waits for a person; fivesafes process makes a candidate")
        return
    if told["candidate"] is not None:
        click.echo(f"candidate {told['candidate']}")
        click.echo(f"  looked at by {', '.join(told['reviewed_by']) or 'nobody yet'}; {told['needed']} needed")
    for one in told["waits"]:
        click.echo(f"  {one['safe']}: {one['code']}: {one['why']}")
        if one["about"]:
            click.echo(f"    about {one['about']}")
    for one in told["compare"]:
        click.echo(f"  compare with the release to {one['destination']} of {one['released_on']}: {one['why']}")
    click.echo(f"report: {told['report']}")
