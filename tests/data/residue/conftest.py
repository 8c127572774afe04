"""A synthetic BIDS data set that holds nothing identifying, full of what merely looks so."""

import gzip
import io
import json
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.walk import residues_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

SIDECAR = {
    "Modality": "MR",
    "MagneticFieldStrength": 3,
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "MAGNETOM Prisma Fit",
    "SoftwareVersions": "syngo MR E11",
    "MRAcquisitionType": "3D",
    "SeriesDescription": "t1_mprage_sag_p2_iso_1.0",
    "ProtocolName": "Parkinson sequence, May need re-scan",
    "ProcedureStepDescription": "Brain^Research",
    "ImageComments": "Unaliased MB4/PE3/LB SENSE1",
    "ScanningSequence": "GR\\IR",
    "SequenceName": "*tfl3d1_16ns",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
    "RepetitionTime": 2.3,
    "EchoTime": 0.00226,
    "InversionTime": 0.9,
    "FlipAngle": 8,
    "SliceTiming": [0, 0.5, 1.0],
    "ShimSetting": [3215, -10236, 8421, 19991231],
    "DwellTime": 3.3e-06,
    "InstitutionName": "n/a",
    "AcquisitionTime": "n/a",
    "StationName": "",
    "ConversionSoftware": "dcm2niix",
    "ConversionSoftwareVersion": "v1.0.20220720",
    "dcmmeta_shape": [4, 4, 4],
    "BidsGuess": ["anat", "_acq-tfl3_run-2_T1w"],
    "RandomSeed": 20210304,
    "TaskName": "rest",
}

DESCRIPTION = {
    "Name": "A study of reading in Sydney schools",
    "BIDSVersion": "1.10.0",
    "License": "CC0",
    "Authors": ["Jane Smith", "Minh Nguyen"],
    "Acknowledgements": "We thank Mary Jones at Westmead Hospital and all participants.",
    "Funding": ["ARC DP210101234"],
    "EthicsApprovals": ["University of Sydney HREC 2021/123"],
    "ReferencesAndLinks": ["https://doi.org/10.1016/j.neuroimage.2021.03.04"],
    "DatasetDOI": "10.18112/openneuro.ds000031.v1.0.0",
    "GeneratedBy": [{"Name": "fMRIPrep", "Version": "20.2.1", "CodeURL": "https://github.com/nipreps/fmriprep"}],
}

README = """A study of reading in Sydney schools
====================================

Contact: Jane Smith <jane.smith@example.edu>.  Collected between March 2019 and June 2020 at the University of Sydney.
Participants were right-handed adults.  The Edinburgh Handedness Inventory and the Hospital Anxiety and Depression Scale
were given.  Release 2021-03-04, see CHANGES.  Normalised to the Montreal Neurological Institute template.
sub-003 moved during the T1w image; May need re-scan.  Written by Jane Smith, checked by Mark Taylor.
"""

PARTICIPANTS = """participant_id\tage\tsex\thandedness\tgroup\tiq\teTIV\tnotes_code\tscan_order
sub-001\t23\tF\tright\tcontrol\t102\t1423010\tA1\t3
sub-002\t34\tM\tright\tpatient\t99\t1512331\tA2\t1
sub-003\t89\tF\tleft\tcontrol\t110\t1389870\tA1\t2
sub-004\t45.5\tM\tright\tpatient\tn/a\t1499999\tB1\t4
sub-005\t90+\tF\tright\tcontrol\t95\t1450123\tA3\t5
"""

PARTICIPANTS_JSON = {
    "age": {"Description": "Age in years, 90 and over given as 90+", "Units": "years"},
    "sex": {"Description": "Sex", "Levels": {"F": "Female", "M": "Male"}},
    "group": {"Levels": {"control": "Ordinary readers, from Jane Smith's cohort", "patient": "Dyslexia"}},
    "eTIV": {"Description": "Estimated total intracranial volume", "Units": "mm3"},
}

EVENTS = """onset\tduration\ttrial_type\tresponse_time\tresponse\tstim_file\tcomment
0.0\t2.0\tfaces\t0.532\tleft\tstimuli/may_01.png\tmay need re-scan
12.5\t2.0\thouses\t1.211\tright\tstimuli/rose_02.png\tslow response
25.0\t2.0\tfaces\tn/a\tn/a\tstimuli/max_03.png\tParkinson sequence started late
"""

SCANS = """filename\tacq_time\toperator_rating
anat/sub-001_T1w.nii.gz\t1925-03-04T00:00:00\t4
func/sub-001_task-rest_bold.nii.gz\t1925-03-04T00:00:00\t5
"""

CODE = '''"""Heuristic by Jane Smith, 2021-03-04, jane.smith@example.edu."""
VERSION = "2021.03.04"
def infotodict(seqinfo):
    return {"t1w": [s.series_id for s in seqinfo if "mprage" in s.protocol_name]}
'''

SVG = """<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">
<metadata><rdf><dc:date>2021-03-04T14:33:12</dc:date><dc:creator>Matplotlib v3.4.2, https://matplotlib.org/</dc:creator></rdf>
</metadata><title>Mean framewise displacement</title><text x="1" y="2">Time (s)</text><text>Edinburgh score</text></svg>
"""

GROUP = """group\tn\tmean_age\tsd_age
control\t24\t33.1\t8.2
patient\t22\t36.4\t9.9
"""


def write(path: Path, content: str | bytes) -> None:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def gzipped(content: bytes) -> bytes:
    """Compress without name and time."""
    return gzip.compress(content, mtime=0)


def nifti(**fields: str) -> bytes:
    """Make a small NIfTI-1 file, uncompressed, with header texts."""
    image = nib.Nifti1Image(np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.eye(4))  # type: ignore[no-untyped-call]  # nibabel's
    for name, text in fields.items():
        image.header[name] = text
    return bytes(image.to_bytes())


def png(**chunks: str) -> bytes:
    """Make a small PNG with text chunks."""
    out, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, text in chunks.items():
        info.add_text(key, text)
    Image.new("L", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def member(content: bytes, *, name: bytes = b"", mtime: int = 0, comment: bytes = b"", extra: bytes = b"") -> bytes:
    """Make one gzip member by hand, with whatever its header can hold."""
    flags = (4 if extra else 0) | (8 if name else 0) | (16 if comment else 0)
    head = b"\x1f\x8b\x08" + bytes([flags]) + struct.pack("<I", mtime) + b"\x00\xff"
    head += (struct.pack("<H", len(extra)) + extra) if extra else b""
    head += (name + b"\x00") if name else b""
    head += (comment + b"\x00") if comment else b""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    tail = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return head + deflate.compress(content) + deflate.flush() + tail


@pytest.fixture
def make_nifti() -> Callable[..., bytes]:
    """Give the maker of small NIfTI files."""
    return nifti


@pytest.fixture
def make_png() -> Callable[..., bytes]:
    """Give the maker of small PNG files."""
    return png


@pytest.fixture
def make_member() -> Callable[..., bytes]:
    """Give the maker of gzip members."""
    return member


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., list[Residue]]:
    """Give a function that puts one file into an otherwise empty data set and lists what is found of it."""
    number = count()

    def looked(path: str, content: str | bytes, *, lightest: str = "medium") -> list[Residue]:
        root = tmp_path / f"data{next(number)}"
        write(root / path, content)
        order = list(Severity)
        found = residues_in(root, now=NOW).findings
        return [one for one in found if order.index(one.severity) >= order.index(Severity(lightest))]

    return looked


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Write a data set that a careful group would release, with decoys in every kind of place."""
    root = tmp_path / "study"
    write(root / "dataset_description.json", json.dumps(DESCRIPTION))
    write(root / "README", README)
    write(
        root / "CHANGES", "1.0.1 2021-03-04\n  - Removed sub-007.\n1.0.0 2020-12-01\n  - First release, Jane Smith.\n"
    )
    write(root / "LICENSE", "Creative Commons Zero, copyright 2021 The University of Sydney\n")
    write(root / "participants.tsv", PARTICIPANTS)
    write(root / "participants.json", json.dumps(PARTICIPANTS_JSON))
    write(root / "code/heuristic.py", CODE)
    write(root / "code/run.sh", "#!/bin/bash\n# Jane Smith\nbidskit --version 2021.3.4\n")
    write(root / "stimuli/may_01.png", png(Software="Matplotlib version3.4.2, https://matplotlib.org/"))
    write(root / "stimuli/rose_02.png", png())
    write(root / "phenotype/bdi.tsv", "participant_id\tbdi_total\tage_months\nsub-001\t12\t276\nsub-002\t3\t408\n")
    for label in ("001", "002", "003"):
        here = root / f"sub-{label}"
        write(here / f"anat/sub-{label}_T1w.nii.gz", gzipped(nifti(descrip="TE=2.3;phase=1")))
        write(here / f"anat/sub-{label}_T1w.json", json.dumps(SIDECAR))
        write(here / f"func/sub-{label}_task-rest_bold.nii.gz", gzipped(nifti(descrip="6.0.4:ddd0a010")))
        write(here / f"func/sub-{label}_task-rest_events.tsv", EVENTS)
        write(here / f"func/sub-{label}_task-rest_physio.tsv.gz", gzipped(b"0.1\t2.3\n0.2\t2.4\n"))
        write(
            here / f"func/sub-{label}_task-rest_physio.json",
            json.dumps({"Columns": ["cardiac", "time"], "StartTime": -22.345}),
        )
        write(here / f"dwi/sub-{label}_dwi.bval", "0 1000 2000 3000 1000\n")
        write(here / f"sub-{label}_scans.tsv", SCANS.replace("001", label))
    prep = root / "derivatives/fmriprep"
    write(prep / "dataset_description.json", json.dumps(DESCRIPTION))
    write(
        prep / "desc-aseg_dseg.tsv",
        "index\tname\tcolor\n2\tLeft-Cerebral-White-Matter\t#f5f5f5\n16\tBrain-Stem\t#779fb0\n",
    )
    write(prep / "sub-001/figures/sub-001_carpetplot.svg", SVG)
    write(
        prep / "sub-001/func/sub-001_desc-confounds_timeseries.tsv",
        "framewise_displacement\tglobal_signal\ttrans_x\nn/a\t20210304.5\t0.1\n0.12\t20210501.2\t0.2\n",
    )
    write(root / "derivatives/group/group_means.tsv", GROUP)
    return root
