"""The page of ``fivesafes deface --compare``: each view of a head, before and as each engine left it, side by side."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fivesafes.interfaces.cli.deface_compare_rows import Row

PAGE_NAME: Final = "deface-compare.html"


def write_page(rows: Sequence[Row], absent: Sequence[Mapping[str, str]], folder: Path) -> Path:
    """Write one page that holds its pictures; nothing is loaded from elsewhere."""
    from jinja2 import Environment  # noqa: PLC0415 - help stays quick

    heads = [
        _head(image.name, [row for row in rows if row.path == image]) for image in dict.fromkeys(r.path for r in rows)
    ]
    text = Environment(autoescape=True).from_string(PAGE).render(heads=heads, absent=absent)
    page = folder / PAGE_NAME
    aside = folder / f".{PAGE_NAME}.part"
    aside.write_text(text, encoding="utf-8")
    aside.replace(page)
    return page


def _head(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Arrange one image's pictures by view: the original first, then each engine's."""
    views: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for picture in row.pictures:
            view = picture.name.partition("-")[2]
            shown = views.setdefault(view, [])
            if picture.identifying and shown:
                continue  # the original is the same beside each engine
            shown.append(
                {
                    "told": "before (identifying)" if picture.identifying else f"{row.engine}, {row.mode.value}",
                    "identifying": picture.identifying,
                    "alt": picture.alt,
                    "data": b64encode(picture.png).decode("ascii"),
                }
            )
    return {"name": name, "rows": rows, "views": views}


PAGE: Final = """{% macro share(value) %}{{ "–" if value is none else "%.0f %%" | format(100 * value) }}{% endmacro %}
{% macro number(value, digits=0) %}{{ "–" if value is none else ("%." ~ digits ~ "f") | format(value) }}{% endmacro %}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Defacing engines compared</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem; }
.warning { border: 2px solid #a11; padding: .75rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid #aaa; padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, .text { text-align: left; }
td.why { white-space: normal; min-width: 18rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; background: #000; color: #fff; padding: .5rem; }
figure { margin: 0; }
figure.identifying { outline: 3px solid #d33; outline-offset: -3px; }
.row img { display: block; height: 15rem; }
h2 { border-top: 1px solid #888; padding-top: 1rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Defacing engines compared</h1>
<p class="warning"><strong>The pictures marked “before” identify people, and so does what an engine left of a
face.</strong> Keep this page where the originals are kept.</p>
<p>All results are measured in the same way: the share of the original's skin with tissue still within 1.3 mm, and the
voxels of the brain, as fivesafes finds it, whose bytes changed. Of the outside tools the mask was taken, not the image.
CPU s and MB are those of the whole command with all that it started; MB of its largest process.</p>
{% for head in heads %}
<section>
<h2>{{ head.name }}</h2>
<div class="scroll"><table>
<tr><th>engine</th><th class="text">version</th><th class="text">mode</th><th class="text">status</th>
{% for part in ("eyes", "nose", "mouth", "chin", "ears") %}<th>{{ part }}</th>{% endfor %}
<th>brain voxels</th><th>mask ml</th><th>CPU s</th><th>MB</th><th class="text">why</th></tr>
{% for row in head.rows %}
<tr><td>{{ row.engine }}</td><td class="text">{{ row.engine_version }}</td><td class="text">{{ row.mode.value }}</td>
<td class="text">{{ row.status }}</td>
{% for part in ("eyes", "nose", "mouth", "chin", "ears") %}<td>
{{- share((row.residual or {}).get(part)) }}</td>{% endfor %}
<td>{{ number(row.brain_voxels_altered) }}</td><td>{{ number(row.mask_ml) }}</td>
<td>{{ number(row.cost.cpu_seconds, 1) }}</td><td>{{ number(row.cost.peak_mb) }}</td>
<td class="text why">{{ row.why }}</td></tr>
{% endfor %}
</table></div>
{% for view, shown in head.views.items() %}
<h3>{{ view }}</h3>
<div class="row">
{% for one in shown %}<figure{% if one.identifying %} class="identifying"{% endif %}>
<img src="data:image/png;base64,{{ one.data }}" alt="{{ one.alt }}"><figcaption>{{ one.told }}</figcaption></figure>
{% endfor %}</div>
{% endfor %}
</section>
{% endfor %}
{% if absent %}
<h2>Not here</h2>
<ul>{% for one in absent %}<li>{{ one.engine }}: install {{ one.missing }}</li>{% endfor %}</ul>
{% endif %}
</body>
</html>
"""
