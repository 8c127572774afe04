"""Looks at upkeep: the clock, security updates, the release, remote administration, and what scanners reported."""

import csv
import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from fivesafes.setting.audit.look import Found, Look, NotSeen, asked, no, unknown, worst, yes
from fivesafes.setting.audit.machine import Machine, normal_name
from fivesafes.setting.model import State

_MAX_ERROR: Final = 1.0
_OWN_CLOCK: Final = "7F7F0101"  # the reference of chrony's `local` directive: "Normal", and nobody checks it
_LISTS_GOOD_FOR: Final = timedelta(days=7)
"""How old a security archive's list may be where it does not say itself until when it is valid."""
_APT_SECONDS: Final = 12.0
_OSCAP_SECONDS: Final = 12.0
_LYNIS_REPORT: Final = Path("/var/log/lynis-report.dat")
_LYNIS_LEAST: Final = 100
_SHOWN: Final = 5


def clock_synchronised(look: Look) -> Found:
    """Ask the kernel, and chrony where it is there, whether the clock is right to within a second."""
    state = look.machine.clock()
    if state is None:
        kernel = unknown("adjtimex", "the kernel's clock can't be asked here")
    elif not state.synchronised:
        kernel = no("adjtimex", "the kernel's clock is not synchronised")
    else:
        right = state.max_error < _MAX_ERROR
        kernel = (yes if right else no)("adjtimex", f"synchronised, at most {state.max_error:.3f} s off")
    try:
        chrony = _chrony(look)
    except NotSeen as why:  # no chrony, or no daemon behind it: the kernel's word stands
        return kernel if kernel.state is not State.UNKNOWN else worst([kernel, unknown(why.how, why.why)])
    return chrony if kernel.state is State.UNKNOWN else worst([kernel, chrony])


def _chrony(look: Look) -> Found:
    command = ("chronyc", "-c", "tracking")
    how = " ".join(command)
    cells = asked(look, command).printed.strip().split(",")
    try:
        # chronyc(1): 4 is the correction to apply, 10 the root delay, 11 the root dispersion, 13 the leap status
        error = abs(float(cells[4])) + float(cells[10]) / 2 + float(cells[11])
        leap = cells[13]
    except (IndexError, ValueError):
        return unknown(how, "chronyc printed something else than its tracking")
    if leap == "Not synchronised":
        return no(how, "chrony is not synchronised")
    if cells[0].upper() == _OWN_CLOCK:
        return no(how, "chrony follows this machine's own clock alone")
    return (yes if error < _MAX_ERROR else no)(how, f"chrony: at most {error:.3f} s off")


_INSTALLS: Final = re.compile(r"^Inst (\S+) .*\(([^)]*)\)", re.MULTILINE)


def patches_applied(look: Look) -> Found:
    """Simulate an upgrade, and count what comes from a security archive; lists that are out of date tell nothing."""
    command = ("apt-get", "-s", "-q", "-o", "Debug::NoLocking=true", "dist-upgrade")
    how = " ".join(command)
    if (why := _lists_out_of_date(look.machine)) is not None:
        return unknown("/var/lib/apt/lists", why)
    ran = asked(look, command, seconds=_APT_SECONDS)
    if not re.search(r"^\d+ upgraded, \d+ newly installed", ran.printed, re.MULTILINE):
        return unknown(how, "apt-get printed something else than a simulation")
    waiting = [match[1] for match in _INSTALLS.finditer(ran.printed) if "security" in match[2].lower()]
    held = re.search(r"(\d+) not upgraded", ran.printed)
    if waiting:
        more = f" and {len(waiting) - _SHOWN} more" if len(waiting) > _SHOWN else ""
        return no(how, f"{len(waiting)} security updates wait: {', '.join(waiting[:_SHOWN])}{more}")
    if held is not None and int(held[1]):
        return unknown(how, f"{held[1]} packages are held back, and apt does not say whether for security")
    return yes(how, "no security update waits")


def _lists_out_of_date(machine: Machine) -> str | None:
    """Say why the archive's lists can't tell of pending updates; None when each security list is in date."""
    folder = machine.path("/var/lib/apt/lists")
    if not folder.is_dir():
        return "no package lists of apt are here"
    releases = [path for path in sorted(folder.iterdir()) if re.search(r"security.*_(In)?Release$", path.name)]
    if not releases:
        return "no list of a security archive: run apt update, and name the security archive in sources.list"
    now = machine.now()
    for release in releases:
        text = release.read_text(encoding="utf-8", errors="replace")[:4000]
        head = {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        try:
            made = parsedate_to_datetime(head["Date"]).astimezone(UTC)
            until = (
                parsedate_to_datetime(head["Valid-Until"]).astimezone(UTC)
                if "Valid-Until" in head
                else made + _LISTS_GOOD_FOR
            )
        except (KeyError, ValueError):
            return "a list of the security archive has no date"
        if not made - timedelta(days=1) <= now <= until:
            return f"the list of the security archive was good until {until:%Y-%m-%d}: run apt update"
    return None


def release_supported(look: Look) -> Found:
    """Look up until when this release gets security updates: as it says itself, else in distro-info-data."""
    how = "/etc/os-release"
    path = next((p for p in ("/etc/os-release", "/usr/lib/os-release") if look.machine.path(p).exists()), how)
    lines = look.machine.text(path).splitlines()
    release = {
        name: " ".join(shlex.split(value)) for name, _, value in (line.partition("=") for line in lines) if value
    }
    name = f"{release.get('ID', '?')} {release.get('VERSION_ID', '')}".strip()
    ends = _day(release.get("SUPPORT_END"))
    if ends is None:
        how = "/etc/os-release, /usr/share/distro-info"
        ends = _distro_info(look.machine, release)
    if ends is None:
        return unknown(how, f"{name}: its end of support is not known here")
    told = f"{name}: supported until {ends}"
    return (yes if look.machine.now().date() <= ends else no)(how, told)


def _distro_info(machine: Machine, release: Mapping[str, str]) -> date | None:
    table = machine.path("/usr/share/distro-info") / f"{release.get('ID', '')}.csv"
    if not release.get("VERSION_ID") or not re.fullmatch(r"[a-z]+", release.get("ID", "")) or not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row.get("version") or "").removesuffix(" LTS") == release["VERSION_ID"]:
                # Debian's long-term support is free for all; Ubuntu's later phases ask for a contract.
                return _day(row.get("eol-lts")) or _day(row.get("eol"))
    return None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


_SHA1_EXCHANGES: Final = re.compile(r"sha1$|group1-|group-exchange-sha1")
_WANTED: Final = {
    "passwordauthentication": {"no"},
    "kbdinteractiveauthentication": {"no"},
    "permitemptypasswords": {"no"},
    "permitrootlogin": {"no"},
}


def remote_admin(look: Look) -> Found:
    """Ask sshd for its settings in force; exceptions by Match are not shown by it, so they leave it unknown."""
    how = "sshd -T"
    printed = asked(look, ("sshd", "-T")).printed
    lines = [line.split(None, 1) for line in printed.splitlines()]
    settings = {line[0].lower(): line[1].strip().lower() for line in lines if len(line) == 2}  # noqa: PLR2004 - name, value
    if not {*_WANTED, "kexalgorithms"} <= set(settings):
        return unknown(how, "sshd printed something else than its settings")
    faults = [f"{name} {settings[name]}" for name, good in _WANTED.items() if settings[name] not in good]
    weak = [name for name in settings["kexalgorithms"].split(",") if _SHA1_EXCHANGES.search(name)]
    faults += [f"key exchange {name}" for name in weak]
    if faults:
        return no(how, ", ".join(faults))
    if _has_match(look.machine):
        return unknown(how, "the global settings are good; blocks of Match may loosen them for some")
    return yes(how, "keys only, no root, no SHA-1 in key exchange")


def _has_match(machine: Machine) -> bool:
    folder = machine.path("/etc/ssh")
    files = [
        path for path in (folder / "sshd_config", *sorted((folder / "sshd_config.d").glob("*.conf"))) if path.exists()
    ]
    if not files:
        return True  # its settings lie where we did not look
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    return any(re.search(r"^\s*match\s", text, re.IGNORECASE | re.MULTILINE) for text in texts)


_OURSELVES: Final = "fivesafes"


def dependencies_audited(look: Look) -> Found:
    """Read a report of pip-audit: green only when it looked at every package; a skipped one was not looked at.

    This program itself is left out: installed from a checkout or a file it is on no index that pip-audit could ask.
    """
    how = "report of pip-audit"
    path = look.declared.pip_audit_report
    if path is None:
        return unknown(how, "no report is declared")
    at = _written(path)
    try:
        listed = json.loads(path.read_bytes())["dependencies"]
        packages = [one for one in listed if normal_name(str(one["name"])) != _OURSELVES]
        skipped = [one for one in packages if "skip_reason" in one or "vulns" not in one]
        vulnerable = [str(one["name"]) for one in packages if one.get("vulns")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return unknown(how, "the report is not pip-audit's JSON", at=at)
    if vulnerable:
        return no(how, f"{len(vulnerable)} packages are vulnerable: {', '.join(sorted(vulnerable)[:_SHOWN])}", at=at)
    if skipped or not packages:
        return unknown(how, f"{len(skipped)} of {len(packages)} packages were skipped, not looked at", at=at)
    here = {name: version for name, version in look.machine.installed().items() if name != _OURSELVES}.items()
    audited = {(normal_name(str(one.get("name"))), str(one.get("version"))) for one in packages}
    missing = sorted(name for name, version in here if (name, version) not in audited)
    if missing or not here:
        told = f"{len(missing)} of {len(here)} installed packages are not in the report, or in another version"
        return unknown(how, f"{told}: {', '.join(missing[:_SHOWN])}", at=at)
    return yes(how, f"{len(packages)} packages looked at, none vulnerable", at=at)


def _written(path: Path) -> datetime:
    """Say when a report was written; whole seconds, as facts are kept."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), tz=UTC)


def hardening_scanned(look: Look) -> Found:
    """Read the report of a lynis run; the run itself takes longer than an audit may."""
    how = "report of lynis"
    path = look.declared.lynis_report or look.machine.path(_LYNIS_REPORT)
    if not path.exists():
        here = "lynis is here: run" if look.machine.programs.has("lynis") else "install lynis and run"
        return unknown(how, f"no report; {here} `lynis audit system --quick --report-file FILE` and declare FILE")
    values: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition("=")
        values.setdefault(name, []).append(value)
    version = f"lynis {values.get('lynis_version', [''])[0]}"
    tests = [test for test in values.get("tests_executed", [""])[-1].split("|") if test]
    if values.get("finish") != ["true"] or len(tests) < _LYNIS_LEAST:
        return unknown(how, f"the run did not look at everything ({len(tests)} tests)", version=version)
    at = _local_moment(values.get("report_datetime_end", [""])[-1])
    if at is None:
        return unknown(how, "the report does not say when it was made", version=version)
    if _first_label(values.get("hostname", [""])[-1]) != _first_label(look.machine.hostname()):
        return unknown(how, "the report is of another machine, or does not say of which", version=version, at=at)
    warnings = [value.split("|")[0] for value in values.get("warning[]", ())]
    if warnings:
        return no(how, f"{len(warnings)} warnings: {', '.join(warnings[:_SHOWN])}", version=version, at=at)
    return yes(how, f"{len(tests)} tests, no warning", version=version, at=at)


def _local_moment(text: str) -> datetime | None:
    """Read a moment as lynis writes it, in this machine's time zone."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").astimezone(UTC)
    except ValueError:
        return None


def _first_label(host: str) -> str | None:
    return host.strip().partition(".")[0].lower() or None


def benchmark_passed(look: Look) -> Found:
    """Let oscap judge the benchmark of this release; rules that did not apply or have no check were not looked at."""
    content = look.declared.openscap_content or _content(look.machine)
    if content is None or not content.exists():
        return unknown("oscap xccdf eval", "no benchmark for this release is here")
    profile = look.declared.openscap_profile or "xccdf_org.ssgproject.content_profile_standard"
    command = ("oscap", "xccdf", "eval", "--profile", profile, str(content))
    how = f"oscap xccdf eval --profile {profile} {content.name}"
    printed = asked(look, command, seconds=_OSCAP_SECONDS, codes=(0, 2)).printed  # 2: some rule failed
    results = Counter(re.findall(r"^Result\s+([a-z]+)", printed, re.MULTILINE))
    told = ", ".join(f"{count} {name}" for name, count in sorted(results.items())) or "no rule"
    if results["fail"]:
        return no(how, told)
    unseen = results["notapplicable"] + results["notchecked"]
    if not results["pass"] or results["pass"] < unseen or results["error"] or results["unknown"]:
        return unknown(how, f"most was not looked at: {told}")
    return yes(how, told)


def _content(machine: Machine) -> Path | None:
    lines = [line.partition("=") for line in machine.text("/etc/os-release").splitlines()]
    release = {name: value.strip('"') for name, _, value in lines}
    name = release.get("ID", "") + release.get("VERSION_ID", "").split(".")[0]
    return machine.path("/usr/share/xml/scap/ssg/content") / f"ssg-{name}-ds.xml" if name.isalnum() else None
