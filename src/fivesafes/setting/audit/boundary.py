"""Looks at the boundary: what listens, what the firewall does with the rest, and what a probe from outside saw."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from fivesafes.setting.audit.look import Found, Look, NotSeen, asked, no, unknown, yes
from fivesafes.setting.audit.machine import Machine

_TABLES: Final = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
_LISTENS: Final = {"tcp": "0A", "udp": "07"}  # /proc/net/tcp: states as in tcp_states.h; unconnected UDP is "closed"
_RULES: Final = ("nft", "-j", "list", "ruleset")
_TRIED_AT_LEAST: Final = 1000
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


def ruleset(look: Look) -> list[Mapping[str, Any]]:
    """Ask nft for its rules.  Raises NotSeen when they can't be had, or are not what nft prints."""
    how = " ".join(_RULES)
    printed = asked(look, _RULES).printed
    try:
        objects = json.loads(printed)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSeen(how, "nft printed something else than its rules") from None
    if not isinstance(objects, list) or not any("metainfo" in one for one in objects if isinstance(one, dict)):
        raise NotSeen(how, "nft printed something else than its rules")
    return [one for one in objects if isinstance(one, dict)]


def nft_version(objects: Sequence[Mapping[str, Any]]) -> str:
    """Name the version that a ruleset says it was printed by."""
    return next((f"nft {one['metainfo'].get('version', '')}" for one in objects if "metainfo" in one), "")


def firewall_default_drop(look: Look) -> Found:
    """Look whether what no rule allows in is dropped, for IPv4 and, unless it is switched off, for IPv6."""
    how = " ".join(_RULES)
    objects = ruleset(look)
    version = nft_version(objects)
    drops = {family for family in ("ip", "ip6") if _drops(objects, family)}
    needed = {"ip"} if _without_ipv6(look.machine) else {"ip", "ip6"}
    if needed <= drops:
        return yes(how, f"input drops by default ({', '.join(sorted(needed))})", version=version)
    legacy = look.machine.path("/proc/net/ip_tables_names")
    if legacy.exists() and "filter" in legacy.read_text(encoding="ascii", errors="replace").split():
        return unknown(how, "rules of the older iptables are in use, which nft does not show", version=version)
    missing = ", ".join(sorted(needed - drops))
    return no(how, f"input lets in what no rule forbids ({missing})", version=version)


def _without_ipv6(machine: Machine) -> bool:
    if not machine.path("/proc/net/if_inet6").exists():
        return machine.path("/proc/net/tcp").exists()
    off = machine.path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    return off.exists() and off.read_text(encoding="ascii", errors="replace").strip() == "1"


def _drops(objects: Sequence[Mapping[str, Any]], family: str) -> bool:
    """Tell whether any input hook of a family ends in a drop: one is enough, because a drop is final."""
    asleep = {
        (t["family"], t["name"]) for one in objects if (t := one.get("table")) and "dormant" in (t.get("flags") or ())
    }
    for one in objects:
        chain = one.get("chain")
        if not chain or chain.get("hook") != "input" or chain.get("family") not in {family, "inet"}:
            continue
        if (chain["family"], chain["table"]) in asleep or chain.get("type") != "filter":
            continue
        end = _end_of(objects, chain, frozenset())
        if end == "drop" or (end is None and chain.get("policy") == "drop"):
            return True
    return False


def _end_of(objects: Sequence[Mapping[str, Any]], chain: Mapping[str, Any], above: frozenset[str]) -> str | None:
    """Follow what every packet meets in a chain: ``drop``, ``accept``, or None when the policy decides."""
    key = (chain["family"], chain["table"], chain["name"])
    rules = [
        r for one in objects
        if (r := one.get("rule")) and (r["family"], r["table"], r["chain"]) == key
    ]  # fmt: skip
    for rule in rules:
        end = _verdict_for_all(objects, chain, rule, above)
        if end is not None:
            return end
    return None


def _verdict_for_all(
    objects: Sequence[Mapping[str, Any]], chain: Mapping[str, Any], rule: Mapping[str, Any], above: frozenset[str]
) -> str | None:
    parts = [part for part in rule.get("expr", ()) if isinstance(part, dict)]
    if any(not _matches_all(part["match"]) for part in parts if "match" in part):
        return None
    if any(kind in part for part in parts for kind in ("limit", "vmap", "quota")):
        return None  # it holds for some packets only
    for part in parts:
        if "drop" in part or "reject" in part:
            return "drop"
        if "accept" in part or "queue" in part:
            return "accept"
        target = (part.get("jump") or part.get("goto") or {}).get("target")
        if target and target not in above:
            to = {"family": chain["family"], "table": chain["table"], "name": target}
            end = _end_of(objects, to, above | {target})
            if end is not None or "goto" in part:
                return end
    return None


def _matches_all(match: Mapping[str, Any]) -> bool:
    prefix = match["right"].get("prefix") if isinstance(match.get("right"), dict) else None
    return isinstance(prefix, dict) and prefix.get("len") == 0 and match.get("op") == "=="


def boundary_from_outside(look: Look) -> Found:
    """Read the log of a probe that another machine made: which ports were tried, and which were open.

    ``{"schema": 1, "at": "2026-01-31T12:00:00Z", "from": "a name", "protocol": "tcp",
    "tried": [[1, 65535]], "open": [443]}``
    """
    how = "probe log"
    if look.declared.probe_log is None:
        return unknown(how, "no probe log is declared")
    log = _read_probe(look.declared.probe_log, how)
    tried, opened = log["ports"], log["open"]
    if tried < _TRIED_AT_LEAST:
        return unknown(how, f"only {tried} ports were tried", at=log["at"])
    declared = {one.port for one in look.declared.listeners or () if one.protocol == log["protocol"]}
    strangers = sorted(opened - declared)
    if strangers:
        return no(how, f"open and not declared: {', '.join(map(str, strangers[:_SHOWN]))}", at=log["at"])
    return yes(how, f"{tried} ports tried, {len(opened)} open, all declared", at=log["at"])


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
    return {"at": at, "ports": len(ports), "open": opened, "protocol": protocol}
