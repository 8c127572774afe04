"""The forms of an audit: attestations and the declaration, with the line of each fault."""

from datetime import date
from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.interfaces.forms.attestations import read_attestations
from fivesafes.interfaces.forms.declaration import read_declaration

GOOD = """# who says what
[[attestation]]
control = "physical_security"
by = "Bo Sample, facility manager"
on = 2026-01-31
valid_until = 2027-01-31
evidence = "inspection report 7"
"""
DECLARATION = """services = ["gunicorn"]

[[listener]]
port = 443
what = "web"

[[endpoint]]
host = "haven.example.org"
authority = "ca.pem"

[tunnel]
interface = "wg0"
address = "10.8.0.1"
far = ["10.20.0.0/16"]
dicom_ports = [11112]

[folders]
data = ["data"]
backup = ["/mnt/backup"]

[reports]
probe = "probe.json"

[openscap]
profile = "xccdf_org.ssgproject.content_profile_standard"
"""


def written(folder: Path, text: str) -> Path:
    """Write a form."""
    path = folder / "form.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_attestation_is_read(tmp_path: Path) -> None:
    """Every field, as domain values."""
    (one,) = read_attestations(written(tmp_path, GOOD))
    assert (one.control, one.on, one.valid_until) == ("physical_security", date(2026, 1, 31), date(2027, 1, 31))
    assert one.by == "Bo Sample, facility manager"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"physical_security"', '"physical_safety"', "line 3: .*not the name of a control"),
        ('"physical_security"', '"private_folder"', "line 3: .*can't be attested"),
        ("valid_until = 2027-01-31", "valid_until = 2025-01-31", "line 6: .*ends before it begins"),
        ("valid_until = 2027-01-31", "valid_until = 2031-01-31", "line 6: .*look again"),
        ("valid_until = 2027-01-31\n", "", "line 2: .*is missing"),
        ('by = "Bo Sample, facility manager"', 'by = " "', "line 4: "),
        ('"inspection report 7"', '"«fill in»"', "line 7: .*must be filled in"),
        ("evidence", "evidense", "line 7: .*not a field of this form"),
        ("on = 2026-01-31", 'on = "today"', "line 5: "),
        ("[[attestation]]", "[[attest]]", "line 2: .*not a field of this form"),
        (GOOD, "", "line 1: .*is missing"),
        ("on = ", "on == ", "not TOML"),
    ],
)
def test_a_faulty_attestation_is_answered_with_its_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    """Line, reason and example; what was written is not repeated."""
    with pytest.raises(InvalidInput, match=why) as caught:
        read_attestations(written(tmp_path, GOOD.replace(old, new)))
    assert "Sample" not in str(caught.value)


def test_a_second_attestation_has_its_own_line(tmp_path: Path) -> None:
    """The line is that of the faulty one; and one control is attested once."""
    with pytest.raises(InvalidInput, match=r"line 8: .*is missing"):
        read_attestations(written(tmp_path, GOOD + "[[attestation]]\n"))
    with pytest.raises(InvalidInput, match="line 10: physical_security is attested twice"):
        read_attestations(written(tmp_path, GOOD + GOOD))


def test_files_that_can_not_be_read_are_told(tmp_path: Path) -> None:
    """Missing, or no text."""
    with pytest.raises(InvalidInput, match="can't read the attestations"):
        read_attestations(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_declaration(tmp_path / "bad.toml")


def test_a_declaration_is_read(tmp_path: Path) -> None:
    """Every part; relative paths lie beside the form."""
    told = read_declaration(written(tmp_path, DECLARATION))
    assert told.listeners is not None
    assert [(one.port, one.protocol, one.what) for one in told.listeners] == [(443, "tcp", "web")]
    assert (told.endpoints[0].port, told.endpoints[0].authority) == (443, tmp_path / "ca.pem")
    assert told.tunnel is not None
    assert (told.tunnel.far, told.tunnel.dicom_ports) == (("10.20.0.0/16",), (11112,))
    assert (told.data_folders, told.backup_folders) == ((tmp_path / "data",), (Path("/mnt/backup"),))
    assert (told.probe_log, told.services) == (tmp_path / "probe.json", ("gunicorn",))


def test_not_naming_listeners_is_no_statement(tmp_path: Path) -> None:
    """An empty form declares nothing; ``listener = []`` says that nothing may listen."""
    assert read_declaration(written(tmp_path, "")).listeners is None
    assert read_declaration(written(tmp_path, "listener = []\n")).listeners == ()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("port = 443", "port = 70000", "line 4: "),
        ('host = "haven.example.org"', 'host = "--help"', "line 8: "),
        ('address = "10.8.0.1"', 'address = "10.8"', "line 13: "),
        ('far = ["10.20.0.0/16"]', 'far = ["10.20.0.1/16"]', "line 14: "),
        ('interface = "wg0"', 'interface = "-x"', "line 12: "),
        ('profile = "', 'profile = "--', "line 25: "),
        ("[reports]", "[report]", "line 21: .*not a field"),
    ],
)
def test_a_faulty_declaration_is_answered_with_its_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    """What would reach a program as an option is refused like any other fault."""
    with pytest.raises(InvalidInput, match=why):
        read_declaration(written(tmp_path, DECLARATION.replace(old, new)))
