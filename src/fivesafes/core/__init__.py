"""The vocabulary that all five safes share: verdicts, errors, identities, events, plug-ins.

Knows no DICOM, SQL or HTTP: the standard library and attrs only.
"""
