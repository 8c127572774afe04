"""What is left in a data set that could identify someone: one file per kind of place, and the byte search.

Every kind of place offers ``find(...)``, which yields ``Residue``s; what to look for is data, in
``policies/residue/*.csv``.  Nothing here executes what it reads, and nothing it yields holds the value it found.
"""
