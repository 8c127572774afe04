"""Write the pages: self-contained, without anything loaded from elsewhere, with or without what identifies."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from fivesafes.data.face.decisions import Choice, Decision, place_of
from fivesafes.data.face.pack import FEATURES
from fivesafes.data.model import Picture
from fivesafes.data.private_pictures import PAGE_MARK
from fivesafes.engines.reporters.faces.rows import WORST, Faces, Row, checks, worst_first

_FOLDER: Final = files("fivesafes.engines.reporters.faces")
ORDER: Final = {
    "left": "from its left side",
    "half-left": "half from the left",
    "front": "from the front",
    "half-right": "half from the right",
    "right": "from its right side",
    "slices": "in slices",
}
Standing = Callable[[Row], Decision | None]
"""Says what people's decisions come to for a row."""


def image_page(row: Row, pictures: Sequence[Picture], *, stands: Decision | None, faces: Faces) -> str:
    """Write the page of one image."""
    leaving = faces is Faces.LEFT_OUT
    shown = [one for one in pictures if not (leaving and one.identifying)]
    pairs = [
        {
            "title": title,
            "wide": view == "slices",
            "pictures": [
                {"identifying": one.identifying, "alt": one.alt, "data": b64encode(one.png).decode("ascii")}
                for one in shown
                if one.name.partition("-")[2] == view
            ],
        }
        for view, title in ORDER.items()
    ]
    return _page(
        "image",
        row=row,
        stands=stands,
        leaving=leaving,
        pairs=[pair for pair in pairs if pair["pictures"]],
        both=len({one.identifying for one in shown}) > 1,
        checks=checks(row["evidence"]),
    )


def index_page(rows: Sequence[Row], standing: Standing, *, faces: Faces) -> str:
    """Write the page that leads to all images, the worst first."""
    ordered = sorted(rows, key=lambda row: (*worst_first(row, standing(row)), row["name"]))
    cards = [{"row": row, "stands": standing(row), "figures": figures(row)} for row in ordered]
    counted: dict[str, list[str]] = {}
    for row in ordered:
        counted.setdefault(_told(row, standing(row)), []).append(row["name"])
    order = [*WORST, "rejected", "approved"]
    return _page(
        "index",
        cards=cards,
        counts=sorted(counted.items(), key=lambda one: order.index(one[0])),
        deciding=faces is Faces.SHOWN and any(row["sha256"] for row in rows),
        leaving=faces is Faces.LEFT_OUT,
    )


def figures(row: Row) -> str:
    """Write the evidence of an image in a line."""
    evidence, told = row["evidence"], []
    if evidence["residual"] is not None:
        shares = [(part, evidence["residual"][part]) for part in FEATURES]
        told.append("skin left: " + ", ".join(f"{part} {share:.0%}" for part, share in shares if share is not None))
    if evidence["brain_voxels_altered"] is not None and evidence["mask_ml"]:
        told.append(f"brain voxels altered: {evidence['brain_voxels_altered']}")
    if evidence["mutual_information"] is not None:
        told.append(f"fit {evidence['mutual_information']:.2f} nats")
    return "; ".join(told)


def _told(row: Row, stands: Decision | None) -> str:
    if stands is None:
        return str(row["status"])
    return "approved" if stands.choice is Choice.APPROVE else "rejected"


def _page(name: str, **given: Any) -> str:  # noqa: ANN401 - what templates take
    return _environment().get_template(name).render(**given)


@cache
def _environment() -> Environment:
    """Load the templates; the style and the script are parts of each page, and the script is known by its digest."""
    style, code = (Markup((_FOLDER / name).read_text(encoding="utf-8")) for name in ("faces.css", "faces.js"))  # noqa: S704 - ours
    names = ("macros", "image", "index")
    environment = Environment(
        loader=DictLoader({name: (_FOLDER / f"{name}.html.j2").read_text(encoding="utf-8") for name in names}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
    mark = Markup(PAGE_MARK)  # noqa: S704 - ours
    environment.globals.update(page_mark=mark, style=style, code=code, script_hash=f"sha256-{digest}")
    environment.filters["place"] = place_of
    return environment
