"""How ``deidentify --compare-conversion`` tells what it found: names of keys and reasons, never a value."""

from collections import Counter
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fivesafes.data.conversion.compare import ImageComparison
    from fivesafes.flow.compare_conversion import ConversionComparison


def compared_answer(compared: "ConversionComparison") -> dict[str, object]:
    """Give the object ``conversion`` that docs/reference/json.md describes."""
    from fivesafes.data.conversion.fates import load_fates  # noqa: PLC0415 - help stays quick

    fates = load_fates()
    removed = sorted({key for one in compared.series for image in one.images for key in image.removed})
    return {
        "converter": compared.converter,
        "before": compared.before,
        "after": compared.after,
        "identical": compared.identical,
        "lost": compared.lost,
        "images": [_image(one.series, image) for one in compared.series for image in one.images],
        "removed_on_purpose": {key: fates[key].why for key in removed},
        "not_converted": [
            {
                "series": one.series,
                "of": "original" if one.unconverted else "copy",
                "why": one.unconverted or one.failed,
            }
            for one in compared.series
            if one.unconverted or one.failed
        ],
    }


def show_compared(compared: "ConversionComparison") -> None:
    """Tell on standard error how many images are the same, and each loss by key."""
    click.echo(
        f"{compared.before} images before, {compared.after} after: "
        f"{compared.identical} with all that must stay, {compared.lost} lost",
        err=True,
    )
    for one in compared.series:
        if one.unconverted:
            click.echo(
                f"  {one.series}: nothing to compare, the original does not convert: {one.unconverted}", err=True
            )
        if one.failed:
            click.echo(f"  {one.series}: the copy does not convert: {one.failed}", err=True)
        for image in one.images:
            for line in _losses(image):
                click.echo(f"  {one.series} {image.name}: {line}", err=True)
    removed = Counter(key for one in compared.series for image in one.images for key in image.removed)
    if removed:
        told = ", ".join(f"{key} ({number})" for key, number in sorted(removed.items()))
        click.echo(f"  removed or changed on purpose, with the number of images: {told}", err=True)
    if not compared.before:
        click.echo("  nothing could be compared: no original gave an image", err=True)


def _losses(image: "ImageComparison") -> list[str]:
    kinds = {
        "missing": image.missing,
        "different": image.different,
        "not there before": image.added,
        "in no table (add a row to policies/conversion.csv)": image.unexplained,
    }
    lines = [f"{kind}: {', '.join(keys)}" for kind, keys in kinds.items() if keys]
    return [*lines, *(["lost"] if image.lost else []), *(["there was no such image before"] if image.new else [])]


def _image(series: str, image: "ImageComparison") -> dict[str, object]:
    if image.lost or image.new:
        status = "lost" if image.lost else "new"
    else:
        status = "identical" if image.identical else "changed"
    return {
        "series": series,
        "image": image.name,
        "status": status,
        "missing": list(image.missing),
        "different": list(image.different),
        "added": list(image.added),
        "removed": list(image.removed),
        "unexplained": list(image.unexplained),
    }
