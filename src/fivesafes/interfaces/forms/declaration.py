"""Reads the declaration of a place in TOML: what it is meant to be; the audit believes none of it unseen."""

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from fivesafes.interfaces.forms.faults import StrictForm, read_form
from fivesafes.setting.model import Declaration, Endpoint, Listener, Tunnel

Port = Annotated[int, Field(ge=1, le=65535)]
Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$")]
# What goes to a program as a word of its own must not look like one of its options.
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$")]

_EXAMPLES: Final = {
    "listener": '[[listener]] with port = 443, what = "web"',
    "port": "port = 443",
    "protocol": 'protocol = "tcp"   (tcp, udp)',
    "what": 'what = "web interface"',
    "host": 'host = "haven.example.org"',
    "interface": 'interface = "wg0"',
    "address": 'address = "10.8.0.1"',
    "far": 'far = ["10.20.0.0/16"]',
    "dicom_ports": "dicom_ports = [11112]",
    "data": 'data = ["/srv/haven"]',
    "backup": 'backup = ["/mnt/backup"]',
    "services": 'services = ["gunicorn"]',
    "profile": 'profile = "xccdf_org.ssgproject.content_profile_standard"',
}
_FIX: Final = "mend these lines; docs/how-to/audit-the-setting.md has an example of each field"


class _ListenerForm(StrictForm):
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    what: Line


class _EndpointForm(StrictForm):
    host: Host
    port: Port = 443
    authority: Line | None = None


class _TunnelForm(StrictForm):
    interface: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$")]
    address: Line
    far: Annotated[list[Line], Field(min_length=1)]
    dicom_ports: Annotated[list[Port], Field(default_factory=list)]

    @field_validator("address")
    @classmethod
    def _an_address(cls, text: str) -> str:
        return str(ipaddress.ip_address(text))

    @field_validator("far")
    @classmethod
    def _networks(cls, texts: list[str]) -> list[str]:
        return [str(ipaddress.ip_network(text)) for text in texts]


class _FoldersForm(StrictForm):
    data: Annotated[list[Line], Field(default_factory=list)]
    backup: Annotated[list[Line], Field(default_factory=list)]


class _ReportsForm(StrictForm):
    probe: Line | None = None
    pip_audit: Line | None = None
    lynis: Line | None = None


class _OpenscapForm(StrictForm):
    content: Line | None = None
    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = ""


class _DeclarationForm(StrictForm):
    listener: Annotated[list[_ListenerForm], Field(default_factory=list)]
    endpoint: Annotated[list[_EndpointForm], Field(default_factory=list)]
    tunnel: _TunnelForm | None = None
    folders: Annotated[_FoldersForm, Field(default_factory=_FoldersForm)]
    reports: Annotated[_ReportsForm, Field(default_factory=_ReportsForm)]
    openscap: Annotated[_OpenscapForm, Field(default_factory=_OpenscapForm)]
    services: Annotated[list[Line], Field(default_factory=list)]


def read_declaration(path: Path) -> Declaration:
    """Read the file; paths in it are relative to it.  Raises InvalidInput naming line, reason and an example."""
    form, _ = read_form(path, _DeclarationForm, what="the declaration", examples=_EXAMPLES, fix=_FIX)

    def placed(name: str | None) -> Path | None:
        return None if name is None else (path.parent / name).absolute()

    tunnel = form.tunnel
    return Declaration(
        # Not saying which ports may listen is no statement that none may: `listener = []` is.
        listeners=tuple(Listener(port=one.port, protocol=one.protocol, what=one.what) for one in form.listener)
        if "listener" in form.model_fields_set
        else None,
        endpoints=tuple(
            Endpoint(host=one.host, port=one.port, authority=placed(one.authority)) for one in form.endpoint
        ),
        tunnel=None
        if tunnel is None
        else Tunnel(
            interface=tunnel.interface,
            address=tunnel.address,
            far=tuple(tunnel.far),
            dicom_ports=tuple(tunnel.dicom_ports),
        ),
        data_folders=tuple((path.parent / name).absolute() for name in form.folders.data),
        backup_folders=tuple((path.parent / name).absolute() for name in form.folders.backup),
        services=tuple(form.services),
        probe_log=placed(form.reports.probe),
        pip_audit_report=placed(form.reports.pip_audit),
        lynis_report=placed(form.reports.lynis),
        openscap_content=placed(form.openscap.content),
        openscap_profile=form.openscap.profile,
    )
