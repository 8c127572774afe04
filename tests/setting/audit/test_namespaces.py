"""The network's controls broken for real, in a network namespace of their own with real nft, ip and listeners.

Where namespaces or programs are not to be had, the same code must answer *unknown*: that is tested instead, so that
this page never passes by looking at nothing.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, os, socket, sys
from pathlib import Path
from fivesafes.setting.audit.everything import COLLECTORS
from fivesafes.setting.audit.look import Look, seen
from fivesafes.setting.audit.machine import Machine
from fivesafes.setting.model import Declaration, Listener, Tunnel
from fivesafes.wiring.setting import InstalledPrograms

held = []
for address in sys.argv[1].split():
    held.append(socket.create_server((address, 11112), family=socket.AF_INET6 if ":" in address else socket.AF_INET))
declared = Declaration(
    listeners=() if "strange" in sys.argv[2] else (Listener(port=11112, protocol="tcp", what="DICOM"),),
    tunnel=Tunnel(interface="wg0", address="10.8.0.1", far=("10.20.0.0/16",), dicom_ports=(11112,)),
)
look = Look(machine=Machine(programs=InstalledPrograms()), declared=declared)
names = ("firewall_default_drop", "tunnel_fails_shut", "listeners_declared", "metadata_unreachable", "scanner_tunnel")
print(json.dumps({name: [(fact := seen(name, COLLECTORS[name], look)).state, fact.seen] for name in names}))
"""
GOOD = """
table inet f {
 chain input { type filter hook input priority 0; policy drop;
  ct state established,related accept
  iifname "lo" accept
  tcp dport 22 ip saddr 192.0.2.0/24 accept
 }
 chain output { type filter hook output priority 0; policy accept;
  oifname "lo" accept
  oifname != "wg0" ip daddr 10.20.0.0/16 drop
 }
}
"""
OPEN = GOOD.replace("policy drop", "policy accept").replace('iifname "lo" accept', "END")
OPEN = OPEN.replace("table inet f {", "table inet f {\n set m { type ipv4_addr; size 128; flags dynamic; }")
ROUTE = "ip route add blackhole 10.20.0.0/16 metric 4000"
TUNNEL = "ip link add wg0 type veth peer name wg1 && ip link set wg1 up"
TUNNEL += " && ip addr add 10.8.0.1/24 dev wg0 && ip link set wg0 up"
HANDWRITTEN = """
  ct state vmap { established : accept, related : accept, invalid : drop }
  iifname vmap { lo : accept, wg0 : accept }
  meta l4proto { icmp, ipv6-icmp } limit rate 4/second accept
  ip6 saddr fe80::/10 icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept
  ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.2 . 443 } counter log prefix \"in\" accept"""
CASES = {
    "whole": (GOOD, ROUTE, "10.8.0.1", "", {}),
    "no rules": ("", ROUTE, "10.8.0.1", "", {"firewall_default_drop": "no", "tunnel_fails_shut": "no"}),
    "policy accept": (
        GOOD.replace("policy drop", "policy accept"), ROUTE, "10.8.0.1", "", {"firewall_default_drop": "no"}),
    "accept all": (
        GOOD.replace('iifname "lo" accept', "accept"), ROUTE, "10.8.0.1", "", {"firewall_default_drop": "no"}),
    "counts connections": (OPEN.replace("END", "ct count over 20 drop"), ROUTE, "10.8.0.1", "",
        {"firewall_default_drop": "no"}),
    "meters": (OPEN.replace("END", "add @m { ip saddr limit rate over 10/second } drop"), ROUTE, "10.8.0.1", "",
        {"firewall_default_drop": "no"}),
    "accepts both protocols": (
        GOOD.replace('iifname "lo" accept', "meta nfproto { ipv4, ipv6 } accept"), ROUTE, "10.8.0.1", "",
        {"firewall_default_drop": "no"}),
    "accepts new ones": (
        GOOD.replace('iifname "lo" accept', "ct state new accept"), ROUTE, "10.8.0.1", "",
        {"firewall_default_drop": "unknown"}),
    "as people write": (GOOD.replace('iifname "lo" accept', HANDWRITTEN), ROUTE, "10.8.0.1", "", {}),
    "IPv4 alone": (GOOD.replace("inet f", "ip f"), ROUTE, "10.8.0.1", "", {"firewall_default_drop": "no"}),
    "no route": (GOOD, "true", "10.8.0.1", "", {"tunnel_fails_shut": "no"}),
    "no output rule": (GOOD.replace("10.20.", "10.21."), ROUTE, "10.8.0.1", "", {"tunnel_fails_shut": "no"}),
    "rule after accept": (
        GOOD.replace('oifname "lo" accept', "accept"), ROUTE, "10.8.0.1", "", {"tunnel_fails_shut": "no"}),
    "undeclared": (GOOD, ROUTE, "10.8.0.1", "strange", {"listeners_declared": "no"}),
    "everywhere": (GOOD, ROUTE, "::", "", {"scanner_tunnel": "no"}),
    "loopback alone": (GOOD, ROUTE, "127.0.0.1", "strange", {}),
}  # fmt: skip


def namespaces_work() -> bool:
    """Tell whether this process may make a network namespace and has the programs for it."""
    if not all(shutil.which(name) for name in ("unshare", "nft", "ip", "sh")):
        return False
    return subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("case", CASES)
def test_the_network_broken_for_real(case: str, tmp_path: Path) -> None:
    """One thing is broken in the namespace, and exactly what it breaks is a no; the rest stays as it was."""
    rules, route, addresses, words, broken = CASES[case]
    if not namespaces_work():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "", words], env={"PATH": str(tmp_path)}, capture_output=True, check=True
        )
        found = json.loads(done.stdout)
        assert {found[name][0] for name in ("firewall_default_drop", "tunnel_fails_shut", "scanner_tunnel")} <= {
            "unknown"
        }
        return
    (tmp_path / "rules.nft").write_text(rules)
    (tmp_path / "look.py").write_text(PROGRAM)
    script = f'ip link set lo up && {TUNNEL} && {route} && nft -f rules.nft && exec "$0" look.py "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, sys.executable, addresses, words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # A pair of virtual interfaces stands for the tunnel, so wg (where it is) shows no peer: unknown is the best.
    expected = {
        "firewall_default_drop": "yes",
        "tunnel_fails_shut": "yes",
        "listeners_declared": "yes",
        "metadata_unreachable": "yes",
        "scanner_tunnel": "unknown",
        **broken,
    }
    assert {name: state for name, (state, _) in found.items()} == expected, found
