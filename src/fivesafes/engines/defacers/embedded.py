"""The defacer that comes with fivesafes: no outside program, no network, the same bytes each time."""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from fivesafes.data.model import Defaced, FaceMode


class EmbeddedDefacer:
    """Finds the head with SimpleITK, removes face and ears, and measures on the written file whether they are gone."""

    name: ClassVar[str] = "embedded"
    modes: ClassVar[tuple[FaceMode, ...]] = tuple(FaceMode)

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""
        return None if find_spec("SimpleITK") else "the Python package SimpleITK (pip install SimpleITK)"

    def version(self) -> str:
        """Name the program's version and the template's."""
        from fivesafes.data.face.deface import engine_version  # noqa: PLC0415 - SimpleITK takes a second to load

        return engine_version()

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Write the defaced image and its mask into the folder; never touch ``image``.

        ``image`` is None in the answer when nothing was written: refused, nothing to do, or only the mask wanted.  One
        that needs review is written; whoever called holds it.
        """
        from fivesafes.data.face.deface import deface_image  # noqa: PLC0415 - SimpleITK takes a second to load

        return deface_image(image, into=into, mode=mode, beside=beside)
