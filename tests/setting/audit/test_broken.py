"""Every control broken one at a time, in a made-up machine: each is reported, none is falsely green."""

import json
import os
from pathlib import Path

import pytest
from tests.setting.audit.made_up import (
    FILES,
    GOOD_STATUS,
    INPUT,
    LYNIS,
    NOW,
    ON_TUNNEL,
    OUTPUT,
    PROBE,
    PROGRAMS,
    SHUT,
    SOCKETS,
    SSHD,
    Break,
    Made,
    match,
    nft,
    prefix,
    rule,
)

from fivesafes.setting.audit import collect
from fivesafes.setting.audit.everything import COLLECTORS, collect_all
from fivesafes.setting.audit.machine import ClockState, Machine, installed
from fivesafes.setting.model import State
from fivesafes.wiring.setting import InstalledPrograms, judge

NO, UNKNOWN = State.NO, State.UNKNOWN
ANYWHERE = "   2: 00000000:0016 00000000:0000 0A\n"
ANYWHERE6 = "   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\n"
LOOPBACK6 = "   2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A\n"
MAPPED_LOOPBACK = "   2: 0000000000000000FFFF00000100007F:0016 00000000000000000000000000000000:0000 0A\n"


def both(*breaks: Break) -> Break:
    """Break several things that make one fault together."""

    def change(made: Made) -> None:
        for one in breaks:
            one(made)

    return change


def moved(name: str) -> Break:
    """Break by a folder that is not where it is said to be."""

    def change(made: Made) -> None:
        (made.folder / name).rename(made.folder / "elsewhere")

    return change


def write(path: str, text: str) -> Break:
    """Break by a file's content."""
    return lambda made: made.write(path, text)


def says(name: str, printed: str, code: int = 0) -> Break:
    """Break by what a program prints and how it ends."""
    return lambda made: made.program(name, f"/bin/cat <<'END'\n{printed}\nEND\nexit {code}\n")


def rules(*objects: object) -> Break:
    """Break by the firewall's rules."""
    return lambda made: made.program("nft", nft(list(objects)).replace("cat <<", "/bin/cat <<"))  # type: ignore[arg-type]


def report(name: str, text: str) -> Break:
    """Break by a report's content, as old as before."""

    def change(made: Made) -> None:
        (made.folder / name).write_text(text)
        os.utime(made.folder / name, (NOW.timestamp(), NOW.timestamp()))

    return change


def mode(name: str, bits: int) -> Break:
    """Break by a folder's or file's mode."""
    return lambda made: (made.folder / name).chmod(bits)


def disk(uuid: str) -> Break:
    """Break by what the kernel says of the device below the folders."""

    def change(made: Made) -> None:
        number = (made.folder / "data").stat().st_dev
        made.write(f"sys/dev/block/{os.major(number)}:{os.minor(number)}/dm/uuid", uuid)

    return change


def mounted(kind: str) -> Break:
    """Break by the kind of the file system."""
    return write("proc/self/mountinfo", f"27 1 0:9 / / rw - {kind} server:/x rw\n")


def mounted_in(point: str, kind: str, source: str, device: str) -> Break:
    """Break by what is mounted in a folder, on a plain disk where it is one."""

    def change(made: Made) -> None:
        line = f"28 27 {device} / {made.folder / point} rw - {kind} {source} rw\n"
        made.write("proc/self/mountinfo", FILES["proc/self/mountinfo"] + line)
        made.write("sys/dev/block/8:17/size", "1")
        made.write("sys/dev/block/253:7/dm/uuid", "CRYPT-LUKS2-b")

    return change


def swap(uuid: str | None) -> Break:
    """Break by a swap area: on a device with that dm uuid, or none."""

    def change(made: Made) -> None:
        made.write("proc/swaps", "Filename\tType\n/dev/vdb\tpartition\t1\t0\t-2\n")
        made.write("sys/class/block/vdb/dm/uuid" if uuid else "sys/class/block/vdb/size", uuid or "1")

    return change


def status(old: str, new: str, process: str = "77") -> Break:
    """Break by one line of a process's status."""
    assert old in GOOD_STATUS
    return write(f"proc/{process}/status", GOOD_STATUS.replace(old, new))


def declared(**changes: object) -> Break:
    """Break by the declaration."""
    return lambda made: made.declare(**changes)


def in_container(root: str, capabilities: str) -> Break:
    """Break by being in a container with that root and those capabilities."""

    def change(made: Made) -> None:
        made.write(".dockerenv", "")
        made.write("proc/self/mountinfo", f"27 1 253:9 / / {root},relatime - overlay overlay rw\n")
        made.write("proc/self/status", GOOD_STATUS.replace("CapEff:\t0000000000000000", f"CapEff:\t{capabilities}"))

    return change


def engine_socket(bits: int, members: str, *, owner: int = 0, group: int = 998, own_group: int = 1000) -> Break:
    """Break by a container engine's socket of that mode and owners, the members of its group, and Ann's own group."""

    def change(made: Made) -> None:
        made.write("run/docker.sock", "")
        made.machine(status=lambda _: os.stat_result((bits, 0, 0, 1, owner, group, 0, 0, 0, 0)))
        made.write("etc/group", f"docker:x:998:{members}\n")
        made.write("etc/passwd", f"root:x:0:0::/root:/bin/sh\nann:x:1000:{own_group}::/home/ann:/bin/sh\n")

    return change


def own_mount(made: Made) -> None:
    """Mend an open temporary folder by a mount of this process's own."""
    mode("tmp", 0o1777)(made)
    own = f"2 1 1:1 /x/systemd-private-1/tmp {made.folder}/tmp rw - ext4 x rw\n"  # noqa: S108 - made up
    made.write("proc/self/mountinfo", f"1 0 1:1 / / rw - ext4 x rw\n{own}")


def no_clock(state: ClockState | None) -> Break:
    """Break by the kernel's clock."""
    return lambda made: made.machine(clock=lambda: state)


PIP = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "no service"}]}'
VULNERABLE = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}]}'
LISTS = "var/lib/apt/lists/example.org_debian-security_dists_x-security_InRelease"
INST = "Inst libx [1.0] (1.1 Debian-Security:12/stable-security [amd64])\n1 upgraded, 0 newly installed, 0 to remove"
ACCEPT_ALL = rule("input", {"accept": None})
JUMP = {"chain": {"family": "inet", "table": "f", "name": "all"}}
OPEN = {**INPUT, "policy": "accept"}
CT_STATE = {"ct": {"key": "state"}}
STRANGE: dict[str, dict[str, object]] = {
    "connection count": {"ct count": {"val": 20, "inv": True}},
    "a meter": {"set": {"op": "add", "elem": {"val": 1, "stmt": [{"limit": {"rate": 10, "inv": True}}]}, "set": "@m"}},
    "xt": {"xt": {"type": "match", "name": "hashlimit"}},
    "a rate": {"limit": {"rate": 4, "per": "second"}},
    "a quota": {"quota": {"val": 1}},
    "new ones": {"match": {"op": "in", "left": CT_STATE, "right": "new"}},
    "another interface": match("iifname", "eth0"),
    "all but one": match("saddr", "192.0.2.1", "!=", kind="ip"),
    "our address": match("daddr", "192.0.2.1", kind="ip"),
    "all ports": match("dport", {"range": [0, 65535]}, kind="tcp"),
    "all of TCP": match("l4proto", "tcp"),
    "a set that is not there": match("saddr", "@gone", kind="ip"),
    "never heard of": {"osf": {"key": "name"}},
}
DORMANT = {"table": {"family": "inet", "name": "f", "flags": ["dormant"]}}

BROKEN: list[tuple[str, str, Break, State]] = [
    ("service_unprivileged", "root", status("999\t999\t999\t999", "0\t0\t0\t0"), NO),
    ("service_unprivileged", "saved root", status("999\t999\t999\t999", "999\t999\t0\t999"), NO),
    ("service_unprivileged", "capability", status("CapEff:\t0000000000000000", "CapEff:\t0000000000000400"), NO),
    ("service_unprivileged", "permitted", status("CapPrm:\t0000000000000000", "CapPrm:\t0000000000000400"), NO),
    ("service_unprivileged", "may gain", status("NoNewPrivs:\t1", "NoNewPrivs:\t0"), NO),
    ("service_unprivileged", "garbled", status("Uid:", "Wid:"), UNKNOWN),
    ("service_unprivileged", "a declared one is root", both(
        declared(services=("gunicorn",)), write("proc/88/cmdline", "gunicorn: worker [x]\0"),
        write("proc/88/comm", "gunicorn\n"), write("proc/88/status", GOOD_STATUS.replace("999", "0"))), NO),
    ("service_unprivileged", "one can't be read", lambda made: (made.folder / "root/proc/88/cmdline").mkdir(
        parents=True), UNKNOWN),
    ("service_unprivileged", "none runs", write("proc/77/cmdline", "bash\0"), UNKNOWN),
    ("private_folder", "open", mode("data", 0o750), NO),
    ("private_contents", "open below", both(mode("data", 0o711), mode("data/b", 0o644)), NO),
    ("private_contents", "open key", mode("keys/a.key", 0o640), NO),
    ("private_contents", "gone", moved("data"), UNKNOWN),
    ("encrypted_disk", "plain", disk(""), UNKNOWN),
    ("encrypted_disk", "verity only checks", disk("CRYPT-VERITY-abc"), UNKNOWN),
    ("encrypted_disk", "LVM on nothing", disk("LVM-abc"), UNKNOWN),
    ("encrypted_swap", "plain", swap(None), NO),
    ("encrypted_swap", "verity", swap("CRYPT-VERITY-x"), NO),
    ("encrypted_swap", "rubbish", write("proc/swaps", "nothing known"), UNKNOWN),
    ("encrypted_temp", "plain", disk(""), UNKNOWN),
    ("encrypted_temp", "memory on plain swap", both(mounted("tmpfs"), swap(None)), NO),
    ("encrypted_backup", "plain", disk(""), UNKNOWN),
    ("encrypted_backup", "undeclared", declared(backup_folders=()), UNKNOWN),
    ("local_disk", "nfs", mounted("nfs4"), NO),
    ("local_disk", "sshfs", mounted("fuse.sshfs"), NO),
    ("local_disk", "nfs below it", mounted_in("data/vault", "nfs4", "server:/x", "0:55"), NO),
    ("local_disk", "never heard of below it", mounted_in("data/a/b", "newfs9", "x", "0:55"), UNKNOWN),
    ("encrypted_disk", "nfs below it", mounted_in("data/vault", "nfs4", "server:/x", "0:55"), UNKNOWN),
    ("encrypted_disk", "a plain disk below it", mounted_in("data/vault", "ext4", "/dev/sdb1", "8:17"), UNKNOWN),
    ("encrypted_disk", "memory on plain swap below it", both(
        mounted_in("data/projects", "tmpfs", "tmpfs", "0:56"), swap(None)), NO),
    ("encrypted_backup", "a plain disk below it", mounted_in("backup/usb", "ext4", "/dev/sdb1", "8:17"), UNKNOWN),
    ("local_disk", "never heard of", mounted("newfs9"), UNKNOWN),
    ("local_disk", "no mount", write("proc/self/mountinfo", ""), UNKNOWN),
    ("keys_apart", "beside the backup", lambda made: made.declare(backup_folders=(made.folder,)), NO),
    ("keys_apart", "none yet", moved("keys"), UNKNOWN),
    ("firewall_default_drop", "no rules", rules(), NO),
    ("firewall_default_drop", "accepts", rules({"chain": {**INPUT, "policy": "accept"}}), NO),
    ("firewall_default_drop", "IPv4 alone", both(
        write("proc/net/if_inet6", "x"), rules({"chain": {**INPUT, "family": "ip"}})), NO),
    ("firewall_default_drop", "accepts all first", rules({"chain": INPUT}, ACCEPT_ALL), NO),
    ("firewall_default_drop", "accepts every address", both(write("proc/net/if_inet6", "x"), rules(
        {"chain": INPUT}, rule("input", match("saddr", prefix("::", 0), kind="ip6"), {"accept": None}))), NO),
    ("firewall_default_drop", "jumps to accept", rules(
        {"chain": INPUT}, JUMP, rule("input", {"jump": {"target": "all"}}), rule("all", {"accept": None})), NO),
    ("firewall_default_drop", "dormant", rules(DORMANT, {"chain": INPUT}), NO),
    ("firewall_default_drop", "forward hook", rules({"chain": {**INPUT, "hook": "forward"}}), NO),
    ("firewall_default_drop", "accepts both protocols", rules(
        {"chain": INPUT}, rule("input", match("nfproto", {"set": ["ipv4", "ipv6"]}), {"accept": None})), NO),
    ("firewall_default_drop", "accepts every half", rules({"chain": INPUT}, rule("input", match(
        "saddr", {"set": [prefix("0.0.0.0", 1), prefix("128.0.0.0", 1)]}, kind="ip"), {"accept": None})), NO),  # noqa: S104
    ("firewall_default_drop", "returns before its drop", rules(
        {"chain": OPEN}, rule("input", {"return": None}), rule("input", {"drop": None})), NO),
    ("firewall_default_drop", "goes away before its drop", rules(
        {"chain": OPEN}, JUMP, rule("input", {"goto": {"target": "all"}}), rule("input", {"drop": None})), NO),
    *(("firewall_default_drop", f"drops some: {name}", rules(
        {"chain": OPEN}, rule("input", one, {"drop": None})), NO) for name, one in STRANGE.items()),
    *(("firewall_default_drop", f"accepts whom: {name}", rules(
        {"chain": INPUT}, rule("input", one, {"accept": None})), UNKNOWN) for name, one in STRANGE.items()),
    ("firewall_default_drop", "maps everybody to accept", rules({"chain": INPUT}, rule("input", {"vmap": {
        "key": CT_STATE, "data": {"set": [["new", {"accept": None}]]}}})), UNKNOWN),
    ("firewall_default_drop", "a program decides", rules(
        {"chain": INPUT}, rule("input", {"queue": {"num": 1}})), UNKNOWN),
    ("firewall_default_drop", "jumps to strange accept", rules({"chain": INPUT}, JUMP, rule(
        "input", {"xt": None}, {"jump": {"target": "all"}}), rule("all", {"accept": None})), UNKNOWN),
    ("firewall_default_drop", "doubt before a drop", rules({"chain": OPEN}, rule(
        "input", {"xt": None}, {"accept": None}), rule("input", {"drop": None})), UNKNOWN),
    ("firewall_default_drop", "older iptables", both(
        rules(), write("proc/net/ip_tables_names", "filter\n")), UNKNOWN),
    ("listeners_declared", "IPv4", write("proc/net/tcp", SOCKETS + ANYWHERE), NO),
    ("listeners_declared", "IPv6", write("proc/net/tcp6", SOCKETS + ANYWHERE6), NO),
    ("listeners_declared", "UDP", write("proc/net/udp", SOCKETS + ANYWHERE.replace("0A", "07")), NO),
    ("listeners_declared", "UDP IPv6", write("proc/net/udp6", SOCKETS + ANYWHERE6.replace("0A", "07")), NO),
    ("listeners_declared", "other protocol", write("proc/net/udp", SOCKETS + ON_TUNNEL.replace("0A", "07")), NO),
    ("listeners_declared", "undeclared", declared(listeners=None), UNKNOWN),
    ("listeners_declared", "rubbish", write("proc/net/tcp", SOCKETS + "0: zz:zz x 0A\n"), UNKNOWN),
    ("boundary_from_outside", "open", report("probe.json", json.dumps({**PROBE, "open": [11112, 22]})), NO),
    ("boundary_from_outside", "few tried", report(
        "probe.json", json.dumps({**PROBE, "tried": [[1, 80]], "open": []})), UNKNOWN),
    ("boundary_from_outside", "a part of the ports", report(
        "probe.json", json.dumps({**PROBE, "tried": [[60000, 61000]], "open": []})), UNKNOWN),
    ("boundary_from_outside", "all but one", report(
        "probe.json", json.dumps({**PROBE, "tried": [[1, 21], [23, 65535]], "open": []})), UNKNOWN),
    ("boundary_from_outside", "UDP alone", report(
        "probe.json", json.dumps({**PROBE, "protocol": "udp", "open": []})), UNKNOWN),
    *(("boundary_from_outside", f"from here: {name}", both(
        write("proc/net/if_inet6", "20010db8000000000000000000000009 02 40 00 80 eth0\n"),
        write("proc/net/fib_trie", "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.7\n        /32 host LOCAL\n"),
        report("probe.json", json.dumps({**PROBE, "from": name, "open": [11112]}))), UNKNOWN)
      for name in ("localhost", "127.0.0.1", "::1", "Haven", "haven.other.org", "192.0.2.7", "2001:db8::9")),
    ("boundary_from_outside", "contradicts itself", report(
        "probe.json", json.dumps({**PROBE, "tried": [[1, 9999]], "open": [11112]})), UNKNOWN),
    ("boundary_from_outside", "rubbish", report("probe.json", "[]"), UNKNOWN),
    ("boundary_from_outside", "undeclared", declared(probe_log=None), UNKNOWN),
    ("scanner_tunnel", "everywhere", write("proc/net/tcp", SOCKETS + ON_TUNNEL.replace("0100080A", "00000000")), NO),
    ("scanner_tunnel", "IPv6 too", write("proc/net/tcp6", SOCKETS + ANYWHERE6.replace("0016", "2B68")), NO),
    ("scanner_tunnel", "not on the interface", says("ip", "[]"), NO),
    ("scanner_tunnel", "silent peer", says("wg", "wg0\tp\t\t\t\t1750000000\t1\t1\t25"), NO),
    ("scanner_tunnel", "never spoke", says("wg", "wg0\tp\t\t\t\t0\t1\t1\t25"), NO),
    ("scanner_tunnel", "other interface", says("wg", ""), UNKNOWN),
    ("scanner_tunnel", "nothing listens", write("proc/net/tcp", SOCKETS), UNKNOWN),
    ("scanner_tunnel", "undeclared", declared(tunnel=None), UNKNOWN),
    ("tunnel_fails_shut", "no route", says("ip", "[]"), NO),
    ("tunnel_fails_shut", "wider route loses", says("ip", '[{"type": "blackhole", "dst": "10.0.0.0/8"}]'), NO),
    ("tunnel_fails_shut", "other table", says(
        "ip", '[{"type": "blackhole", "dst": "10.20.0.0/16", "table": "99"}]'), NO),
    ("tunnel_fails_shut", "no rule", rules({"chain": INPUT}, {"chain": OUTPUT}), NO),
    ("tunnel_fails_shut", "some packets only", rules({"chain": OUTPUT}, rule(
        "output", match("oifname", "wg0", "!="), match("daddr", prefix("10.20.0.0", 16), kind="ip"),
        match("dport", 104, kind="tcp"), {"drop": None})), NO),
    ("tunnel_fails_shut", "half the network", rules({"chain": OUTPUT}, rule(
        "output", match("oifname", "wg0", "!="), match("daddr", prefix("10.20.0.0", 17), kind="ip"),
        {"drop": None})), NO),
    ("tunnel_fails_shut", "accepted before", rules({"chain": OUTPUT}, rule("output", {"accept": None}), SHUT), NO),
    ("tunnel_fails_shut", "drops the tunnel", rules({"chain": OUTPUT}, rule(
        "output", match("oifname", "wg0"), match("daddr", prefix("10.20.0.0", 16), kind="ip"), {"drop": None})), NO),
    *(("tunnel_fails_shut", f"drops some: {name}", rules({"chain": OUTPUT}, rule(
        "output", match("oifname", "wg0", "!="), match("daddr", prefix("10.20.0.0", 16), kind="ip"), one,
        {"drop": None})), NO) for name, one in STRANGE.items() if "match" not in one),
    ("tunnel_fails_shut", "goes elsewhere before", rules(
        {"chain": OUTPUT}, JUMP, rule("output", {"jump": {"target": "all"}}), SHUT), UNKNOWN),
    ("tunnel_fails_shut", "dormant", rules(DORMANT, {"chain": OUTPUT}, SHUT), NO),
    ("tunnel_fails_shut", "input chain", rules({"chain": {**OUTPUT, "hook": "input"}}, SHUT), NO),
    ("metadata_unreachable", "answers", lambda made: made.machine(connects=lambda *_: True), NO),
    ("metadata_unreachable", "IPv6 answers", lambda made: made.machine(connects=lambda host, *_: ":" in host), NO),
    ("remote_admin", "passwords",
        says("sshd", SSHD.replace("passwordauthentication no", "passwordauthentication yes")), NO),
    ("remote_admin", "keyboard",
        says("sshd", SSHD.replace("interactiveauthentication no", "interactiveauthentication yes")), NO),
    ("remote_admin", "root by key", says("sshd", SSHD.replace("rootlogin no", "rootlogin without-password")), NO),
    ("remote_admin", "SHA-1", says("sshd", SSHD.replace("curve25519-sha256", "diffie-hellman-group14-sha1")), NO),
    ("remote_admin", "exceptions",
        write("etc/ssh/sshd_config.d/a.conf", "Match User b\n PasswordAuthentication yes\n"), UNKNOWN),
    ("remote_admin", "half printed", says("sshd", "permitrootlogin no"), UNKNOWN),
    ("clock_synchronised", "free-running", no_clock(ClockState(synchronised=False, max_error=0.0)), NO),
    ("clock_synchronised", "too far", no_clock(ClockState(synchronised=True, max_error=1.5)), NO),
    ("clock_synchronised", "chrony far", says("chronyc", "C0,x,2,0,-1.2,0,0,0,0,0,0,0,64,Normal"), NO),
    ("clock_synchronised", "chrony follows itself", says(
        "chronyc", "7F7F0101,,10,1795471716.94,0.0,0.0,0.0,0.000,0.000,0.000,0.0,0.0,0.0,Normal"), NO),
    ("clock_synchronised", "chrony lost", says("chronyc", "0,,0,0,0,0,0,0,0,0,1,1,0,Not synchronised"), NO),
    ("clock_synchronised", "lost without chrony", both(
        no_clock(ClockState(synchronised=False, max_error=0.0)), says("chronyc", "506", 1)), NO),
    ("clock_synchronised", "nobody says", both(no_clock(None), says("chronyc", "506", 1)), UNKNOWN),
    ("patches_applied", "waiting", says("apt-get", INST), NO),
    ("patches_applied", "held back",
        says("apt-get", "0 upgraded, 0 newly installed, 0 to remove and 2 not upgraded."), UNKNOWN),
    ("patches_applied", "stale lists", write(LISTS, "Date: Sat, 13 Jun 2025 00:00:00 UTC\n"), UNKNOWN),
    ("patches_applied", "not valid any more", write(
        LISTS, "Date: Sat, 13 Jun 2026 00:00:00 UTC\nValid-Until: Sun, 14 Jun 2026 00:00:00 UTC\n"), UNKNOWN),
    ("patches_applied", "dateless lists", write(LISTS, "Origin: x\n"), UNKNOWN),
    ("patches_applied", "no security list", lambda made: made.remove(LISTS), UNKNOWN),
    ("patches_applied", "rubbish", says("apt-get", "hello"), UNKNOWN),
    ("release_supported", "ended",
        write("usr/share/distro-info/debian.csv", "version,eol,eol-lts\n12,2024-01-01,2025-01-01\n"), NO),
    ("release_supported", "says so itself",
        write("etc/os-release", "ID=fedora\nVERSION_ID=38\nSUPPORT_END=2024-05-21\n"), NO),
    ("release_supported", "not in the table", write("etc/os-release", "ID=debian\nVERSION_ID=99\n"), UNKNOWN),
    ("dependencies_audited", "vulnerable", report("pip.json", VULNERABLE), NO),
    ("dependencies_audited", "one package of many", both(
        lambda made: made.machine(installed=lambda: {"attrs": "25.1", "pydicom": "3.0.1"}),
        report("pip.json", '{"dependencies": [{"name": "attrs", "version": "25.1", "vulns": []}]}')), UNKNOWN),
    ("dependencies_audited", "of another version",
        lambda made: made.machine(installed=lambda: {"attrs": "25.2"}), UNKNOWN),
    ("dependencies_audited", "nothing is installed", lambda made: made.machine(installed=dict), UNKNOWN),
    ("dependencies_audited", "skipped", report("pip.json", PIP), UNKNOWN),
    ("dependencies_audited", "empty", report("pip.json", '{"dependencies": []}'), UNKNOWN),
    ("dependencies_audited", "rubbish", report("pip.json", "No known vulnerabilities found"), UNKNOWN),
    ("dependencies_audited", "undeclared", declared(pip_audit_report=None), UNKNOWN),
    ("hardening_scanned", "warning", report("lynis.dat", LYNIS + "warning[]=PKGS-7392|Found|-|-|\n"), NO),
    ("hardening_scanned", "cut short", report("lynis.dat", LYNIS.replace("finish=true\n", "")), UNKNOWN),
    ("hardening_scanned", "of another machine", report("lynis.dat", LYNIS.replace("=haven", "=elsewhere")), UNKNOWN),
    ("hardening_scanned", "of no machine", report("lynis.dat", LYNIS.replace("hostname=haven", "")), UNKNOWN),
    ("hardening_scanned", "of no day", report("lynis.dat", LYNIS.replace("_end=2026", "_end=x")), UNKNOWN),
    ("hardening_scanned", "few tests", report("lynis.dat", "finish=true\ntests_executed=A|B|\n"), UNKNOWN),
    ("hardening_scanned", "no report", declared(lynis_report=None), UNKNOWN),
    ("benchmark_passed", "a failure", says("oscap", "Result\tpass\nResult\tfail", 2), NO),
    ("benchmark_passed", "all notapplicable, exit 0", says("oscap", "Result\tnotapplicable\n" * 44), UNKNOWN),
    ("benchmark_passed", "mostly notchecked",
        says("oscap", "Result\tpass\n" + "Result\tnotchecked\n" * 44), UNKNOWN),
    ("benchmark_passed", "mostly notapplicable",
        says("oscap", "Result\tpass\n" + "Result\tnotapplicable\n" * 44), UNKNOWN),
    ("benchmark_passed", "an error", says("oscap", "Result\tpass\nResult\terror"), UNKNOWN),
    ("benchmark_passed", "nothing", says("oscap", ""), UNKNOWN),
    ("benchmark_passed", "no content", write("etc/os-release", "ID=arch\n"), UNKNOWN),
    ("no_core_dumps", "on", lambda made: made.machine(core_limit=lambda: -1), NO),
    ("no_core_dumps", "apport, whatever the limit",
        write("proc/sys/kernel/core_pattern", "|/usr/share/apport/apport -p%p -c%c\n"), NO),
    ("no_core_dumps", "systemd stores",
        write("proc/sys/kernel/core_pattern", "|/lib/systemd/systemd-coredump %P %u %g %s %t %c %h\n"), NO),
    ("no_core_dumps", "a socket", write("proc/sys/kernel/core_pattern", "@/run/collector\n"), NO),
    ("no_core_dumps", "a service's limit",
        write("proc/77/limits", "Max core file size  unlimited unlimited bytes\n"), NO),
    ("no_core_dumps", "a service's can't be read", write("proc/77/limits", ""), UNKNOWN),
    ("no_core_dumps", "where crashes go is not told",
        lambda made: made.remove("proc/sys/kernel/core_pattern"), UNKNOWN),
    ("no_core_dumps", "no such limit", lambda made: made.machine(core_limit=lambda: None), UNKNOWN),
    ("no_crash_collector", "a socket", write("proc/sys/kernel/core_pattern", "@/run/systemd/coredump\n"), NO),
    ("no_crash_collector", "a program", write("proc/sys/kernel/core_pattern", "|/usr/share/apport/apport -p%p\n"), NO),
    ("no_crash_collector", "systemd stores",
        write("proc/sys/kernel/core_pattern", "|/lib/systemd/systemd-coredump %P\n"), NO),
    ("umask_private", "this process", status("0077", "0022", "self"), NO),
    ("umask_private", "before this program set its own", lambda made: made.machine(own_umask=0o022), NO),
    ("umask_private", "a service", status("0077", "0027"), NO),
    ("umask_private", "not told", status("Umask", "Mask", "self"), UNKNOWN),
    ("private_temp", "shared", mode("tmp", 0o1777), NO),
    ("no_secrets_in_environment", "by name", write("proc/self/environ", "DB_PASSWORD=hunter2\0"), NO),
    ("no_secrets_in_environment", "by value", write("proc/self/environ", "X=AGE-SECRET-KEY-1ABC\0"), NO),
    ("no_secrets_in_environment", "in a URL", write("proc/self/environ", "DATABASE=postgresql://u:hunter2@h/d\0"), NO),
    ("no_secrets_in_environment", "a service's", write("proc/77/environ", "AWS_SECRET_ACCESS_KEY=hunter2\0"), NO),
    ("container_confined", "root can be written", in_container("rw", "0" * 16), NO),
    ("container_confined", "privileged", in_container("ro", "000001ffffffffff"), NO),
    ("container_confined", "no init", write("proc/1/comm", "bash\n"), UNKNOWN),
    ("no_container_socket", "everybody", engine_socket(0o666, ""), NO),
    ("no_container_socket", "a group", engine_socket(0o660, "ann,bob"), NO),
    ("no_container_socket", "an owner who is not root", engine_socket(0o600, "", owner=1000), NO),
    ("no_container_socket", "somebody's own group", engine_socket(0o660, "", own_group=998), NO),
    ("no_container_socket", "a directory service", both(
        engine_socket(0o660, ""),
        write("etc/nsswitch.conf", "passwd: files\ngroup: files [!UNAVAIL=return] sss\n")), UNKNOWN),
    ("no_container_socket", "rootless podman", write("run/user/1000/podman/podman.sock", ""), NO),
    ("no_container_socket", "rootless docker", write("run/user/1001/docker.sock", ""), NO),
    ("no_container_socket", "another's folder", write("run/user/1001", "no folder to enter"), UNKNOWN),
    ("no_container_socket", "LXD", both(
        engine_socket(0o660, "ann"), lambda made: (made.folder / "root/run/docker.sock").unlink(),
        write("var/snap/lxd/common/lxd/unix.socket", "")), NO),
    ("no_container_socket", "in a container", both(
        engine_socket(0o600, ""), write(".dockerenv", "")), NO),
]  # fmt: skip


@pytest.mark.parametrize(
    ("control", "break_it", "state"), [(c, b, s) for c, _, b, s in BROKEN], ids=[f"{c}-{h}" for c, h, _, _ in BROKEN]
)
def test_a_broken_control_is_reported(made: Made, control: str, break_it: Break, state: State) -> None:
    """One thing is broken, and the fact about it is no longer yes, and says why without the secret itself."""
    break_it(made)
    fact = made.fact(control)
    assert (fact.state, bool(fact.seen)) == (state, True), fact
    assert "hunter2" not in fact.seen
    assert str(made.folder) not in fact.seen + fact.how


def test_every_control_that_a_machine_sees_is_broken_here() -> None:
    """A new collector needs its way to fail; TLS endpoints have their own page, because they need a server."""
    assert {control for control, *_ in BROKEN} | {"endpoints_tls"} == set(COLLECTORS)


def test_unbroken_all_are_met(made: Made) -> None:
    """What is broken above was whole before; endpoints are none and so unknown."""
    facts = {fact.control: fact for fact in collect_all(made.look) if fact.control in COLLECTORS}
    assert {name: fact.seen for name, fact in facts.items() if fact.state is not State.YES}.keys() == {"endpoints_tls"}
    assert all(fact.at is not None for fact in facts.values())


GOOD_TOO: list[tuple[str, str, Break]] = [
    ("local_disk", "another disk below it", mounted_in("data/vault", "xfs", "/dev/mapper/b", "253:7")),
    ("local_disk", "nfs beside it", mounted_in("data-of-others", "nfs4", "server:/x", "0:55")),
    ("encrypted_disk", "another encrypted one below it", mounted_in("data/vault", "xfs", "/dev/mapper/b", "253:7")),
    ("encrypted_disk", "memory below it", mounted_in("data/projects", "tmpfs", "tmpfs", "0:56")),
    ("encrypted_swap", "on dm-crypt", swap("CRYPT-PLAIN-swap")),
    ("encrypted_temp", "in memory, no swap", mounted("tmpfs")),
    ("listeners_declared", "loopback of IPv6", write("proc/net/tcp6", SOCKETS + LOOPBACK6 + MAPPED_LOOPBACK)),
    ("firewall_default_drop", "reject at the end", rules(
        {"chain": {**INPUT, "policy": "accept"}}, rule("input", match("iifname", "lo"), {"accept": None}),
        rule("input", {"counter": {}}, {"reject": {}}))),
    ("firewall_default_drop", "rules as people write them", rules(
        {"chain": INPUT}, {"chain": {"family": "inet", "table": "f", "name": "world"}},
        {"set": {"name": "ours", "elem": [prefix("192.0.2.0", 24)]}},
        rule("input", {"vmap": {"key": CT_STATE, "data": {"set": [
            ["established", {"accept": None}], ["related", {"accept": None}], ["invalid", {"drop": None}]]}}}),
        rule("input", match("iifname", "lo"), {"counter": {}}, {"accept": None}),
        rule("input", {"match": {"op": "in", "left": CT_STATE, "right": ["established", "related"]}}, {"accept": None}),
        rule("input", match("saddr", "@ours", kind="ip"), {"accept": None}),
        rule("input", match("l4proto", {"set": ["icmp", "ipv6-icmp"]}), {"accept": None}),
        rule("input", {"jump": {"target": "world"}}),
        rule("world", match("dport", {"set": [22, {"range": [8000, 8010]}]}, kind="tcp"), {"log": None},
             {"accept": None}),
        rule("world", {"return": None}), rule("input", match("iifname", "wg0"), {"accept": None}))),
    ("tunnel_fails_shut", "named set",
        rules({"chain": OUTPUT}, {"set": {"name": "far", "elem": [prefix("10.0.0.0", 8)]}}, rule(
        "output", match("daddr", "@far", kind="ip"), match("oifname", {"set": ["lo", "wg0"]}, "!="), {"reject": {}}))),
    ("clock_synchronised", "by chrony alone", no_clock(None)),
    ("clock_synchronised", "by the kernel alone", says("chronyc", "506 Cannot talk to daemon", 1)),
    ("no_crash_collector", "nothing stored", both(
        write("proc/sys/kernel/core_pattern", "|/lib/systemd/systemd-coredump %P\n"),
        write("etc/systemd/coredump.conf", "[Coredump]\nStorage=none\n"))),
    ("no_core_dumps", "one byte: no collector either", both(
        lambda made: made.machine(core_limit=lambda: 1),
        write("proc/77/limits", "Max core file size        1       unlimited  bytes\n"),
        write("proc/sys/kernel/core_pattern", "|/usr/share/apport/apport -p%p\n"))),
    ("private_temp", "PrivateTmp", own_mount),
    ("container_confined", "read-only, no capabilities", in_container("ro", "0" * 16)),
    ("no_container_socket", "root's alone", engine_socket(0o600, "")),
    ("no_container_socket", "a group of nobody", both(
        engine_socket(0o660, "root"), write("etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n"))),
    ("no_container_socket", "an account without engine", write("run/user/1000/bus", "")),
    ("remote_admin", "as shipped", says("sshd", SSHD)),
    ("private_contents", "closed at the top", mode("data/b", 0o644)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("control", "change"), [(c, b) for c, _, b in GOOD_TOO], ids=[f"{c}-{h}" for c, h, _ in GOOD_TOO]
)
def test_another_good_way_is_seen_as_good(made: Made, control: str, change: Break) -> None:
    """A check that only knows one way to be right sends people to attest what is so."""
    change(made)
    assert made.fact(control).state is State.YES, made.fact(control)


def test_every_disk_below_must_be_encrypted(made: Made) -> None:
    """A volume over an encrypted and a plain disk is not encrypted; over two encrypted ones it is."""
    number = (made.folder / "data").stat().st_dev
    top = made.folder / f"root/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    disk("LVM-abc")(made)
    (top / "slaves").mkdir()
    for name, uuid in (("dm-1", "CRYPT-LUKS2-a"), ("dm-2", "CRYPT-LUKS1-b")):
        made.write(f"sys/devices/{name}/dm/uuid", uuid)
        (top / "slaves" / name).symlink_to(made.folder / "root/sys/devices" / name)
    assert made.fact("encrypted_disk").state is State.YES
    made.write("sys/devices/dm-2/dm/uuid", "LVM-plain")
    assert made.fact("encrypted_disk").state is State.UNKNOWN


def test_a_partition_is_as_encrypted_as_its_disk(made: Made) -> None:
    """A partition has no slaves of its own; its disk stands above it in the tree."""
    number = (made.folder / "data").stat().st_dev
    entry = made.folder / f"root/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    (entry / "dm" / "uuid").unlink()
    (entry / "dm").rmdir()
    entry.rmdir()
    made.write("sys/devices/dm-7/dm/uuid", "CRYPT-LUKS2-x")
    made.write("sys/devices/dm-7/part1/partition", "1")
    entry.symlink_to(made.folder / "root/sys/devices/dm-7/part1")
    assert made.fact("encrypted_disk").state is State.YES
    made.write("sys/devices/dm-7/dm/uuid", "mpath-x")
    assert made.fact("encrypted_disk").state is State.UNKNOWN


def test_a_report_is_as_old_as_it_says_whenever_it_was_copied(made: Made) -> None:
    """A lynis report of 2019 in a file of today is of 2019, and so too old."""
    report("lynis.dat", LYNIS.replace("=2026-06-15", "=2019-06-15"))(made)
    fact = made.fact("hardening_scanned")
    assert fact.at is not None
    assert fact.at.year == 2019
    answer = judge((fact,), (), tier="T3", on=NOW.date())
    assert {one.state for one in answer.judged if one.control.name == "hardening_scanned"} == {State.UNKNOWN}


def test_packages_are_compared_by_their_names_as_the_index_has_them(made: Made) -> None:
    """Case, dots and underscores don't matter; this program's own packages are found."""
    made.machine(installed=lambda: {"ruamel-yaml": "1"})
    report("pip.json", '{"dependencies": [{"name": "Ruamel_Yaml", "version": "1", "vulns": []}]}')(made)
    assert made.fact("dependencies_audited").state is State.YES
    assert {"attrs", "click", "django"} <= set(installed())


def test_this_program_on_no_index_is_not_held_against_it(made: Made) -> None:
    """pip-audit skips what it finds on no index: fivesafes from a checkout; another such package still counts."""
    made.machine(installed=lambda: {"attrs": "1", "fivesafes": "0.1.0"})
    audited = '{"name": "attrs", "version": "1", "vulns": []}'
    report("pip.json", f'{{"dependencies": [{audited}, {{"name": "fivesafes", "skip_reason": "not found"}}]}}')(made)
    assert made.fact("dependencies_audited").state is State.YES
    made.machine(installed=lambda: {"attrs": "1", "other": "1", "fivesafes": "0.1.0"})
    assert made.fact("dependencies_audited").state is State.UNKNOWN


@pytest.mark.parametrize("fault", ["missing", "crashes", "hangs", "prints rubbish", "anybody may change it"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_fails_leaves_its_controls_unknown(made: Made, name: str, fault: str) -> None:
    """Whatever happens to an outside program, what it was asked is never yes because of it."""
    needs = {
        "nft": ("firewall_default_drop", "tunnel_fails_shut"),
        "ip": ("scanner_tunnel", "tunnel_fails_shut"),
        "wg": ("scanner_tunnel",),
        "sshd": ("remote_admin",),
        "chronyc": ("clock_synchronised",),
        "apt-get": ("patches_applied",),
        "oscap": ("benchmark_passed",),
    }
    scripts = {"crashes": "kill -SEGV $$", "prints rubbish": "echo '{[rubbish'", "hangs": "exec /bin/sleep 60"}
    if fault == "hangs" and name != "wg":
        made.program(name, "exit 124")  # one that really hangs is enough for a test's patience
    elif fault in scripts:
        made.program(name, scripts[fault])
    elif fault == "missing":
        (made.folder / "bin" / name).unlink()
    else:
        (made.folder / "bin" / name).chmod(0o757)
    if name == "chronyc":
        made.machine(clock=lambda: None)  # else the kernel's word stands
    for control in needs[name]:
        fact = made.fact(control)
        assert fact.state is State.UNKNOWN, fact
        assert name in fact.how + fact.seen


def test_without_programs_nothing_is_green_that_was_not_looked_at(made: Made) -> None:
    """Each control that only a program can see is unknown, and names the program."""
    made.no_programs()
    facts = {fact.control: fact for fact in collect_all(made.look)}
    by_program = {
        "firewall_default_drop",
        "scanner_tunnel",
        "tunnel_fails_shut",
        "remote_admin",
        "patches_applied",
        "benchmark_passed",
    }
    assert {name for name in by_program if facts[name].state is not State.UNKNOWN} == set()
    assert all("is not on PATH" in facts[name].seen for name in by_program)


def test_with_nothing_to_see_everything_is_unknown(tmp_path: Path) -> None:
    """An empty root, no program, no clock, no network, no declaration: not one yes."""

    def dead(*_: object) -> bool:
        raise OSError

    machine = Machine(
        root=tmp_path,
        programs=InstalledPrograms(path=""),
        clock=lambda: None,
        core_limit=lambda: None,
        connects=dead,
        now=lambda: NOW,
    )
    from fivesafes.setting.audit.look import Look  # noqa: PLC0415 - only here

    facts = collect_all(Look(machine=machine))
    assert {fact.state for fact in facts} == {State.UNKNOWN}
    assert all(fact.seen for fact in facts)


def test_hidden_processes_are_not_taken_for_none(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other accounts' processes are hidden, an ordinary account can't say how the services run; root can."""
    table = FILES["proc/self/mountinfo"] + "22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible\n"
    made.write("proc/self/mountinfo", table)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert made.fact("service_unprivileged").state is State.UNKNOWN
    assert "hidepid" in made.fact("umask_private").seen
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert made.fact("service_unprivileged").state is State.YES


def test_a_look_that_breaks_is_unknown_and_the_others_go_on(made: Made) -> None:
    """An error nobody thought of is one unknown control, without its message."""

    def broken(*_: object) -> bool:
        message = "hunter2"
        raise RuntimeError(message)

    made.machine(connects=broken)
    facts = {fact.control: fact for fact in collect_all(made.look)}
    assert facts["metadata_unreachable"].seen == "the look failed (RuntimeError)"
    assert facts["encrypted_swap"].state is State.YES


def test_the_quick_look_of_a_run_sees_the_same(made: Made) -> None:
    """The four that a run asks of its folder, without any program."""
    made.no_programs()
    facts = {fact.control: fact.state for fact in collect(made.folder / "data", made.look.machine)}
    assert facts == dict.fromkeys(("private_folder", "encrypted_disk", "local_disk", "no_core_dumps"), State.YES)
    disk("")(made)
    assert {f.control: f.state for f in collect(made.folder / "data", made.look.machine)}["encrypted_disk"] is UNKNOWN
