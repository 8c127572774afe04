"""What an earlier call left, where this one makes none of its own: moved to where a person must look, never lost."""

from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Self

from attrs import evolve, frozen

from fivesafes.data.face.names import files_of, stem_of
from fivesafes.data.model import Defaced, FaceStatus
from fivesafes.interfaces.cli.deface_outcome import HELD, Outcome


@frozen(kw_only=True)
class Earlier:
    """What a result consists of, each by its place, and each beginning with ``stem``."""

    stem: Path
    image: tuple[Path, ...]
    mask: tuple[Path, ...]

    @classmethod
    def of_image(cls, place: Path) -> Self:
        """Name the files of an image's result; other engines may leave the mask unpacked."""
        from fivesafes.data.face.cut import mask_name  # noqa: PLC0415 - help stays quick

        mask = place.with_name(mask_name(place))
        return cls(stem=place.with_name(stem_of(place)), image=files_of(place), mask=(mask, mask.with_suffix("")))

    def held(self, outcome: Outcome, out: Path) -> Outcome:
        """Move an earlier result where this call wrote none: of what it is is unknown."""
        wrote_none = outcome.defaced.status in {FaceStatus.REFUSED, FaceStatus.NOTHING_TO_DO}
        if not wrote_none or not any((out / name).exists() for name in (*self.image, *self.mask)):
            return outcome
        free = self._moved(out, Path(), chain([self.stem], _others(self.stem)))
        as_ = f", as {free.name}" if free != self.stem else ""
        why = f"{outcome.defaced.why}; an earlier result of that name was moved to {HELD}{as_}"
        return evolve(outcome, defaced=evolve(outcome.defaced, why=why))

    def apart_from_mask(self, defaced: Defaced, out: Path) -> Defaced:
        """Move earlier images, with their masks, where this call made a mask alone: they would be taken for its own."""
        if defaced.mask is None or defaced.image is not None:
            return defaced
        moved = [
            self._moved(out, folder, _others(self.stem)).name
            for folder in (Path(), Path(HELD))
            if any((out / folder / name).exists() for name in self.image)
        ]
        if not moved:
            return defaced
        told = f"an earlier image of that name was moved to {HELD}, as {' and '.join(moved)}"
        return evolve(defaced, why=f"{defaced.why}; {told}" if defaced.why else told)

    def _moved(self, out: Path, folder: Path, stems: Iterator[Path]) -> Path:
        """Move what is there of it in a folder, all under the first of some stems that is free, which is given."""
        names = (*self.image, *self.mask)
        free = next(one for one in stems if not self._taken(names, one, out))
        for name in names:
            if (out / folder / name).exists():
                place = out / HELD / self._renamed(name, free)
                place.parent.mkdir(parents=True, exist_ok=True)
                (out / folder / name).replace(place)
        return free

    def _taken(self, names: Sequence[Path], stem: Path, out: Path) -> bool:
        return any((out / HELD / self._renamed(name, stem)).exists() for name in names)

    def _renamed(self, name: Path, stem: Path) -> Path:
        return name.with_name(stem.name + name.name.removeprefix(self.stem.name))


def _others(stem: Path) -> Iterator[Path]:
    return (stem.with_name(f"{stem.name}-earlier{number}") for number in count(1))
