"""The synthetic scanner: made-up people as DICOM, as a scanner and its site leave it.  For demonstration and tests."""

from fivesafes.engines.sources.synthetic.benchmark import write_series
from fivesafes.engines.sources.synthetic.plant import plant_everywhere
from fivesafes.engines.sources.synthetic.planted import Planted, PlantedKind, PlantedSeries, PlantedValue
from fivesafes.engines.sources.synthetic.study import Extra, write_study

__all__ = [
    "Extra",
    "Planted",
    "PlantedKind",
    "PlantedSeries",
    "PlantedValue",
    "plant_everywhere",
    "write_series",
    "write_study",
]
