"""Reads which field of a REDCap project means what: a small TOML file, checked against the data dictionary."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fivesafes.core.errors import InvalidInput
from fivesafes.interfaces.forms.consent_rows import Table, text_of
from fivesafes.interfaces.forms.consent_terms import read_uses

FIX: Final = "mend the mapping; docs/how-to/import-consents.md has an example"

Variable = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Code = Annotated[str, Field(min_length=1, max_length=100)]


@frozen(kw_only=True)
class Answer:
    """A question answered yes or no: its column of the export, and which codes mean which."""

    column: str
    yes: frozenset[str] = frozenset({"1"})
    no: frozenset[str] = frozenset({"0"})


@frozen(kw_only=True)
class RedcapMapping:
    """Which columns of an export say what.  ``codes`` gives DUO terms by code, ``ticked`` a checkbox's columns."""

    record: str
    participant: str
    event: str
    instrument: str
    given: Answer | None
    date: str
    until: str
    withdrawn: str
    face: Answer | None
    public: Answer | None
    evidence: str
    always: tuple[str, ...]
    use_field: str
    codes: Mapping[str, tuple[str, ...]]
    ticked: Mapping[str, str]

    def consent_columns(self, found: Iterable[str]) -> tuple[str, ...]:
        """Name the columns that say something about the consent itself."""
        answers = (answer.column for answer in (self.given, self.face, self.public) if answer is not None)
        use = self.ticked.values() if self.ticked else (self.use_field,)
        there = set(found)
        named = (*answers, self.date, self.until, self.withdrawn, self.evidence, *use)
        return tuple(name for name in dict.fromkeys(named) if name and name in there)

    def columns(self, found: Iterable[str]) -> frozenset[str]:
        """Name every column that the mapping needs, there or not."""
        answers = (answer.column for answer in (self.given, self.face, self.public) if answer is not None)
        use = self.ticked.values() if self.ticked else (self.use_field,)
        named = {self.participant, *answers, self.date, self.until, self.withdrawn, self.evidence, *use}
        return frozenset(named - {""})


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _AnswerForm(_Form):
    field: Variable
    yes: list[Code] = ["1"]
    no: list[Code] = ["0"]


class _RedcapForm(_Form):
    dictionary: str = ""
    record: Variable = "record_id"
    participant: Variable
    event: str = ""
    instrument: str = ""


class _ConsentForm(_Form):
    given: Variable | _AnswerForm | None = None
    date: Variable
    until: Variable | None = None
    withdrawn: Variable | None = None
    face: Variable | _AnswerForm | None = None
    public: Variable | _AnswerForm | None = None
    evidence: Variable | None = None


class _UseForm(_Form):
    always: str = ""
    field: Variable | None = None
    codes: dict[Code, str] = {}


class _MappingForm(_Form):
    redcap: _RedcapForm
    consent: _ConsentForm
    use: _UseForm


@frozen(kw_only=True)
class _Field:
    """A field as the data dictionary has it."""

    kind: str
    codes: frozenset[str]


def read_mapping(path: Path) -> RedcapMapping:
    """Read a mapping, and the data dictionary that it names.  Raises InvalidInput naming what is wrong with it."""
    text = text_of(path, what="the mapping", fix="give the path of a TOML file; see docs/how-to/import-consents.md")
    try:
        form = _MappingForm.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        message = f"{path.name} is not TOML: {fault}"
        raise InvalidInput(message, fix=FIX) from None
    except ValidationError as faults:
        told = (
            f"{path.name}: {'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ').lower()}"
            for fault in faults.errors(include_url=False, include_context=False, include_input=False)
        )
        raise InvalidInput("\n".join(told), fix=FIX) from None
    fields = _dictionary(path.parent / form.redcap.dictionary) if form.redcap.dictionary else None
    try:
        mapping = _mapping(form, fields)
        if fields is not None:
            _check(mapping, fields)
    except ValueError as fault:
        message = f"{path.name}: {fault}"
        raise InvalidInput(message, fix=FIX) from None
    return mapping


def _mapping(form: _MappingForm, fields: Mapping[str, _Field] | None) -> RedcapMapping:
    use = form.use
    if not use.always and use.field is None:
        message = "[use] needs always (terms that every consent form has) or field with codes"
        raise ValueError(message)
    codes = {code: tuple(terms.split()) for code, terms in use.codes.items()}
    known = fields.get(use.field) if fields is not None and use.field else None
    ticks = use.field is not None and (known.kind == "checkbox" if known else use.field.endswith("___"))
    field = (use.field or "").removesuffix("___")
    mapping = RedcapMapping(
        record=form.redcap.record,
        participant=form.redcap.participant,
        event=form.redcap.event,
        instrument=form.redcap.instrument,
        given=_answer(form.consent.given),
        date=form.consent.date,
        until=form.consent.until or "",
        withdrawn=form.consent.withdrawn or "",
        face=_answer(form.consent.face),
        public=_answer(form.consent.public),
        evidence=form.consent.evidence or "",
        always=tuple(use.always.split()),
        use_field=field,
        codes=codes,
        ticked={code: tick_column(field, code) for code in codes} if ticks else {},
    )
    for terms in (mapping.always, *codes.values()):
        if terms:
            _check_terms(terms)
    return mapping


def _check_terms(terms: Iterable[str]) -> None:
    """Refuse what is no term; a code may stand for a condition alone."""
    read_uses(" ".join(("NRES", *terms)))


def tick_column(field: str, code: str) -> str:
    """Name a checkbox's column as REDCap does: ``field___code``, in lower case, a minus sign as an underscore."""
    return f"{field}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"


def _answer(given: str | _AnswerForm | None) -> Answer | None:
    if given is None:
        return None
    if isinstance(given, str):
        return Answer(column=given)
    return Answer(column=given.field, yes=frozenset(given.yes), no=frozenset(given.no))


_NAME: Final = ("Variable / Field Name", "field_name")
_KIND: Final = ("Field Type", "field_type")
_CHOICES: Final = ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations")


def _dictionary(path: Path) -> Mapping[str, _Field]:
    """Read a data dictionary as REDCap's page or its API writes it."""
    table = Table(path, what="the data dictionary", fix="[redcap] dictionary is a path beside the mapping")
    columns = [next((name for name in names if name in table.columns), None) for names in (_NAME, _KIND, _CHOICES)]
    name, kind, choices = columns
    if name is None or kind is None or choices is None:
        what = f"{table.name}, line 1: this is no REDCap data dictionary"
        raise InvalidInput(what, fix="in REDCap: Project Setup > Dictionary > Download the current Data Dictionary")
    fields = {
        row.cells[name]: _Field(kind=row.cells[kind], codes=_codes(row.cells[kind], row.cells[choices]))
        for row in table.rows()
    }
    table.wrong.raise_any()
    return fields


def _codes(kind: str, choices: str) -> frozenset[str]:
    """Read choices as ``1, Yes | 2, No``."""
    if kind in {"yesno", "truefalse"}:
        return frozenset({"1", "0"})
    if kind not in {"radio", "dropdown", "checkbox"}:
        return frozenset()
    return frozenset(choice.partition(",")[0].strip() for choice in choices.split("|") if choice.strip())


def _check(mapping: RedcapMapping, fields: Mapping[str, _Field]) -> None:
    """Compare the mapping with the dictionary.  Raises ValueError."""
    for column in sorted(mapping.columns(())):
        field, _, _ = column.partition("___")
        if field not in fields:
            message = f"the data dictionary has no field {field}"
            raise ValueError(message)
    if mapping.use_field:
        left = fields[mapping.use_field].codes - set(mapping.codes)
        if left:
            message = f"[use.codes] does not say what code {', '.join(sorted(left))} of {mapping.use_field} means"
            raise ValueError(message)
        if unknown := set(mapping.codes) - fields[mapping.use_field].codes:
            message = f"{mapping.use_field} has no code {', '.join(sorted(unknown))}"
            raise ValueError(message)
    for answer in (mapping.given, mapping.face, mapping.public):
        if answer is not None:
            _check_answer(answer, fields)


def _check_answer(answer: Answer, fields: Mapping[str, _Field]) -> None:
    field, ticked, _ = answer.column.partition("___")
    if (fields[field].kind == "checkbox") != bool(ticked):
        message = f"{field} is a checkbox: name the column of one choice, {field}___1"
        if ticked:
            message = f"{field} is no checkbox: its column has no ___"
        raise ValueError(message)
    if not ticked and (left := fields[field].codes - answer.yes - answer.no):
        message = f"say whether code {', '.join(sorted(left))} of {field} means yes or no: yes = [...], no = [...]"
        raise ValueError(message)
