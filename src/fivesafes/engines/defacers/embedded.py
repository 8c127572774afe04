"""The defacer that needs nothing but this package."""

from pathlib import Path
from typing import ClassVar

from fivesafes.data.face.deface import deface_image, engine_version
from fivesafes.data.model import Defaced, FaceMode


class EmbeddedDefacer:
    """Removes the face by registration of the package's own template (SimpleITK), and measures what is left."""

    name: ClassVar[str] = "embedded"

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""
        return None

    def version(self) -> str:
        """Name the engine's version, for provenance."""
        return engine_version()

    def deface(self, image: Path, *, into: Path, mode: FaceMode) -> Defaced:
        """Write the defaced image and its removal mask into the folder; never touch ``image``."""
        return deface_image(image, into=into, mode=mode)
