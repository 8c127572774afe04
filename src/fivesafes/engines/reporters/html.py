"""The report as one self-contained HTML page: no scripts, no network, fit to print."""

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from fivesafes.data.private_pictures import PAGE_MARK

_TEMPLATES: Final = files("fivesafes.engines.reporters")


class HtmlReporter:
    """Writes ``report.html`` and, for machines, the same record as ``report.json``."""

    name: ClassVar[str] = "html"

    def write(self, record: Mapping[str, Any], *, pictures: Path, into: Path, leaving: bool) -> None:
        """Write both files into a folder; a page that leaves shows no picture that could show a face."""
        shown = for_leaving(record) if leaving else record
        environment = Environment(
            loader=DictLoader({"report": (_TEMPLATES / "report.html.j2").read_text(encoding="utf-8")}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["embedded"] = lambda name: _embedded(pictures / name)
        environment.globals.update(page_mark=Markup(PAGE_MARK))  # noqa: S704 - ours
        page = environment.get_template("report").render(record=shown, leaving=leaving)
        _write_aside(into / "report.html", page)
        _write_aside(into / "report.json", json.dumps(shown, indent=1, sort_keys=True, ensure_ascii=False))


def for_leaving(record: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a record with what may leave: released series alone, and of their pictures those without a face.

    Who was left out, and that somebody was, is nobody's business outside: findings about them go too.
    """
    series = [
        {
            **one,
            "images": [
                {**image, "pictures": [p for p in image["pictures"] if p["identifying"] is False]}
                for image in one["images"]
            ],
        }
        for one in record["series"]
        if one["status"] == "released"
    ]
    gone = {f"sub-{one['subject']}" for one in record["series"]} - {f"sub-{one['subject']}" for one in series}
    gone |= {f"series {one['id']}" for one in record["series"] if one["status"] != "released"}
    verdicts = {
        safe: {**verdict, "findings": [f for f in verdict["findings"] if f["about"].split("_")[0] not in gone]}
        for safe, verdict in record["verdicts"].items()
    }
    people = {"received": len({one["subject"] for one in series}), "refused": 0}
    participants = {**people, "released": people["received"]}
    outcome = {**record["outcome"], "sentence": record["outcome"]["sentence"].partition(".")[0] + "."}
    return {
        **record,
        "outcome": outcome,
        "series": series,
        "verdicts": verdicts,
        "participants": participants,
        "received": [],
        "compare": [],
    }


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _write_aside(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
