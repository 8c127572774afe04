"""Compare the engines that are here, with real pydeface beside them though FSL is not: a stand-in speaks for its flirt.

Usage: python -m benchmarks.deface_peers IMAGE… --out DIR [--environment FOLDER]

pydeface is installed once into an environment of its own.  The stand-in (flirt_stand_in.py) is another registration
than FSL's: of pydeface's row, what its mask takes can be quoted, its seconds and its failures not.  quickshear comes
with the development environment.  The rest is ``fivesafes deface --compare``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PYDEFACE = "pydeface==2.1.0"
STAND_IN = Path(__file__).resolve().parent / "flirt_stand_in.py"


def main() -> int:
    """Install what is missing, and run the command."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("images", nargs="+", type=Path)
    words.add_argument("--out", required=True, type=Path)
    words.add_argument("--environment", type=Path, default=Path(tempfile.gettempdir()) / "fivesafes-pydeface")
    given = words.parse_args()
    binaries = installed(given.environment, PYDEFACE)
    with tempfile.TemporaryDirectory() as folder:
        fsl = stand_in_fsl(Path(folder))
        path = os.pathsep.join([str(fsl / "bin"), str(binaries), os.environ["PATH"]])
        command = [sys.executable, "-m", "fivesafes", "deface", *map(str, given.images), "--out", str(given.out)]
        surroundings = {**os.environ, "PATH": path, "FSLDIR": str(fsl)}
        return subprocess.run([*command, "--compare"], env=surroundings, check=False).returncode


def installed(environment: Path, package: str) -> Path:
    """Make an environment with one version of a package (``name==version``), once; give the folder of its programs."""
    binaries = environment / "bin"
    if not (binaries / package.partition("==")[0]).exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([binaries / "pip", "install", "--quiet", package], check=True)
    return binaries


def stand_in_fsl(folder: Path) -> Path:
    """Write what pydeface looks for of FSL: flirt, and a program fsl that does nothing."""
    programs = {"flirt": f'exec {sys.executable} {STAND_IN} "$@"', "fsl": ""}
    (folder / "bin").mkdir()
    (folder / "etc").mkdir()
    (folder / "etc" / "fslversion").write_text("0.0-stand-in\n", encoding="utf-8")
    for name, does in programs.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        program.chmod(0o755)
    return folder


if __name__ == "__main__":
    sys.exit(main())
