"""Backup and restore: the data in one folder, the sealed keys in another, never both in one."""

from fivesafes.stores.backup.data import BackedUp, back_up
from fivesafes.stores.backup.keys import BackedUpKeys, add_tombstones, back_up_keys, read_tombstones
from fivesafes.stores.backup.manifest import Manifest, verify_backup
from fivesafes.stores.backup.restoration import Place, Restored, restore

__all__ = [
    "BackedUp",
    "BackedUpKeys",
    "Manifest",
    "Place",
    "Restored",
    "add_tombstones",
    "back_up",
    "back_up_keys",
    "read_tombstones",
    "restore",
    "verify_backup",
]
