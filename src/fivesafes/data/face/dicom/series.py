"""Deface one series: find the face in its twin, write each object anew without it, open all again, and compare.

Where the face is, how much of it is left and whether the brain is whole is found and measured on the twin, by whichever
defacer.  On the written objects it is then measured that each frame holds the twin's numbers inside of the mask and the
original's, bit for bit, outside: so what is true of the twin is true of them.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from attrs import evolve, field, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.cut import look_at, sentence
from fivesafes.data.face.dicom.compose import Change, composed, declared, method_of, new_uids
from fivesafes.data.face.dicom.gather import Series, gather
from fivesafes.data.face.dicom.instance import Instance, pixels_of
from fivesafes.data.face.dicom.pixels import DAMAGED, Cells, Opened, open_instance, with_values
from fivesafes.data.face.dicom.said import Said
from fivesafes.data.face.dicom.stack import Stack, lay_stack
from fivesafes.data.face.dicom.twin import Removal, each_volume, read_removal, write_twin
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.session import look_beside
from fivesafes.data.face.verify import judge_pose
from fivesafes.data.face.volumes import judge_each
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus, Picture
from fivesafes.data.ports import Defacer

SLICES: Final = "dicom"
MASK: Final = "mask.nii.gz"
"""What a series is written as, inside the folder that was given for it."""

IDENTIFYING: Final = (
    "the headers do not say that the identity was removed (PatientIdentityRemoved): they, and private attributes, may "
    "still tell who it is; fivesafes deidentify sees to that"
)
Drawer = Callable[[Path, Path, Path], tuple[Picture, ...]]


@frozen(kw_only=True)
class DefacedSeries:
    """What came of a series; ``defaced.image`` is the folder of its objects.  ``warnings`` are for whoever called."""

    defaced: Defaced
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()


def deface_series(
    series: Series,
    *,
    into: Path,
    defacer: Defacer,
    mode: FaceMode,
    draw: Drawer | None = None,
    beside: Path | None = None,
    magnitude: Series | None = None,
) -> DefacedSeries:
    """Write a series without the face, and the mask of what went, into a folder that is there and empty.

    The originals are only read.  Same series, same bytes.  ``draw`` makes pictures of the head before and after; they
    are made of the twin, which lies in a private folder inside of ``into`` while this works.  It shows the whole head,
    and stays when this is killed: whoever calls gives a folder that is swept then.  ``beside``: an image of the same
    session that shows the head best (``best.best_series``).  ``magnitude``: the series of which this is the phase
    (``magnitude.magnitude_of``).  Raises InvalidInput when a file can't be read or decoded.
    """
    stack = lay_stack(series)
    if isinstance(stack, str):
        return DefacedSeries(defaced=_refused(defacer, mode, stack))
    try:
        return _defaced(
            _Order(
                series=series,
                stack=stack,
                into=into,
                defacer=defacer,
                mode=mode,
                draw=draw,
                beside=beside,
                magnitude=magnitude,
            )
        )
    except Malformed as malformed:
        raise InvalidInput(malformed.why, fix=DAMAGED) from None


@frozen(kw_only=True, eq=False)
class _Order:
    """What is to be done to a series whose slices make a stack."""

    series: Series
    stack: Stack
    into: Path
    defacer: Defacer
    mode: FaceMode
    draw: Drawer | None
    beside: Path | None
    magnitude: Series | None


def _defaced(order: _Order) -> DefacedSeries:
    """Let the defacer look at the twin, and do to the objects what it did to that."""
    series, stack, into, mode = order.series, order.stack, order.into, order.mode
    with TemporaryDirectory(prefix=".twin-", dir=into) as scratch:
        twin = _twin(order, Path(scratch))
        found = order.defacer.deface(twin, into=Path(scratch) / "defaced", mode=mode, beside=order.beside)
        found = _every_volume_judged(order, twin, found)
        warnings = () if series.pseudonymous else (IDENTIFYING,)
        if found.mask is None:
            return DefacedSeries(defaced=evolve(found, image=None), warnings=warnings)
        mask = into / MASK
        mask.write_bytes(found.mask.read_bytes())
        removal = read_removal(found)
        pictures = () if order.draw is None or found.image is None else order.draw(twin, found.image, found.mask)
    if removal is None:
        return DefacedSeries(defaced=evolve(found, image=None, mask=mask), pictures=pictures, warnings=warnings)
    if not removal.even and max(stack.volume.values()) > 0:
        why = "this mode puts new numbers in the face's place, and the series has several volumes"
        mask.unlink()
        return DefacedSeries(defaced=_refused(order.defacer, mode, why))
    work = _Work(series=series, stack=stack, removal=removal, into=into / SLICES)
    defaced = work.written_and_judged(evolve(found, image=into / SLICES, mask=mask))
    return DefacedSeries(defaced=defaced, pictures=pictures, warnings=warnings)


def _twin(order: _Order, scratch: Path) -> Path:
    """Write the twin; of a phase beside its magnitude's, by BIDS's names, by which the one is found with the other."""
    other = None if order.magnitude is None else lay_stack(order.magnitude)
    twin = scratch / "twin.nii"
    if order.magnitude is not None and isinstance(other, Stack):
        twin = scratch / "twin_part-phase_MR.nii"
        with suppress(InvalidInput, Malformed):  # who defaces it will say so
            write_twin(order.magnitude, other, scratch / "twin_part-mag_MR.nii")
    write_twin(order.series, order.stack, twin)
    return twin


def _every_volume_judged(order: _Order, twin: Path, found: Defaced) -> Defaced:
    """Hold a series of volumes for review of which some show the head elsewhere than its twin does."""
    if max(order.stack.volume.values()) < 1 or found.status not in {FaceStatus.DEFACED, FaceStatus.NOTHING_TO_DO}:
        return found
    with one_thread():
        look = look_at(twin) if order.beside is None else look_beside(twin, order.beside)
        if isinstance(look, str) or judge_pose(look.seen.pose).refuses:
            return found
        moved = judge_each(each_volume(order.series, order.stack), look.scan, look.seen.pose)
    return evolve(found, status=FaceStatus.NEEDS_REVIEW, why=sentence(moved)) if moved.findings else found


def _refused(defacer: Defacer, mode: FaceMode, why: str) -> Defaced:
    return Defaced(
        status=FaceStatus.REFUSED,
        image=None,
        mask=None,
        engine=defacer.name,
        engine_version=defacer.version(),
        mode=mode,
        evidence=FaceEvidence(mutual_information=None, residual=None, brain_voxels_altered=None),
        why=why,
    )


@frozen(kw_only=True, eq=False)
class _Work:
    """What is done to the objects of a series, once it is known what goes."""

    series: Series
    stack: Stack
    removal: Removal
    into: Path

    def written_and_judged(self, found: Defaced) -> Defaced:
        """Write the objects and open them again.  What is not verified does not say that its face is gone."""
        if found.status is FaceStatus.DEFACED:
            change = self._change(method_of(found.engine, found.engine_version, found.mode.value))
            altered = self._write(change)
            if not altered:
                return found
            why = "what was written is not what was to be written; please report this, it is our bug"
            evidence = evolve(found.evidence, outside_voxels_altered=altered)
            found = evolve(found, status=FaceStatus.NEEDS_REVIEW, why=why, evidence=evidence)
        self._write(self._change(None))
        return found

    def _change(self, method: str | None) -> Change:
        """Name the objects anew, by what is removed from them."""
        removed = np.packbits(self.removal.removed).tobytes() + self.removal.real[self.removal.removed].tobytes()
        old = [one.sop for one in self.series.instances] + [self.series.instances[0].series.partition(" ")[2]]
        return Change(uids=new_uids(old, removed=removed), method=method)

    def _write(self, change: Change) -> int:
        """Write every object; count what is found altered outside of the mask when they are opened again."""
        for number, instance in enumerate(self.series.instances):
            path = self._place(instance)
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = open_instance(instance)
            pixels = bytearray()
            for place, cells in enumerate(opened.frames()):
                pixels += self._without_face(opened, cells, (number, place)).tobytes()
            with path.open("wb") as file:
                file.writelines(composed(opened, pixels, change))
        return self._altered(change)

    def _place(self, instance: Instance) -> Path:
        """Say where an object goes: under its own name, below the series' folder as it was."""
        return self.into / instance.path.relative_to(self.series.folder)

    def _without_face(self, opened: Opened, cells: Cells, key: tuple[int, int]) -> Cells:
        layer = self.stack.layer[key]
        removed = self.removal.removed[:, :, layer].T
        if not removed.any():
            return cells
        frame = self.series.instances[key[0]].frames[key[1]]
        return with_values(opened, cells, removed=removed, real=self.removal.real[:, :, layer].T, frame=frame)

    def _altered(self, change: Change) -> int:
        """Open what was written, as anybody would, and count pixels and attributes that are not as they were to be."""
        again = gather(self.into)
        places = {self._place(one): number for number, one in enumerate(self.series.instances)}
        if len(again.series) != 1 or again.others:
            return 1
        (written,) = again.series
        laid = lay_stack(written)
        if isinstance(laid, str) or not np.array_equal(laid.grid.affine, self.stack.grid.affine):
            return 1
        if [places[one.path] for one in written.instances] != list(range(len(places))):
            return 1
        altered = 0
        for number, (old, new) in enumerate(zip(self.series.instances, written.instances, strict=True)):
            before, after = open_instance(old), open_instance(new)
            altered += _other_attributes(before, after, change)
            frames = zip(before.frames(), after.frames(), strict=True)
            for place, (one, other) in enumerate(frames):
                same = self._without_face(before, one, (number, place)) == other
                altered += int((~same).sum()) + (laid.layer[number, place] != self.stack.layer[number, place])
        return altered


def _other_attributes(before: Opened, after: Opened, change: Change) -> int:
    """Count the attributes that differ, beside those that are to."""
    left, right = (_contents(one.said, declared(before, change)) for one in (before, after))
    return sum(left.get(tag) != right.get(tag) for tag in left.keys() | right.keys())


def _contents(said: Said, apart: frozenset[int]) -> dict[int, bytes]:
    buffer, pixels = said.data_set.buffer, pixels_of(said)
    kept = (one for tag, one in said.elements.items() if tag not in apart and one is not pixels)
    return {one.tag: buffer[one.head : one.after] for one in kept}
