"""Engines that write the report of a run."""
