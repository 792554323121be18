"""Third-party packages that a job brings along: an archive of wheels' contents, packages below `python/`.

It is for one version of Python on one kind of machine; any other interpreter uses what it has installed.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def activate(variables: Mapping[str, str] | None = None) -> Path | None:
    """Make importable what `WHEELS` names, where it is for this interpreter (`WHEELS_PYTHON`, `WHEELS_MACHINE`).

    :returns: The folder that the packages are in; None where they do not fit or are not given.
    """
    given = os.environ if variables is None else variables
    here = f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()
    if not given.get("WHEELS") or (given.get("WHEELS_PYTHON"), given.get("WHEELS_MACHINE")) != here:
        return None
    folder = Path(tempfile.mkdtemp(prefix="wheels-"))
    with zipfile.ZipFile(given["WHEELS"]) as archive:
        archive.extractall(folder)
    # First, before the image's own: the analysis engine needs these versions.
    sys.path.insert(0, str(folder / "python"))
    return folder / "python"
