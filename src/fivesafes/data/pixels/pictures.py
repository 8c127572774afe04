"""Draw what was found and what was blanked, for a person.  The pictures are as identifying as the scan."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from fivesafes.data.boxes import Box
from fivesafes.data.pixels.render import Grey
from fivesafes.data.private_pictures import PAGE_MARK, private_png

_FOUND: Final = (255, 80, 60)
_BLANKED: Final = (60, 190, 255)
_WANTED: Final = 384
_GAP: Final = 12
_HEAD: Final = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{PAGE_MARK}<title>Text in pixels</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}}
img{{max-width:100%;display:block}}figure{{margin:2rem 0}}figcaption{{color:#555}}</style></head><body>
<h1>Text in pixels</h1>
<p><strong>These pictures identify people. Keep them in this folder, and delete it when you have looked.</strong></p>
<p>Left: the view in which text was seen, framed in red. Right: the picture as it is now, with what was blanked framed
in blue (only where something was blanked). Frames in which nothing was found are not shown: look at some too.</p>
"""


def picture(*, before: Grey, after: Grey | None, found: Iterable[Box], blanked: Iterable[Box]) -> bytes:
    """Draw a frame as text was seen in it, and beside it as it is now, as PNG; larger where it is small."""
    panels = [_framed(before, found, _FOUND)]
    if after is not None:
        panels.append(_framed(after, blanked, _BLANKED))
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, max(panel.height for panel in panels)), (255, 255, 255))
    place = 0
    for panel in panels:
        sheet.paste(panel, (place, 0))
        place += panel.width + _GAP
    return private_png(sheet)


def page(names: Sequence[str]) -> bytes:
    """Compose the page that shows these pictures, which lie beside it."""
    figures = "".join(
        f'<figure><img src="{escape(name)}" alt="a frame in which text was found">'
        f"<figcaption>{escape(name.removesuffix('.png'))}</figcaption></figure>\n"
        for name in names
    )
    return f"{_HEAD}<p>{len(names)} pictures.</p>\n{figures}</body></html>\n".encode()


def _framed(grey: Grey, boxes: Iterable[Box], colour: tuple[int, int, int]) -> Image.Image:
    larger = max(1, -(-_WANTED // max(grey.shape)))
    shown = Image.fromarray(np.kron(grey, np.ones((larger, larger), np.uint8))).convert("RGB")
    pen = ImageDraw.Draw(shown)
    for box in boxes:
        corners = (
            box.left * larger,
            box.top * larger,
            max(box.left * larger, box.right * larger - 1),
            max(box.top * larger, box.bottom * larger - 1),
        )
        pen.rectangle(corners, outline=colour, width=2)
    return shown
