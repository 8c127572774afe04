"""Engines that judge whether a folder is valid BIDS."""
