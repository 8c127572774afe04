"""Whether an object may pass at all, before any element is looked at: kind, modality, burned-in text."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.header.profile import Profile

SCREEN: Final = ("SCREEN SAVE", "SCREENSAVE", "SCREEN CAPTURE", "SCREENSHOT", "SCREEN_SAVE", "CSA REPORT", "PASTED")
SCANNED: Final = frozenset({"SD", "SI", "DF", "DV", "DRW", "WSD"})
_PS315: Final = "PS3.15 E.3.1 Clean Pixel Data Option"


@frozen(kw_only=True)
class Telling:
    """What the judgement looks at: texts by keyword, and whether old-style overlays share the bits of the pixels."""

    texts: Mapping[str, str]
    overlay_in_pixels: bool = False

    def __getitem__(self, keyword: str) -> str:
        """Give a text; empty when the attribute is absent."""
        return self.texts.get(keyword, "")


LOOKED_AT: Final = (
    "SOPClassUID",
    "Modality",
    "ImageType",
    "BurnedInAnnotation",
    "ConversionType",
    "SamplesPerPixel",
    "ImagePositionPatient",
    "SharedFunctionalGroupsSequence",
    "PatientID",
)


def judge_instance(telling: Telling, profile: Profile) -> Verdict:
    """Judge whether this object may pass; a kind that no rule names may not."""
    kind = profile.sop_class(telling["SOPClassUID"])
    if not kind.accepted:
        name = f"{kind.name}: " if kind.name else ""
        fix = "leave it out, or add a row to policies/allow/sop-classes.csv with a reason"
        return refuse(
            "data.header.sop-class", why=f"{name}{kind.why}", fix=fix, source="policies/allow/sop-classes.csv"
        )
    if not profile.accepts_modality(telling["Modality"]):
        why = "its Modality is not one that this profile knows"
        return refuse("data.header.modality", why=why, fix="leave it out", source="policies/allow/sop-classes.csv")
    return _judge_burned_in(telling) + _judge_identity(telling)


def _judge_burned_in(telling: Telling) -> Verdict:
    """Judge what the header says of text in the picture itself."""
    if telling["BurnedInAnnotation"].upper() == "YES":
        why = "its header says that text is burned into the picture"
        return refuse("data.header.burned-in", why=why, fix="clean the pixels first, or leave it out", source=_PS315)
    if any(word in telling["ImageType"].upper() for word in SCREEN):
        why = "its ImageType says that it is a picture of a screen or a report"
        return refuse("data.header.screen-save", why=why, fix="leave it out", source=_PS315)
    if telling["ConversionType"].upper() in SCANNED:
        why = "its ConversionType says that it was scanned, drawn or saved from a screen"
        return refuse("data.header.converted", why=why, fix="leave it out", source="PS3.3 C.8.6.1")
    if telling.overlay_in_pixels:
        why = "annotations are drawn into unused bits of the pixels"
        fix = "have the overlay separated or removed by the archive, or leave it out"
        return refuse("data.header.overlay-in-pixels", why=why, fix=fix, source="PS3.3 C.9.2 (retired use)")
    placed = telling["ImagePositionPatient"] or telling["SharedFunctionalGroupsSequence"]
    if telling["SamplesPerPixel"] not in {"", "1"} and not placed:
        why = "a colour picture that lies nowhere in the body may be a picture of a screen"
        return review("data.header.colour-unplaced", why=why, fix="look at it; leave it out if in doubt", source=_PS315)
    return Verdict()


def _judge_identity(telling: Telling) -> Verdict:
    if telling["PatientID"]:
        return Verdict()
    why = "PatientID is empty: the study stands for the participant, so visits of one person get different labels"
    fix = "if visits belong together, set PatientID before"
    return note("data.header.no-patient-id", why=why, fix=fix, source="PS3.3 C.7.1.1")
