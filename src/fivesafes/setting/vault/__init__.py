"""The vault: originals sealed to their participant, participants' keys sealed to custodians.

address (what a content is called) · seal (age files) · keys (who can open what) · vault (keep, read, shred) · verify ·
recovery (the printed page).  Nothing here knows where objects and keys lie: see ``ports``.
"""
