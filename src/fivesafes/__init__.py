"""From identifiable MRI scans to a release that the project, people, setting, data and output allow."""

from typing import Final

__version__: Final = "0.1.0"
