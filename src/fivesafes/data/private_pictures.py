"""How a picture, or a page of pictures, that identifies somebody says so itself, wherever it is taken."""

import io
from typing import Final

from PIL import Image, PngImagePlugin

MARK: Final = "IDENTIFYING: for the eyes of those alone who may see the originals"
PAGE_MARK: Final = f'<meta name="disclosure" content="{MARK}">'
"""Stands in the head of an HTML page that shows such pictures."""

_KEY: Final = "Disclaimer"
_EFFORT: Final = 6


def plain_png(picture: Image.Image) -> bytes:
    """Compress a picture; the file holds nothing but the pixels."""
    return _png(picture, None)


def private_png(picture: Image.Image) -> bytes:
    """Compress a picture that identifies somebody: the file says so, in a text chunk."""
    told = PngImagePlugin.PngInfo()
    told.add_text(_KEY, MARK)
    return _png(picture, told)


def _png(picture: Image.Image, told: PngImagePlugin.PngInfo | None) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=_EFFORT, pnginfo=told)
    return out.getvalue()
