"""De-identify DICOM headers by explicit inclusion: what no rule names does not survive, at any depth."""
