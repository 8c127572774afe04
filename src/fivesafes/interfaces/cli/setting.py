"""``fivesafes setting audit``: is the place what its tier asks for?  Looks, judges, and changes nothing."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fivesafes.core.errors import EXIT_OK, NeedsReview, Refused
from fivesafes.core.event import utc_now
from fivesafes.interfaces.cli.at_haven import tended
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.setting.model import Attestation, Declaration, Fact, SettingReport

_FILE: Final = click.Path(path_type=Path)
_TIER: Final = "T2"
_COLOURS: Final = {"no": "bold red", "unknown": "yellow", "yes": "green"}
_CODES: Final = {"yes": EXIT_OK, "no": Refused.exit_code, "unknown": NeedsReview.exit_code}


@click.group()
def command() -> None:
    """Look at the place: does it prevent misuse and mistakes?"""


@command.command()
@click.option("--tier", type=click.Choice(["T0", "T1", "T2", "T3"]), help="Default: the haven's own, else T2.")
@click.option("--haven", type=_FILE, help="The haven (it keeps the result), or a mere folder.")
@click.option("--declare", type=_FILE, help="TOML: what the place is meant to be (ports, endpoints, tunnel, folders).")
@click.option("--attest", type=_FILE, help="TOML: named people's word for what no machine can see.")
@click.option("--facts", type=_FILE, help="Judge these saved facts instead of looking.")
@click.option("--save-facts", type=_FILE, help="Keep the facts, to judge them again later or elsewhere.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="Judge as of this day (default: today, UTC).")
@click.option("--page", type=_FILE, help="Write the report as an HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_context
def audit(  # noqa: PLR0913 - click hands over one argument per option
    context: click.Context,
    *,
    tier: str | None,
    haven: Path | None,
    declare: Path | None,
    attest: Path | None,
    facts: Path | None,
    save_facts: Path | None,
    on: datetime | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Look at this machine and judge each control of a tier: yes, no, or unknown, which never counts as yes.

    It needs no root and changes nothing; as root it sees more (firewall, tunnel, sshd). Programs on PATH are used
    where they are: nft, ip, wg, sshd, chronyc, apt-get, oscap, sslyze, zfs.

    Exit codes: 0 every control of the tier is met, 3 one is not, 4 a file can't be used, 6 one is unknown.
    """
    from fivesafes.interfaces.forms.attestations import read_attestations  # noqa: PLC0415 - help stays quick
    from fivesafes.interfaces.forms.declaration import read_declaration  # noqa: PLC0415 - as above
    from fivesafes.setting.model import Declaration  # noqa: PLC0415 - as above
    from fivesafes.wiring import setting  # noqa: PLC0415 - as above

    if facts is not None and (haven is not None or declare is not None):
        mistake = "--facts judges what was seen before: --haven and --declare would go unheard"
        raise click.UsageError(mistake)
    words = read_attestations(attest) if attest is not None else ()
    declared = read_declaration(declare) if declare is not None else Declaration()
    if haven is not None and (haven / "haven.toml").is_file():
        report, seen = _at_haven(haven, declared, words, tier=tier, on=on)
    else:
        seen = setting.load_facts(facts) if facts is not None else setting.look_at(declared, haven=haven)
        report = setting.judge(seen, words, tier=tier or _TIER, on=_day(on))
    answer = setting.as_answer(report, seen)
    if save_facts is not None:
        setting.save_facts(seen, save_facts)
    if page is not None:
        setting.save_page(answer, page)
    (emit_json if as_json else _show)(answer)
    context.exit(_CODES[answer["state"]])


def _at_haven(
    haven: Path, declared: "Declaration", words: "Sequence[Attestation]", *, tier: str | None, on: datetime | None
) -> "tuple[SettingReport, tuple[Fact, ...]]":
    """Look at a haven, its books too, and keep the result as a cycle of its audit."""
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - help stays quick
    from fivesafes.wiring import setting  # noqa: PLC0415 - as above
    from fivesafes.wiring.haven_facts import BooksFacts  # noqa: PLC0415 - as above
    from fivesafes.wiring.standing import UNENFORCED, record_cycle  # noqa: PLC0415 - as above

    machine = setting.as_found()  # before the haven is opened, which makes this process more private than it came
    with tended(haven) as opened:
        books = BooksFacts(opened, read_witnesses(opened.config.witnesses))
        seen = setting.look_at(declared, haven=haven, machine=machine, books=books)
        own = _TIER if opened.config.tier == UNENFORCED else opened.config.tier
        report = setting.judge(seen, words, tier=tier or own, on=_day(on))
        if on is None:
            record_cycle(opened, report, seen)
    return report, seen


def _day(on: datetime | None) -> date:
    return on.date() if on is not None else utc_now().date()


def _show(answer: Mapping[str, Any]) -> None:
    """Print what is open first, then what is met, then the sum."""
    console = Console()
    demanded = [one for one in answer["controls"] if one["demanded"]]
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for state, colour in _COLOURS.items():
        for one in (row for row in demanded if row["state"] == state):
            told = f"[bold]{escape(one['control'])}[/bold]  {escape(one['why'])}"
            told += f"\n→ [italic]{escape(one['fix'])}[/italic]" if one["fix"] else ""
            table.add_row(f"[{colour}]{state}[/]", told)
    console.print(table)
    counts = answer["counts"]
    console.print(
        f"tier {answer['tier']} on {answer['on']}: {counts['yes']} yes ({answer['attested']} attested), "
        f"{counts['no']} no, {counts['unknown']} unknown"
    )
