"""Stand-ins for tools that can't be installed here: they know the words that the real ones document, and no others.

Each also does what the real one is known to do wrong beside its work: a blurred mask, a re-scaled image, clipped
numbers, files left behind.  ``install`` can make one fail in a way that any tool may.  Run as a program:
``stand_ins.py TOOL HOW SPY WORDS…``; ``SPY`` is a file that all a tool could see is written to, or a dash.
"""

import argparse
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

nib: Any = nibabel
HANG = 600


def install(folder: Path, tool: str, *, how: str = "well", spy: Path | None = None, behind: str = "") -> None:
    """Put a program of that name into a folder of PATH; ``behind`` is text that its file ends with."""
    program = folder / tool
    words = f"{sys.executable} {Path(__file__).resolve()} {tool} {how} {spy or '-'}"
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n{behind}\n')
    program.chmod(0o755)


def face(shape: tuple[int, ...]) -> np.ndarray:
    """Say what a stand-in takes for the face, on the grid it is given: in front and below, right to the borders."""
    marked = np.zeros(shape[:3], bool)
    marked[:, int(0.75 * shape[1]) :, : int(0.5 * shape[2])] = True
    return marked


def brain(shape: tuple[int, ...]) -> np.ndarray:
    """Say what a stand-in takes for the brain: a block in the middle."""
    marked = np.zeros(shape[:3], bool)
    marked[tuple(slice(size // 4, -size // 4) for size in shape[:3])] = True
    return marked


def save(data: Any, like: Any, path: str, *, how: str, slope: float | None = None) -> None:  # noqa: ANN401 - nibabel
    """Write a result on an image's grid, or in the wrong way that was asked for."""
    affine = like.affine.copy()
    if how == "flipped":
        affine = affine @ np.diag([-1.0, 1, 1, 1])
    elif how == "smaller":
        data = data[::2]
    elif how == "series":
        data = np.stack([data, data], axis=-1)
    elif how == "empty":
        data = np.full_like(data, data.max())
    image = nib.Nifti1Image(data, affine)
    if slope is not None:
        image.header.set_slope_inter(slope, 0)
    if how != "nothing":
        nib.save(image, path)
    if how == "cut-short":
        Path(path).write_bytes(Path(path).read_bytes()[:-5000])


def read(path: str) -> Any:  # noqa: ANN401 - nibabel has no types
    """Read the input; like the real tools these are for one volume."""
    image = nib.load(path)
    if image.ndim != 3:
        sys.exit("one volume only")
    return image


def pydeface(words: list[str], how: str) -> None:
    """Multiply by a mask of what stays; its rim is blurred, and it stays beside the input with --nocleanup."""
    print("--------------\npydeface 2.1.0\n--------------")
    known = argparse.ArgumentParser()
    known.add_argument("infile")
    known.add_argument("--outfile", required=True)
    for flag in ("--force", "--nocleanup"):
        known.add_argument(flag, action="store_true")
    given = known.parse_args(words)
    if "FSLDIR" not in os.environ:
        sys.exit("FSL must be installed and FSLDIR environment variable must be defined.")
    image = read(given.infile)
    kept = 1.0 - face(image.shape)
    first = int(0.75 * image.shape[1])
    half = int(0.5 * image.shape[2])
    kept[:, first - 1, :half], kept[:, first, :half] = 0.6, 0.4
    Path(os.environ["TMPDIR"], "left.nii.gz").write_bytes(b"pydeface leaves some")
    save(np.asarray(image.dataobj) * kept, image, given.outfile, how=how, slope=0.0146)
    if given.nocleanup:
        mask = given.infile.replace(".gz", "").replace(".nii", "_pydeface_mask.nii.gz")
        save(kept.astype(np.float32), image, mask, how=how)
        Path(mask.replace("_mask.nii.gz", ".mat")).write_text("1 0 0 0")


def mridefacer(words: list[str], how: str) -> None:
    """Write a mask of what stays, and a defaced image that nobody asked for."""
    known = argparse.ArgumentParser()
    known.add_argument("--version", action="version", version="mridefacer 0.2.2\n")
    known.add_argument("--outdir", default=".")
    for flag in ("--apply-only", "--no-color", "--apply"):
        known.add_argument(flag, action="store_true")
    known.add_argument("images", nargs=1)
    given = known.parse_args(words)
    (path,) = given.images
    image = read(path)
    kept = (~face(image.shape)).astype(np.uint8)
    stem = path.removesuffix(".nii.gz")
    save(kept, image, f"{given.outdir}/{stem}_defacemask.nii.gz", how=how)
    place = path if given.apply else f"{given.outdir}/{stem}_defaced.nii.gz"
    save(np.asarray(image.dataobj) * kept, image, place, how="well")


def afni(words: list[str], how: str, *, newer: bool) -> None:
    """Lay a shell over the face: positive in it, negative in the air before it; the image becomes clipped floats."""
    if words == ["-ver"]:
        print("2.7" if newer else "2.4")
        return
    taking = {"-input", "-prefix", "-ref_shell" if newer else "-shell"}
    given: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in taking:
            given[word] = rest.pop(0)
        elif word in {"-mode_deface", "-no_images"}:
            given[word] = ""
        else:
            print(f"** unexpected option = '{word}'")
            sys.exit(2)
    if "-no_images" not in given:
        print("** ERROR: Xvfb is not here")
        sys.exit(1)
    image = read(given["-input"])
    shell = np.where(face(image.shape), 120.0, 0.0)
    shell[:, -2:][face(image.shape)[:, -2:]] = -1.0
    stem = given["-prefix"].removesuffix(".nii.gz")
    Path(f"__work_refacer.{stem}").mkdir()
    result = np.clip(np.asarray(image.dataobj) * (shell == 0), 0, None).astype(np.float32)
    save(result, image, f"{stem}.deface.nii.gz" if newer else given["-prefix"], how="well")
    save(shell.astype(np.float32), image, f"{stem}.face.nii.gz", how=how)


def mri_reface(words: list[str], how: str) -> None:
    """Replace the face by something else, now and then by what was there; draw the person unless told not to."""
    if len(words) < 2:
        print("mri_reface: replaces face and ear imagery in MRI with an average face\nVersion 0.3.5\nUsage: …")
        sys.exit(65)
    path, out, *options = words
    given = dict(zip(options[::2], options[1::2], strict=True))
    if not path.endswith(".nii") or given.get("-imType") not in {"T1", "T2", "FLAIR", "PD", "T2ST", "CT"}:
        sys.exit("can't tell the image type")
    image = read(path)
    data = np.asarray(image.dataobj).astype(np.float32)
    new = np.random.default_rng(1).uniform(200, 900, data.shape).astype(np.float32)
    new[::7, ::7, ::7] = data[::7, ::7, ::7]
    replaced = np.where(face(data.shape) & (how != "empty"), new, data) + np.float32(0.01)
    save(replaced, image, f"{out}/{Path(path).stem}_deFaced.nii", how="well" if how == "empty" else how)
    if given.get("-saveQCRenders") != "0":
        Path(out, "before.png").write_bytes(b"a face")


def synthstrip(words: list[str], how: str) -> None:
    """Write a brain mask."""
    known = argparse.ArgumentParser()
    known.add_argument("-i", dest="image", required=True)
    known.add_argument("-m", dest="mask", required=True)
    given = known.parse_args(words)
    if Path(sys.argv[0]).name == "mri_synthstrip" and "FREESURFER_HOME" not in os.environ:
        sys.exit("FREESURFER_HOME env variable must be set!")
    image = read(given.image)
    save(brain(image.shape).astype(np.uint8), image, given.mask, how=how)


def hd_bet(words: list[str], how: str) -> None:
    """Write a brain mask under a name made of the output's, if the weights are in the home folder."""
    known = argparse.ArgumentParser()
    known.add_argument("-i", dest="image", required=True)
    known.add_argument("-o", dest="out", required=True)
    known.add_argument("-device", default="cuda")
    for flag in ("--disable_tta", "--save_bet_mask", "--no_bet_image"):
        known.add_argument(flag, action="store_true")
    given = known.parse_args(words)
    if given.device != "cpu" or not Path.home().joinpath("hd-bet_params", "release_2.0.0").is_dir():
        sys.exit("no graphics card, or no weights and no network to fetch them from")
    image = read(given.image)
    if given.save_bet_mask:
        save(brain(image.shape).astype(np.uint8), image, given.out[:-7] + "_bet.nii.gz", how=how)


def misbehave(how: str) -> None:
    """Fail as any tool may."""
    if how == "crash":
        print(f"\x1b[31mcan't read {Path.cwd()}/head.nii.gz for {Path.home()} of sub-CANARYJOHN_T1w", file=sys.stderr)
        sys.exit(3)
    if how == "hang":
        child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({HANG})"])
        Path(sys.argv[3]).write_text(str(child.pid))
        time.sleep(HANG)


def main() -> None:
    """Be one of the tools."""
    tool, how, spy, *words = sys.argv[1:]
    telling = words in (["-ver"], ["--version"], ["--help"], [])
    if spy != "-" and how != "hang" and not telling:
        found = {str(path): path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()}
        files = {name: gzip.decompress(content) if name.endswith(".gz") else content for name, content in found.items()}
        Path(spy).write_text(repr((sys.argv[4:], dict(os.environ), files, oct(Path.cwd().parent.stat().st_mode))))
    if not telling:
        misbehave(how)
    tools = {
        "pydeface": pydeface,
        "mridefacer": mridefacer,
        "afni_refacer2": lambda words, how: afni(words, how, newer=True),
        "@afni_refacer_run": lambda words, how: afni(words, how, newer=False),
        "run_mri_reface.sh": mri_reface,
        "mri_synthstrip": synthstrip,
        "synthstrip-docker": synthstrip,
        "hd-bet": hd_bet,
    }
    if tool in tools:  # of the others it is enough that they are there
        tools[tool](words, how)


if __name__ == "__main__":
    main()
