"""Reads and writes ``deface-decisions.json``: what people decided about defaced images, as the page saves it."""

import json
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.decisions import RECORD, Choice, Decision
from fivesafes.data.face.stored import write_aside
from fivesafes.interfaces.forms.faults import StrictForm

LARGEST: Final = 64_000_000  # bytes: some hundred thousand decisions
FIX: Final = "save it again from the report's page"

Line = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Row(StrictForm):
    image: Line
    sha256: Digest
    decision: Literal["approve", "reject"]
    by: Line
    at: AwareDatetime
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""


class _Page(StrictForm):
    schema_: Literal[1] = Field(alias="schema")
    decisions: tuple[_Row, ...]


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Read a file of decisions.  Raises InvalidInput when it is none; nothing of what it holds is repeated."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
        page = _Page.model_validate_json(content)
    except OSError as error:
        what = f"can't read {path.name}: {error.strerror}"
        raise InvalidInput(what, fix="give the path of a file that the report's page saved") from None
    except ValidationError as faults:
        places = {".".join(str(part) for part in fault["loc"]) for fault in faults.errors(include_input=False)}
        where = ", ".join(sorted(places - {""})[:5])
        what = f"{path.name} holds no decisions as the report's page saves them{': ' if where else ''}{where}"
        raise InvalidInput(what, fix=FIX) from None
    return tuple(
        Decision(
            image=row.image,
            sha256=row.sha256,
            choice=Choice(row.decision),
            by=" ".join(row.by.split()),
            at=row.at.astimezone(UTC),
            reason=row.reason.strip(),
        )
        for row in page.decisions
    )


def recorded(out: Path) -> tuple[Decision, ...]:
    """Read what is on record beside the images; nothing when there is no record."""
    return read_decisions(out / RECORD) if (out / RECORD).exists() else ()


def record_decisions(decisions: Sequence[Decision], out: Path) -> None:
    """Write the record beside the images, whole or not at all; the page's own form, so it can be applied again."""
    rows: list[dict[str, Any]] = [
        {
            "image": one.image,
            "sha256": one.sha256,
            "decision": one.choice.value,
            "by": one.by,
            "at": one.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "reason": one.reason,
        }
        for one in decisions
    ]
    text = json.dumps({"schema": 1, "decisions": rows}, indent=1, ensure_ascii=False) + "\n"
    write_aside(text.encode("utf-8"), out / RECORD)
