"""The one JSON object that a command prints on standard output: its answer, or what kept it from giving one."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import click


class _Standard:
    """What stands on standard output: one object, and never a second one behind it."""

    answered: ClassVar[bool] = False


def begin() -> None:
    """Begin a command: nothing stands there yet."""
    _Standard.answered = False


def emit_json(answer: Mapping[str, Any]) -> None:
    """Print one object on standard output, with the schema number first."""
    _Standard.answered = True
    click.echo(json.dumps({"schema": 1, **answer}, indent=1, ensure_ascii=False))


def emit_error(what: str, fix: str) -> None:
    """Print why there is no answer; nothing where an answer stands already."""
    if not _Standard.answered:
        click.echo(json.dumps({"schema": 1, "error": {"what": what, "fix": fix}}))
