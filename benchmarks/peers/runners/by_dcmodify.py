"""dcmodify (DCMTK) as a script would use it: what PS3.15 E.1-1 lists is erased, private elements too, UIDs made anew.

The names come from the tags in ``E11`` of the environment, separated by blanks.
"""

import os
import resource
import shutil
import subprocess
from pathlib import Path

from loop import over_files

erased = [word for tag in os.environ["E11"].split() for word in ("-ea", tag)]


def one(path: Path, target: Path) -> None:
    """Copy a file, and change the copy in place."""
    shutil.copyfile(path, target)
    words = ["dcmodify", "-nb", "-ie", "-imt", "-ep", "-gst", "-gse", "-gin", *erased, str(target)]
    subprocess.run(words, check=False, capture_output=True)  # it tells of tags that its dictionary has not, and goes on


over_files(one, who=resource.RUSAGE_CHILDREN)
