"""Write docs/reference/vendor-science.md: what converters read of the makers' own data, and what becomes of it.

``converters_read.csv`` lists each private element, and each field of the makers' headers, that converters read: those
of dcm2niix transcribed from its sources (v1.0.20260724: the element numbers of nii_dicom.cpp, the keys of
siemensCsaAscii, readCSAImageHeader and geProtocolBlock), others' from their documentation.  What becomes of each is
looked up in the policies.

Usage: python tools/vendor_science.py          (tests/gates/test_vendor_science.py compares the page with the policies)
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.data.header.profile import POLICIES, Action, Profile, load_profile

PAGE: Final = Path(__file__).resolve().parents[1] / "docs/reference/vendor-science.md"
READ: Final = Path(__file__).with_name("converters_read.csv")

HEAD: Final = """\
# What converters read of the makers' own data

Written by `tools/vendor_science.py` from the policies; a test compares. Each private element that a converter reads
is here, and so is each field of the makers' own headers (Siemens CSA and protocol, GE protocol block). *Kept* means:
if the value fits its grammar, see [the profile](profile-mri-research.md). *Cleaned* blobs are parsed and written anew
with the fields below, and removed where they can't be parsed. What is not in the policies is removed, whether it is
listed here or not.

Elements are written with `xx` for the block that their creator has reserved (PS3.5 7.8.1). They are kept at every
depth, so in the functional groups of enhanced images too, where the creator stands in the same item.

How it is tried: `fivesafes deidentify --compare-conversion` ([how-to](../how-to/deidentify.md)), on made-up scans of
each maker and generation in `tests/data/header/vendors`. Elements of sources that converters read by their number
alone, without a creator, are lost where an archive has taken the creators away: nobody can tell then whose they are.

Siemens CSA headers of before VB (without `SV10` at their beginning) and the XML form of GE's protocol block go:
dcm2niix reads neither.
"""
_TITLES: Final = {
    "element": "",
    "csa-image": "Siemens CSA image header, (0029,xx10)",
    "protocol": "Siemens protocol: between the ASCCONV marks of (0029,xx20) and (0021,xx19)",
    "ge-protocol": "GE protocol block, (0025,xx1B)",
}
_FIELDS: Final = {"csa-image": "image", "protocol": "protocol", "ge-protocol": "ge-protocol"}


@frozen(kw_only=True)
class Read:
    """One thing that converters read, and why it is removed where it is."""

    kind: str
    creator: str
    place: str
    name: str
    reader: str
    removed_because: str


def listed() -> tuple[Read, ...]:
    """Give everything that converters read."""
    with READ.open(encoding="utf-8", newline="") as file:
        return tuple(Read(**row) for row in csv.DictReader(file))


def fate(read: Read, profile: Profile) -> tuple[str, str]:
    """Say what becomes of it (kept, cleaned, removed) and why.  Raises ValueError where nobody has decided."""
    kept = _element(read, profile) if read.kind == "element" else _field(read, profile)
    if (kept is None) == (not read.removed_because):
        message = f"{read.creator} {read.place} {read.name}: needs a row in the policies or a reason, and not both"
        raise ValueError(message)
    return kept or ("removed", read.removed_because)


def page(profile: Profile) -> str:
    """Compose the page."""
    return "\n".join([HEAD, *_sections(profile)]) + "\n"


def _sections(profile: Profile) -> Iterator[str]:
    last = ""
    for read in listed():
        title = read.creator or _TITLES[read.kind]
        if title != last:
            yield from (["", f"## {title}", ""] if last else [f"## {title}", ""])
            yield "| place | name | read by | becomes | why |"
            yield "|---|---|---|---|---|"
            last = title
        place = read.place if read.kind == "element" else f"`{read.place}`"
        yield f"| {' | '.join((place, read.name if place == read.place else '', read.reader, *fate(read, profile)))} |"


def _element(read: Read, profile: Profile) -> tuple[str, str] | None:
    number = int(read.place[1:5] + read.place[8:10], 16)
    rule = profile.private.get(read.creator.upper().encode(), {}).get(number)
    if rule is None:
        return None
    return "kept" if rule.action is Action.K else "cleaned", rule.why


def _field(read: Read, profile: Profile) -> tuple[str, str] | None:
    if read.place not in profile.fields[_FIELDS[read.kind]]:
        return None
    return "kept", _reasons()[_FIELDS[read.kind], read.place]


def _reasons() -> Mapping[tuple[str, str], str]:
    reasons: dict[tuple[str, str], str] = {}
    for name in ("csa.csv", "ge.csv"):
        with (POLICIES / "allow" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                reasons[row.get("header") or "ge-protocol", row["field"]] = row["why"]
    return reasons


if __name__ == "__main__":
    PAGE.write_text(page(load_profile()), encoding="utf-8")
