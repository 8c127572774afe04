"""``fivesafes doctor``: is everything here that the journey needs?"""

import shutil
import sys
from pathlib import Path

import click

from fivesafes import __version__
from fivesafes.core.errors import EXIT_OK, EngineMissing, Refused
from fivesafes.core.plugins import load, names
from fivesafes.interfaces.cli.at_haven import haven_option, json_option
from fivesafes.interfaces.cli.output import emit_json

_KINDS = ("converter", "defacer", "validator")


@click.command()
@haven_option
@json_option
@click.pass_context
def command(context: click.Context, haven: Path | None, *, as_json: bool) -> None:
    """Look at the engines, the policies and the disk, and with --haven at a haven's database, keys and witnesses.

    Exit codes: 69 an engine is missing, 3 the haven is not sound.
    """
    from fivesafes.flow.controls import load_controls  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.project.model import Tier  # noqa: PLC0415 - as above

    engines = [_engine(kind, name) for kind in _KINDS for name in names(kind)]
    digest = load_controls(Tier.T0).policy_digest
    free = shutil.disk_usage(Path.cwd()).free
    answer = {
        "version": __version__,
        "python": sys.version.split()[0],
        "engines": engines,
        "policy_digest": digest,
        "free_bytes": free,
    }
    findings = _haven(haven) if haven is not None else []
    if as_json:
        emit_json({**answer, "haven": findings})
    else:
        click.echo(f"fivesafes {__version__}, Python {answer['python']}")
        for engine in engines:
            state = f"missing: {engine['missing']}" if engine["missing"] else engine["version"]
            click.echo(f"  {engine['kind']:<10} {engine['name']:<16} {state}")
        click.echo(f"  policies   {digest[:16]}")
        click.echo(f"  disk       {free / 1e9:.1f} GB free here")
        for finding in findings:
            click.echo(f"  haven      [{finding['gravity']}] {finding['why']}")
            if finding["fix"]:
                click.echo(f"             {finding['fix']}")
    complete = all(any(e["kind"] == kind and not e["missing"] for e in engines) for kind in _KINDS)
    sound = all(finding["gravity"] != "refuse" for finding in findings)
    context.exit(EngineMissing.exit_code if not complete else EXIT_OK if sound else Refused.exit_code)


def _haven(haven: Path) -> list[dict[str, str]]:
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - loaded when called
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - as above
    from fivesafes.wiring.health import judge_haven  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        verdict = judge_haven(opened, read_witnesses(opened.config.witnesses))
    return [{"code": one.code, "gravity": one.gravity.word, "why": one.why, "fix": one.fix} for one in verdict.findings]


def _engine(kind: str, name: str) -> dict[str, str | None]:
    engine = load(kind, name)()
    missing = engine.missing()
    return {"kind": kind, "name": name, "missing": missing, "version": None if missing else engine.version()}
