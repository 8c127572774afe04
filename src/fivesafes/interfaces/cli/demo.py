"""``fivesafes demo``: everything, on a synthetic person."""

from pathlib import Path

import click

from fivesafes.core.errors import UsageMistake
from fivesafes.interfaces.cli.conclusion import show_conclusion
from fivesafes.interfaces.cli.output import emit_json, shown_progress
from fivesafes.interfaces.cli.run import show_paths

STUDY = """\
# The demonstration's study form; `fivesafes project new` writes a commented one.
[project]
id = "demo"
title = "A demonstration on a synthetic person"
investigator = "Dr Demo Investigator"
institution = "Example University"
contact = "data-office@university.example"

[approval]
committee = "Example Human Research Ethics Committee"
number = "2026/001"
valid_from = 2026-01-01
valid_until = 2099-12-31

[use]
purpose = "Show how scans become a safe release."
data_use = "NRES"

[sharing]
with = "public"
licence = "CC0"

[cohort]
participants = 1
eligible = 1000000
content = "healthy-structural"

[consent]
table = "consent.csv"
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("fivesafes-demo"))
@click.option("--workers", type=click.IntRange(min=1), help="Processes at once (default: one per core).")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_context
def command(context: click.Context, folder: Path, workers: int | None, *, quiet: bool, as_json: bool) -> None:
    """Make a synthetic person's scans in FOLDER, take them to a safe release, and say where the report is."""
    from fivesafes.engines.sources.synthetic import write_study  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.interfaces.forms.consent import HEADER  # noqa: PLC0415 - as above
    from fivesafes.interfaces.forms.study import read_study  # noqa: PLC0415 - as above
    from fivesafes.setting.keyring import project_key  # noqa: PLC0415 - as above
    from fivesafes.wiring.run import engines, run_study  # noqa: PLC0415 - as above

    if folder.exists() and any(folder.iterdir()) and not (folder / "demo.key").exists():
        message = "the folder holds something that is not a demonstration"
        raise UsageMistake(message, fix="give a new folder:  fivesafes demo NEW")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    project_key("demo", folder=folder)  # made once, beside the demonstration, not in the user's key folder
    with shown_progress(quiet=quiet) as progress:
        planted = write_study(folder / "scans", seed=2026, progress=progress)
        (folder / "STUDY.toml").write_text(STUDY, encoding="utf-8")
        row = f"{planted.participant_id},NRES,no,2026-01-01/..,\n"
        (folder / "consent.csv").write_text(HEADER + row, encoding="utf-8")
        form = read_study(folder / "STUDY.toml")
        request = form.request(folder / "scans")
        made = engines(form.project.id, key=folder / "demo.key", workers=workers)
        conclusion = run_study(request, made, out=folder / "out", progress=progress)
    if as_json:
        emit_json(conclusion.contract)
    show_conclusion(conclusion)
    if not as_json:
        show_paths(conclusion, folder / "out")
    context.exit(conclusion.exit_code)
