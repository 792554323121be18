"""Where built archives are kept between runs, and how two runs keep out of each other's way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "CDK_SAGEMAKER_MLOPS_CACHE"
_FOLDER = "cdk-sagemaker-mlops"


def cache_directory() -> Path:
    """The cache folder: `CDK_SAGEMAKER_MLOPS_CACHE` if set, else the user's cache folder.

    That is `$XDG_CACHE_HOME/cdk-sagemaker-mlops` (`~/.cache/…` by default), `%LOCALAPPDATA%` on Windows. Nothing but a
    build depends on it: templates are the same wherever it is.
    """
    explicit = os.environ.get(CACHE_VARIABLE)
    if explicit:
        return Path(explicit).expanduser().absolute()
    base = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / _FOLDER


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends.

    On systems without `fcntl` nothing is locked: two builds then do the same work, and the later one replaces the
    earlier one's equal result in one step.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
