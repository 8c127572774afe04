"""Engines that do the work of many series, here or in other processes."""
