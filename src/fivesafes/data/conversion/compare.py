"""Compare what a converter made of one series before and after: voxels, header, gradients and every key of a sidecar.

A converter names and sorts its files by values that de-identification changes (UIDs, dates), so that images are paired
by what does not change: their voxels and physics first, then what tells them apart within a series, names last.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import nibabel as nib
from attrs import field, frozen
from numpy.typing import NDArray

from fivesafes.data.conversion.fates import DESCRIPTION, Fate, Fates, Ruling
from fivesafes.data.conversion.rounding import same_but_for_rounding
from fivesafes.data.ports import Converted

_CHUNK: Final = 1 << 20
_SIZE_OF_NIFTI_2: Final = 540
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "grid": ("dim", "pixdim", "xyzt_units"),
    "type": ("datatype", "bitpix"),
    "scaling": ("scl_slope", "scl_inter"),
    "qform": ("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    "sform": ("sform_code", "srow_x", "srow_y", "srow_z"),
    "slices": ("dim_info", "slice_start", "slice_end", "slice_code", "slice_duration"),
    "meaning": ("intent_code", "intent_p1", "intent_p2", "intent_p3", "intent_name", "cal_max", "cal_min", "toffset"),
}
"""What a NIfTI header says, by part (nifti1.h).  ``descrip`` is text; the fields that are left out are unused."""
_TELLS_APART: Final = ("EchoNumber", "EchoTime", "InversionTime", "ImageType", "AcquisitionNumber", "TriggerDelayTime")


@frozen(kw_only=True)
class Look:
    """What one image looks like: a digest of each part, and its sidecar."""

    name: str
    parts: Mapping[str, str] = field(repr=False)
    sidecar: Mapping[str, Any] = field(repr=False)


@frozen(kw_only=True)
class ImageComparison:
    """What became of one image: names of parts and keys, never a value.

    ``missing``, ``different`` and ``added`` are losses; ``removed`` lists what goes or changes on purpose, and
    ``unexplained`` the keys that no row of the table names.  ``lost``: there is no such image any more; ``new``: there
    was none before.
    """

    name: str
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    lost: bool = False
    new: bool = False

    @property
    def identical(self) -> bool:
        """Whether all that must stay is the same."""
        losses = self.missing or self.different or self.added or self.unexplained
        return not (losses or self.lost or self.new)


def look_at(converted: Converted) -> Look:
    """Read what an image looks like; its voxels pass in pieces.  Raises OSError when it can't be read."""
    header = _header(converted.nifti)
    parts = {part: _digest(b"".join(header[name].tobytes() for name in names)) for part, names in _PARTS.items()}
    parts[DESCRIPTION] = _digest(header["descrip"].tobytes())
    parts["voxels"] = _digest_of_voxels(converted.nifti, int(header["vox_offset"]))
    for ending, path in converted.companions.items():
        parts[ending.removeprefix(".")] = _digest(path.read_bytes())
    return Look(name=converted.nifti.stem, parts=parts, sidecar=converted.sidecar)


def _header(path: Path) -> NDArray[Any]:
    """Read the header as it lies in the file: an image that nibabel has loaded no longer tells offset and scaling."""
    with path.open("rb") as file:
        kind = nib.Nifti2Header if int.from_bytes(file.read(4), "little") == _SIZE_OF_NIFTI_2 else nib.Nifti1Header
        file.seek(0)
        fields: NDArray[Any] = kind.from_fileobj(file, check=False).structarr  # type: ignore[no-untyped-call]
        return fields


def compare_series(before: Sequence[Look], after: Sequence[Look], fates: Fates) -> tuple[ImageComparison, ...]:
    """Pair the images of one series and say of each what became of it; in the order of their names."""
    pairs, lost, new = _paired(before, after, fates)
    compared = [_compared(old, fresh, fates) for old, fresh in pairs]
    compared += [ImageComparison(name=look.name, lost=True) for look in lost]
    compared += [ImageComparison(name=look.name, new=True) for look in new]
    return tuple(sorted(compared, key=lambda image: (image.name, image.new)))


def _paired(
    before: Sequence[Look], after: Sequence[Look], fates: Fates
) -> tuple[list[tuple[Look, Look]], list[Look], list[Look]]:
    """Pair by the strictest likeness first, so that no image takes the partner of one that fits better."""
    likenesses: tuple[Callable[[Look], Hashable], ...] = (
        lambda look: _whole(look, fates),
        lambda look: (look.parts["voxels"], look.name),
        lambda look: look.parts["voxels"],
        lambda look: _text({key: look.sidecar.get(key) for key in _TELLS_APART}),
        lambda look: look.name,
    )
    left, waiting = list(before), list(after)
    pairs: list[tuple[Look, Look]] = []
    for likeness in likenesses:
        by_likeness: dict[Hashable, list[Look]] = {}
        for look in waiting:
            by_likeness.setdefault(likeness(look), []).append(look)
        unpaired = []
        for look in left:
            partners = by_likeness.get(likeness(look))
            if partners:
                pairs.append((look, partners.pop(0)))
            else:
                unpaired.append(look)
        left, waiting = unpaired, [look for partners in by_likeness.values() for look in partners]
    return pairs, left, waiting


def _whole(look: Look, fates: Fates) -> str:
    said = {**look.parts, **look.sidecar}
    return _text({key: value for key, value in said.items() if _must_stay(key, look, fates)})


def _must_stay(key: str, look: Look, fates: Fates) -> bool:
    ruling = fates.get(key)
    return ruling.fate is Fate.STAYS if ruling else key in look.parts


def _compared(old: Look, fresh: Look, fates: Fates) -> ImageComparison:
    """Sort every part and key into what is the same, lost, changed on purpose, or in no table."""
    was, now = ({**look.parts, **look.sidecar} for look in (old, fresh))
    found: dict[str, list[str]] = {"missing": [], "different": [], "added": [], "removed": [], "unexplained": []}
    for key in sorted(was.keys() | now.keys()):
        ruling = fates.get(key)
        if ruling is None and key not in old.parts and key not in fresh.parts:
            found["unexplained"].append(key)
        elif _same(key, was, now, ruling):
            continue
        elif ruling is not None and ruling.fate is Fate.CHANGES:
            found["removed"].append(key)
        else:
            found["missing" if key not in now else "added" if key not in was else "different"].append(key)
    return ImageComparison(
        name=old.name,
        missing=tuple(found["missing"]),
        different=tuple(found["different"]),
        added=tuple(found["added"]),
        removed=tuple(found["removed"]),
        unexplained=tuple(found["unexplained"]),
    )


def _same(key: str, was: Mapping[str, Any], now: Mapping[str, Any], ruling: Ruling | None) -> bool:
    old, fresh = was.get(key), now.get(key)
    if ruling is not None and ruling.fate is Fate.ROUNDED:
        return old == fresh or same_but_for_rounding(old, fresh, maker=now.get("Manufacturer"))
    return _text(old) == _text(fresh)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _digest_of_voxels(path: Path, offset: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
