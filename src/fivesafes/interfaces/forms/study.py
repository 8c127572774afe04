"""Reads a STUDY.toml.  A wrong value is answered with its line, the reason and an example."""

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from attrs import evolve, frozen
from pydantic import Field, ValidationError, field_validator

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.data.bids.rules import Rule, checked_rule
from fivesafes.flow.receive import FolderSource
from fivesafes.flow.run import StudyRequest
from fivesafes.interfaces.forms.consent import read_consents
from fivesafes.interfaces.forms.faults import StrictForm, explained, line_of
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient, Reviewer
from fivesafes.project.model import (
    Approval,
    Cohort,
    Consent,
    Content,
    DataUse,
    IntendedUse,
    Permission,
    Project,
    Tier,
    UseCondition,
    Vulnerable,
)
from fivesafes.setting.audit import CONTROLS as PLACE_CONTROLS
from fivesafes.setting.model import Attestation

PLACES: Final = {"public": Tier.T0, "controlled": Tier.T1, "secure": Tier.T2, "iso27001": Tier.T3}

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^«»\x00-\x1f]+$")]


@frozen(kw_only=True)
class Study:
    """A whole study form as domain values."""

    project: Project
    consents: Mapping[Identifying[str], Consent]
    recipients: tuple[Recipient, ...]
    attestations: tuple[Attestation, ...]
    reviews: tuple[Review, ...]
    reviewers: tuple[Reviewer, ...]
    rules: tuple[Rule, ...]
    table: Path

    def request(self, scans: Path) -> StudyRequest:
        """Join the study with the folder of its scans."""
        return StudyRequest(
            project=self.project,
            consents=self.consents,
            recipients=self.recipients,
            attestations=self.attestations,
            reviews=self.reviews,
            rules=self.rules,
            source=FolderSource(path=Identifying(scans)),
        )


class _ProjectForm(StrictForm):
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{1,39}$")]
    title: Text
    investigator: Text
    institution: Text
    contact: Text


class _ApprovalForm(StrictForm):
    committee: Text
    number: Text
    valid_from: date
    valid_until: date

    @field_validator("valid_until")
    @classmethod
    def _ends_after_it_begins(cls, until: date, info: Any) -> date:  # noqa: ANN401 - pydantic's own type is generic
        begins = info.data.get("valid_from")
        if begins is not None and until < begins:
            message = "ends before it begins"
            raise ValueError(message)
        return until


class _UseForm(StrictForm):
    purpose: Text
    data_use: Literal["NRES", "GRU", "HMB", "DS", "POA"]
    disease: Annotated[str, Field(pattern=r"^MONDO:\d{7}$")] | None = None
    conditions_met: list[Literal[tuple(condition.name for condition in UseCondition)]] = Field(default_factory=list)  # type: ignore[valid-type]

    @field_validator("disease")
    @classmethod
    def _goes_with_ds(cls, disease: str | None, info: Any) -> str | None:  # noqa: ANN401 - as above
        if disease is not None and info.data.get("data_use") != "DS":
            message = 'goes with data_use = "DS" only'
            raise ValueError(message)
        return disease


class _SharingForm(StrictForm):
    place: Annotated[Literal["public", "controlled", "secure", "iso27001"], Field(alias="with")]
    keep_face: bool = False
    licence: Annotated[str, Field(max_length=60)] = ""


class _CohortForm(StrictForm):
    participants: Annotated[int, Field(ge=1)]
    eligible: Annotated[int, Field(ge=1)]

    @field_validator("eligible")
    @classmethod
    def _at_least_those_who_took_part(cls, eligible: int, info: Any) -> int:  # noqa: ANN401 - as above
        if eligible < info.data.get("participants", 0):
            message = "fewer people could have taken part than did"
            raise ValueError(message)
        return eligible

    content: Literal["healthy-structural", "behaviour", "clinical", "sensitive", "safety"]
    vulnerable: list[Literal["minors", "dementia", "first-nations", "prisoners", "dependent-relationship"]] = Field(
        default_factory=list
    )
    genetics: bool = False
    kin_affected: bool = False
    rare_condition: bool = False
    community_approval: bool = False


class _ConsentForm(StrictForm):
    table: Text


class _SeriesForm(StrictForm):
    when: dict[str, str | int]
    name: dict[str, str] | None = None
    ignore: bool = False
    deface: bool | None = None


class _RecipientForm(StrictForm):
    name: Text
    institution: Text
    account: Text
    mfa: bool
    agreement_signed: date | None = None
    training_on: date | None = None


class _AttestationForm(StrictForm):
    control: Literal[PLACE_CONTROLS]  # type: ignore[valid-type]
    by: Text
    on: date
    valid_until: date
    evidence: Text


class _ReviewerForm(StrictForm):
    name: Text
    institution: Text
    account: Text
    valid_from: date
    valid_until: date


class _ReviewForm(StrictForm):
    by: Text
    on: date
    candidate: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    accepts: list[Annotated[str, Field(pattern=r"^[a-z_.-]+$")]] = Field(default_factory=list)


class _StudyForm(StrictForm):
    project: _ProjectForm
    approval: _ApprovalForm
    use: _UseForm
    sharing: _SharingForm
    cohort: _CohortForm
    consent: _ConsentForm
    series: list[_SeriesForm] = Field(default_factory=list)
    recipient: list[_RecipientForm] = Field(default_factory=list)
    attestation: list[_AttestationForm] = Field(default_factory=list)
    reviewer: list[_ReviewerForm] = Field(default_factory=list)
    review: list[_ReviewForm] = Field(default_factory=list)


def read_study(path: Path) -> Study:
    """Read the form and its consent table.  Raises InvalidInput naming the line, the reason and an example."""
    study = read_form(path)
    return evolve(study, consents=read_consents(study.table))


def read_form(path: Path) -> Study:
    """Read the form alone: ``table`` says where its consent table should be.  Raises InvalidInput."""
    text = _text_of(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        message = f"{path.name} is not TOML: {fault}"
        raise InvalidInput(
            message, fix='texts stand in "double quotes", dates as 2026-01-31, yes and no as true and false'
        ) from None
    try:
        form = _StudyForm.model_validate(raw)
    except ValidationError as faults:
        raise InvalidInput(explained(faults, text, path.name, _EXAMPLES), fix=_FIX) from None
    return _study(form, path, text)


_FIX: Final = "mend these lines; `fivesafes project new` writes a commented form to compare with"


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        message = f"{path.name} is not UTF-8 text"
        raise InvalidInput(message, fix="save it as plain text in UTF-8") from None
    except OSError as error:
        message = f"can't read the study form: {error.strerror}"
        raise InvalidInput(message, fix="give the path of a STUDY.toml; `fivesafes project new` writes one") from None


def _study(form: _StudyForm, path: Path, text: str) -> Study:
    approval = Approval(**form.approval.model_dump())
    use = IntendedUse(
        purpose=form.use.purpose,
        permission=Permission(use=DataUse[form.use.data_use], disease=form.use.disease),
        conditions_met=frozenset(UseCondition[name] for name in form.use.conditions_met),
    )
    facts = form.cohort.model_dump(exclude={"content", "vulnerable"})
    cohort = Cohort(
        **facts,
        content=Content(form.cohort.content),
        vulnerable=frozenset(Vulnerable(word) for word in form.cohort.vulnerable),
    )
    project = Project(
        **form.project.model_dump(),
        approval=approval,
        use=use,
        cohort=cohort,
        shared_with=PLACES[form.sharing.place],
        keep_face=form.sharing.keep_face,
        licence=form.sharing.licence,
    )
    return Study(
        project=project,
        consents={},
        table=path.parent / form.consent.table,
        recipients=tuple(Recipient(**r.model_dump()) for r in form.recipient),
        attestations=tuple(Attestation(**a.model_dump()) for a in form.attestation),
        reviews=tuple(
            Review(by=r.by, on=r.on, candidate=r.candidate, accepts=frozenset(r.accepts)) for r in form.review
        ),
        reviewers=tuple(Reviewer(**r.model_dump()) for r in form.reviewer),
        rules=tuple(_rule(series, number, text, path.name) for number, series in enumerate(form.series)),
    )


def _rule(series: _SeriesForm, number: int, text: str, name: str) -> Rule:
    try:
        return checked_rule(series.model_dump(exclude_none=True))
    except InvalidInput as fault:
        line = line_of(text, ("series", number))
        message = f"{name}, line {line}: [[series]] {fault.what}"
        raise InvalidInput(message, fix=fault.fix) from None


# What to write instead, by the last word of the place.
_EXAMPLES: Final = {
    "id": 'id = "memory-2026"',
    "valid_from": "valid_from = 2026-01-01",
    "valid_until": "valid_until = 2030-12-31",
    "data_use": 'data_use = "GRU"',
    "disease": 'disease = "MONDO:0005180"',
    "conditions_met": 'conditions_met = ["IRB", "NPUNCU"]',
    "with": 'with = "controlled"   (public, controlled, secure, iso27001)',
    "keep_face": "keep_face = false",
    "participants": "participants = 24",
    "eligible": "eligible = 100000",
    "content": 'content = "clinical"   (healthy-structural, behaviour, clinical, sensitive, safety)',
    "vulnerable": 'vulnerable = ["minors"]',
    "table": 'table = "consent.csv"',
    "mfa": "mfa = true",
    "agreement_signed": "agreement_signed = 2026-02-01",
    "training_on": "training_on = 2026-02-01",
    "control": 'control = "encrypted_disk"',
    "candidate": "candidate = the 64 hexadecimal digits that the report shows",
    "when": 'when = { SeriesDescription = "*T1w*" }',
    "name": 'name = { datatype = "anat", suffix = "T1w" }',
}


def blank_form() -> str:
    """Give the commented form that ``fivesafes project new`` writes."""
    return (files("fivesafes.interfaces.forms") / "study.toml").read_text(encoding="utf-8")
