"""Put the comparison of conversions together: dcm2niix, a private scratch that goes with the run."""

from collections.abc import Callable
from pathlib import Path

from fivesafes.core.errors import EngineMissing
from fivesafes.core.progress import Progress
from fivesafes.engines.converters.dcm2niix import Dcm2niix, Sidecars
from fivesafes.flow.compare_conversion import ConversionComparison, compare_conversion
from fivesafes.flow.folder_outcome import FolderOutcome
from fivesafes.flow.ports import Executor
from fivesafes.stores.workshop import for_us_alone, no_core_dumps, opened_scratch

Compare = Callable[[FolderOutcome], ConversionComparison]


def comparing(source: Path, into: Path, *, executor: Executor, progress: Progress) -> Compare:
    """Give what compares once the folder is de-identified.  Raises EngineMissing at once when there is no converter."""
    converter = Dcm2niix(sidecars=Sidecars.WHOLE)
    missing = converter.missing()
    if missing is not None:
        raise EngineMissing(missing, fix="pip install dcm2niix, or leave --compare-conversion out")

    def compare(outcome: FolderOutcome) -> ConversionComparison:
        no_core_dumps()
        with for_us_alone(), opened_scratch() as scratch:
            return compare_conversion(
                outcome,
                source,
                into,
                converter=converter,
                executor=executor,
                scratch=scratch,
                progress=progress,
            )

    return compare
