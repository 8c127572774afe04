"""Compile the walk over headers where Cython and a C compiler are there; without them the package works as it stands.

``cursor.py`` is compiled as ``_cursor`` beside itself, and so on, with the digest of what all were made from, so that
``fivesafes.data.header.scanner`` never takes a stale one.  Run it as a script to compile in place.
"""

import hashlib
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HEADER = Path("src", "fivesafes", "data", "header")
PACKAGE = "fivesafes.data.header"
MODULES = ("cursor", "runs", "scan", "ranges", "shift", "values", "cleaner")
SOURCES = (
    "cursor.py",
    "cursor.pxd",
    "runs.py",
    "runs.pxd",
    "scan.py",
    "scan.pxd",
    "ranges.py",
    "ranges.pxd",
    "shift.py",
    "values.py",
    "values.pxd",
    "cleaner.py",
    "cleaner.pxd",
)
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": True,  # a stranger's bytes are read: an index outside is an error, never memory
    "wraparound": False,
    "initializedcheck": False,
    "annotation_typing": False,  # the types are those of the .pxd
}


class CompilingHook(BuildHookInterface[Any]):
    """Adds the compiled twins to a wheel, or to the checkout that is installed editable."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say so in the build's log; or say why not and leave it."""
        why_not = compile_twins(Path(self.root))
        if why_not:
            self.app.display_warning(f"the walk over headers is not compiled ({why_not}); it works, slower")
            return
        self.app.display_info("the walk over headers is compiled")
        if version != "editable":
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"] += [f"{HEADER.as_posix()}/_{module}.*" for module in MODULES]


def compile_twins(root: Path) -> str:
    """Compile both modules into the source tree; say why it could not be done, or nothing."""
    try:
        import Cython  # noqa: F401, PLC0415 - optional
    except ImportError:
        return "Cython is not installed"
    if os.name == "nt" or sys.maxsize < 1 << 32 or not sysconfig.get_config_var("LDSHARED"):
        return "this platform's compiler is not one that this knows"
    folder = root / HEADER
    digest = hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()
    if all(digest.encode() in _library(folder, module) for module in MODULES):
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        for package in (Path(scratch, *PACKAGE.split(".")[: depth + 1]) for depth in range(3)):
            package.mkdir()
            (package / "__init__.py").touch()
        try:
            made = [_compiled(module, folder, package, digest) for module in MODULES]
        except (OSError, subprocess.CalledProcessError, RuntimeError) as problem:
            return f"compiling failed: {type(problem).__name__}"
        for path in made:
            aside = folder / f".{path.name}.{os.getpid()}"
            aside.write_bytes(path.read_bytes())
            aside.replace(folder / path.name)  # a running program keeps the one that it has
    return ""


def _library(folder: Path, module: str) -> bytes:
    """Read the twin that lies there for this Python; nothing where there is none."""
    path = folder / f"_{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
    return path.read_bytes() if path.exists() else b""


def _compiled(module: str, folder: Path, package: Path, digest: str) -> Path:
    """Compile one module under its twin's name; where it names the other, its twin is meant."""
    from Cython.Compiler.Main import CompilationOptions, compile  # noqa: A004, PLC0415 - optional
    from Cython.Compiler.Options import get_directive_defaults  # noqa: PLC0415 - optional

    for suffix in (".py", ".pxd"):
        if not (folder / f"{module}{suffix}").exists():
            continue
        text = (folder / f"{module}{suffix}").read_text()
        for other in MODULES:
            text = text.replace(f"{PACKAGE}.{other} ", f"{PACKAGE}._{other} ")
        stamp = f'\nDIGEST = "{digest}"\n' if suffix == ".py" else ""
        (package / f"_{module}{suffix}").write_text(text + stamp)
    source = package / f"_{module}.py"
    options = CompilationOptions(
        compiler_directives={**get_directive_defaults(), **DIRECTIVES}, include_path=[str(package.parents[2])]
    )
    if compile([str(source)], options, full_module_name=f"{PACKAGE}._{module}").num_errors:
        raise RuntimeError
    library = package / f"_{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = [
        *shlex.split(sysconfig.get_config_var("LDSHARED")),
        "-O2",
        "-fPIC",
        "-DCYTHON_COMPRESS_STRINGS=0",  # so that the digest can be read in the file
        "-I",
        sysconfig.get_path("include"),
        str(source.with_suffix(".c")),
        "-o",
        str(library),
    ]
    subprocess.run(command, check=True)
    return library


if __name__ == "__main__":
    WHY_NOT = compile_twins(Path(__file__).resolve().parent)
    print(WHY_NOT or "the walk over headers is compiled", file=sys.stderr)  # noqa: T201 - a script speaks
    sys.exit(bool(WHY_NOT))
