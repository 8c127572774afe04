"""Engines that take a finished release."""
