"""Third-party packages of a job: wheels that come from S3 with the code, since a job installs nothing from anywhere.

The archive is laid out as the function's layer is, packages below `python/`. It is for one version of Python on one
kind of machine; where another interpreter runs, such as that of a container of one's own, its packages are used.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.log import Logger

_ROOT = "python"
log = Logger("monitor.wheels")


def activate(variables: dict[str, str]) -> Path | None:
    """Make the packages importable that `WHEELS` names, for `WHEELS_PYTHON` on `WHEELS_MACHINE`.

    Returns the folder that they are in now; None where they do not fit or are not given.
    """
    archive = variables.get("WHEELS")
    if not archive:
        return None
    wanted = variables.get("WHEELS_PYTHON", ""), variables.get("WHEELS_MACHINE", "")
    here = f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()
    if wanted != here:
        log.warning(
            "wheels for another interpreter are left out, the installed packages are used",
            wheels=" ".join(wanted),
            interpreter=" ".join(here),
        )
        return None
    folder = unpacked(Path(archive))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return folder


def unpacked(archive: Path) -> Path:
    """The archive's packages as files, once per machine however many processes ask."""
    folder = Path(tempfile.gettempdir()) / f"wheels-{archive.stem}"
    if not folder.is_dir():
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        with zipfile.ZipFile(archive) as content:
            content.extractall(scratch)
        try:
            # In one step: who sees the folder sees all of it. Another process may have been faster.
            os.rename(scratch, folder)  # noqa: PTH104 (Path.rename has another error where the folder exists)
        except OSError:
            if not folder.is_dir():
                raise
    return folder / _ROOT
