"""Transcribe DICOM PS3.15 Table E.1-1 into ``policies/allow/ps3.15-e1-1.csv``.

The table is not typed by hand: the basic action of each attribute comes from the PyPI package dicom-anonymizer (BSD-3,
Kitware; edition 2026c) and the option columns from the PyPI package dicom-standard (MIT, Innolitics; edition of 2020).
Dates and times that the older edition did not list get the two date options by PS3.15 E.3.6, which names every date and
time.  Run it from the folder of the checkout, on the unpacked wheels::

    pip download --no-deps dicom-anonymizer==2.1.0 dicom-standard==0.1.0
    python tools/transcribe_ps315.py UNPACKED_ANONYMIZER UNPACKED_STANDARD
"""

import ast
import csv
import json
import re
import sys
from pathlib import Path
from typing import Final

from pydicom.datadict import dictionary_description, dictionary_VR, keyword_for_tag

OUTPUT: Final = Path("src/fivesafes/policies/allow/ps3.15-e1-1.csv")
EDITION: Final = "2026c"
LISTS: Final = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}
OPTIONS: Final = {
    "cleanGraphOpt": "113103",
    "cleanStructContOpt": "113104",
    "cleanDescOpt": "113105",
    "rtnLongFullDatesOpt": "113106",
    "rtnLongModifDatesOpt": "113107",
    "rtnPatCharsOpt": "113108",
    "rtnDevIdOpt": "113109",
    "rtnUIDsOpt": "113110",
    "rtnSafePrivOpt": "113111",
    "rtnInstIdOpt": "113112",
}
ROW: Final = re.compile(r"^\s*\((0x[0-9A-Fa-f, x]+)\),\s*#\s*(.+?)\s*$")
HEADER: Final = f"""\
# DICOM PS3.15 Table E.1-1, Application Level Confidentiality Profile Attributes.  Written by tools/transcribe_ps315.py.
# Basic actions: edition {EDITION}, from dicom-anonymizer 2.1.0 (BSD-3-Clause, (c) 2020 Kitware Europe).
# Option columns: edition of 2020, from dicom-standard 0.1.0 (MIT, (c) 2017 Innolitics).
# "E.3.6" as options_edition: derived from the VR.
"""


def basic_actions(database: str) -> dict[tuple[int, ...], tuple[str, str]]:
    """Read (action, name) by tag, or by tag with mask, from the source text of the package's lists."""
    rows = (ROW.match(line) for line in database.splitlines())
    names = {ast.literal_eval(f"({row.group(1)})"): row.group(2) for row in rows if row}
    found: dict[tuple[int, ...], tuple[str, str]] = {}
    for statement in ast.parse(database).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            action = LISTS.get(statement.targets[0].id)
            for tag in ast.literal_eval(statement.value) if action else ():
                number = (tag[0] << 16) | tag[1]
                found[tag] = (str(action), names.get(tag) or dictionary_description(number))
    return found


def options(standard: Path) -> dict[str, str]:
    """Read the option columns by tag (eight hex digits), as ``113105=C;113107=C``."""
    table = json.loads((standard / "confidentiality_profile_attributes.json").read_text())
    columns = {}
    for row in table:
        cells = [f"{code}={row[name]}" for name, code in OPTIONS.items() if name in row]
        columns[row["id"].upper()] = ";".join(cells)
    return columns


def spell(tag: tuple[int, ...]) -> str:
    """Spell a tag ``(gggg,eeee)``; digits outside a mask become x."""
    group, element = f"{tag[0]:04X}", f"{tag[1]:04X}"
    if len(tag) > 2:  # noqa: PLR2004 - a masked tag has four numbers: group, element and their masks
        masks = f"{tag[2]:04X}{tag[3]:04X}"
        digits = [digit if mask == "F" else "x" for digit, mask in zip(group + element, masks, strict=True)]
        group, element = "".join(digits[:4]), "".join(digits[4:])
    return f"({group},{element})"


def main(anonymizer: Path, standard: Path) -> None:
    """Write the table, in order of tags."""
    database = anonymizer / "dicomanonymizer" / "dicom_anonymization_databases" / f"dicomfields_{EDITION}.py"
    actions = basic_actions(database.read_text())
    columns = options(next(standard.rglob("confidentiality_profile_attributes.json")).parent)
    rows = []
    for tag, (action, name) in sorted(actions.items()):
        number = (tag[0] << 16) | tag[1]
        keyword = keyword_for_tag(number) if len(tag) == 2 else ""  # noqa: PLR2004 - group and element
        allowed, edition = columns.get(f"{number:08X}"), "2020"
        if allowed is None:
            temporal = bool(keyword) and dictionary_VR(number) in {"DA", "TM", "DT"}
            allowed, edition = ("113106=K;113107=C", "E.3.6") if temporal else ("", "")
        rows.append([spell(tag), keyword, name, action, allowed, EDITION, edition])
    rows.append(["(odd,xxxx)", "", "Private Attributes", "X", "113111=C", EDITION, "2020"])
    with OUTPUT.open("w", newline="", encoding="utf-8") as file:
        file.write(HEADER)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["tag", "keyword", "name", "action", "options", "edition", "options_edition"])
        writer.writerows(rows)
    print(f"{len(rows)} rows in {OUTPUT}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
