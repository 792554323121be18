"""Archives of third-party wheels for other platforms, built once by pip, without Docker.

Bundling is keyed by the hash-locked requirements file: whoever has the archive in the cache never needs the index
again, and the asset's hash is known without looking at the archive's 70 MB at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_directory, exclusive
from .installer import InstallError, install
from .sources import archive_entry, replace_readable

# Raised when what is stripped or how the archive is laid out changes.
_BUNDLE_FORMAT = b"cdk-sagemaker-mlops/layer/1"
_HERE = Path(__file__).parent


class WheelsError(RuntimeError):
    """Raised when an archive is neither in the cache nor can be built."""


@dataclass(frozen=True)
class WheelSet:
    """Wheels that are bundled together.

    :param label: What tells the archive from those of other sets; part of its identity.
    :param title: How messages call it.
    :param option: Option of `python -m cdk_sagemaker_mlops.bundle` that builds it.
    :param lock: Its hash-locked requirements.
    :param machine: Processor, as wheels call it.
    :param python_version: Version of Python that it is for.
    :param max_bytes: What it may have unpacked. Default: - no limit
    """

    label: str
    title: str
    option: str
    lock: Path
    machine: str
    python_version: str
    max_bytes: int | None = None

    def hash(self) -> str:
        """The identity: the lock's content, the platform and the way of bundling."""
        content = self.lock.read_bytes().replace(b"\r\n", b"\n")
        state = hashlib.sha256(_BUNDLE_FORMAT)
        state.update(f":{self.label}:{self.python_version}:".encode())
        state.update(content)
        return state.hexdigest()

    def cached(self) -> Path:
        """Where the archive is, or will be, in the cache."""
        return cache_directory() / f"layer-{self.label}-{self.hash()[:32]}.zip"

    def bundle(self) -> Path:
        """Returns the archive; builds it with pip if the cache has none.

        Safe under concurrent synths: one builds, the others wait for it and take the result.

        Raises:
            WheelsError: Nothing is cached and pip cannot get the locked wheels, or they exceed the limit.
        """
        target = self.cached()
        if target.is_file():
            return target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WheelsError(
                f"the cache folder {target.parent} cannot be created ({error.strerror}); "
                "set CDK_SAGEMAKER_MLOPS_CACHE to a folder that can be written"
            ) from error
        with exclusive(target.with_suffix(".lock")):
            if not target.is_file():
                self._build(target)
        return target

    def _build(self, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="layer-", ignore_cleanup_errors=True) as scratch:
            tree = Path(scratch) / "python"
            try:
                install(self.lock, tree, machine=self.machine, python_version=self.python_version)
            except InstallError as error:
                raise WheelsError(
                    f"{self.title} not in the cache ({target}) and could not be built: {error}. "
                    "Build it once where a package index can be reached, with "
                    f"`python -m cdk_sagemaker_mlops.bundle {self.option}`, and keep or copy that folder "
                    "(CDK_SAGEMAKER_MLOPS_CACHE names it); after that no index is needed"
                ) from error
            strip(tree)
            unpacked = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
            if self.max_bytes is not None and unpacked > self.max_bytes:
                raise WheelsError(
                    f"the wheels of {self.lock} unpack to {unpacked / 2**20:.0f} MiB for {self.label}; "
                    f"Lambda allows {self.max_bytes / 2**20:.0f} MiB beside the function; remove a package or "
                    "pin a smaller one"
                )
            temporary = Path(scratch) / "layer.zip"
            _write_archive(tree, temporary)
            replace_readable(temporary, target)


def _job_set(name: str) -> WheelSet:
    return WheelSet(
        label=f"{name}-x86_64",
        title=f"the archive of wheels for {name} jobs is",
        option=f"--jobs {name}",
        lock=_HERE / f"{name}-requirements.txt",
        machine="x86_64",
        python_version="3.12",
    )


#: What processing jobs need, in SageMaker's scikit-learn image.
PROCESSING_WHEELS = _job_set("processing")
#: What Spark's driver and workers need, in SageMaker's Spark image.
SPARK_WHEELS = _job_set("spark")
JOB_WHEELS = {"processing": PROCESSING_WHEELS, "spark": SPARK_WHEELS}


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


def _write_archive(tree: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        # Sorted by name and not by path: paths sort differently on systems that ignore case.
        files = {path.relative_to(tree.parent).as_posix(): path for path in tree.rglob("*") if path.is_file()}
        for name, path in sorted(files.items()):
            entry = archive_entry(name, executable=path.suffix == ".so" or ".so." in path.name)
            with path.open("rb") as source, archive.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
