"""De-identifiers of today beside ours: each in an environment of its own, on the same files."""
