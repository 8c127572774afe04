"""The trail as a stranger reads it: entries in a hash chain, a Merkle tree over them, signed checkpoints, proofs.

Nothing here knows a database, a file name or a network: lines come in, verdicts and proofs go out.
"""
