"""Heads whose face, brain and pose are known, and what scanners and programs make of them."""
