"""Programs and models that find text in a picture."""
