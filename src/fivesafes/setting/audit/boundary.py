"""Looks at the boundary: what listens, and what a probe from outside saw."""

import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from fivesafes.setting.audit.look import Found, Look, NotSeen, no, unknown, yes
from fivesafes.setting.audit.machine import Machine

_TABLES: Final = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
_LISTENS: Final = {"tcp": "0A", "udp": "07"}  # /proc/net/tcp: states as in tcp_states.h; unconnected UDP is "closed"
_PORTS: Final = 65535
_SHOWN: Final = 8


@frozen(kw_only=True)
class Open:
    """One socket that waits for others: its address and port."""

    protocol: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    @property
    def beyond(self) -> bool:
        """Whether other machines can reach it by its address."""
        mapped = getattr(self.address, "ipv4_mapped", None)
        return not (mapped or self.address).is_loopback

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.port}/{self.protocol}"


def open_sockets(machine: Machine) -> list[Open]:
    """Read the tables of sockets.  Raises OSError when the one of TCP is not there; IPv6 may be switched off."""
    found = []
    machine.path("/proc/net/tcp").stat()
    for table, protocol in _TABLES:
        if not machine.path(f"/proc/net/{table}").exists():
            continue
        for line in machine.text(f"/proc/net/{table}").splitlines()[1:]:
            words = line.split()
            if len(words) > 3 and words[3] == _LISTENS[protocol]:  # noqa: PLR2004 - sl, local, remote, state
                address, _, port = words[1].partition(":")
                found.append(Open(protocol=protocol, address=_address(address), port=int(port, 16)))
    return found


def _address(hexadecimal: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address of /proc/net: words of 32 bits, each in the machine's (little-endian) order."""
    raw = bytes.fromhex(hexadecimal)
    swapped = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return ipaddress.ip_address(swapped)


def listeners_declared(look: Look) -> Found:
    """Look whether each socket that other machines can reach is declared."""
    how = "/proc/net/tcp, tcp6, udp, udp6"
    beyond = [one for one in open_sockets(look.machine) if one.beyond]
    if look.declared.listeners is None:
        told = f"listens: {_listed(beyond)}" if beyond else "nothing listens beyond this machine"
        return unknown(how, f"{told}; nobody declared what may")
    declared = {(one.port, one.protocol) for one in look.declared.listeners}
    strangers = [one for one in beyond if (one.port, one.protocol) not in declared]
    if strangers:
        return no(how, f"not declared: {_listed(strangers)}")
    return yes(how, f"listens: {_listed(beyond)}, all declared" if beyond else "nothing listens beyond this machine")


def _listed(sockets: Sequence[Open]) -> str:
    names = [str(one) for one in sorted(sockets, key=lambda one: (one.port, one.protocol))]
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more


def boundary_from_outside(look: Look) -> Found:
    """Read the log of a probe that another machine made: which ports were tried, and which were open.

    ``{"schema": 1, "at": "2026-01-31T12:00:00Z", "from": "a name or address", "protocol": "tcp",
    "tried": [[1, 65535]], "open": [443]}``
    """
    how = "probe log"
    if look.declared.probe_log is None:
        return unknown(how, "no probe log is declared")
    log = _read_probe(look.declared.probe_log, how)
    tried, opened = log["ports"], log["open"]
    declared = {one.port for one in look.declared.listeners or () if one.protocol == log["protocol"]}
    strangers = sorted(opened - declared)
    if strangers:
        return no(how, f"open and not declared: {', '.join(map(str, strangers[:_SHOWN]))}", at=log["at"])
    if _is_here(look.machine, log["from"]):
        return unknown(how, "the probe was made from this machine itself, which is not outside", at=log["at"])
    if log["protocol"] != "tcp" or tried < _PORTS:
        return unknown(how, f"only {tried} of {_PORTS} ports of {log['protocol']} were tried", at=log["at"])
    return yes(how, f"{tried} ports tried, {len(opened)} open, all declared", at=log["at"])


def _is_here(machine: Machine, name: str) -> bool:
    """Tell whether a probe's name or address is this machine's own."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        label = name.lower().partition(".")[0]
        return label in {"localhost", "localhost6", "ip6-localhost", machine.hostname().lower().partition(".")[0]}
    return address.is_loopback or address.is_unspecified or address in _own_addresses(machine)


def _own_addresses(machine: Machine) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Read this machine's addresses from the kernel's tables; none where there are no such tables."""
    own: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
    if machine.path("/proc/net/fib_trie").exists():
        local = re.findall(r"\|-- (\S+)\s+/32 host LOCAL", machine.text("/proc/net/fib_trie"))
        own.update(map(ipaddress.ip_address, local))
    if machine.path("/proc/net/if_inet6").exists():
        words = [line.split() for line in machine.text("/proc/net/if_inet6").splitlines()]
        own.update(ipaddress.IPv6Address(bytes.fromhex(line[0])) for line in words if line and len(line[0]) == 32)  # noqa: PLR2004 - digits
    return own


def _read_probe(path: Path, how: str) -> dict[str, Any]:
    try:
        log = json.loads(path.read_bytes())
        at = datetime.strptime(log["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        ranges = [(int(first), int(last)) for first, last in log["tried"]]
        opened = {int(port) for port in log["open"]}
        protocol = {"tcp": "tcp", "udp": "udp"}[log["protocol"]]
        outside = str(log["from"]).strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSeen(how, "the probe log is not in the form that the documentation gives") from None
    ports = {port for first, last in ranges if 1 <= first <= last <= 65535 for port in range(first, last + 1)}  # noqa: PLR2004
    if not outside or not opened <= ports:
        raise NotSeen(how, "the probe log contradicts itself: open ports that were not tried, or made nowhere")
    return {"at": at, "ports": len(ports), "open": opened, "protocol": protocol, "from": outside}
