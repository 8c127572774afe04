"""One file per outside tool.  Each kind is found by entry point, ours by the same door as a stranger's."""
