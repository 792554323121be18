"""Finds the Lambda source code that belongs to this library and packs it into byte-equal archives.

The same three functions exist in a checkout, an editable install and a wheel, at different places. An asset whose hash
depended on the place would redeploy every function whenever the way of installing changes, so only file names (relative
to their source root) and file contents enter the hash and the archive: no timestamps, no modes, no compiled files.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Raised when the layout of the archive changes, so that an old archive is never taken for a new one.
_ARCHIVE_FORMAT = b"cdk-sagemaker-mlops/function/1"
# The earliest time that a zip entry can carry; any constant would do.
_ENTRY_TIME = (1980, 1, 1, 0, 0, 0)
_PACKAGE = Path(__file__).resolve().parents[1]


class SourceError(RuntimeError):
    """Raised when the source code of a function is not where an installation of this library has it."""


@dataclass(frozen=True)
class SourceFolder:
    """One importable folder of an archive: `name` at the archive's root, taken from one of `places`."""

    name: str
    places: tuple[Path, ...]

    def locate(self) -> Path:
        """The first of the places that holds the folder.

        Raises:
            SourceError: None of them does; the message lists where it was looked for.
        """
        for place in self.places:
            if (place / self.name).is_dir():
                return place / self.name
        looked = ", ".join(str(place) for place in self.places)
        raise SourceError(
            f"no source folder {self.name!r} in {looked}: the installation of cdk-sagemaker-mlops is incomplete; "
            "install its wheel again, or work from a complete checkout"
        )


def lambda_folder(name: str) -> SourceFolder:
    """A folder of `lambda/`: inside the package in a wheel, three levels up in a checkout."""
    return SourceFolder(name, (_PACKAGE / "_lambda", _PACKAGE.parents[1] / "lambda"))


def analyzer_folder() -> SourceFolder:
    """The analysis engine: a sibling top-level package in a wheel, its own source root in a checkout."""
    return SourceFolder("model_analyzer", (_PACKAGE.parent, _PACKAGE.parents[1] / "analyzer"))


def training_folder() -> SourceFolder:
    """The ready pipeline's step scripts: likewise a sibling in a wheel, a source root in a checkout."""
    return SourceFolder("tabular_training", (_PACKAGE.parent, _PACKAGE.parents[1] / "training"))


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def collect(folders: tuple[SourceFolder, ...]) -> list[tuple[str, Path]]:
    """Archive names and files of all folders, sorted; hidden and compiled files are left out."""
    return sorted(entry for folder in folders for entry in collect_tree(folder.locate(), f"{folder.name}/"))


def collect_tree(root: Path, prefix: str = "") -> list[tuple[str, Path]]:
    """Names below `root`, each behind a prefix, and files, sorted; hidden and compiled files are left out."""
    found: list[tuple[str, Path]] = []
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if any(part == "__pycache__" or part.startswith(".") for part in relative.parts):
            continue
        if _is_source(path):
            found.append((f"{prefix}{relative.as_posix()}", path))
    return sorted(found)


def digest(files: list[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents; lengths are part of it, so that contents cannot move between files unseen."""
    state = hashlib.sha256(_ARCHIVE_FORMAT)
    for name, path in files:
        content = path.read_bytes()
        state.update(f"{len(name)}:{name}:{len(content)}:".encode())
        state.update(content)
    return state.hexdigest()


def write_archive(files: list[tuple[str, Path]], target: Path) -> None:
    """Writes a zip whose bytes depend on names and contents only; appears at `target` whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in files:
                archive.writestr(archive_entry(name), path.read_bytes())
        replace_readable(Path(temporary), target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def archive_entry(name: str, *, executable: bool = False) -> zipfile.ZipInfo:
    """A zip entry with constant time and mode (Lambda needs files that everyone may read)."""
    entry = zipfile.ZipInfo(name, _ENTRY_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, on every system, or the archive would differ on Windows
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    return entry


def replace_readable(temporary: Path, target: Path) -> None:
    """Moves a finished temporary file to its place in one step; mkstemp made it private to its user."""
    temporary.chmod(0o644)
    temporary.replace(target)


@dataclass(frozen=True)
class FunctionCode:
    """The code of one Lambda function.

    Args:
        name: Folder under `lambda/`; the handler is `<name>.handler.lambda_handler`.
        with_analyzer: The archive also holds the `model_analyzer` package.
    """

    name: str
    with_analyzer: bool = False

    @property
    def handler(self) -> str:
        """The handler as Lambda names it."""
        return f"{self.name}.handler.lambda_handler"

    @property
    def folders(self) -> tuple[SourceFolder, ...]:
        """What the archive holds: the function, what all functions share, and the analyzer where it is needed."""
        base = (lambda_folder(self.name), lambda_folder("shared"))
        return (*base, analyzer_folder()) if self.with_analyzer else base

    def files(self) -> list[tuple[str, Path]]:
        """Archive names and files, read once per process."""
        return _files(self)

    def hash(self) -> str:
        """The content hash, computed once per process."""
        return _hash(self)


@cache
def _files(code: FunctionCode) -> list[tuple[str, Path]]:
    return collect(code.folders)


@cache
def _hash(code: FunctionCode) -> str:
    return digest(code.files())


MONITOR = FunctionCode("monitor", with_analyzer=True)
DEPLOY = FunctionCode("deploy")
EMPTYING = FunctionCode("emptying")
CALLBACKS = FunctionCode("callbacks")
RETRAIN = FunctionCode("retrain")
INSIGHTS = FunctionCode("insights", with_analyzer=True)
