"""Whether a converter finds in de-identified scans what it found in the originals."""
