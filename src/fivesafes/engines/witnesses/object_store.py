"""A second site: an object store (S3 and its like) that takes each checkpoint as a new object and overwrites none."""

import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from fivesafes.core.errors import EngineMissing, InvalidInput, PolicyInvalid, TryAgain
from fivesafes.engines.private_file import private_text
from fivesafes.setting.trail.checkpoint import SignedCheckpoint

_SECONDS: Final = "20s"
_RETRIES: Final = timedelta(seconds=30)
_NOTE: Final = re.compile(r"[0-9]{12}\.txt")
_NEWEST: Final = 100
_AT_ONCE: Final = 8
_INSTALL: Final = "pip install 'fivesafes[s3]'"


class ObjectStoreWitness:
    """Puts notes under ``url`` (``s3://bucket/prefix``) by obstore, create-only; encrypted on the way unless told.

    ``credentials_file`` holds two lines, the access key's id and its secret; without it the environment's are used.
    """

    kind: ClassVar[str] = "object_store"

    def __init__(
        self,
        *,
        url: str,
        endpoint: str = "",
        region: str = "us-east-1",
        credentials_file: str = "",
        transport: str = "https",
    ) -> None:
        """Take the place; ``transport = "http"`` is for a store on this machine."""
        self._url, self._endpoint, self._region = url, endpoint, region
        self._credentials_file, self._transport = credentials_file, transport

    def missing(self) -> str | None:
        """Need the package obstore."""
        try:
            import obstore  # noqa: F401, PLC0415 - only where such a witness is configured
        except ImportError:
            return _INSTALL
        return None

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Put the note as a new object; one that is there already must be the same."""
        if (missing := self.missing()) is not None:
            message = "the witness in an object store can't work here"
            raise EngineMissing(message, fix=missing)
        import obstore  # noqa: PLC0415 - as above
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415 - as above

        name, note = f"{checkpoint.checkpoint.size:012d}.txt", checkpoint.note.encode()
        try:
            store = self._store()
            try:
                obstore.put(store, name, note, mode="create")
            except AlreadyExistsError:
                self._compare(bytes(obstore.get(store, name).bytes()), note)
        except (BaseError, OSError, ValueError) as fault:
            message = f"the object store did not take the checkpoint: {type(fault).__name__}"
            raise TryAgain(
                message, fix="see url, endpoint and credentials of this witness, and that it is up"
            ) from None

    def read_back(self) -> str:
        """Read the notes there: of many, the newest and as many others at random, which an alteration can't foresee."""
        if (missing := self.missing()) is not None:
            message = "the witness in an object store can't be read here"
            raise EngineMissing(message, fix=missing)
        import obstore  # noqa: PLC0415 - as above
        from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

        try:
            store = self._store()
            listed = [str(one["path"]) for page in obstore.list(store) for one in page]
            names = sorted(name for name in listed if _NOTE.fullmatch(name))
            older = names[:-_NEWEST]
            chosen = names[-_NEWEST:] + secrets.SystemRandom().sample(older, min(len(older), _NEWEST))
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                notes = list(pool.map(lambda name: bytes(obstore.get(store, name).bytes()), chosen))
        except (BaseError, OSError, ValueError) as fault:
            message = f"the object store can't be read: {type(fault).__name__}"
            raise TryAgain(
                message, fix="see url, endpoint and credentials of this witness, and that it is up"
            ) from None
        return "\n".join(note.decode("utf-8", errors="replace") for note in notes)

    def _compare(self, there: bytes, note: bytes) -> None:
        if there != note:
            message = "the object store keeps another checkpoint of this size"
            raise InvalidInput(message, fix="verify the trail against the object there; give each haven its own prefix")

    def _store(self) -> Any:  # noqa: ANN401 - one of obstore's many kinds of store
        from obstore.store import from_url  # noqa: PLC0415 - as above

        plain = self._transport == "http"
        options: dict[str, Any] = {"region": self._region, **self._credentials()}
        if self._endpoint:
            options |= {"endpoint": self._endpoint, "virtual_hosted_style_request": False}
        if self._url.startswith("file:"):
            options = {}
        return from_url(
            self._url,
            client_options={"allow_http": plain, "timeout": _SECONDS, "connect_timeout": _SECONDS},
            retry_config={"max_retries": 2, "retry_timeout": _RETRIES},
            **options,
        )

    def _credentials(self) -> Mapping[str, str]:
        if not self._credentials_file:
            return {}
        words = private_text(Path(self._credentials_file), what="the object store's key").split()
        if len(words) != 2:  # noqa: PLR2004 - an id and a secret
            message = "the file with the object store's key is not two lines"
            raise PolicyInvalid(message, fix="write the access key's id on its first line and the secret on its second")
        return {"access_key_id": words[0], "secret_access_key": words[1]}
