"""Unpacking functions and layers, and standing in for layer packages that are built for another interpreter.

A function sees what it would see in Lambda: its own zip, its layers and the runtime's SDK. A layer made for Lambda's
platform holds native wheels that this interpreter cannot load; only those packages come from the host instead.
"""

from __future__ import annotations

import csv
import hashlib
import io
import platform
import re
import shutil
import stat
import sys
import threading
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings along."""


@dataclass(frozen=True)
class Unpacked:
    """An unpacked layer and what had to be left out of it."""

    root: Path
    left_out: tuple[str, ...]
    """Distribution names that the host has to provide."""
    notes: tuple[str, ...]


class Packages:
    """Unpacked code by content, in one folder that goes away with the embedded AWS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._layers: dict[str, Unpacked] = {}
        self._lock = threading.Lock()

    def function(self, code: bytes) -> Path:
        """Return the folder with a function's code (/var/task in Lambda)."""
        with self._lock:
            return self._extract(code, "task")

    def layer(self, code: bytes) -> Unpacked:
        """Return an unpacked layer without the packages that do not fit this interpreter."""
        digest = hashlib.sha256(code).hexdigest()
        with self._lock:
            if digest not in self._layers:
                root = self._extract(code, "layer")
                self._layers[digest] = Unpacked(root, *_leave_out_misfits(root))
            return self._layers[digest]

    def host(self, distributions: frozenset[str]) -> Path:
        """Return a folder of links to the runtime's packages and these distributions, as installed on this machine."""
        names = sorted({*RUNTIME_PACKAGES, *distributions})
        folder = self._folder / f"host-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"
        with self._lock:
            if not folder.exists():
                folder.mkdir(parents=True)
                for name in names:
                    _link_distribution(name, folder)
        return folder

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _extract(self, code: bytes, kind: str) -> Path:
        target = self._folder / f"{kind}-{hashlib.sha256(code).hexdigest()[:24]}"
        if target.exists():
            return target
        target.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, target))  # extract() keeps absolute and dotted names inside
                mode = entry.external_attr >> 16
                if mode & stat.S_IXUSR and path.is_file():
                    path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return target


def fits(tag: str) -> bool:
    """Return whether a wheel tag such as `cp313-cp313-manylinux_2_28_aarch64` can be loaded by this interpreter."""
    python, _, rest = tag.partition("-")
    abi, _, system = rest.partition("-")
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if system != "any":
        here = "linux" if sys.platform.startswith("linux") else "macosx" if sys.platform == "darwin" else "win"
        if here not in system or not system.replace("arm64", "aarch64").endswith(machine) or "musl" in system:
            return False
    if abi == "none":
        return bool(re.fullmatch(rf"py3|py{version}|cp{version}", python))
    if abi == "abi3":
        match = re.fullmatch(r"cp3(\d+)", python)
        return match is not None and int(match[1]) <= sys.version_info.minor
    return abi == f"cp{version}"


def _leave_out_misfits(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    left_out: list[str] = []
    notes: list[str] = []
    for info in sorted(root.glob("python/**/*.dist-info")):
        wheel = info / "WHEEL"
        tags = re.findall(r"^Tag: (\S+)$", wheel.read_text(), re.MULTILINE) if wheel.exists() else []
        if not tags or any(fits(tag) for tag in tags):
            continue
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        left_out.append(name)
        notes.append(f"{name} {version} in the layer is built for {', '.join(tags)}; {_host_version(name)}")
        _remove_recorded(info)
    return tuple(left_out), tuple(notes)


def _host_version(name: str) -> str:
    try:
        return f"using the host's {name} {metadata.version(name)} instead"
    except metadata.PackageNotFoundError:
        return "and this machine has none to use instead: install it next to the embedded AWS"


def _remove_recorded(info: Path) -> None:
    site = info.parent
    record = info / "RECORD"
    recorded = [row[0] for row in csv.reader(record.read_text().splitlines()) if row] if record.exists() else []
    top_levels = {Path(name).parts[0] for name in recorded if Path(name).parts[0] not in ("..", "/")}
    for name in recorded:
        path = site / name
        if path.is_file() and site in path.resolve().parents:
            path.unlink()
    for name in top_levels:
        folder = site / name
        # Namespace packages may hold files of other distributions; only what is empty of code goes.
        if folder.is_dir() and not any(path.suffix in (".py", ".so") for path in folder.rglob("*")):
            shutil.rmtree(folder)
    shutil.rmtree(info, ignore_errors=True)


def _link_distribution(name: str, folder: Path) -> None:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    for top in sorted(
        {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    ):
        source = Path(str(distribution.locate_file(top)))
        link = folder / top
        if source.exists() and not link.exists():
            link.symlink_to(source)
