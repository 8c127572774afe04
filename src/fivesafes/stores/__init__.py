"""Where things are kept: databases, blobs, key rings, the ledger."""
