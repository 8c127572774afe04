"""The command line: one file per verb, loaded only when that verb is called.

Messages and progress go to standard error; standard output holds the answer, or with ``--json`` one object.
"""

import errno
import importlib
import signal
import sys
from typing import Final, cast

import click

from fivesafes import __version__
from fivesafes.core.errors import EXIT_BUG, EXIT_OK, FiveSafesError, TryAgain
from fivesafes.interfaces.cli import answer

VERBS: Final = {
    "demo": "Everything, on a synthetic person: scans to safe release, with the report.",
    "run": "DICOM in, released BIDS and report out: one shot, no server.",
    "init": "Make a haven: one guarded place for originals, consents and the trail.",
    "project": "Write a project form; register a project in a haven, show it, assess it.",
    "plan": "A project's tier with its reasons, and each step with the control that asks for it.",
    "consent": "Import, show and withdraw participants' consents.",
    "ingest": "Seal scans into the vault; what may not go in is refused or set aside, with its reason.",
    "process": "Take a project's sealed scans through every step; resumes where it stopped.",
    "review": "What waits for a person's eye, and the place to say what was seen.",
    "release": "Through the airlock: what may leave, and nothing else.",
    "status": "What runs, waits, failed, and why.",
    "worker": "Do queued work until it is done, or for ever.",
    "vault": "Custodians, keys, originals: verify, rotate, recover.",
    "trail": "Verify the trail, hand out checkpoints and proofs.",
    "setting": "Audit the place against the controls of its tier.",
    "backup": "Copy a haven, or its sealed keys, to another place; bring it back.",
    "deidentify": "Stand-alone: a DICOM folder to a de-identified DICOM folder.",
    "profile": "What a header profile does, and why; how two differ.",
    "deface": "Stand-alone: remove the face from images.",
    "check": "Stand-alone: what in this data set could identify someone.",
    "doctor": "Is everything here that the journey needs?",
}


class LazyGroup(click.Group):
    """Imports a verb's module when the verb is called: help stays quick, and one broken engine breaks one verb."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs in the order of a newcomer's day."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one verb: module of its name, object ``command``."""
        if cmd_name not in VERBS:
            return None
        return cast("click.Command", importlib.import_module(f"{__name__}.{cmd_name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fivesafes")
def fivesafes() -> None:
    """Take identifiable MRI scans in, let out what the five safes allow.

    Exit codes: 0 ok, 2 usage, 3 refused by a gate, 4 invalid input, 5 partly done, 6 needs review, 69 engine
    missing, 70 our bug, 75 try again, 130 stopped by Ctrl-C.
    """


def main() -> None:
    """Run a command; turn what went wrong on purpose into a message and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop is a person's Ctrl-C
    answer.begin()
    try:
        code = fivesafes.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(_say("stopped", fix="run the same command again to go on", code=130, shown=_STOPPED))
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(_say(_WORDS, fix="see --help, and standard error for the word", code=mistake.exit_code, shown=""))
    except FiveSafesError as error:
        sys.exit(_say(error.what, fix=error.fix, code=error.exit_code, shown=f"error: {error}"))
    except OSError as error:
        sys.exit(_say_system_error(error))
    except Exception as bug:  # noqa: BLE001 - the last net: values in a traceback could identify someone
        what = f"this is our bug ({type(bug).__name__} in {_place_of(bug)})."
        sys.exit(_say(what, fix="report it with this line; it holds nothing of your data", code=EXIT_BUG))
    sys.exit(code if isinstance(code, int) else EXIT_OK)  # click gives back the code of context.exit()


_STOPPED: Final = "stopped; run the same command again to go on"
_WORDS: Final = "the command's words are off"
"""Of a mistake in the words: they are not repeated in an answer that programs keep, for one may be a name."""


def _say(what: str, *, fix: str, code: int, shown: str | None = None) -> int:
    """Tell a person, and with ``--json`` a program, too; give the exit code."""
    text = f"error: {what}\n  fix: {fix}" if shown is None else shown
    if text:
        click.echo(text, err=True)
    if "--json" in sys.argv:
        answer.emit_error(what, fix)
    return code


def _say_system_error(error: OSError) -> int:
    """Say what the system refused, without the path: file names may hold a name."""
    what = f"the system refused: {error.strerror or type(error).__name__} (in {_place_of(error)})"
    fix = "check free space and permissions of the folders given, then run the same command again"
    if error.errno == errno.EROFS:
        fix = "make the disk writable (it was mounted read-only, or the system made it so), then run this again"
    return _say(what, fix=fix, code=TryAgain.exit_code)


def _place_of(error: BaseException) -> str:
    """Name module, line and function of our innermost frame; never a value."""
    place = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("fivesafes"):
            place = f"{name}:{trace.tb_lineno} ({trace.tb_frame.f_code.co_name})"
        trace = trace.tb_next
    return place
