"""The audit of a setting as one self-contained HTML page: no scripts, no network, fit to print."""

from collections.abc import Mapping
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined

_TEMPLATES: Final = files("fivesafes.engines.reporters")


def page_of(answer: Mapping[str, Any]) -> str:
    """Write the page of a report as ``fivesafes setting audit --json`` gives it; the same report is the same page."""
    environment = Environment(
        loader=DictLoader({"setting": (_TEMPLATES / "setting.html.j2").read_text(encoding="utf-8")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    demanded = [one for one in answer["controls"] if one["demanded"]]
    topics = [(topic, list(rows)) for topic, rows in groupby(demanded, key=lambda one: one["topic"])]
    others = [one for one in answer["controls"] if not one["demanded"]]
    return environment.get_template("setting").render(answer=answer, topics=topics, demanded=demanded, others=others)
