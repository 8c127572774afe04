"""Compile the walk over headers where Cython and a C compiler are there; without them the package works as it stands.

``cursor.py`` is compiled as ``_cursor`` beside itself, and so each module whose types a .pxd says, with the digest of
what all were made from, so that ``fivesafes.data.header.scanner`` never takes a stale one.  Run it as a script to
compile in place.
"""

import hashlib
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HEADER = Path("src", "fivesafes", "data", "header")
PACKAGE = "fivesafes.data.header"
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
            build_data["artifacts"] += [f"{HEADER.as_posix()}/_{module}.*" for module in _modules(Path(self.root))]


def compile_twins(root: Path) -> str:
    """Compile the modules into the source tree; say why it could not be done, or nothing."""
    try:
        import Cython  # noqa: F401, PLC0415 - optional
    except ImportError:
        return "Cython is not installed"
    if os.name == "nt" or sys.maxsize < 1 << 32 or not sysconfig.get_config_var("LDSHARED"):
        return "this platform's compiler is not one that this knows"
    folder = root / HEADER
    modules = _modules(root)
    sources = [(folder / f"{module}{suffix}").read_bytes() for module in modules for suffix in (".py", ".pxd")]
    digest = hashlib.sha256(b"\0".join(sources)).hexdigest()
    if all(digest.encode() in _library(folder, module) for module in modules):
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        for package in (Path(scratch, *PACKAGE.split(".")[: depth + 1]) for depth in range(3)):
            package.mkdir()
            (package / "__init__.py").touch()
        for module in modules:
            _write_twin(module, modules, folder, package, digest)
        try:
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # it is the C compiler that takes the time
                made = list(pool.map(partial(_built, package), [_translated(module, package) for module in modules]))
        except (OSError, subprocess.CalledProcessError, RuntimeError) as problem:
            return f"compiling failed: {type(problem).__name__}"
        for path in made:
            aside = folder / f".{path.name}.{os.getpid()}"
            aside.write_bytes(path.read_bytes())
            aside.replace(folder / path.name)  # a running program keeps the one that it has
    return ""


def _modules(root: Path) -> list[str]:
    """Name the modules whose types a .pxd says."""
    return sorted(path.stem for path in (root / HEADER).glob("[a-z]*.pxd"))


def _library(folder: Path, module: str) -> bytes:
    """Read the twin that lies there for this Python; nothing where there is none."""
    path = folder / f"_{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
    return path.read_bytes() if path.exists() else b""


def _write_twin(module: str, modules: list[str], folder: Path, package: Path, digest: str) -> None:
    """Write a module under its twin's name; where it names another, the other's twin is meant."""
    for suffix in (".py", ".pxd"):
        text = (folder / f"{module}{suffix}").read_text()
        for other in modules:
            text = text.replace(f"{PACKAGE}.{other} ", f"{PACKAGE}._{other} ")
        stamp = f'\nDIGEST = "{digest}"\n' if suffix == ".py" else ""
        (package / f"_{module}{suffix}").write_text(text + stamp)


def _translated(module: str, package: Path) -> Path:
    """Make C of a twin."""
    from Cython.Compiler.Main import CompilationOptions, compile  # noqa: A004, PLC0415 - optional
    from Cython.Compiler.Options import get_directive_defaults  # noqa: PLC0415 - optional

    source = package / f"_{module}.py"
    options = CompilationOptions(
        compiler_directives={**get_directive_defaults(), **DIRECTIVES}, include_path=[str(package.parents[2])]
    )
    if compile([str(source)], options, full_module_name=f"{PACKAGE}._{module}").num_errors:
        raise RuntimeError
    return source.with_suffix(".c")


def _built(package: Path, source: Path) -> Path:
    """Make a library of C."""
    library = package / f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = [
        *shlex.split(sysconfig.get_config_var("LDSHARED")),
        "-O2",  # less compiles in two thirds of the time and is 9 % slower
        "-fPIC",
        "-DCYTHON_COMPRESS_STRINGS=0",  # so that the digest can be read in the file
        "-I",
        sysconfig.get_path("include"),
        str(source),
        "-o",
        str(library),
    ]
    subprocess.run(command, check=True)
    return library


if __name__ == "__main__":
    WHY_NOT = compile_twins(Path(__file__).resolve().parent)
    print(WHY_NOT or "the walk over headers is compiled", file=sys.stderr)  # noqa: T201 - a script speaks
    sys.exit(bool(WHY_NOT))
