"""Engines that turn DICOM into NIfTI."""
