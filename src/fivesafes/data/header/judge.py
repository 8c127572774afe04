"""Whether an object may pass at all, before any element is looked at: kind, modality, burned-in text."""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.header.pixel_policies import KindOfPicture, kinds_of_pictures
from fivesafes.data.header.profile import Profile

MADE_DIGITALLY: Final = frozenset({"", "SYN", "DI"})
"""ConversionType of what was neither scanned nor drawn, filmed or taken from a screen: PS3.3 C.8.6.1."""
_GREY: Final = frozenset({"", "MONOCHROME1", "MONOCHROME2"})
_PS315: Final = "PS3.15 E.3.1 Clean Pixel Data Option"


@frozen(kw_only=True)
class Telling:
    """What the judgement looks at: texts by keyword, and whether overlays lie in bits that can't be parted from pixels.

    ``overlay_apart`` says that they lie in bits that hold no pixel; ``listed``, that a rule of
    policies/pixels/regions.csv tells where this device writes, and that it is blanked.
    """

    texts: Mapping[str, str]
    overlay_in_pixels: bool = False
    overlay_apart: bool = False
    listed: bool = False

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
    "PhotometricInterpretation",
    "Manufacturer",
    "ManufacturerModelName",
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
    return _judge_burned_in(telling, kinds_of_pictures(profile.folder)) + _judge_identity(telling)


def _judge_burned_in(telling: Telling, kinds: Iterable[KindOfPicture]) -> Verdict:
    """Judge what the header says of text in the picture itself."""
    if telling["BurnedInAnnotation"].upper() not in {"", "NO"} and not telling.listed:
        why = "its header says that text is burned into the picture"
        fix = "leave it out, or list where this device writes in policies/pixels/regions.csv and use --pixels blank"
        return refuse("data.header.burned-in", why=why, fix=fix, source=_PS315)
    if telling["ConversionType"].upper() not in MADE_DIGITALLY:
        why = "its ConversionType says that it was scanned, drawn or saved from a screen"
        return refuse("data.header.converted", why=why, fix="leave it out", source="PS3.3 C.8.6.1")
    if telling.overlay_in_pixels:
        why = "annotations are drawn into bits of the pixels that can't be told from the picture"
        fix = "have the overlay separated or removed by the archive, or leave it out"
        return refuse("data.header.overlay-in-pixels", why=why, fix=fix, source="PS3.3 C.9.2 (retired use)")
    return _judge_kind(telling, kinds) + _judge_colour(telling)


def _judge_kind(telling: Telling, kinds: Iterable[KindOfPicture]) -> Verdict:
    """Judge what ImageType says; the heaviest row decides."""
    fitting = [kind for kind in kinds if kind.fits(telling["ImageType"])]
    for kind in sorted(fitting, key=lambda kind: not kind.refused):
        why = f"its ImageType says that it is {kind.why}"
        source = f"policies/pixels/image-types.csv: {kind.source}"
        if kind.refused:
            return refuse("data.header.screen-save", why=why, fix="leave it out", source=source)
        return review("data.header.image-type", why=why, fix="look at it; leave it out if in doubt", source=source)
    return Verdict()


def _judge_colour(telling: Telling) -> Verdict:
    placed = telling["ImagePositionPatient"] or telling["SharedFunctionalGroupsSequence"]
    coloured = telling["SamplesPerPixel"] not in {"", "1"} or telling["PhotometricInterpretation"] not in _GREY
    if placed or not coloured:
        return Verdict()
    why = "a colour picture that lies nowhere in the body may be a picture of a screen"
    return review("data.header.colour-unplaced", why=why, fix="look at it; leave it out if in doubt", source=_PS315)


def _judge_identity(telling: Telling) -> Verdict:
    if telling["PatientID"]:
        return Verdict()
    why = "PatientID is empty: the study stands for the participant, so visits of one person get different labels"
    fix = "if visits belong together, set PatientID before"
    return note("data.header.no-patient-id", why=why, fix=fix, source="PS3.3 C.7.1.1")
