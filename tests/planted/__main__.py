"""``python -m tests.planted OUT --seed S``: write the corpus to OUT/files and what was planted to OUT/manifest.json."""

from pathlib import Path

import click
from tests.planted.corpus import WHOLE, make_corpus, manifest, write_corpus


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same corpus.")
@click.option("--share", type=float, default=WHOLE, show_default=True, help="Share of kept attributes to plant in.")
def command(out: Path, seed: int, share: float) -> None:
    """Write the corpus of planted identifiers to OUT/files, and to OUT/manifest.json what was planted where."""
    files = make_corpus(seed, share)
    write_corpus(files, out / "files")
    (out / "manifest.json").write_text(manifest(files, seed), encoding="ascii")
    click.echo(f"{len(files)} files, {sum(len(file.plants) for file in files)} plants")


if __name__ == "__main__":
    command()
