"""Looks at everything: one fact per control, at the same time where looks wait for programs."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from fivesafes.core.errors import FiveSafesError
from fivesafes.setting.audit import boundary, disks, engines, firewall, place, processes, transit, upkeep
from fivesafes.setting.audit.books import BOOKS, from_books
from fivesafes.setting.audit.look import Collector, Look, seen
from fivesafes.setting.model import Fact, State
from fivesafes.setting.ports import HavenFacts

COLLECTORS: Final[dict[str, Collector]] = {
    "service_unprivileged": processes.service_unprivileged,
    "private_folder": place.private_folder,
    "private_contents": place.private_contents,
    "encrypted_disk": disks.encrypted_disk,
    "encrypted_swap": disks.encrypted_swap,
    "encrypted_temp": disks.encrypted_temp,
    "encrypted_backup": disks.encrypted_backup,
    "local_disk": disks.local_disk,
    "keys_apart": place.keys_apart,
    "firewall_default_drop": firewall.firewall_default_drop,
    "listeners_declared": boundary.listeners_declared,
    "boundary_from_outside": boundary.boundary_from_outside,
    "endpoints_tls": transit.endpoints_tls,
    "scanner_tunnel": transit.scanner_tunnel,
    "tunnel_fails_shut": transit.tunnel_fails_shut,
    "metadata_unreachable": processes.metadata_unreachable,
    "remote_admin": upkeep.remote_admin,
    "clock_synchronised": upkeep.clock_synchronised,
    "patches_applied": upkeep.patches_applied,
    "release_supported": upkeep.release_supported,
    "dependencies_audited": upkeep.dependencies_audited,
    "hardening_scanned": upkeep.hardening_scanned,
    "benchmark_passed": upkeep.benchmark_passed,
    "no_core_dumps": processes.no_core_dumps,
    "no_crash_collector": place.no_crash_collector,
    "umask_private": processes.umask_private,
    "private_temp": processes.private_temp,
    "no_secrets_in_environment": processes.no_secrets_in_environment,
    "container_confined": processes.container_confined,
    "no_container_socket": engines.no_container_socket,
}
"""How each control is seen that a machine can see; the rest is asked of the haven's books, or attested."""

_BUDGET_SECONDS: Final = 13.5
_AT_ONCE: Final = 8


def collect_all(look: Look, haven: HavenFacts | None = None) -> tuple[Fact, ...]:
    """Look at every control that can be seen; a look that fails or takes too long is an unknown with its reason."""
    looks: dict[str, Callable[[], Fact]] = {
        name: _looking(name, collector, look) for name, collector in COLLECTORS.items()
    }
    looks |= {name: _asking(name, haven) for name in BOOKS}
    pool = ThreadPoolExecutor(_AT_ONCE)
    until = time.monotonic() + _BUDGET_SECONDS
    futures = {name: pool.submit(one) for name, one in looks.items()}
    wait(futures.values(), timeout=until - time.monotonic())
    pool.shutdown(wait=False, cancel_futures=True)
    now = look.machine.now().astimezone(UTC).replace(microsecond=0)
    return tuple(_dated(_taken(name, future), now) for name, future in futures.items())


def _looking(name: str, collector: Collector, look: Look) -> Callable[[], Fact]:
    return lambda: seen(name, collector, look)


def _asking(name: str, haven: HavenFacts | None) -> Callable[[], Fact]:
    return lambda: from_books(name, haven)


def _taken(name: str, future: "Future[Fact]") -> Fact:
    if not future.done() or future.cancelled():
        return Fact(control=name, state=State.UNKNOWN, how="looked", seen=f"took longer than {_BUDGET_SECONDS:g} s")
    error = future.exception()
    if error is None:
        return future.result()
    # Whatever a stranger's program or a broken look raises: it was not seen, and the others still count.
    why = error.what if isinstance(error, FiveSafesError) else f"the look failed ({type(error).__name__})"
    return Fact(control=name, state=State.UNKNOWN, how="looked", seen=why)


def _dated(fact: Fact, now: datetime) -> Fact:
    return fact if fact.at is not None else evolve(fact, at=now)
