"""Ends what a tool has left running inside of Docker: containers belong to its service, not to our session."""

from pathlib import Path

from fivesafes.engines.defacers.programs import find, surroundings
from fivesafes.engines.program import run

INHERITED = ("DOCKER_HOST", "XDG_RUNTIME_DIR")
SECONDS = 60.0


def end_containers(folder: Path, home: Path) -> None:
    """Kill the containers that have a folder mounted which is, or lies in, a private one of ours; no others.

    The tools' scripts mount folders under the path that they have outside, which ``docker ps`` can be asked for.
    """
    docker = find("docker")
    if docker is None:
        return
    known = surroundings(("docker",), INHERITED)
    for place in (folder, *(path for path in sorted(folder.glob("*/*")) if path.is_dir()), *folder.glob("*")):
        words: list[str | Path] = [docker, "ps", "--quiet", "--no-trunc", "--filter", f"volume={place}"]
        found = run(words, home=home, seconds=SECONDS, environment=known).printed.decode(errors="replace").split()
        if found:
            run([docker, "kill", *found], home=home, seconds=SECONDS, environment=known)
