"""Write the reference pages of header profiles from the rules themselves.

Usage: python tools/profile_reference.py          (tests/data/header/test_profile.py compares the pages with the rules)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fivesafes.data.header.describe import describe_options, describe_profile
from fivesafes.data.header.options import OF_HEADERS
from fivesafes.data.header.profile import load_profile, profile_names

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"


def pages() -> Iterator[tuple[Path, str]]:
    """Compose each page: one for every profile that ships, and one of all options."""
    for name in profile_names():
        yield FOLDER / f"profile-{name}.md", describe_profile(load_profile(name))
    others = [*(f"basic+{code}" for code in OF_HEADERS), *(name for name in profile_names() if name != "basic")]
    profiles = [load_profile(name) for name in others]
    yield FOLDER / "profiles.md", describe_options(profiles, basic=load_profile("basic"))


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
        print(path.name)
