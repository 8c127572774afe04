"""A git repository: each checkpoint is a file and a commit, pushed to a remote that others keep."""

import io
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import PolicyInvalid, TryAgain
from fivesafes.engines.program import Finished, run
from fivesafes.setting.trail.checkpoint import SignedCheckpoint

_SECONDS: Final = 60
_READ_SECONDS: Final = 10
_NO_SUCH_REF: Final = 2
_FOLDER: Final = "checkpoints"
_FIX: Final = "run git push in that clone by hand to see why; the remote must take pushes without a question"


class GitWitness:
    """Commits notes in a given clone (its own, for nothing else) and pushes them; runs none of the clone's hooks."""

    kind: ClassVar[str] = "git"

    def __init__(self, *, clone: str, remote: str = "origin", branch: str = "main", ssh_key: str = "") -> None:
        """Take a clone that is there already; ``ssh_key`` names a key file without passphrase where ssh needs one."""
        self._clone, self._remote, self._branch = Path(clone), remote, branch
        self._ssh_key = ssh_key

    def missing(self) -> str | None:
        """Need the program git."""
        return None if shutil.which("git") else "install git"

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Write, commit and push the note; when it returns, the remote has it."""
        self._check_clone()
        size = checkpoint.checkpoint.size
        file = self._clone / _FOLDER / f"{size:012d}.txt"
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_text(checkpoint.note, encoding="utf-8", newline="\n")
        except OSError as fault:
            message = f"the witness's clone can't be written to: {fault.strerror}"
            raise TryAgain(message, fix="see the permissions of that folder, and its free space") from None
        with tempfile.TemporaryDirectory(prefix="fivesafes-git-") as home:
            self._commit(file, f"Checkpoint {size} of {checkpoint.checkpoint.origin}", home=Path(home))
            self._push(home=Path(home))

    def read_back(self) -> str:
        """Read the notes of the commit that the remote says its branch is at; the clone's own branch proves nothing."""
        self._check_clone()
        with tempfile.TemporaryDirectory(prefix="fivesafes-git-") as home:
            at = self._remote_commit(home=Path(home))
            if at is None:
                return ""
            packed = self._git("archive", "--format=tar", at, home=Path(home), seconds=_READ_SECONDS)
        if packed.code != 0:
            message = "what the witness's remote keeps can't be read"
            raise TryAgain(message, fix=_FIX)
        with tarfile.open(fileobj=io.BytesIO(packed.printed)) as files:
            members = [one for one in files.getmembers() if one.isfile() and one.name.startswith(f"{_FOLDER}/")]
            opened = [file.read() for one in members if (file := files.extractfile(one)) is not None]
        return "\n".join(one.decode("utf-8", errors="replace") for one in opened)

    def _remote_commit(self, *, home: Path) -> str | None:
        """Ask the remote for its branch's commit, and fetch that unless the clone has it; None for no such branch."""
        ref = f"refs/heads/{self._branch}"
        listed = self._git("ls-remote", "--exit-code", self._remote, ref, home=home, seconds=_READ_SECONDS)
        if listed.code == _NO_SUCH_REF:
            return None
        at = listed.printed.decode("ascii", errors="replace").partition("\t")[0]
        there = ("cat-file", "-e", f"{at}^{{commit}}")
        if listed.code == 0 and self._git(*there, home=home).code != 0:
            self._git("fetch", "--quiet", "--no-tags", self._remote, ref, home=home, seconds=_READ_SECONDS)
        if listed.code != 0 or self._git(*there, home=home).code != 0:
            message = "the witness's remote can't be asked what it keeps"
            raise TryAgain(message, fix=_FIX)
        return at

    def _check_clone(self) -> None:
        if not (self._clone / ".git").exists():
            message = "the witness's clone is no git repository"
            raise PolicyInvalid(message, fix="clone the repository to the folder that the witness names")

    def _commit(self, file: Path, message: str, *, home: Path) -> None:
        name = str(file.relative_to(self._clone))
        self._need("add", "--force", "--", name, home=home)
        if self._git("diff", "--cached", "--quiet", "--", name, home=home).code != 0:
            self._need("commit", "--quiet", "--no-gpg-sign", "--message", message, "--", name, home=home)

    def _push(self, *, home: Path) -> None:
        push = ("push", "--quiet", "--no-verify", self._remote, f"HEAD:refs/heads/{self._branch}")
        if self._git(*push, home=home).code == 0:
            return
        # Somebody else pushed meanwhile: ours go on top of theirs, once.
        if self._git("pull", "--quiet", "--rebase", self._remote, self._branch, home=home).code != 0:
            self._git("rebase", "--abort", home=home)
        self._need(*push, home=home)

    def _need(self, *words: str, home: Path) -> None:
        done = self._git(*words, home=home)
        if done.code != 0:
            message = f"git {words[0]} failed in the witness's clone"
            raise TryAgain(message, fix=_FIX)

    def _git(self, *words: str, home: Path, seconds: float = _SECONDS) -> Finished:
        git = shutil.which("git")
        if git is None:
            message = "git is not installed"
            raise TryAgain(message, fix="install git")
        fixed = [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "user.name=fivesafes",
            "user.email=fivesafes@localhost",
        ]
        settings = [word for one in (*fixed, f"safe.directory={self._clone}") for word in ("-c", one)]
        surroundings = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        if self._ssh_key:
            surroundings["GIT_SSH_COMMAND"] = f"ssh -o BatchMode=yes -o IdentitiesOnly=yes -i '{self._ssh_key}'"
        return run([git, *settings, *words], home=home, folder=self._clone, seconds=seconds, environment=surroundings)
