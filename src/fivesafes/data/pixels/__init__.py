"""Text in the picture itself: look for it, blank it, and show a person what was found and blanked."""
