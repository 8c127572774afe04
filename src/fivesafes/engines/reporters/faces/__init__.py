"""The pages on which a person judges whether faces are gone: one per image, and one that leads to the worst first."""

from fivesafes.engines.reporters.faces.folders import IDENTIFYING, LEAVING, FacesReport
from fivesafes.engines.reporters.faces.rows import Told

__all__ = ["IDENTIFYING", "LEAVING", "FacesReport", "Told"]
