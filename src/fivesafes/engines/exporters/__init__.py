"""The trail in other languages: DICOM audit messages (PS3.15), provenance (W3C PROV)."""
