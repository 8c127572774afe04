"""Objects that the profile refuses: reports, documents, screen saves, waveforms, annotations, other modalities."""

import gzip
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from tests.planted.carriers import classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import plant_text
from tests.planted.values import Values
from tests.planted.writing import Level, part10

from fivesafes.data.header.profile import Profile

_PDF: Final = b"%PDF-1.4\n1 0 obj <</Title (Report of "
_CATEGORY: Final = "refused objects"
_UNKNOWN: Final = "1.2.840.10008.5.1.4.1.1.999"


def refused_files(values: Values, profile: Profile) -> Iterator[PlantedFile]:
    """Yield one object of each refused kind, objects that say they hold burned-in text, and files that are no DICOM."""
    kinds = [(kind.uid, kind.modality) for kind in profile.sop_classes.values() if not kind.accepted]
    for uid, modality in [*kinds, (_UNKNOWN, "MR")]:
        sheet = Sheet(classic(values))
        sheet.level.put("SOPClassUID", uid)
        sheet.level.put("Modality", modality or "OT")
        _report(values, sheet, uid)
        yield sheet.file(f"refused/{uid}.dcm", accepted=False)
    for keyword, value in (
        ("BurnedInAnnotation", "YES"),
        ("ImageType", "DERIVED\\SECONDARY\\SCREEN SAVE"),
        ("Modality", ""),
    ):
        sheet = Sheet(classic(values))
        sheet.level.put(keyword, value or values.word())
        _report(values, sheet, keyword)
        yield sheet.file(f"refused/{keyword}.dcm", accepted=False)
    yield from _no_dicom(values)


def _report(values: Values, sheet: Sheet, place: str) -> None:
    """Write a report: text, person, document, waveform, annotation."""
    text, person, document, drawn = (values.word() for _ in range(4))
    heard, said, graphic = Level(), Level(), Level()
    said.put("TextValue", f"Seen: {text}")
    said.put("ContentSequence", [heard])
    heard.put("PersonName", person)
    graphic.put("UnformattedTextValue", drawn)
    sheet.level.put("ContentSequence", [said])
    sheet.level.put("GraphicAnnotationSequence", [graphic])
    sheet.level.put("EncapsulatedDocument", _PDF + document.encode() + b") >> endobj")
    for what, word in (("text", text), ("person", person), ("document", document), ("annotation", drawn)):
        sheet.plants.append(plant_text(_CATEGORY, f"{place}: {what}", word))


def _no_dicom(values: Values) -> Iterator[PlantedFile]:
    words = [values.word() for _ in range(5)]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), words[1])
    whole = part10(classic(values))
    contents = {
        "notes.txt": f"Scan of {words[0]}\n".encode(),
        "scans.zip": packed.getvalue(),
        "scan.nii.gz": gzip.compress(words[2].encode(), mtime=0),
        "truncated.dcm": whole[:-200].replace(b"Nobody^Known", words[3].encode().ljust(12)),
        f"{words[4]}.txt": b"nothing",
    }
    for word, (name, content) in zip(words, contents.items(), strict=True):
        yield PlantedFile(
            name=f"other/{name}", content=content, plants=(plant_text(_CATEGORY, name, word),), accepted=False
        )
