"""Looks at nftables' rules: whether what no rule allows in is dropped.

Every expression counts only as what it is known to be.  One that nobody here knows may hold for some packets only:
before a drop it drops no more than those, and before an accept nobody can tell whom it lets in, which is *unknown*.
"""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from attrs import frozen

from fivesafes.setting.audit.look import Found, Look, NotSeen, asked, no, unknown, yes
from fivesafes.setting.audit.machine import Machine
from fivesafes.setting.model import State

_RULES: Final = ("nft", "-j", "list", "ruleset")
Object = Mapping[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PASSING: Final = frozenset({"counter", "log", "comment"})
"""Statements that every packet passes unchanged."""
_IS_IN: Final = {"==", "in"}
_PROTOCOLS: Final = {"ip": {"ipv4", "ip"}, "ip6": {"ipv6", "ip6"}}
_CARRY_ALL: Final = {"tcp", "udp", "6", "17"}
_HEADERS: Final = {("meta", "l4proto"), ("ip", "protocol"), ("ip6", "nexthdr")}
_ICMP: Final = {"icmp", "icmpv6", "igmp"}
_FEW: Final = {
    ("ct", "state"): frozenset({"established", "related"}),
    ("ct", "status"): frozenset({"dnat"}),
    ("meta", "pkttype"): frozenset({"broadcast", "multicast"}),
}
"""Values that no packet of a stranger's own beginning to this machine alone has."""
_TO_GROUPS: Final = tuple(
    map(ipaddress.ip_network, ("224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8", "ff00::/8", "fe80::/10", "::1/128"))
)
_WITH_PORTS: Final = {"tcp", "udp", "udplite", "sctp", "dccp", "th"}
_LAST_PORT: Final = 65535


class Scope(Enum):
    """Which packets of a family an expression holds for."""

    ALL = "all"
    SOME = "some"
    UNSURE = "unsure"


class End(Enum):
    """What becomes of the packets that every rule of a chain has met."""

    DROP = "drop"
    ACCEPT = "accept"
    ELSEWHERE = "elsewhere"  # a program decides
    ON = "on"  # the next rule, or the policy


def ruleset(look: Look) -> list[Object]:
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


def nft_version(objects: Sequence[Object]) -> str:
    """Name the version that a ruleset says it was printed by."""
    return next((f"nft {one['metainfo'].get('version', '')}" for one in objects if "metainfo" in one), "")


def base_chains(objects: Sequence[Object], hook: str) -> list[Object]:
    """List the filtering chains of a hook whose tables are not switched off."""
    asleep = {
        (t["family"], t["name"]) for one in objects if (t := one.get("table")) and "dormant" in (t.get("flags") or ())
    }
    chains = [chain for one in objects if (chain := one.get("chain")) and chain.get("hook") == hook]
    return [one for one in chains if one.get("type") in {"filter", "route"} and _table(one) not in asleep]


def rules_of(objects: Sequence[Object], chain: Object) -> Iterator[list[tuple[str, Any]]]:
    """Give the rules of a chain, each as its statements in order: kind and what it says."""
    key = (*_table(chain), chain["name"])
    for one in objects:
        rule = one.get("rule")
        if rule and (rule["family"], rule["table"], rule["chain"]) == key:
            yield [item for part in rule.get("expr", ()) for item in _statements(part)]


def _statements(part: object) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        yield from part.items()
    else:
        yield str(part), None


def _table(chain: Object) -> tuple[str, str]:
    return chain["family"], chain["table"]


def firewall_default_drop(look: Look) -> Found:
    """Look whether what no rule allows in is dropped, for IPv4 and, unless it is switched off, for IPv6."""
    how = " ".join(_RULES)
    objects = ruleset(look)
    version = nft_version(objects)
    trusted = {"lo"} if look.declared.tunnel is None else {"lo", look.declared.tunnel.interface}
    needed = ("ip",) if _without_ipv6(look.machine) else ("ip", "ip6")
    found = {family: _drops(_Packets(objects=objects, family=family, trusted=trusted)) for family in needed}
    if set(found.values()) == {State.YES}:
        return yes(how, f"input drops by default ({', '.join(needed)})", version=version)
    legacy = look.machine.path("/proc/net/ip_tables_names")
    if legacy.exists() and "filter" in legacy.read_text(encoding="ascii", errors="replace").split():
        return unknown(how, "rules of the older iptables are in use, which nft does not show", version=version)
    missing = ", ".join(family for family, state in found.items() if state is State.NO)
    if missing:
        return no(how, f"input lets in what no rule forbids ({missing})", version=version)
    doubtful = ", ".join(family for family, state in found.items() if state is State.UNKNOWN)
    return unknown(how, f"whom a rule of input lets in can't be told ({doubtful})", version=version)


def _without_ipv6(machine: Machine) -> bool:
    if not machine.path("/proc/net/if_inet6").exists():
        return machine.path("/proc/net/tcp").exists()
    off = machine.path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    return off.exists() and off.read_text(encoding="ascii", errors="replace").strip() == "1"


def _drops(packets: "_Packets") -> State:
    """Tell whether any input hook drops what no rule allows: one is enough, because a drop is final."""
    states = set()
    for chain in base_chains(packets.objects, "input"):
        if chain["family"] not in {packets.family, "inet"}:
            continue
        end, doubt = packets.end_of(chain, frozenset())
        dropped = end is End.DROP or (end is End.ON and chain.get("policy") == "drop")
        states.add(State.UNKNOWN if end is End.ELSEWHERE or (dropped and doubt) else State.YES if dropped else State.NO)
    return next((state for state in (State.YES, State.UNKNOWN) if state in states), State.NO)


@frozen(kw_only=True)
class _Packets:
    """Packets of a family (``ip``, ``ip6``) on their way through a ruleset; ``trusted`` are interfaces of our own."""

    objects: Sequence[Object]
    family: str
    trusted: set[str]

    def end_of(self, chain: Object, above: frozenset[str]) -> tuple[End, bool]:
        """Follow what every packet meets in a chain; tell too whether a rule on the way may let in anybody."""
        doubt = False
        for statements in rules_of(self.objects, chain):
            scope = Scope.ALL
            for kind, said in statements:
                if kind in PASSING:
                    continue
                if kind == "match":
                    scope = _both(scope, self._scope(said.get("left"), said.get("op"), said.get("right")))
                elif kind == "vmap":
                    doubt |= self._mapped(chain, said, scope, above)
                    scope = _both(scope, Scope.UNSURE)
                elif kind in _VERDICTS:
                    end, unsure, final = self._verdict(chain, kind, said, scope, above)
                    doubt |= unsure
                    if final:
                        return end, doubt
                    break
                else:
                    scope = _both(scope, Scope.UNSURE)
        return End.ON, doubt

    def _verdict(
        self,
        chain: Object,
        kind: str,
        said: Any,  # noqa: ANN401 - as nft prints
        scope: Scope,
        above: frozenset[str],
    ) -> tuple[End, bool, bool]:
        """Say what a verdict does: the end, whether it may let in anybody, and whether no packet goes further."""
        all_, unsure = scope is Scope.ALL, scope is Scope.UNSURE
        if kind in {"jump", "goto"}:
            end, doubt = self._called(chain, said, above)
            skips = kind == "goto" and end is End.ON
            opens = end in {End.ACCEPT, End.ELSEWHERE} or skips
            return end, (all_ and doubt) or (unsure and (doubt or opens)), all_ and (end is not End.ON or skips)
        end = _VERDICTS[kind]
        if kind == "continue":
            return end, False, False
        return end, unsure and end is not End.DROP, all_

    def _called(self, chain: Object, said: Any, above: frozenset[str]) -> tuple[End, bool]:  # noqa: ANN401 - as above
        target = said.get("target") if isinstance(said, dict) else None
        if not isinstance(target, str) or target in above:
            return End.ON, True
        to = {"family": chain["family"], "table": chain["table"], "name": target}
        return self.end_of(to, above | {target})

    def _mapped(self, chain: Object, vmap: Any, scope: Scope, above: frozenset[str]) -> bool:  # noqa: ANN401 - as above
        """Tell whether a map of verdicts may let in anybody: each of its entries is a rule of its own."""
        entries = _elements(vmap.get("data"), self.objects, "map")
        if entries is None:
            return scope is not Scope.SOME
        for entry in entries:
            if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], dict):  # noqa: PLR2004 - a pair
                return scope is not Scope.SOME
            part = _both(scope, self._scope(vmap.get("key"), "==", {"set": [entry[0]]}))
            for kind, said in entry[1].items():
                end, unsure, _ = self._verdict(chain, kind, said, part, above) if kind in _VERDICTS else _STRANGE
                if unsure or (part is Scope.ALL and end in {End.ACCEPT, End.ELSEWHERE}):
                    return True
        return False

    def _scope(self, left: object, operator: object, right: object) -> Scope:
        values = _elements(right, self.objects, "set")
        if values is None or operator not in _IS_IN or not isinstance(left, dict):
            return Scope.UNSURE
        if isinstance(left.get("concat"), list):
            rows = [one.get("concat") if isinstance(one, dict) else None for one in values]
            if not all(isinstance(row, list) and len(row) == len(left["concat"]) for row in rows):
                return Scope.UNSURE
            columns = [[row[place] for row in rows if row] for place in range(len(left["concat"]))]
            parts = [self._of(_field(one), column) for one, column in zip(left["concat"], columns, strict=True)]
            return Scope.SOME if Scope.SOME in parts else Scope.UNSURE
        return self._of(_field(left), values)

    def _of(self, field: tuple[str, str], values: Sequence[object]) -> Scope:
        """Say for which packets a field has one of these values."""
        about, name = field
        texts = {str(one) for one in values}
        if name in {"nfproto", "protocol"} and about == "meta":
            known = texts <= set().union(*_PROTOCOLS.values())
            return (Scope.ALL if texts & _PROTOCOLS[self.family] else Scope.SOME) if known else Scope.UNSURE
        if about in {"ip", "ip6"} and name in {"saddr", "daddr"}:
            return Scope.SOME if about != self.family else _addresses(values, self.family, name)
        if name in {"iif", "iifname"}:
            return _some(texts <= self.trusted)
        if field in _HEADERS:
            return _some(all(isinstance(one, str | int) for one in values) and not texts & _CARRY_ALL)
        if about in _WITH_PORTS and name == "dport":
            return _some(_few_ports(values))
        return _some(texts <= _FEW.get(field, frozenset()) or (about in _ICMP and name == "type"))


_VERDICTS: Final = {
    "drop": End.DROP, "reject": End.DROP, "accept": End.ACCEPT, "queue": End.ELSEWHERE, "return": End.ON,
    "continue": End.ON, "jump": End.ON, "goto": End.ON,
}  # fmt: skip
_STRANGE: Final = (End.ON, True, False)


def _some(known: bool) -> Scope:  # noqa: FBT001 - a condition, not a switch
    return Scope.SOME if known else Scope.UNSURE


def _both(one: Scope, other: Scope) -> Scope:
    return next(scope for scope in (Scope.SOME, Scope.UNSURE, Scope.ALL) if scope in {one, other})


def _field(left: object) -> tuple[str, str]:
    if isinstance(left, dict):
        for about in ("meta", "ct"):
            if isinstance(left.get(about), dict):
                return about, str(left[about].get("key"))
        if isinstance(left.get("payload"), dict):
            return str(left["payload"].get("protocol")), str(left["payload"].get("field"))
    return "", ""


def _elements(right: object, objects: Iterable[Object], kind: str) -> list[Any] | None:
    """List what a match or a map compares with; None for what can't be listed (a set that is not there)."""
    if isinstance(right, str) and right.startswith("@"):
        named = [s for one in objects if (s := one.get(kind)) and s.get("name") == right[1:]]
        right = {"set": [part for one in named for part in one.get("elem", ())]} if named else None
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        right = right["set"]
    if right is None:
        return None
    parts = right if isinstance(right, list) else [right]
    return [
        one["elem"].get("val") if isinstance(one, dict) and isinstance(one.get("elem"), dict) else one for one in parts
    ]


def _addresses(values: Sequence[object], family: str, name: str) -> Scope:
    """Say whether addresses are all there are; as a destination only those of groups are surely not this machine."""
    try:
        networks = [network for one in values for network in _networks(one)]
    except (ValueError, TypeError, KeyError):
        return Scope.UNSURE
    whole = ipaddress.ip_network("0.0.0.0/0" if family == "ip" else "::/0")
    same = [one for one in networks if one.version == whole.version]
    if whole in ipaddress.collapse_addresses(same):  # type: ignore[type-var]  # all of one version
        return Scope.ALL
    if name == "daddr":
        return _some(all(any(_within(one, group) for group in _TO_GROUPS) for one in same))
    return Scope.SOME


def _within(one: Network, other: Network) -> bool:
    return one.version == other.version and one.prefixlen >= other.prefixlen and one.network_address in other


def _networks(value: Any) -> Iterable[Network]:  # noqa: ANN401 - as nft prints
    if isinstance(value, dict) and "prefix" in value:
        return [ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}", strict=False)]
    if isinstance(value, dict) and "range" in value:
        first, last = map(ipaddress.ip_address, value["range"])
        return ipaddress.summarize_address_range(first, last)
    return [ipaddress.ip_network(value)]


def _few_ports(values: Sequence[object]) -> bool:
    """Tell whether ports are known and not all there are."""
    ports: set[int] = set()
    for one in values:
        if (
            isinstance(one, dict)
            and isinstance(one.get("range"), list)
            and all(isinstance(e, int) for e in one["range"])
        ):
            ports.update(range(one["range"][0], one["range"][1] + 1))
        elif isinstance(one, int):
            ports.add(one)
        elif not isinstance(one, str):
            return False
    return not ports >= set(range(1, _LAST_PORT + 1))
