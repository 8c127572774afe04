"""Put a canary into everything that can hold a text: what a test of de-identification then searches for."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path

from attrs import frozen
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag  # type: ignore[attr-defined]  # it is documented there
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from fivesafes.engines.sources.synthetic.canaries import TEXTS, Mint
from fivesafes.engines.sources.synthetic.csa import CsaField, even, read_csa, write_csa
from fivesafes.engines.sources.synthetic.planted import PlantedValue, without_repeats

STRUCTURAL = frozenset(
    {
        "SpecificCharacterSet",
        "SOPClassUID",
        "Modality",
        "PhotometricInterpretation",
        "BurnedInAnnotation",
        "PixelPresentation",
        "LossyImageCompression",
        "DimensionOrganizationType",
    }
)
"""What says how to read the file, or whether it may be taken at all: a canary there would only have it refused."""
_APPENDED = frozenset({"ImageType", "FrameType"})
_GROUPS = (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040)
_QUOTA: Mapping[str, int] = {
    "PN": 30, "LO": 30, "SH": 18, "LT": 12, "ST": 12, "UT": 8, "UC": 4, "DA": 14, "TM": 8, "DT": 10, "AE": 4, "UR": 2,
}  # fmt: skip
_CHAINS, _DEPTH = 6, 5
_CREATORS = ("GEMS_PARM_01", "PHILIPS MR IMAGING DD 001", "SPI-P Release 1", "LOCAL TOOLS OF THE SITE")
_UNKNOWN_VR = ("SpecialNeeds", "PatientState", "CurrentPatientLocation", "RequestingService")
_NEVER_ADDED = STRUCTURAL.union(_UNKNOWN_VR, ["PatientIdentityRemoved", "TimezoneOffsetFromUTC"])
_PROTOCOL = b"ASCCONV"
_QUOTED = re.compile(r'(?P<open>""|\{ ")[^"\n]*(?P<close>""|" \})')


def plant_everywhere(folder_in: Path, folder_out: Path) -> tuple[PlantedValue, ...]:
    """Copy each DICOM file with a unique canary in every text-like attribute and in a hundred and more further ones.

    Standard, private and nested elements, CSA headers and protocol texts, file meta, preamble, overlay, ICC profile and
    trailing padding.  Pixels, numbers and what a reader needs (``STRUCTURAL``) stay; files that are not DICOM are left
    out.  The same input gives the same bytes.
    """
    mint = Mint()
    for path in sorted(file for file in folder_in.rglob("*") if file.is_file()):
        try:
            dataset = dcmread(path)
        except InvalidDicomError:
            continue
        _Planter(mint=mint).fill(dataset)
        target = folder_out / path.relative_to(folder_in)
        target.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(target, enforce_file_format=True)
    return without_repeats(mint.values)


@frozen(kw_only=True)
class _Planter:
    """Plants in one file."""

    mint: Mint

    def fill(self, dataset: FileDataset) -> None:
        self._replace(dataset, inside="")
        self._add_standard(dataset)
        self._add_chains(dataset)
        self._add_private(dataset)
        self._add_hidden(dataset)
        self._surround(dataset)

    def _replace(self, dataset: Dataset, *, inside: str) -> None:
        """Change what is there, at every depth."""
        for element in list(dataset):
            place = _place(element, inside)
            if element.VR == "SQ":
                for item in element.value:
                    self._replace(item, inside=place)
            elif element.VR == "UN":
                element.value = self._bytes(place)
            elif element.VR in {"OB", "OW"}:
                element.value = self._encoded(element.value, place=place)
            elif element.VR in TEXTS and element.keyword not in STRUCTURAL and not _reserves(element.tag):
                self._replace_text(element, place=place)

    def _replace_text(self, element: DataElement, *, place: str) -> None:
        was = list(element.value) if element.VM > 1 else [element.value] if element.VM else [""]
        if element.keyword in _APPENDED:
            element.value = [*was, self.mint.value(element.VR, place=place)]
        else:
            made = [self.mint.value(element.VR, place=place, was=str(value)) for value in was]
            element.value = made if len(made) > 1 else made[0]

    def _bytes(self, place: str) -> bytes:
        return even(f"typed {self.mint.word(place=place)}".encode())

    def _encoded(self, value: bytes, *, place: str) -> bytes:
        """Plant in CSA headers and protocol texts; leave all other bytes (pixels among them)."""
        if value.startswith(b"SV10"):
            return even(self._csa(value, place=place))
        if _PROTOCOL in value[:20_000]:
            return even(self._protocol(value.decode("latin-1"), place=place).encode("latin-1"))
        return value

    def _csa(self, blob: bytes, *, place: str) -> bytes:
        fields = [self._csa_field(field, place=f"{place}/{field.name}") for field in read_csa(blob)]
        return write_csa(fields, remnants=[self.mint.word(place=f"{place}/remnant")])

    def _csa_field(self, field: CsaField, *, place: str) -> CsaField:
        if any(_PROTOCOL.decode() in value for value in field.values):
            return CsaField(field.name, field.vr, field.vm, (self._protocol(field.values[0], place=place),))
        if field.vr in TEXTS | {"UN"}:
            return CsaField(field.name, field.vr, field.vm, (self.mint.word(place=place),))
        return field

    def _protocol(self, text: str, *, place: str) -> str:
        return _QUOTED.sub(lambda found: f"{found['open']}{self.mint.word(place=place)}{found['close']}", text)

    def _add_standard(self, dataset: Dataset) -> None:
        for keyword, vr in _further():
            if keyword not in dataset:
                setattr(dataset, keyword, self.mint.value(vr, place=keyword))
        for keyword in _UNKNOWN_VR:
            if keyword in dataset:
                continue
            dataset[Tag(keyword)] = DataElement(Tag(keyword), "UN", self._bytes(f"{keyword} (UN)"))

    def _add_chains(self, dataset: Dataset) -> None:
        """Add sequences within sequences, a text at each depth."""
        free = (keyword for keyword in _sequences() if keyword not in dataset)
        for _ in range(_CHAINS):
            keywords = list(islice(free, _DEPTH))
            inner: Dataset | None = None
            for depth in range(len(keywords), 0, -1):
                place = "/".join(keywords[:depth])
                item = Dataset()
                for keyword, vr in (
                    ("PersonName", "PN"),
                    ("TextValue", "UT"),
                    ("StudyDate", "DA"),
                    ("PatientID", "LO"),
                ):
                    setattr(item, keyword, self.mint.value(vr, place=f"{place}/{keyword}", was=place))
                if inner is not None:
                    setattr(item, keywords[depth], Sequence([inner]))
                inner = item
            if inner is not None:
                setattr(dataset, keywords[0], Sequence([inner]))

    def _add_private(self, dataset: Dataset) -> None:
        for group, creator in zip((0x0043, 0x2005, 0x0099, 0x0077), _CREATORS, strict=True):
            block = dataset.private_block(group, creator, create=True)
            for offset, vr in enumerate(("LO", "SH", "PN", "DA", "UT", "CS", "UI"), start=0xE0):
                block.add_new(offset, vr, self.mint.value(vr, place=f"{creator}/xx{offset:02X}"))
            block.add_new(0xF0, "UN", self._bytes(f"{creator}/xxF0"))
            item = Dataset()
            item.PatientName = self.mint.value("PN", place=f"{creator}/xxF1/PatientName")
            block.add_new(0xF1, "SQ", Sequence([item]))
        typed = self.mint.word(place="private creator (0011,00F0)")
        dataset.add_new((0x0011, 0x00F0), "LO", typed)
        dataset.add_new((0x0011, 0xF001), "LO", self.mint.value("LO", place="private (0011,F001)"))

    def _add_hidden(self, dataset: Dataset) -> None:
        """Add an overlay, a retired curve and an ICC profile: places for text that hold no text by their name."""
        for element, vr, value in (
            (0x0010, "US", 8), (0x0011, "US", 8), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]),
            (0x0100, "US", 1), (0x0102, "US", 0),
        ):  # fmt: skip
            dataset.add_new((0x6000, element), vr, value)
        dataset.add_new((0x6000, 0x0022), "LO", self.mint.value("LO", place="OverlayDescription"))
        dataset.add_new((0x6000, 0x1500), "LO", self.mint.value("LO", place="OverlayLabel"))
        dataset.add_new((0x6000, 0x3000), "OW", even(self.mint.word(place="OverlayData").encode()))
        dataset.add_new((0x5000, 0x2500), "LO", self.mint.value("LO", place="CurveLabel"))
        dataset.ICCProfile = even(self.mint.word(place="ICCProfile").encode())
        dataset.DataSetTrailingPadding = even(self.mint.word(place="DataSetTrailingPadding").encode())

    def _surround(self, dataset: FileDataset) -> None:
        meta = dataset.file_meta
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        for keyword in (
            "SourceApplicationEntityTitle",
            "SendingApplicationEntityTitle",
            "ReceivingApplicationEntityTitle",
        ):
            setattr(meta, keyword, self.mint.value("AE", place=f"file meta/{keyword}"))
        meta.ImplementationVersionName = self.mint.value("SH", place="file meta/ImplementationVersionName")
        meta.PrivateInformationCreatorUID = UID(self.mint.value("UI", place="file meta/PrivateInformationCreatorUID"))
        meta.PrivateInformation = self._bytes("file meta/PrivateInformation")
        dataset.preamble = self._bytes("preamble").ljust(128, b"\x00")


def _place(element: DataElement, inside: str) -> str:
    name = element.keyword or f"({element.tag.group:04X},{element.tag.element:04X})"
    return f"{inside}/{name}" if inside else name


def _reserves(tag: BaseTag) -> bool:
    """Whether the element names a private creator: changed, it would make its block unknown."""
    return bool(tag.is_private_creator)


@cache
def _further() -> tuple[tuple[str, str], ...]:
    """Choose standard attributes from the whole dictionary, evenly among those of each value representation."""
    chosen: list[tuple[str, str]] = []
    for vr, quota in _QUOTA.items():
        keywords = [keyword for keyword in _keywords(vr) if keyword not in _NEVER_ADDED]
        step = max(1, len(keywords) // quota)
        chosen += [(keyword, vr) for keyword in keywords[::step][:quota]]
    return tuple(chosen)


@cache
def _sequences() -> tuple[str, ...]:
    return tuple(keyword for keyword in _keywords("SQ") if not keyword.startswith(("MR", "Frame", "Plane")))[::7]


def _keywords(vr: str) -> Iterator[str]:
    for tag, (own_vr, vm, _, retired, _) in DicomDictionary.items():
        if own_vr == vr and not retired and vm in {"1", "1-n"} and tag >> 16 in _GROUPS:
            keyword = keyword_for_tag(tag)
            if keyword:
                yield keyword
