"""Volumes as other programs keep them, read to look for faces: MGH, MINC, NRRD, MetaImage; none is written."""
