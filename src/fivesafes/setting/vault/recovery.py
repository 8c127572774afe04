"""The printed page: how originals come back with the ``age`` program and a shell, without us.

The page and its manifest hold nothing that identifies a participant, and no secret.  The commands between the marks are
what the recovery drill runs (tests/journeys/test_recovery.py), so the page can't drift from what works.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from fivesafes.setting.vault.keys import ADDRESS_KEY

COLUMNS: Final = ("project", "series", "kind", "number", "object", "key", "address")
"""The manifest's columns, in their order; it is separated by tabs."""
NOT_AS_TOLD: Final = ".not-as-told"
"""Ends the folder of a series of which the database says something else than the trail."""


@frozen(kw_only=True)
class Line:
    """One object in the manifest: whose series, which object in the vault, which key of the keyring opens it.

    No field is empty, because shells read columns so; ``series`` is ``-`` for a file that was set aside, and ends in
    ``NOT_AS_TOLD`` where the books and the trail differ.  Project, series, kind and number together are unique.
    """

    project: str
    series: str
    kind: str
    number: int
    object: str
    key: str
    address: str


@frozen(kw_only=True)
class Subject:
    """What the page is about."""

    haven: str
    on: str
    custodians: Sequence[str]
    manifest: str
    objects: int
    store: str
    with_address_key: bool


def manifest_lines(lines: Iterable[Line]) -> Iterator[str]:
    """Write the manifest, its heading first."""
    yield "\t".join(COLUMNS) + "\n"
    for line in lines:
        yield "\t".join(str(getattr(line, column)) for column in COLUMNS) + "\n"


def page_of(subject: Subject) -> str:
    """Write the page, in Markdown that reads well on paper."""
    return "\n".join([*_head(subject), *_get_back(subject), *(_compare() if subject.with_address_key else []), *_end()])


def _head(subject: Subject) -> list[str]:
    where = "the folder `vault/` of the backup"
    if subject.store.startswith("s3://"):
        where = f"the bucket `{subject.store}`, copied into a folder with any S3 program"
    return [
        f"# Recovery of the haven {subject.haven}",
        "",
        f"Made on {subject.on}; {subject.objects} sealed objects.  Print it, and keep it with each custodian's key.",
        "",
        "Each of these people can open everything with the key they hold; one of them is enough:",
        "",
        *(f"- {name}" for name in subject.custodians),
        "",
        "## What you need",
        "",
        "| what | where it is |",
        "|---|---|",
        "| the `age` program, version 1 | `apt install age`, `brew install age`, or <https://age-encryption.org> |",
        "| a custodian's key file | with the custodian (a text file with a line `AGE-SECRET-KEY-1…`) |",
        "| the sealed keys | a copy of the haven's folder `keyring/`, from the keyring's own backup |",
        f"| the sealed originals | {where} |",
        f"| the manifest | `{subject.manifest}`, made with this page; a newer one names newer scans |",
        "",
        "A custodian's key opens a file of the keyring; what is in that file opens the objects of one participant.",
        "The manifest says which file opens which object.",
        "",
    ]


def _get_back(subject: Subject) -> list[str]:
    return [
        "## Get the originals back",
        "",
        "Say where things are; `OUT` is a new folder on an encrypted disk:",
        "",
        "```sh",
        "KEY=custodian.agekey",
        "KEYRING=keyring",
        "VAULT=vault",
        f"MANIFEST={subject.manifest}",
        "OUT=originals",
        "tab=$(printf '\\t')",
        "```",
        "",
        "Then run this in the same shell.  Opened keys go from one program to the next and are never written to disk:",
        "",
        "```sh recover",
        "umask 077",
        'tail -n +2 "$MANIFEST" | while IFS=$tab read -r project series kind number object key address; do',
        '  folder="$OUT/$project/$series"',
        '  mkdir -p "$folder"',
        '  age -d -i "$KEY" "$KEYRING/$key" </dev/null |',
        '    age -d -i - -o "$folder/$kind-$number" "$VAULT/$object" ||',
        '    echo "not recovered: $object" >&2',
        "done",
        "```",
        "",
        "`original-1`, `original-2` … are the files as they were received; `sheet-1` is what the haven noted about the",
        "series; the folder `-` holds files that were set aside.  An object that was altered is not recovered.",
        f"A folder that ends in `{NOT_AS_TOLD}` holds what somebody had changed in the database before this page was",
        "made: it may belong to another series.",
        "A participant who has withdrawn is in no newer manifest, and no key opens their objects.",
        "",
    ]


def _compare() -> list[str]:
    return [
        "## Compare them with what was received",
        "",
        "The last column of the manifest is the keyed digest that the haven's trail tells of.  With `openssl`, which",
        "is on most machines:",
        "",
        "```sh compare",
        'mac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -r | cut -c 1-64; }',
        f'haven=$(age -d -i "$KEY" "$KEYRING/{ADDRESS_KEY}" | od -An -v -tx1 | tr -d " \\n")',
        'tail -n +2 "$MANIFEST" | while IFS=$tab read -r project series kind number object key address; do',
        '  own=$(printf "fivesafes address %s" "$project" | mac "$haven")',
        '  found=$(mac "$own" <"$OUT/$project/$series/$kind-$number")',
        '  [ "$found" = "$address" ] && echo "same: $object" || echo "NOT THE SAME: $object"',
        "done",
        "```",
        "",
        "Here the address key is visible to other users of this machine for a moment; do it on a machine of your own.",
        "The key opens nothing.",
        "",
    ]


def _end() -> list[str]:
    return [
        "## One object by hand",
        "",
        "`age -d -i KEY keyring/participants/….age > identity` opens a participant's key, and",
        "`age -d -i identity -o scan.dcm vault/…` one original.  Remove `identity` afterwards: who has it can open all",
        "originals of that participant.",
        "",
    ]
