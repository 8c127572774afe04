"""DICOM of a head: its series placed in space, defaced by way of one NIfTI image each, and written back into slices."""
