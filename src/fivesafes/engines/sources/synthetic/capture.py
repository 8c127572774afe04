"""A screen save: a picture of the console with the patient's name in its pixels (Secondary Capture Image Storage)."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pydicom.uid import SecondaryCaptureImageStorage

from fivesafes.engines.sources.synthetic.header import common_header, stamp_instance
from fivesafes.engines.sources.synthetic.series import Output
from fivesafes.engines.sources.synthetic.session import SeriesPlan, Session

_WIDTH, _HEIGHT = 320, 240


def write_screen_save(session: Session, series: SeriesPlan, *, output: Output) -> Path:
    """Write the picture; its text is in the pixels only, not in the file's readable bytes."""
    dataset = common_header(session, series, sop_class=SecondaryCaptureImageStorage)
    stamp_instance(dataset, session, number=1, moment=series.began + timedelta(seconds=2))
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = ""
    dataset.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    dataset.BurnedInAnnotation = "YES"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = _HEIGHT, _WIDTH
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = _console(session).tobytes()
    for keyword in ("FrameOfReferenceUID", "PositionReferenceIndicator"):
        del dataset[keyword]
    return output.save(dataset, series, 1, session)


def _console(session: Session) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """Draw the console: who lies in the scanner, and the curve of a finished measurement."""
    picture = Image.new("L", (_WIDTH, _HEIGHT), color=20)
    pen = ImageDraw.Draw(picture)
    person = session.person
    lines = (
        person.name.replace("^", " "),
        f"born {person.born:%d.%m.%Y}",
        person.patient_id,
        session.visit.institution,
    )
    for row, line in enumerate(lines):
        pen.text((10, 10 + 18 * row), line, fill=230)
    across = np.arange(10, _WIDTH - 10)
    height = 170 - 40 * np.sin(across / 23.0) * np.exp(-across / 200.0)
    pen.line(list(zip(across.tolist(), height.tolist(), strict=True)), fill=180, width=2)
    return np.asarray(picture, dtype=np.uint8)
