"""Engines that give scans: folders, and a synthetic scanner for demonstration and tests."""
