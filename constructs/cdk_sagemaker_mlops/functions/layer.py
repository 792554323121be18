"""The Lambda layer with the analyzer's third-party wheels, built once by pip, without Docker.

Bundling is keyed by the hash-locked requirements file: whoever has the archive in the cache never needs the index
again,
and the asset's hash is known without looking at the archive's 70 MB at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from .cache import cache_directory, exclusive
from .installer import InstallError, install
from .sources import archive_entry, replace_readable

# Raised when what is stripped or how the archive is laid out changes.
_BUNDLE_FORMAT = b"cdk-sagemaker-mlops/layer/1"
# Lambda's own limit for a function with all its layers (250 MiB), less what the function's code needs.
_MAX_UNPACKED_BYTES = 250 * 1024 * 1024 - 2 * 1024 * 1024
_LOCK = Path(__file__).with_name("layer-requirements.txt")
PYTHON_VERSION = "3.13"
RUNTIME = f"python{PYTHON_VERSION}"


class Architecture(StrEnum):
    """The processor that a function runs on. ARM_64 costs a fifth less per second on Lambda."""

    ARM_64 = "arm64"
    X86_64 = "x86_64"

    @property
    def machine(self) -> str:
        """The name that wheels use for it."""
        return "aarch64" if self is Architecture.ARM_64 else "x86_64"


class LayerError(RuntimeError):
    """Raised when the layer is neither in the cache nor can be built."""


def layer_hash(architecture: Architecture, lock: Path = _LOCK) -> str:
    """The identity of the layer: the lock's content, the processor and the way of bundling."""
    content = lock.read_bytes().replace(b"\r\n", b"\n")
    state = hashlib.sha256(_BUNDLE_FORMAT)
    state.update(f":{architecture}:{PYTHON_VERSION}:".encode())
    state.update(content)
    return state.hexdigest()


def cached_layer(architecture: Architecture, lock: Path = _LOCK) -> Path:
    """Where the archive is, or will be, in the cache."""
    return cache_directory() / f"layer-{architecture}-{layer_hash(architecture, lock)[:32]}.zip"


def bundle_layer(architecture: Architecture, lock: Path = _LOCK) -> Path:
    """Returns the layer's archive; builds it with pip if the cache has none.

    Safe under concurrent synths: one builds, the others wait for it and take the result.

    Raises:
        LayerError: Nothing is cached and pip cannot get the locked wheels, or they exceed Lambda's limit.
    """
    target = cached_layer(architecture, lock)
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LayerError(
            f"the cache folder {target.parent} cannot be created ({error.strerror}); "
            "set CDK_SAGEMAKER_MLOPS_CACHE to a folder that can be written"
        ) from error
    with exclusive(target.with_suffix(".lock")):
        if not target.is_file():
            _build(architecture, lock, target)
    return target


def _build(architecture: Architecture, lock: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="layer-", ignore_cleanup_errors=True) as scratch:
        tree = Path(scratch) / "python"
        try:
            install(lock, tree, machine=architecture.machine, python_version=PYTHON_VERSION)
        except InstallError as error:
            raise LayerError(
                f"the Lambda layer for {architecture} is not in the cache ({target}) and could not be built: {error}. "
                "Build it once where a package index can be reached, with "
                f"`python -m cdk_sagemaker_mlops.bundle --architecture {architecture}`, and keep or copy that folder "
                "(CDK_SAGEMAKER_MLOPS_CACHE names it); after that no index is needed"
            ) from error
        strip(tree)
        unpacked = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
        if unpacked > _MAX_UNPACKED_BYTES:
            raise LayerError(
                f"the wheels of {lock} unpack to {unpacked / 2**20:.0f} MiB for {architecture}; "
                f"Lambda allows {_MAX_UNPACKED_BYTES / 2**20:.0f} MiB beside the function; remove a package or "
                "pin a smaller one"
            )
        temporary = Path(scratch) / "layer.zip"
        _write_layer(tree, temporary)
        replace_readable(temporary, target)


def strip(tree: Path) -> None:
    """Removes what no function needs and what differs between machines.

    Tests and headers are ballast; compiled files carry timestamps; scripts and pip's own records carry the path of the
    interpreter that ran pip. `WHEEL` and `METADATA` stay: they say which platform the wheels are for.
    """
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for folder in sorted(path for path in tree.rglob("*") if path.is_dir()):
        if folder.name in {"__pycache__", "tests"} or folder.parts[-2:] == ("_core", "include"):
            shutil.rmtree(folder, ignore_errors=True)
    for path in list(tree.rglob("*")):
        recorded = path.parent.suffix == ".dist-info" and path.name in {
            "RECORD",
            "INSTALLER",
            "REQUESTED",
            "direct_url.json",
        }
        if path.is_file() and (recorded or path.suffix in {".pyc", ".pyi", ".a"} or path.name == ".lock"):
            with suppress(FileNotFoundError):
                path.unlink()


def _write_layer(tree: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        # Sorted by name and not by path: paths sort differently on systems that ignore case.
        files = {path.relative_to(tree.parent).as_posix(): path for path in tree.rglob("*") if path.is_file()}
        for name, path in sorted(files.items()):
            entry = archive_entry(name, executable=path.suffix == ".so" or ".so." in path.name)
            with path.open("rb") as source, archive.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
