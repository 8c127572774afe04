"""Convert the originals and their de-identified copies, series by series, and compare: does all the science survive?

Which files belong together is known from de-identifying them.  Originals are linked, never copied; what the converter
makes of them lies in a folder of the run's scratch and goes as soon as its series is compared.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput, TryAgain
from fivesafes.core.progress import Progress
from fivesafes.data.conversion.compare import ImageComparison, Look, compare_series, look_at
from fivesafes.data.conversion.fates import load_fates
from fivesafes.data.ports import Converter
from fivesafes.flow.folder_outcome import FolderOutcome
from fivesafes.flow.output_folder import shown, walk
from fivesafes.flow.ports import Executor

_FULL: Final = "make room in the folder for temporary files (TMPDIR), then run the same command again"


@frozen(kw_only=True)
class SeriesComparison:
    """What became of the images of one series (its folder below the output).

    ``before`` and ``after`` count images.  ``unconverted`` says why the converter makes nothing of the original, where
    it does not: there is nothing to lose then.  ``failed`` says why it makes nothing of the copy.
    """

    series: str
    before: int = 0
    after: int = 0
    images: tuple[ImageComparison, ...] = ()
    unconverted: str = ""
    failed: str = ""


@frozen(kw_only=True)
class ConversionComparison:
    """What became of all images, and with which converter."""

    converter: str
    series: tuple[SeriesComparison, ...]

    @property
    def before(self) -> int:
        """How many images the originals give."""
        return sum(series.before for series in self.series)

    @property
    def after(self) -> int:
        """How many images the de-identified copies give."""
        return sum(series.after for series in self.series)

    @property
    def identical(self) -> int:
        """How many images have all that must stay."""
        return sum(image.identical for series in self.series for image in series.images)

    @property
    def lost(self) -> int:
        """How many images are gone."""
        return sum(image.lost for series in self.series for image in series.images)

    @property
    def whole(self) -> bool:
        """Whether something was compared, and nothing is lost, changed or unexplained anywhere."""
        return self.before > 0 and all(image.identical for series in self.series for image in series.images)


@frozen(kw_only=True)
class _Work:
    """What workers are given once: pairs of files (original, copy) by series, in the order of the copies."""

    pairs: Mapping[str, tuple[tuple[Path, Path], ...]] = field(repr=False)
    converter: Converter
    scratch: Path = field(repr=False)


def compare_conversion(
    outcome: FolderOutcome,
    source: Path,
    into: Path,
    *,
    converter: Converter,
    executor: Executor,
    scratch: Path,
    progress: Progress,
) -> ConversionComparison:
    """Convert and compare each series that was de-identified; ``scratch`` is a private folder that its owner clears.

    Raises TryAgain when the scratch is full.
    """
    work = _Work(pairs=_pairs(outcome, source, into), converter=converter, scratch=scratch)
    progress.begin("compare", total=len(work.pairs), unit="series")
    compared = []
    for _, answer in executor.run_with(work, _compare, list(work.pairs)):
        if isinstance(answer, FiveSafesError):
            raise answer
        compared.append(answer)
        progress.advance("compare")
    progress.end("compare")
    return ConversionComparison(
        converter=converter.version(), series=tuple(sorted(compared, key=lambda series: series.series))
    )


def _pairs(outcome: FolderOutcome, source: Path, into: Path) -> dict[str, tuple[tuple[Path, Path], ...]]:
    """Tell which original became which file, by series."""
    originals = {shown(path, source): path for path in walk(source).files}
    pairs: dict[str, list[tuple[Path, Path]]] = {}
    for file in outcome.files:
        if file.output is not None:
            copy = into / file.output
            pairs.setdefault(Path(file.output).parent.as_posix(), []).append((originals[file.path], copy))
    return {series: tuple(sorted(ones, key=lambda one: one[1])) for series, ones in sorted(pairs.items())}


def _compare(work: _Work, series: str) -> SeriesComparison:
    """Convert and compare one series (a worker's job).  Raises TryAgain when there is no room."""
    folder = work.scratch / series.replace("/", "_")
    try:
        try:
            old = _converted(work, [pair[0] for pair in work.pairs[series]], folder / "before")
        except InvalidInput as problem:
            return SeriesComparison(series=series, unconverted=problem.what)
        try:
            new, failed = _converted(work, [pair[1] for pair in work.pairs[series]], folder / "after"), ""
        except InvalidInput as problem:
            new, failed = (), problem.what
    except OSError as error:
        what = f"originals and copies can't be converted side by side: {error.strerror}"
        raise TryAgain(what, fix=_FULL) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    images = compare_series(old, new, load_fates())
    return SeriesComparison(series=series, before=len(old), after=len(new), images=images, failed=failed)


def _converted(work: _Work, files: list[Path], folder: Path) -> tuple[Look, ...]:
    """Convert some files, under the same neutral names before and after; tell what the images look like."""
    inputs, outputs = folder / "in", folder / "out"
    for made in (inputs, outputs):
        made.mkdir(mode=0o700, parents=True)
    for number, path in enumerate(files):
        (inputs / f"{number:07}.dcm").symlink_to(path.resolve())
    return tuple(look_at(image) for image in work.converter.convert(inputs, into=outputs))
