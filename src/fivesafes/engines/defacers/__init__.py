"""Engines that remove the face."""
