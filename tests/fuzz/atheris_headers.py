"""A target for the fuzzer atheris: any bytes are opened and cleaned, and nothing but Malformed is raised.

atheris is no dependency; CONTRIBUTING.md says how to run this.  What comes out must open again, and cleaning it again
must leave nothing out that was kept: an output that is itself broken would be found here.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped] # in an environment of its own

with atheris.instrument_imports(include=["fivesafes.data.header"]):
    from tests.fuzz.tried import cleaned, deidentifier, looked_at, profile

    from fivesafes.data.header.ge import clean_protocol_block, clean_user_data
    from fivesafes.data.header.part10 import open_data_set
    from fivesafes.data.header.siemens import clean_image_header, clean_protocol, clean_series_header

_FOLDER = Path(tempfile.mkdtemp(prefix="fivesafes-fuzz-"))
_FIELDS = profile().fields


def one_input(content: bytes) -> None:
    """Try one input."""
    _, header, pixels = cleaned(content, deidentifier())
    if header:
        open_data_set(header + pixels).elements()
    looked_at(content, _FOLDER / "file")
    clean_image_header(content, _FIELDS["image"])
    clean_series_header(content, _FIELDS["protocol"])
    clean_protocol(content, _FIELDS["protocol"])
    clean_protocol_block(content, _FIELDS["ge-protocol"])
    clean_user_data(content)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
