"""The keeper's process: reads where the haven and its keys are, opens what it needs, and serves.

Started by ``wiring.vault.keeper_of``; not a command.
"""

import json
import sys
from pathlib import Path

from fivesafes.core.errors import FiveSafesError
from fivesafes.engines.keepers import wire
from fivesafes.engines.keepers.server import guard_memory, serve
from fivesafes.stores.haven_file import read_haven_file
from fivesafes.stores.identity_files import WORKER, read_identity
from fivesafes.wiring.vault import holding_of


def main() -> None:
    """Serve until standard input ends; say why when that can't begin."""
    guard_memory()
    settings = json.loads(sys.stdin.buffer.readline())
    try:
        keys = Path(settings["keys"])
        holding = holding_of(read_haven_file(Path(settings["haven"])), keys, read_identity(keys / WORKER))
    except FiveSafesError as refusal:
        sys.stdout.buffer.write(wire.refusal_of(refusal) + b"\n")
        sys.stdout.buffer.flush()
        return
    serve(Path(settings["socket"]), holding, until_closed=sys.stdin.buffer, ready=sys.stdout.buffer)


if __name__ == "__main__":
    main()
