"""Function code: only what belongs to it, and the same bytes from every kind of install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cdk_sagemaker_mlops.functions.sources import (
    DEPLOY,
    MONITOR,
    SourceError,
    SourceFolder,
    collect,
    digest,
    write_archive,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "one/__init__.py": "",
        "one/handler.py": "ONE = 1\n",
        "shared/log.py": "LOG = 1\n",
        "other/handler.py": "OTHER = 1\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def hash_of(root: Path) -> str:
    return digest(collect((SourceFolder("one", (root,)), SourceFolder("shared", (root,)))))


def test_an_archive_holds_the_function_and_what_is_shared() -> None:
    names = [name for name, _ in DEPLOY.files()]
    assert "deploy/handler.py" in names
    assert {name.split("/")[0] for name in names} == {"deploy", "shared"}
    assert names == sorted(names)
    assert DEPLOY.handler == "deploy.handler.lambda_handler"


def test_the_monitor_brings_the_analyzer() -> None:
    names = [name for name, _ in MONITOR.files()]
    assert {name.split("/")[0] for name in names} == {"monitor", "shared", "model_analyzer"}
    assert "model_analyzer/__init__.py" in names


def test_compiled_and_hidden_files_change_nothing(tree: Path) -> None:
    before = hash_of(tree)
    (tree / "one/__pycache__").mkdir()
    (tree / "one/__pycache__/handler.cpython-311.pyc").write_bytes(b"\0")
    (tree / "one/stale.pyc").write_bytes(b"\0")
    (tree / "one/.DS_Store").write_bytes(b"\0")
    (tree / "one/.cache").mkdir()
    (tree / "one/.cache/x.py").write_text("x = 1")
    os.utime(tree / "one/handler.py", (0, 0))
    (tree / "one/handler.py").chmod(0o600)
    assert hash_of(tree) == before


def test_another_function_changes_nothing_but_shared_code_does(tree: Path) -> None:
    before = hash_of(tree)
    (tree / "other/handler.py").write_text("OTHER = 2\n")
    assert hash_of(tree) == before
    (tree / "shared/log.py").write_text("LOG = 2\n")
    assert hash_of(tree) != before


def test_a_renamed_file_changes_the_hash(tree: Path) -> None:
    before = hash_of(tree)
    (tree / "one/handler.py").rename(tree / "one/handle.py")
    assert hash_of(tree) != before


def test_archives_of_equal_sources_are_equal_bytes(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(tree, copy)
    os.utime(copy / "one/handler.py", (0, 0))
    archives = []
    for number, root in enumerate((tree, copy)):
        target = tmp_path / f"{number}.zip"
        write_archive(collect((SourceFolder("one", (root,)), SourceFolder("shared", (root,)))), target)
        archives.append(target.read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as archive:
        assert archive.namelist() == ["one/__init__.py", "one/handler.py", "shared/log.py"]
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
    assert list(tmp_path.glob("*.tmp")) == []


def test_missing_sources_are_named_with_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"no source folder 'monitor' in {tmp_path}.*install its wheel again"):
        SourceFolder("monitor", (tmp_path,)).locate()


def hashes_seen_by(site: Path) -> list[str]:
    """Hashes that an installation computes, asked for in a process that sees no checkout."""
    code = (
        "from cdk_sagemaker_mlops.functions import sources as s; "
        "print(s.__file__); print(s.MONITOR.hash()); print(s.DEPLOY.hash())"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=site,
        env=environment | {"PYTHONPATH": str(site)},
    )
    where, *hashes = done.stdout.split()
    assert Path(where).is_relative_to(site)
    return hashes


@pytest.fixture
def installed(tmp_path: Path) -> Callable[[], Path]:
    """The layout that a wheel unpacks to, with compiled files as pip leaves them."""

    def install() -> Path:
        site = tmp_path / "site"
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(ROOT / "constructs/cdk_sagemaker_mlops", site / "cdk_sagemaker_mlops", ignore=ignored)
        shutil.copytree(ROOT / "lambda", site / "cdk_sagemaker_mlops/_lambda", ignore=ignored)
        shutil.copytree(ROOT / "analyzer/model_analyzer", site / "model_analyzer", ignore=ignored)
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(site)], check=True)
        return site

    return install


def test_checkout_and_installed_layout_give_the_same_hashes(installed: Callable[[], Path]) -> None:
    assert hashes_seen_by(installed()) == [MONITOR.hash(), DEPLOY.hash()]


@pytest.mark.packaging
def test_the_built_wheel_gives_the_same_hashes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True)
    assert hashes_seen_by(site) == [MONITOR.hash(), DEPLOY.hash()]
