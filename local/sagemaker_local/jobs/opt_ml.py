"""Giving each job its own /opt/ml, the folder that SageMaker's containers have and that scripts name in full.

Three ways, the best one that the machine allows:

namespace: a mount namespace per process (Linux, where unprivileged user namespaces are allowed, or as root). Jobs run
    side by side and nothing of it is visible outside.
links: /opt/ml of this machine holds links into the job's folder (where /opt/ml or /opt can be written, macOS too). One
    process at a time, under a lock that all embedded AWSs of the machine share.
rewrite: the text "/opt/ml" is replaced in entrypoint, arguments and environment. Scripts that take their paths from
    those run; scripts that have /opt/ml/... in their own code do not find their files. The log says so.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from . import enter

ROOT = "/opt/ml"
MODES = ("namespace", "links", "rewrite")
_ENTER = Path(enter.__file__)
_LOCK = Path(tempfile.gettempdir()) / "sagemaker-local-opt-ml.lock"


@dataclass(frozen=True)
class Command:
    """A command line with its environment, ready to run, and what its log has to say first."""

    arguments: list[str]
    environment: dict[str, str]
    note: str | None = None


class Mapping:
    """Decides once how this machine can give jobs their /opt/ml.

    Args:
        chosen: returns the mode that is asked for, or "auto".
    """

    def __init__(self, chosen: Callable[[], str]) -> None:
        self._chosen = chosen
        self._best: str | None = None
        self._lock = threading.Lock()

    @property
    def mode(self) -> str:
        """namespace, links or rewrite.

        Raises:
            ValueError: if the options ask for something else.
        """
        chosen = self._chosen()
        if chosen in MODES:
            return chosen
        if chosen != "auto":
            raise ValueError(f'Options.opt_ml is "{chosen}"; it must be auto or one of {", ".join(MODES)}')
        with self._lock:
            if self._best is None:
                self._best = "namespace" if _can_enter() else "links" if _can_link() else "rewrite"
            return self._best

    @contextmanager
    def of(self, folder: Path, arguments: list[str], environment: dict[str, str]) -> Iterator[Command]:
        """Offer `folder` as /opt/ml to the command that is run meanwhile."""
        mode = self.mode
        if mode == "namespace":
            entered = [sys.executable, "-I", "-S", str(_ENTER), str(folder), *arguments]
            yield Command(entered, environment)
        elif mode == "links":
            with _linked(folder):
                yield Command(arguments, environment)
        else:
            yield Command(
                [_moved(text, folder) for text in arguments],
                {name: _moved(value, folder) for name, value in environment.items()},
                f"[local] this machine cannot give the job its own {ROOT}: it is at {folder}, and {ROOT} has been "
                "replaced in entrypoint, arguments and environment only. To have it everywhere, allow unprivileged "
                f"user namespaces, or make {ROOT} a folder that you may write to",
            )


def _moved(text: str, folder: Path) -> str:
    return text.replace(ROOT, str(folder))


def _can_enter() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    with tempfile.TemporaryDirectory(prefix="sagemaker-probe-") as scratch:
        folder = Path(scratch) / "ml"
        folder.mkdir()
        command = [sys.executable, "-I", "-S", str(_ENTER), str(folder), "true"]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def _can_link() -> bool:
    root = Path(ROOT)
    return os.access(root if root.is_dir() else root.parent, os.W_OK)


@contextmanager
def _linked(folder: Path) -> Iterator[None]:
    root = Path(ROOT)
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = not root.exists()
        root.mkdir(parents=True, exist_ok=True)
        links: list[Path] = []
        try:
            for entry in folder.iterdir():
                link = root / entry.name
                if link.is_symlink():  # left behind by a process that was killed
                    link.unlink()
                link.symlink_to(entry)
                links.append(link)
            yield
        finally:
            for link in links:
                link.unlink(missing_ok=True)
            if made:
                with suppress(OSError):  # the job has put something of its own beside them
                    root.rmdir()
