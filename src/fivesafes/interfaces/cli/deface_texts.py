"""What defacing leaves in the header of a NIfTI image: texts and extensions, as ``fivesafes check`` judges them."""

from pathlib import Path
from typing import Final

FIX: Final = "clear them before defacing (docs/how-to/deface.md, “Texts in the header”)"


def kept_texts(image: Path) -> tuple[str, ...]:
    """Warn of texts in an image's header that may tell who it is: where each stands and why, never what it says."""
    from fivesafes.data.face.names import files_of  # noqa: PLC0415 - help stays quick
    from fivesafes.data.model import Severity  # noqa: PLC0415 - as said
    from fivesafes.data.residue.nifti import find_before_voxels  # noqa: PLC0415 - as said
    from fivesafes.data.residue.place import Place, Unreadable  # noqa: PLC0415 - as said

    places: dict[str, dict[str, None]] = {}
    try:
        for found in find_before_voxels(files_of(image)[-1], Place.at(image.name)):
            if found.severity is not Severity.INFO:
                places.setdefault(found.locator.removeprefix("header."), {})[found.why] = None
    except (OSError, Unreadable):
        return ("the header could not be looked at for texts, which stay there: look at it yourself",)
    if not places:
        return ()
    told = "; ".join(f"{place} ({', '.join(whys)})" for place, whys in places.items())
    return (f"the header keeps texts that may tell who it is: {told}; {FIX}",)
