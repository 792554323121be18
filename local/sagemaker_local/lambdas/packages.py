"""Unpacking functions and layers, and standing in for layer packages that are built for another interpreter.

A function sees what it would see in Lambda: its own zip, its layers and the runtime's SDK. A layer made for Lambda's
platform holds native wheels that this interpreter cannot load; only those packages come from the host instead.
"""

from __future__ import annotations

import hashlib
import io
import platform
import re
import shutil
import stat
import sys
import threading
import zipfile
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings along."""


@dataclass(frozen=True)
class Unpacked:
    """An unpacked layer and what cannot be used of it."""

    root: Path
    left_out: tuple[str, ...]
    """Distributions that the host has to provide: its packages come before the layer's on the path."""
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
        """Return an unpacked layer and which of its packages do not fit this interpreter."""
        digest = hashlib.sha256(code).hexdigest()
        with self._lock:
            if digest not in self._layers:
                with zipfile.ZipFile(io.BytesIO(code)) as archive:
                    left_out, notes = _misfits(archive)
                root = self._extract(code, "layer", {top for name in left_out for top in _top_levels(name)})
                self._layers[digest] = Unpacked(root, left_out, notes)
            return self._layers[digest]

    def host(self, distributions: Iterable[str]) -> Path:
        """Return a folder of links to distributions that are installed on this machine, and to nothing else."""
        names = sorted(set(distributions))
        folder = self._folder / f"host-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"
        with self._lock:
            if not folder.exists():
                folder.mkdir(parents=True)
                for name in names:
                    _link_distribution(name, folder)
        return folder

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _extract(self, code: bytes, kind: str, but: AbstractSet[str] = frozenset()) -> Path:
        """Unpack an archive into a folder of its own, without the Python packages named in `but`."""
        target = self._folder / f"{kind}-{hashlib.sha256(code).hexdigest()[:24]}"
        if target.exists():
            return target
        target.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            for entry in archive.infolist():
                if _top_level_of(PurePosixPath(entry.filename)) in but:
                    continue
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


def _top_level_of(path: PurePosixPath) -> str:
    """Return the package that a member of a layer belongs to."""
    if path.parts[0] != "python":
        return ""
    parts = path.parts[4:] if path.parts[1:2] == ("lib",) and path.parts[3:4] == ("site-packages",) else path.parts[1:]
    return parts[0] if parts else ""


def _misfits(layer: zipfile.ZipFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the distributions of a layer that this interpreter cannot use, and a remark on each."""
    members = set(layer.namelist())
    infos = {
        _normalised(_name_of(info)): info
        for info in sorted(PurePosixPath(name).parent for name in members if name.endswith(".dist-info/METADATA"))
    }
    metadata_of = {name: layer.read(str(info / "METADATA")).decode(errors="replace") for name, info in infos.items()}
    reasons: dict[str, str] = {}
    for name, info in infos.items():
        wheel = str(info / "WHEEL")
        text = layer.read(wheel).decode(errors="replace") if wheel in members else ""
        tags = re.findall(r"^Tag: (\S+)$", text, re.MULTILINE)
        if tags and not any(fits(tag) for tag in tags):
            reasons[name] = f"is built for {', '.join(tags)}"
    # A package that demands one exact version of what the host stands in for has to come from the host as well.
    while bound := {
        name: pinned
        for name, text in metadata_of.items()
        if name not in reasons and (pinned := _pins(text, reasons.keys()))
    }:
        reasons |= {name: f"needs exactly the {pinned} of the layer" for name, pinned in bound.items()}
    notes = [f"{_label(infos[name])} in the layer {reason}; {_host_version(name)}" for name, reason in reasons.items()]
    return tuple(reasons), tuple(notes)


def _label(info: PurePosixPath) -> str:
    return info.name.removesuffix(".dist-info").replace("-", " ", 1)


def _name_of(info: PurePosixPath) -> str:
    return info.name.removesuffix(".dist-info").partition("-")[0]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(text: str, names: Iterable[str]) -> str | None:
    """Return which of `names` a distribution's metadata requires in one exact version."""
    pinned = re.findall(r"^Requires-Dist: ([\w.-]+)\s*\(?==[^;]+$", text, re.MULTILINE)
    return next((name for name in map(_normalised, pinned) if name in set(names)), None)


def _host_version(name: str) -> str:
    try:
        return f"using the host's {name} {metadata.version(name)} instead"
    except metadata.PackageNotFoundError:
        return "and this machine has none to use instead: install it next to the embedded AWS"


def _top_levels(name: str) -> set[str]:
    """Return the entries of site-packages that an installed distribution has; none if it is not installed."""
    try:
        files = metadata.distribution(name).files or ()
    except metadata.PackageNotFoundError:
        return set()
    return {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}


def _link_distribution(name: str, folder: Path) -> None:
    for top in sorted(_top_levels(name)):
        source = Path(str(metadata.distribution(name).locate_file(top)))
        link = folder / top
        if source.exists() and not link.exists():
            link.symlink_to(source)
