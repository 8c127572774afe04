"""Where an export is to lie: a place that can't be is the caller's mistake, a full disk is the moment's."""

import errno
from typing import Final

from fivesafes.core.errors import FiveSafesError, TryAgain, UsageMistake

_MOMENT: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE}
)
"""What may be otherwise in a moment: room, a disk, a share."""


def not_written(fault: OSError, *, what: str) -> FiveSafesError:
    """Say why something was not written, without its path: TryAgain for want of room, else UsageMistake."""
    message = f"{what} can't be written there: {fault.strerror or type(fault).__name__}"
    if fault.errno in _MOMENT:
        return TryAgain(message, fix="make room there, and see that the disk or share is up; then run it again")
    return UsageMistake(message, fix="name a place in a folder that is there and is yours to write to")
