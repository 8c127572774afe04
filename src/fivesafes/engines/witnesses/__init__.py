"""Witnesses: where the trail's checkpoints go, so that nobody here can rewrite it unseen.  One file per kind."""
