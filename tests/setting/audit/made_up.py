"""A made-up machine where every control is met: /proc, /sys and /etc in a folder, and stub programs on a PATH."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import define, evolve

from fivesafes.setting.audit.everything import COLLECTORS
from fivesafes.setting.audit.look import Look, seen
from fivesafes.setting.audit.machine import ClockState, Machine
from fivesafes.setting.model import Declaration, Fact, Listener, Tunnel
from fivesafes.wiring.setting import InstalledPrograms

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
INPUT: dict[str, Any] = {
    "family": "inet", "table": "f", "name": "input", "hook": "input", "type": "filter", "prio": 0, "policy": "drop",
}  # fmt: skip
OUTPUT: dict[str, Any] = {**INPUT, "name": "output", "hook": "output", "policy": "accept"}


def rule(chain: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """Write one nft rule as nft -j prints it."""
    return {"rule": {"family": "inet", "table": "f", "chain": chain, "expr": list(parts)}}


def match(key: str, right: object, operator: str = "==", *, kind: str = "meta") -> dict[str, Any]:
    """Write one nft match."""
    left = {"meta": {"key": key}} if kind == "meta" else {"payload": {"protocol": kind, "field": key}}
    return {"match": {"op": operator, "left": left, "right": right}}


def prefix(address: str, length: int) -> dict[str, Any]:
    """Write one nft prefix."""
    return {"prefix": {"addr": address, "len": length}}


SHUT = rule("output", match("oifname", "wg0", "!="), match("daddr", prefix("10.20.0.0", 16), kind="ip"), {"drop": None})
GOOD_RULES = [{"table": {"family": "inet", "name": "f"}}, {"chain": INPUT}, {"chain": OUTPUT}, SHUT]


def nft(objects: list[dict[str, Any]]) -> str:
    """Write a stub nft that prints these objects."""
    return _prints(json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *objects]}))


def _prints(text: str, code: int = 0) -> str:
    return f"cat <<'END'\n{text}\nEND\nexit {code}\n"


SSHD = "passwordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\npermitrootlogin no\n"
SSHD += "kexalgorithms curve25519-sha256,diffie-hellman-group14-sha256\n"
APT = "Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded."
ADDRESSES = json.dumps([{"ifname": "wg0", "addr_info": [{"local": "10.8.0.1"}]}])
ROUTES = json.dumps([{"type": "blackhole", "dst": "10.20.0.0/16", "metric": 4000}])
PROGRAMS = {
    "nft": nft(GOOD_RULES),
    "ip": f'case "$*" in *addr*) {_prints(ADDRESSES)} ;; esac\n{_prints(ROUTES)}',
    "wg": "printf 'wg0\\tprivate\\tpublic\\t51820\\toff\\n'\n"
    "printf 'wg0\\tpeer\\t(none)\\t192.0.2.9:51820\\t10.20.0.0/16\\t%s\\t1\\t1\\t25\\n' $(date +%s)\n",
    "sshd": _prints(SSHD),
    "chronyc": _prints("C0,x,2,0,0.000010,0,0,0,0,0,0.002,0.001,64,Normal"),
    "apt-get": _prints(APT),
    "oscap": _prints("Title\tA\nRule\ta\nResult\tpass\nTitle\tB\nRule\tb\nResult\tpass"),
}
GOOD_STATUS = (
    "Umask:\t0077\nUid:\t999\t999\t999\t999\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
)
SOCKETS = "  sl  local_address rem_address   st\n"
ON_TUNNEL = "   0: 0100080A:2B68 00000000:0000 0A\n"  # 10.8.0.1:11112
LOOPBACK = "   1: 0100007F:1F90 00000000:0000 0A\n"
FILES: Mapping[str, str] = {
    "proc/self/mountinfo": "27 1 253:9 / / rw,relatime - ext4 /dev/mapper/vault rw\n",
    "proc/self/status": GOOD_STATUS,
    "proc/self/environ": "PATH=/bin\0FIVESAFES_KEYS=/srv/keys\0DB_PASSWORD_FILE=/run/secret\0",
    "proc/1/cgroup": "0::/init.scope\n",
    "proc/1/comm": "systemd\n",
    "proc/77/cmdline": "/usr/bin/python3\0/usr/bin/fivesafes\0worker\0",
    "proc/77/comm": "python3\n",
    "proc/77/status": GOOD_STATUS,
    "proc/77/limits": "Limit  Soft Limit  Hard Limit  Units\nMax core file size        0        0        bytes\n",
    "proc/77/environ": "PATH=/bin\0",
    "proc/net/tcp": SOCKETS + ON_TUNNEL + LOOPBACK,
    "proc/net/udp": SOCKETS,
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
    "proc/sys/kernel/core_pattern": "core\n",
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "etc/ssh/sshd_config": "PermitRootLogin no\n",
    "etc/group": "docker:x:998:\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n",
    "run/empty": "",
    "usr/share/distro-info/debian.csv": "version,series,eol,eol-lts\n12,bookworm,2026-06-10,2028-06-30\n",
    "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml": "<xml/>",
    "var/lib/apt/lists/example.org_debian-security_dists_x-security_InRelease": "Date: Sat, 13 Jun 2026 00:00:00 UTC\n"
    "Valid-Until: Sat, 20 Jun 2026 00:00:00 UTC\n",
}
PROBE = {"schema": 1, "at": "2026-06-01T00:00:00Z", "from": "another site", "protocol": "tcp", "tried": [[1, 65535]]}
LYNIS = (
    "lynis_version=3.0.8\nhostname=haven\nreport_datetime_end=2026-06-15 12:00:00\nfinish=true\ntests_executed="
    + "|".join(f"TEST-{n:04}" for n in range(200))
    + "|\n"
)


@define
class Made:
    """A made-up machine in a folder: change it, then look at a control again."""

    folder: Path
    look: Look

    def write(self, path: str, text: str) -> None:
        """Put a file below the root, or in place of one."""
        file = self.folder / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def remove(self, path: str) -> None:
        """Take a file away."""
        (self.folder / "root" / path).unlink()

    def program(self, name: str, script: str) -> None:
        """Put a stub program on PATH."""
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        file.chmod(0o755)

    def no_programs(self) -> None:
        """Take every outside program from PATH."""
        for file in (self.folder / "bin").iterdir():
            file.unlink()

    def machine(self, **changes: Any) -> None:  # noqa: ANN401 - whatever a machine has
        """Change what the machine itself answers."""
        self.look = evolve(self.look, machine=evolve(self.look.machine, **changes))

    def declare(self, **changes: Any) -> None:  # noqa: ANN401 - whatever a declaration has
        """Change what is declared."""
        self.look = evolve(self.look, declared=evolve(self.look.declared, **changes))

    def fact(self, control: str) -> Fact:
        """Look at one control."""
        return seen(control, COLLECTORS[control], self.look)


def make(tmp_path: Path) -> Made:
    """Make a machine where everything that a machine can see is met, but for TLS endpoints (see test_transit)."""
    (tmp_path / "bin").mkdir()
    for name in ("data", "keys", "tmp", "backup"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "keys" / "a.key").touch(mode=0o600)
    (tmp_path / "data" / "b").touch(mode=0o600)
    for name, text in (
        ("probe.json", json.dumps({**PROBE, "open": [11112]})),
        ("lynis.dat", LYNIS),
        ("pip.json", '{"dependencies": [{"name": "attrs", "version": "25.1", "vulns": []}]}'),
    ):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (NOW.timestamp(), NOW.timestamp()))
    declared = Declaration(
        listeners=(Listener(port=11112, protocol="tcp", what="DICOM"),),
        tunnel=Tunnel(interface="wg0", address="10.8.0.1", far=("10.20.0.0/16",), dicom_ports=(11112,)),
        backup_folders=(tmp_path / "backup",),
        probe_log=tmp_path / "probe.json",
        pip_audit_report=tmp_path / "pip.json",
        lynis_report=tmp_path / "lynis.dat",
    )
    look = Look(
        machine=Machine(
            root=tmp_path / "root",
            programs=InstalledPrograms(path=f"{tmp_path / 'bin'}"),
            clock=lambda: ClockState(synchronised=True, max_error=0.01),
            core_limit=lambda: 0,
            connects=lambda *_: False,
            now=lambda: NOW,
            hostname=lambda: "haven.example.org",
            installed=lambda: {"attrs": "25.1"},
        ),
        data=(tmp_path / "data",),
        keys=(tmp_path / "keys",),
        temp=tmp_path / "tmp",
        declared=declared,
    )
    machine = Made(folder=tmp_path, look=look)
    for path, text in FILES.items():
        machine.write(path, text)
    number = (tmp_path / "data").stat().st_dev
    machine.write(f"sys/dev/block/{os.major(number)}:{os.minor(number)}/dm/uuid", "CRYPT-LUKS2-abc-vault")
    for name, script in PROGRAMS.items():
        machine.program(name, script.replace("cat <<", "/bin/cat <<").replace("$(date", "$(/bin/date"))
    return machine


Break = Callable[[Made], None]
