"""Reads the ``[[witness]]`` tables of haven.toml: where the trail's checkpoints go.  No secret is written there."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fivesafes.core.errors import InvalidInput
from fivesafes.core.plugins import names
from fivesafes.setting.trail.ports import WitnessSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
Path_ = Annotated[str, Field(pattern=r"^/[^\x00]+$", description="an absolute path")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,255}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, Field(pattern=r"^[^\s@<>\"',;\x00-\x1f]+@[A-Za-z0-9.-]+$")]
_FIX: Final = "mend this witness; docs/reference/trail.md shows each kind"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str
    name: Name = ""

    def settings(self) -> WitnessSettings:
        """Give it as a domain value; only what was written is handed to the engine."""
        options = self.model_dump(exclude={"kind", "name"}, exclude_unset=True)
        return WitnessSettings(name=self.name or self.kind, kind=self.kind, options=options)


class _FileForm(_Form):
    kind: Literal["file"]
    path: Path_


class _EmailForm(_Form):
    kind: Literal["email"]
    host: Host
    port: Port = 587
    security: Literal["starttls", "tls"] = "starttls"
    sender: Address
    to: Annotated[list[Address], Field(min_length=1)]
    user: str = ""
    password_file: Path_ = ""
    ca_file: Path_ = ""

    @model_validator(mode="after")
    def _both(self) -> "_EmailForm":
        if bool(self.user) != bool(self.password_file):
            message = "user and password_file go together"
            raise ValueError(message)
        return self


class _GitForm(_Form):
    kind: Literal["git"]
    clone: Path_
    remote: Name = "origin"
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,100}$")] = "main"
    ssh_key: Annotated[str, Field(pattern=r"^/[^\x00']+$")] = ""


class _SyslogForm(_Form):
    kind: Literal["syslog"]
    host: Host
    port: Port = 6514
    ca_file: Path_ = ""
    certificate: Path_ = ""
    key: Path_ = ""


class _ObjectStoreForm(_Form):
    kind: Literal["object_store"]
    url: Annotated[str, Field(pattern=r"^(s3|gs|az)://[^/]+(/.*)?$")]
    endpoint: Annotated[str, Field(pattern=r"^https?://")] = ""
    region: str = "us-east-1"
    credentials_file: Path_ = ""
    transport: Literal["https", "http"] = "https"

    @model_validator(mode="after")
    def _encrypted(self) -> "_ObjectStoreForm":
        if self.endpoint.startswith("http://") and self.transport != "http":
            message = 'an endpoint in clear needs transport = "http", and is for a store on this machine'
            raise ValueError(message)
        return self


_FORMS: Final[Mapping[str, type[_Form]]] = {
    "file": _FileForm,
    "email": _EmailForm,
    "git": _GitForm,
    "syslog": _SyslogForm,
    "object_store": _ObjectStoreForm,
}


def read_witnesses(tables: Sequence[Mapping[str, Any]]) -> tuple[WitnessSettings, ...]:
    """Read the tables.  Raises InvalidInput naming the table and the field that is wrong, never a value.

    A kind that another package offers (entry point ``fivesafes.witnesses``) takes its options as they are written.
    """
    read = tuple(_read(number, table) for number, table in enumerate(tables, start=1))
    named = [one.name for one in read]
    for name in named:
        if named.count(name) > 1:
            message = f"haven.toml: two witnesses are called {name!r}"
            raise InvalidInput(message, fix='give each a name of its own: name = "cellar"')
    return read


def _read(number: int, table: Mapping[str, Any]) -> WitnessSettings:
    kind = table.get("kind")
    form = _FORMS.get(kind) if isinstance(kind, str) else None
    if form is None:
        if isinstance(kind, str) and kind in names("witness"):
            options = {key: value for key, value in table.items() if key not in ("kind", "name")}
            return WitnessSettings(name=str(table.get("name", kind)), kind=kind, options=options)
        message = f"haven.toml: [[witness]] {number} is of no kind that is known"
        raise InvalidInput(message, fix=f"set kind to one of: {', '.join(_FORMS)}")
    try:
        return form.model_validate(dict(table)).settings()
    except ValidationError as faults:
        first = faults.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        message = f"haven.toml: [[witness]] {number} ({kind}): {where}: {first['msg']}"
        raise InvalidInput(message, fix=_FIX) from None
