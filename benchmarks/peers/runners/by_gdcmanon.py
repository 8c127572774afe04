"""gdcmanon (GDCM), one call a file: a folder run stops at the first file that it can't do."""

import resource
import subprocess
import tempfile
from pathlib import Path

from loop import over_files

keys = Path(tempfile.mkdtemp())
_MAKE = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=benchmark"]
_INTO = ["-keyout", str(keys / "key.pem"), "-out", str(keys / "certificate.pem")]
subprocess.run([*_MAKE, *_INTO], check=True, capture_output=True)


def one(path: Path, target: Path) -> None:
    """De-identify one file; the originals' identity is encrypted into the output, which is its way."""
    words = ["gdcmanon", "-e", "-c", str(keys / "certificate.pem"), "-i", str(path), "-o", str(target)]
    subprocess.run(words, check=True, capture_output=True)


over_files(one, who=resource.RUSAGE_CHILDREN)
