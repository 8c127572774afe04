"""``fivesafes doctor``: is everything here that the journey needs?"""

import shutil
import sys
from pathlib import Path

import click

from fivesafes import __version__
from fivesafes.core.errors import EXIT_OK, EngineMissing
from fivesafes.core.plugins import load, names
from fivesafes.interfaces.cli.output import emit_json

_KINDS = ("converter", "defacer", "validator")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """Look at the engines, the policies and the disk; exit code 69 when an engine is missing."""
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
    if as_json:
        emit_json(answer)
    else:
        click.echo(f"fivesafes {__version__}, Python {answer['python']}")
        for engine in engines:
            state = f"missing: {engine['missing']}" if engine["missing"] else engine["version"]
            click.echo(f"  {engine['kind']:<10} {engine['name']:<16} {state}")
        click.echo(f"  policies   {digest[:16]}")
        click.echo(f"  disk       {free / 1e9:.1f} GB free here")
    complete = all(any(e["kind"] == kind and not e["missing"] for e in engines) for kind in _KINDS)
    context.exit(EXIT_OK if complete else EngineMissing.exit_code)


def _engine(kind: str, name: str) -> dict[str, str | None]:
    engine = load(kind, name)()
    missing = engine.missing()
    return {"kind": kind, "name": name, "missing": missing, "version": None if missing else engine.version()}
