"""``fivesafes trail``: verify what a haven did, prove it to a stranger, hand it on in other languages."""

import base64
import getpass
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, NeedsReview, Refused, TryAgain
from fivesafes.core.verdict import Gravity, Verdict
from fivesafes.interfaces.cli.at_haven import haven_option, json_option
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.engines.syslog_tls import SyslogServer
    from fivesafes.setting.trail.note import VerifierKey
    from fivesafes.setting.trail.verify import Verified
    from fivesafes.wiring.haven import OpenHaven
    from fivesafes.wiring.trail import Delivery

_PATH: Final = click.Path(path_type=Path)
_EXITS: Final = {Gravity.NOTE: EXIT_OK, Gravity.REVIEW: NeedsReview.exit_code, Gravity.REFUSE: Refused.exit_code}
_KEY_HELP: Final = "The trail's public key: trail.pub, got by another way than the trail."
_NOTE_HELP: Final = "A checkpoint that a witness kept, or a file of many; may be repeated."


@click.group()
def command() -> None:
    """Verify the trail, export it, and prove what stands in it."""


@command.command()
@click.argument("trail", type=_PATH, required=False)
@haven_option
@click.option("--key", type=_PATH, help=_KEY_HELP)
@click.option("--checkpoint", "checkpoints", type=_PATH, multiple=True, help=_NOTE_HELP)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    trail: Path | None,
    haven: Path | None,
    key: Path | None,
    checkpoints: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Verify a TRAIL, or that of a haven.

    TRAIL is trail.jsonl or an exported folder; it is read from its first entry to its last.

    Exit codes: 0 it is as it was written, 3 it is not, 4 a file can't be used, 6 it fits its checkpoints, but key and
    checkpoints came with it, so nothing is proven about who signed. Without a checkpoint from outside nobody can tell
    whether its tail was cut off or all of it was made anew, and the answer says so.
    """
    if trail is not None:
        if haven is not None:
            mistake = "give a trail's file or a haven, not both"
            raise click.UsageError(mistake)
        found = _verify_file(trail, checkpoints, key)
    else:
        found = _verify_haven(haven, [note for path in checkpoints for note in _notes(path)], key)
    if as_json:
        emit_json(_as_answer(found))
    else:
        _say(found.verdict)
    context.exit(_EXITS[found.verdict.gravity])


@command.command()
@click.argument("folder", type=_PATH)
@haven_option
@json_option
def export(*, folder: Path, haven: Path | None, as_json: bool) -> None:
    """Write the trail into a FOLDER for a stranger.

    Lines, checkpoints, public key, and a page that says how to verify by hand.
    """
    from fivesafes.engines.exporters.trail_folder import write_trail  # noqa: PLC0415 - loaded when called
    from fivesafes.stores import trail  # noqa: PLC0415 - as above
    from fivesafes.wiring.trail import exported_lines, make_checkpoint, tell, trail_key  # noqa: PLC0415 - as above

    with _opened(haven) as place:
        key = trail_key(place)
        tell(place, actor=_me(), verb="trail export", outcome="begun")
        upto = make_checkpoint(place).checkpoint
        notes = [kept.note for kept in trail.checkpoints() if kept.size <= upto.size]
        size = write_trail(exported_lines(upto), notes, key, into=folder)
        tell(place, actor=_me(), verb="trail export", outcome="ok", entries=size)
    answer = {"folder": str(folder), "entries": size, "checkpoints": len(notes), "key": str(key)}
    _tell(answer, f"{size} entries and {len(notes)} checkpoints are in {folder}", as_json=as_json)


@command.command()
@haven_option
@json_option
@click.pass_context
def checkpoint(context: click.Context, *, haven: Path | None, as_json: bool) -> None:
    """Sign the trail and hand it to the witnesses.

    The trail as it is now; the witnesses that haven.toml names. A file, a git repository and an object store are looked
    at: one that has lost the checkpoint gets it again.

    Exit codes: 0 every witness has it, 75 one could not be reached; it is asked again at the next call.
    """
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - loaded when called
    from fivesafes.wiring.trail import hand_over, lacking, make_checkpoint  # noqa: PLC0415 - as above

    with _opened(haven) as place:
        witnesses = read_witnesses(place.config.witnesses)
        made = make_checkpoint(place)
        told = hand_over(place, witnesses, again=lacking(witnesses))
    if as_json:
        sent = [_delivery(one) for one in told]
        emit_json({"size": made.checkpoint.size, "note": made.note, "witnesses": sent})
    else:
        click.echo(made.note, nl=False)
        for one in told:
            click.echo(
                f"{one.name} ({one.kind}): " + (f"{one.why}; fix: {one.fix}" if one.waits else "has it"), err=True
            )
    if not told:
        click.echo("no witness is named in haven.toml: a checkpoint that stays here proves nothing", err=True)
    context.exit(TryAgain.exit_code if any(one.waits for one in told) else EXIT_OK)


@command.command()
@click.argument("entry", type=click.IntRange(min=0), required=False, metavar="N")
@click.option("--since", type=click.IntRange(min=1), help="The size of an earlier checkpoint, which a witness kept.")
@haven_option
def prove(*, entry: int | None, since: int | None, haven: Path | None) -> None:
    """Print a proof of one entry, or of growth.

    JSON that shows that entry N stands in the trail, or that the trail grew from an earlier checkpoint unaltered.
    """
    from fivesafes.setting.trail.proof import prove_entry, prove_growth  # noqa: PLC0415 - loaded when called
    from fivesafes.wiring.trail import covered_lines  # noqa: PLC0415 - as above

    if (entry is None) == (since is None):
        mistake = "give the number of an entry, or --since SIZE"
        raise click.UsageError(mistake)
    with _opened(haven) as place:
        lines, upto = covered_lines(place, entry if entry is not None else (since or 1) - 1)
        proof = (
            prove_entry(lines, entry, upto=upto) if entry is not None else prove_growth(lines, since or 0, upto=upto)
        )
    emit_json(proof)


@command.command("verify-proof")
@click.argument("proof", type=_PATH)
@click.option("--key", type=_PATH, required=True, help=_KEY_HELP)
@click.option("--checkpoint", "checkpoints", type=_PATH, multiple=True, help=_NOTE_HELP)
@json_option
@click.pass_context
def verify_proof(
    context: click.Context, *, proof: Path, key: Path, checkpoints: tuple[Path, ...], as_json: bool
) -> None:
    """Verify a PROOF that ``trail prove`` printed.

    Exit codes: 0 it holds, 3 it does not, 4 it is none.
    """
    from fivesafes.setting.trail.proof import judge_proof  # noqa: PLC0415 - loaded when called

    try:
        body = json.loads(_read(proof))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        message = "this is no proof of a trail"
        raise InvalidInput(message, fix="give the JSON that fivesafes trail prove printed")
    earlier = [note for path in checkpoints for note in _notes(path)]
    verdict = judge_proof(body, _read_key(key), earlier=earlier)
    if as_json:
        emit_json({"verdict": _verdict(verdict)})
    else:
        _say(verdict)
    context.exit(Refused.exit_code if verdict.refuses else EXIT_OK)


@command.command()
@haven_option
@click.option("--since", type=click.IntRange(min=0), default=0, help="The first entry to tell of (default: 0).")
@click.option("--out", type=_PATH, help="Write the messages to this file, one per line.")
@click.option("--syslog", metavar="HOST[:PORT]", help="Send them to this syslog server over TLS (port 6514).")
@click.option("--ca-file", type=_PATH, help="PEM: who vouches for that server (default: the system's).")
@click.option("--certificate", type=_PATH, help="PEM: our certificate, where the server asks for one.")
@click.option("--certificate-key", type=_PATH, help="PEM: its key.")
@json_option
def messages(  # noqa: PLR0913 - one argument per option
    *,
    haven: Path | None,
    since: int,
    out: Path | None,
    syslog: str | None,
    ca_file: Path | None,
    certificate: Path | None,
    certificate_key: Path | None,
    as_json: bool,
) -> None:
    """Tell the trail as DICOM audit messages.

    PS3.15 A.5, to a file or to an audit repository (RFC 5424 over TLS).  The entry to go on from is told.
    """
    from fivesafes.engines.exporters.dicom_audit import AuditSource, audit_messages  # noqa: PLC0415 - loaded when called
    from fivesafes.engines.syslog_tls import send  # noqa: PLC0415 - as above
    from fivesafes.stores import trail  # noqa: PLC0415 - as above
    from fivesafes.wiring.trail import release_places, tell  # noqa: PLC0415 - as above

    if (out is None) == (syslog is None):
        mistake = "give --out FILE or --syslog HOST"
        raise click.UsageError(mistake)
    with _opened(haven) as place:
        stop = trail.head().size
        source, places = AuditSource(id=place.origin), release_places(place)
        every = list(audit_messages(trail.entries(0, stop), source, since=since, places=places))
        told = [one for some in every for one in some]
        if syslog is not None:
            send(_server(syslog, ca_file, certificate, certificate_key), (one.as_syslog() for one in told))
        if out is not None:
            _write(out, (one.xml for one in told))
        tell(place, actor=_me(), verb="trail messages", outcome="ok", messages=len(told), first=since)
    silent = sum(not some for some in every)
    answer = {"entries": len(every), "messages": len(told), "without_message": silent, "next": stop}
    said = f"{len(told)} messages of {len(every)} entries; the next time: --since {stop}"
    _tell(answer, said, as_json=as_json)


@command.command()
@click.argument("project")
@haven_option
@click.option("--out", type=_PATH, help="Write to this file instead of standard output.")
def prov(*, project: str, haven: Path | None, out: Path | None) -> None:
    """Tell a PROJECT's provenance as W3C PROV.

    PROV-JSON: what was made from what, by which step, on whose account.
    """
    from fivesafes.engines.exporters.prov import provenance  # noqa: PLC0415 - loaded when called
    from fivesafes.stores import trail  # noqa: PLC0415 - as above

    with _opened(haven) as place:
        made = provenance(trail.entries(0, trail.head().size), project=place.project(project).id, origin=place.origin)
    text = json.dumps(made, indent=1, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        _write(out, [text.encode()])


@contextmanager
def _opened(haven: Path | None) -> Iterator["OpenHaven"]:
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - a stranger's verification needs no database

    with opened_haven(haven) as place:
        yield place


def _verify_file(trail: Path, checkpoints: Sequence[Path], key: Path | None) -> "Verified":
    from fivesafes.setting.trail.verify import came_with_it, rows_in, verify  # noqa: PLC0415 - loaded when called

    own_notes, own_key = _exported(trail) if trail.is_dir() else ([], None)
    if trail.is_dir():
        trail /= "trail.jsonl"
    notes = [note for path in (*own_notes, *checkpoints) for note in _notes(path)]
    key = key or own_key
    if notes and key is None:
        mistake = "a checkpoint is verified with the trail's public key: give --key FILE"
        raise click.UsageError(mistake)
    public = _read_key(key) if key is not None else None
    try:
        with trail.open("rb") as file:
            found = verify(rows_in(file), notes=notes, key=public)
    except OSError as fault:
        message = f"the trail can't be read: {fault.strerror}"
        raise InvalidInput(
            message, fix="give the file trail.jsonl, or the folder that fivesafes trail export wrote"
        ) from None
    # What a witness kept vouches for the key that it was signed with; what lies in the trail's own folder does not.
    given = [path for path in (key, *checkpoints) if path is not None]
    apart = any(not _lies_beside(path, trail) for path in given)
    return found if apart else came_with_it(found)


def _exported(folder: Path) -> tuple[list[Path], Path]:
    """Name what an exported folder holds beside the lines: its checkpoints, where there are any, and its key."""
    notes = folder / "checkpoints.txt"
    return [notes] if notes.exists() and notes.stat().st_size else [], folder / "trail.pub"


def _lies_beside(path: Path, trail: Path) -> bool:
    """Tell whether this is the key or the checkpoints that an export wrote beside these lines."""
    return path.name in {"trail.pub", "checkpoints.txt"} and path.resolve().parent == trail.resolve().parent


def _verify_haven(haven: Path | None, notes: list[str], key: Path | None) -> "Verified":
    from fivesafes.wiring.trail import verify_haven  # noqa: PLC0415 - loaded when called

    with _opened(haven) as place:
        return verify_haven(place, notes=notes, key=_read_key(key) if key is not None else None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        message = "a file that was given can't be read as text"
        raise InvalidInput(message, fix="name a key, a checkpoint or a proof as it was written") from None


def _read_key(path: Path) -> "VerifierKey":
    from fivesafes.setting.trail.note import VerifierKey  # noqa: PLC0415 - loaded when called

    return VerifierKey.parsed(_read(path))


def _notes(path: Path) -> list[str]:
    from fivesafes.setting.trail.note import looks_like_note, notes_in  # noqa: PLC0415 - loaded when called

    found = list(notes_in(_read(path)))
    if not any(looks_like_note(one) for one in found):
        message = "a file given as checkpoint holds none"
        raise InvalidInput(message, fix="give a note as the witness keeps it: three lines, an empty one, the signature")
    return found


def _server(named: str, ca_file: Path | None, certificate: Path | None, key: Path | None) -> "SyslogServer":
    from fivesafes.engines.syslog_tls import PORT, SyslogServer  # noqa: PLC0415 - loaded when called

    host, _, port = named.partition(":")
    if not host or (port and not port.isdecimal()):
        mistake = "--syslog is HOST or HOST:PORT"
        raise click.UsageError(mistake)
    number = int(port) if port else PORT
    return SyslogServer(host=host, port=number, ca_file=ca_file, certificate=certificate, key=key)


def _write(path: Path, lines: Iterable[bytes]) -> None:
    from fivesafes.engines.exporters.place import not_written  # noqa: PLC0415 - loaded when called

    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            aside.write_bytes(b"".join(line + b"\n" for line in lines))
            aside.replace(path)
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
    except OSError as fault:
        raise not_written(fault, what="the file") from None


def _me() -> str:
    """Name the account that runs this command."""
    try:
        return f"account {getpass.getuser()}"
    except (KeyError, OSError):  # no name in the system's table
        return f"account {os.getuid()}"


def _as_answer(found: "Verified") -> dict[str, Any]:
    return {
        "verdict": _verdict(found.verdict),
        "entries": found.entries,
        "first_bad": found.first_bad,
        "checkpoints": found.checkpoints,
        "proven": found.proven,
        "root": base64.b64encode(found.root).decode("ascii"),
        "last": found.last,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    from fivesafes.flow.record import told  # noqa: PLC0415 - loaded when called

    return told(verdict)


def _delivery(one: "Delivery") -> dict[str, Any]:
    return {"name": one.name, "kind": one.kind, "size": one.size, "at": one.at, "waits": one.waits, "why": one.why}


def _say(verdict: Verdict) -> None:
    for finding in verdict.findings:
        click.echo(f"{finding.gravity.word}: {finding.why}")
        if finding.fix != "nothing to do":
            click.echo(f"  fix: {finding.fix}")


def _tell(answer: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        emit_json(answer)
    else:
        click.echo(sentence)
