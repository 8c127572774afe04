"""The ``[[witness]]`` tables: each kind as documented, each mistake by its table and field."""

import tomllib
from typing import Any

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.engines.witnesses.email import EmailWitness
from fivesafes.engines.witnesses.file import FileWitness
from fivesafes.engines.witnesses.git import GitWitness
from fivesafes.engines.witnesses.object_store import ObjectStoreWitness
from fivesafes.engines.witnesses.syslog import SyslogWitness
from fivesafes.interfaces.forms.witnesses import read_witnesses

ENGINES = (FileWitness, EmailWitness, GitWitness, SyslogWitness, ObjectStoreWitness)
ALL = """
[[witness]]
kind = "file"
name = "cellar"
path = "/mnt/cellar/checkpoints.txt"
[[witness]]
kind = "email"
host = "mail.example.org"
port = 465
security = "tls"
sender = "haven@example.org"
to = ["auditor@example.org"]
user = "haven"
password_file = "/etc/fivesafes/mail-password"
ca_file = "/etc/ssl/ca.pem"
[[witness]]
kind = "git"
clone = "/srv/checkpoints"
remote = "origin"
branch = "main"
ssh_key = "/etc/fivesafes/git-key"
[[witness]]
kind = "syslog"
host = "log.example.org"
port = 6514
ca_file = "/etc/ssl/ca.pem"
certificate = "/etc/fivesafes/log.pem"
key = "/etc/fivesafes/log.key"
[[witness]]
kind = "object_store"
name = "second-site"
url = "s3://checkpoints/haven"
endpoint = "https://s3.example.org"
region = "us-east-1"
credentials_file = "/etc/fivesafes/s3"
transport = "https"
"""


def tables(text: str) -> list[dict[str, Any]]:
    """Read tables as haven.toml has them."""
    read: list[dict[str, Any]] = tomllib.loads(text)["witness"]
    return read


def test_each_kind_is_read_and_its_engine_takes_the_options() -> None:
    """All options of all kinds."""
    read = read_witnesses(tables(ALL))
    assert [one.name for one in read] == ["cellar", "email", "git", "syslog", "second-site"]
    assert [one.kind for one in read] == [engine.kind for engine in ENGINES]
    for settings, engine in zip(read, ENGINES, strict=True):
        engine(**settings.options)


def test_only_what_was_written_is_handed_on() -> None:
    """Defaults are the engine's own."""
    (one,) = read_witnesses([{"kind": "syslog", "host": "log.example.org"}])
    assert one.options == {"host": "log.example.org"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "no kind"),
        ({"kind": "pigeon"}, "no kind"),
        ({"kind": "file"}, "path"),
        ({"kind": "file", "path": "relative.txt"}, "path"),
        ({"kind": "file", "path": "/x", "colour": "red"}, "colour"),
        ({"kind": "email", "host": "h", "sender": "s@x.y", "to": []}, "to"),
        ({"kind": "email", "host": "h", "sender": "nobody", "to": ["a@b.c"]}, "sender"),
        ({"kind": "email", "host": "h", "sender": "s@x.y", "to": ["a@b.c\nBcc: e@f.g"]}, "to"),
        ({"kind": "email", "host": "h", "sender": "s@x.y", "to": ["a@b.c"], "user": "u"}, "go together"),
        ({"kind": "email", "host": "h", "sender": "s@x.y", "to": ["a@b.c"], "password": "p"}, "password"),
        ({"kind": "email", "host": "h", "sender": "s@x.y", "to": ["a@b.c"], "security": "none"}, "security"),
        ({"kind": "syslog", "host": "h", "port": 0}, "port"),
        ({"kind": "object_store", "url": "https://x"}, "url"),
        ({"kind": "object_store", "url": "s3://b/x", "endpoint": "http://h"}, "clear"),
    ],
)
def test_a_mistake_is_told_by_table_and_field(table: dict[str, object], said: str) -> None:
    """Second of two tables, and no value is repeated."""
    with pytest.raises(InvalidInput, match=rf"\[\[witness\]\] 2.*{said}") as fault:
        read_witnesses([{"kind": "file", "path": "/x"}, table])
    assert "pigeon" not in fault.value.what


def test_two_of_one_name_are_refused() -> None:
    """What each has is kept by its name."""
    one = {"kind": "file", "path": "/x"}
    with pytest.raises(InvalidInput, match="two witnesses"):
        read_witnesses([one, one])
