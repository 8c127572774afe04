"""Engines that sign a release record."""
