"""Reads attestations in TOML: a named person's word for what no machine can see, with its evidence and its end."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from fivesafes.core.errors import InvalidInput
from fivesafes.interfaces.forms.faults import StrictForm, line_of, read_form
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Attestation

LONGEST: Final = timedelta(days=366)
"""For how long a person's word may stand before somebody looks again."""

Text = Annotated[str, Field(min_length=2, max_length=500, pattern=r"^[^«»\x00-\x1f]*[^\s«»\x00-\x1f][^«»\x00-\x1f]*$")]

_EXAMPLES: Final = {
    "control": 'control = "physical_security"',
    "by": 'by = "Ada Example, facility manager"',
    "on": "on = 2026-01-31",
    "valid_until": "valid_until = 2027-01-31",
    "evidence": 'evidence = "inspection report 2026-12"',
    "attestation": '[[attestation]] with control = "physical_security"',
}
_FIX: Final = "mend these lines; docs/how-to/audit-the-setting.md has an example of each field"


class _AttestationForm(StrictForm):
    control: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    by: Text
    on: date
    valid_until: date
    evidence: Text

    @field_validator("control")
    @classmethod
    def _can_be_attested(cls, control: str) -> str:
        known = {one.name: one for one in load_setting_controls()}
        if control not in known:
            message = "is not the name of a control (docs/reference/setting-controls.md lists them)"
            raise ValueError(message)
        if not known[control].attestable:
            message = "can't be attested: the machine can see this itself"
            raise ValueError(message)
        return control

    @field_validator("valid_until")
    @classmethod
    def _ends_in_time(cls, until: date, info: Any) -> date:  # noqa: ANN401 - pydantic's own type is generic
        begins = info.data.get("on")
        if begins is not None and until < begins:
            message = "ends before it begins"
            raise ValueError(message)
        if begins is not None and until - begins > LONGEST:
            message = f"ends more than {LONGEST.days} days after it begins: somebody must look again"
            raise ValueError(message)
        return until


class _AttestationsForm(StrictForm):
    attestation: Annotated[list[_AttestationForm], Field(min_length=1)]


def read_attestations(path: Path) -> tuple[Attestation, ...]:
    """Read the file.  Raises InvalidInput naming line and reason; one control is attested once."""
    form, text = read_form(path, _AttestationsForm, what="the attestations", examples=_EXAMPLES, fix=_FIX)
    seen: set[str] = set()
    for number, one in enumerate(form.attestation):
        if one.control in seen:
            line = line_of(text, ("attestation", number, "control"))
            message = f"{path.name}, line {line}: {one.control} is attested twice"
            raise InvalidInput(message, fix="keep the attestation that holds now")
        seen.add(one.control)
    return tuple(Attestation(**one.model_dump()) for one in form.attestation)
