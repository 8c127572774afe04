"""Backup and restore: the data in one folder, the sealed keys in another, never both in one."""

from fivesafes.stores.backup.data import BackedUp, back_up, cut_objects
from fivesafes.stores.backup.keep_away import KeptAway, learn, learn_disposal
from fivesafes.stores.backup.keys import KEYRING, BackedUpKeys, back_up_keys
from fivesafes.stores.backup.manifest import Manifest, verify_backup, write_durably
from fivesafes.stores.backup.restoration import Place, Restored, Watch, restore
from fivesafes.stores.backup.tombstones import (
    Tombstones,
    add_tombstones,
    joined_with,
    keys_head,
    read_tombstones,
    size_told,
    tombstones_now,
    with_disposal,
)

__all__ = [
    "KEYRING",
    "BackedUp",
    "BackedUpKeys",
    "KeptAway",
    "Manifest",
    "Place",
    "Restored",
    "Tombstones",
    "Watch",
    "add_tombstones",
    "back_up",
    "back_up_keys",
    "cut_objects",
    "joined_with",
    "keys_head",
    "learn",
    "learn_disposal",
    "read_tombstones",
    "restore",
    "size_told",
    "tombstones_now",
    "verify_backup",
    "with_disposal",
    "write_durably",
]
