"""Looks at what travels: own TLS endpoints, the tunnel to the scanners, and what happens when it fails."""

import ipaddress
import json
import socket
import ssl
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fivesafes.setting.audit.boundary import open_sockets
from fivesafes.setting.audit.firewall import PASSING, base_chains, nft_version, rules_of, ruleset
from fivesafes.setting.audit.hello import SECONDS, Answer, first_answer
from fivesafes.setting.audit.look import Found, Look, NotSeen, asked, no, unknown, worst, yes
from fivesafes.setting.model import Endpoint, State, Tunnel

_CONNECTION: Final = "TCP connection"
_OLDER: Final = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "WRONG_SSL_VERSION"}
"""By these our own library says that the server speaks no version it was offered, or no TLS at all."""
_LIVES: Final = timedelta(days=30)
_AEAD: Final = ("GCM", "CCM", "CHACHA20")
_FRESH_SECONDS: Final = 180
_SSLYZE_SECONDS: Final = 8.0
_AT_ONCE: Final = 8
_HARMLESS: Final = {"drop", "reject", "continue", "limit", "quota", "ct count"}
"""Statements after which a packet is either gone or meets the next rule."""
_OLD_SUITES: Final = (
    "ssl_2_0_cipher_suites",
    "ssl_3_0_cipher_suites",
    "tls_1_0_cipher_suites",
    "tls_1_1_cipher_suites",
)


def endpoints_tls(look: Look) -> Found:
    """Shake hands with each declared endpoint: as a careful client, as an old one, and as one without AEAD."""
    if not look.declared.endpoints:
        return unknown("TLS handshake", "no endpoint is declared")
    with ThreadPoolExecutor(
        _AT_ONCE
    ) as pool:  # each waits for others, and one that is silent must not hold up the rest
        parts = list(pool.map(lambda endpoint: _endpoint(endpoint, look.machine.now()), look.declared.endpoints))
        if look.machine.programs.has("sslyze"):
            parts += pool.map(lambda endpoint: _sslyze(look, endpoint), look.declared.endpoints)
    return worst(parts)


def _endpoint(endpoint: Endpoint, now: datetime) -> Found:
    careful = _with_care(endpoint, now)
    if careful.state is State.NO or careful.how == _CONNECTION:
        return careful
    weak = (("TLS 1.1 or earlier", _old_client()), ("TLS 1.2 without AEAD", _cbc_client()))
    return worst([careful, *(_turned_away(endpoint, what, context, careful.seen) for what, context in weak)])


def _with_care(endpoint: Endpoint, now: datetime) -> Found:
    """Shake hands as a careful client, who has no certificate of its own."""
    how, port = "TLS handshake", f"port {endpoint.port}"
    context = _careful_client(endpoint)
    try:
        version, cipher, ends = _careful(endpoint, context)
    except ssl.SSLCertVerificationError as error:
        return no(how, f"{port}: its certificate does not verify ({error.verify_message})")
    except ssl.SSLError as error:
        reason = error.reason or "refused"
        if reason in _OLDER or first_answer(endpoint, context) is Answer.TURNED_AWAY:
            return no(how, f"{port}: no TLS 1.2 or later ({reason})")
        return unknown(how, f"{port}: the handshake does not end; it may want a client's certificate ({reason})")
    except OSError:
        return unknown(_CONNECTION, f"{port}: nobody answers")
    return _agreed(port, version, cipher, ends, now)


def _agreed(port: str, version: str, cipher: str, ends: datetime | None, now: datetime) -> Found:
    how = "TLS handshake"
    if ends is None or ends - now < _LIVES:
        return no(how, f"{port}: its certificate ends within {_LIVES.days} days")
    if not any(word in cipher for word in _AEAD):
        return no(how, f"{port}: {cipher} is no AEAD")
    good = f"{port}: {version}, nothing older; its certificate has at least {_LIVES.days} days"
    return yes(how, good, version=ssl.OPENSSL_VERSION)


def _turned_away(endpoint: Endpoint, what: str, context: ssl.SSLContext | None, good: str) -> Found:
    """Judge a weak offer: only a server that says that nothing in it suits has turned it away."""
    how = "TLS hello"
    answer = Answer.UNSURE if context is None else first_answer(endpoint, context)
    if answer is Answer.CHOSEN:
        return no(how, f"port {endpoint.port}: accepts {what}")
    if answer is Answer.TURNED_AWAY:
        return yes("TLS handshake", good, version=ssl.OPENSSL_VERSION)
    return unknown(how, f"port {endpoint.port}: {what} could not be tried, or its answer does not tell")


def _careful_client(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if endpoint.authority is not None:
        context.load_verify_locations(cafile=endpoint.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _careful(endpoint: Endpoint, context: ssl.SSLContext) -> tuple[str, str, datetime | None]:
    with (
        socket.create_connection((endpoint.host, endpoint.port), timeout=SECONDS) as line,
        context.wrap_socket(line, server_hostname=endpoint.host) as wrapped,
    ):
        certificate = wrapped.getpeercert() or {}
        cipher = wrapped.cipher()
        ends = certificate.get("notAfter")
        at = None if ends is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), tz=UTC)
        return wrapped.version() or "", cipher[0] if cipher else "", at


def _probing(ciphers: str, newest: ssl.TLSVersion, oldest: ssl.TLSVersion) -> ssl.SSLContext | None:
    """Make a client that is weak on purpose, to see whether it is turned away; it never sends anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.set_ciphers(ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version, context.maximum_version = oldest, newest
    except (ssl.SSLError, ValueError):
        return None
    return context


def _old_client() -> ssl.SSLContext | None:
    return _probing("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1)


def _cbc_client() -> ssl.SSLContext | None:
    return _probing(
        "ALL:!AESGCM:!AESCCM:!CHACHA20:!ARIAGCM:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    )


def _sslyze(look: Look, endpoint: Endpoint) -> Found:
    """Ask sslyze which protocol versions the endpoint accepts."""
    how = "sslyze"
    command = ("sslyze", "--json_out=-", f"{endpoint.host}:{endpoint.port}")
    printed = asked(look, command, seconds=_SSLYZE_SECONDS, codes=(0, 1)).printed
    try:
        (server,) = json.loads(printed[printed.index("{") :])["server_scan_results"]
        if server["scan_status"] != "COMPLETED":
            return unknown(how, f"port {endpoint.port}: sslyze did not complete its scan")
        old = [name for name in _OLD_SUITES if server["scan_result"][name]["result"]["accepted_cipher_suites"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSeen(how, "sslyze printed something else than its results") from None
    if old:
        return no(
            how, f"port {endpoint.port}: accepts {', '.join(name.removesuffix('_cipher_suites') for name in old)}"
        )
    return yes(how, f"port {endpoint.port}: no protocol before TLS 1.2")


def scanner_tunnel(look: Look) -> Found:
    """Look whether plain DICOM listens on the tunnel's address alone, on an interface whose peer spoke lately."""
    how = "/proc/net/tcp, ip -j addr, wg show all dump"
    tunnel = look.declared.tunnel
    if tunnel is None:
        return unknown(how, "no tunnel is declared")
    plain = [one for one in open_sockets(look.machine) if one.protocol == "tcp" and one.port in tunnel.dicom_ports]
    loose = sorted({one.port for one in plain if one.beyond and str(one.address) != tunnel.address})
    if loose:
        return no(how, f"plain DICOM listens beyond the tunnel's address: port {', '.join(map(str, loose))}")
    if not plain:
        return unknown(how, "no declared DICOM port listens")
    if not _has_address(look, tunnel):
        return no(how, "the tunnel's interface does not have the declared address")
    return _handshake(look, tunnel, how)


def _has_address(look: Look, tunnel: Tunnel) -> bool:
    how = "ip -j addr show"
    links = _parsed(asked(look, ("ip", "-j", "addr", "show")).printed, how)
    held = {
        str(info.get("local"))
        for link in links if link.get("ifname") == tunnel.interface
        for info in link.get("addr_info", ())
    }  # fmt: skip
    return tunnel.address in held


def _handshake(look: Look, tunnel: Tunnel, how: str) -> Found:
    """Read the age of each peer's last handshake; the dump's keys are not kept (wg(8): fields by tabs)."""
    printed = asked(look, ("wg", "show", "all", "dump")).printed
    rows = [line.split("\t") for line in printed.splitlines()]
    peers = [row for row in rows if len(row) == 9 and row[0] == tunnel.interface]  # noqa: PLR2004 - as wg(8) says
    if not peers:
        return unknown(
            how, "wg shows no peer on the tunnel's interface (it needs root; other kinds of tunnel are not seen)"
        )
    ages = [time.time() - int(row[5]) for row in peers if row[5].isdecimal() and int(row[5]) > 0]
    if len(ages) < len(peers) or max(ages) > _FRESH_SECONDS:
        return no(how, f"a peer of the tunnel has not spoken for {_FRESH_SECONDS} s")
    return yes(how, f"plain DICOM on the tunnel's address alone; {len(peers)} peers spoke within {_FRESH_SECONDS} s")


def tunnel_fails_shut(look: Look) -> Found:
    """Look whether each far network has a blackhole route and an output rule that drops it beside the tunnel."""
    how = "ip -j route show table all; nft -j list ruleset"
    tunnel = look.declared.tunnel
    if tunnel is None or not tunnel.far:
        return unknown(how, "no tunnel with its far network is declared")
    objects = ruleset(look)
    parts = []
    for far in tunnel.far:
        route, rule = _shut_route(look, far), _dropped(objects, far, tunnel.interface)
        lacks = [] if route else ["no blackhole route"]
        if rule is State.NO:
            lacks.append("no output rule that drops it beside the tunnel")
        version = nft_version(objects)
        if lacks:
            parts.append(no(how, " and ".join(lacks), version=version))
        elif rule is State.UNKNOWN:
            parts.append(unknown(how, "whom the output rules before the one that drops let out can't be told"))
        else:
            parts.append(yes(how, "blackhole route and output rule are there", version=version))
    return worst(parts)


def _shut_route(look: Look, far: str) -> bool:
    network = ipaddress.ip_network(far)
    family = "-6" if network.version == 6 else "-4"  # noqa: PLR2004 - of the internet protocol
    command = ("ip", "-j", family, "route", "show", "table", "all")
    routes = _parsed(asked(look, command).printed, " ".join(command))
    shut = [
        r
        for r in routes
        if r.get("type") in {"blackhole", "unreachable", "prohibit"} and r.get("table", "main") == "main"
    ]
    return any(_covers(str(route.get("dst", "")), network) for route in shut)


def _covers(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Tell whether a route is for exactly that network: a wider one loses to any narrower way round the tunnel."""
    try:
        return ipaddress.ip_network(text) == network
    except ValueError:
        return False


def _dropped(objects: Sequence[Mapping[str, Any]], far: str, interface: str) -> State:
    """Find the rule ``oifname != tunnel, daddr far: drop`` in an output hook, before anything accepts all.

    Unknown where a rule before it sends packets to other chains, or says what is not known here.
    """
    states = {_shut_in(objects, chain, far, interface) for chain in base_chains(objects, "output")}
    return next((state for state in (State.YES, State.UNKNOWN) if state in states), State.NO)


def _shut_in(objects: Sequence[Mapping[str, Any]], chain: Mapping[str, Any], far: str, interface: str) -> State:
    state = State.YES
    for statements in rules_of(objects, chain):
        matches = [said for kind, said in statements if kind == "match"]
        others = {kind for kind, _ in statements} - PASSING - {"match"}
        if _only_tunnel(matches, interface):
            continue
        if "accept" in others:
            break  # what may pass here never reaches a later drop
        if others and others <= {"drop", "reject"} and _is_shut(matches, far, interface, objects):
            return state
        if not others <= _HARMLESS:
            state = State.UNKNOWN
    return State.NO


def _only_tunnel(matches: Sequence[Mapping[str, Any]], interface: str) -> bool:
    """Tell whether a rule speaks of packets into the tunnel or the loopback alone."""
    inside = ({"lo"}, {interface}, {"lo", interface})
    return any(_key(m) == ("meta", "oifname") and m.get("op") == "==" and _values(m, ()) in inside for m in matches)


def _is_shut(
    matches: Sequence[Mapping[str, Any]], far: str, interface: str, objects: Sequence[Mapping[str, Any]]
) -> bool:
    """Tell whether a rule's matches are only: to the far network, and not by the tunnel."""
    to_far = beside = False
    for match in matches:
        key, values = _key(match), _values(match, objects)
        if key[1] == "daddr" and match.get("op") == "==" and _within(far, values):
            to_far = True
        elif (
            key == ("meta", "oifname")
            and match.get("op") == "!="
            and interface in values
            and values <= {interface, "lo"}
        ):
            beside = True
        else:
            return False  # it holds for some packets only
    return to_far and beside


def _key(match: Mapping[str, Any]) -> tuple[str, str]:
    left = match.get("left")
    if isinstance(left, dict):
        if isinstance(left.get("meta"), dict):
            return "meta", str(left["meta"].get("key"))
        if isinstance(left.get("payload"), dict):
            return str(left["payload"].get("protocol")), str(left["payload"].get("field"))
    return "", ""


def _values(match: Mapping[str, Any], objects: Iterable[Mapping[str, Any]]) -> set[str]:
    """Write the right side of a match as texts; named sets are looked up."""
    right = match.get("right")
    if isinstance(right, str) and right.startswith("@"):
        named = [s for o in objects if (s := o.get("set")) and s.get("name") == right[1:]]
        right = {"set": [part for one in named for part in one.get("elem", ())]}
    parts = right["set"] if isinstance(right, dict) and isinstance(right.get("set"), list) else [right]
    return {_written(part) for part in parts}


def _written(part: Any) -> str:  # noqa: ANN401 - whatever nft prints
    prefix = part.get("prefix") if isinstance(part, dict) else None
    return f"{prefix.get('addr')}/{prefix.get('len')}" if isinstance(prefix, dict) else str(part)


def _within(far: str, texts: Iterable[str]) -> bool:
    """Tell whether one of the networks holds all of the far one."""
    network = ipaddress.ip_network(far)
    for text in texts:
        try:
            drop = ipaddress.ip_network(text)
        except ValueError:
            continue
        same = drop.version == network.version and drop.prefixlen <= network.prefixlen
        if same and network.network_address in drop:
            return True
    return False


def _parsed(printed: str, how: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(printed)
    except (ValueError, RecursionError):
        raise NotSeen(how, "ip printed something else than JSON") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NotSeen(how, "ip printed something else than a list")
    return rows
