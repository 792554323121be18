"""Guards of the source layout. Each of these mistakes is easy to make and shows up far from its cause."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import constructs
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("constructs", "lambda", "analyzer", "local", "labels", "feature_store", "training")


def imported_modules(file: Path) -> Iterator[str]:
    """Absolute imports of a file, wherever in it they stand; those for type checkers only are left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def python_files(*folders: str) -> list[Path]:
    return [
        file
        for folder in folders
        for file in ([ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py")))
    ]


@pytest.mark.parametrize("folder", SOURCE_ROOTS)
def test_source_roots_are_not_packages(folder: str) -> None:
    # With an __init__.py, constructs/ hides PyPI's `constructs` and aws_cdk fails with an unrelated message.
    assert not (ROOT / folder / "__init__.py").exists()


def test_tests_do_not_hide_a_distribution() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not [path for path in (ROOT / "tests").rglob("constructs") if path.is_dir()]


def test_constructs_is_the_distribution() -> None:
    assert constructs.__file__ is not None
    assert not Path(constructs.__file__).is_relative_to(ROOT / "constructs")
    assert constructs.Construct is not None


def test_double_import_is_banned() -> None:
    """`constructs.cdk_sagemaker_mlops` works by accident and gives every class a twin."""
    result = subprocess.run(
        [
            str(Path(sys.executable).parent / "ruff"),
            "check",
            "--stdin-filename",
            "stacks/x.py",
            "--output-format",
            "concise",
            "-",
        ],
        input="from constructs.cdk_sagemaker_mlops import Endpoint\nimport sagemaker\n",
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=False,
    )

    assert result.stdout.count("TID251") == 2, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("folders", "forbidden"),
    [
        (("app.py", "stacks", "constructs"), ("sagemaker", "boto3", "botocore", "pandas", "polars", "numpy")),
        (("app.py", "stacks", "constructs"), ("sagemaker_local", "model_analyzer", "moto", "tests")),
        (("constructs",), ("stacks", "app", "pydantic", "yaml")),
        (("lambda",), ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks", "sagemaker_local")),
        (("analyzer",), ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks", "sagemaker_local", "boto3")),
        (("labels",), ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks", "sagemaker_local", "shared")),
        (("labels",), ("numpy", "polars", "pandas")),
        (
            ("feature_store",),
            ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks", "sagemaker_local", "sagemaker"),
        ),
        (("feature_store",), ("model_analyzer", "pandas", "duckdb")),
        (("training",), ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks", "sagemaker_local", "shared")),
        (("training",), ("sagemaker", "polars", "pydantic")),
        (("local",), ("aws_cdk", "constructs", "cdk_sagemaker_mlops", "stacks")),
    ],
    ids=lambda value: "+".join(value),
)
def test_imports_point_one_way(folders: tuple[str, ...], forbidden: tuple[str, ...]) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {module}"
        for file in python_files(*folders)
        for module in imported_modules(file)
        if module.split(".")[0] in forbidden
    ]

    assert wrong == []


def test_synth_reads_neither_clock_nor_environment() -> None:
    """Only app.py reads the environment; layer building may ask for its cache folder and proxies."""
    readers = ("os.environ", "os.getenv", "datetime.now", "time.time", "uuid4", "getpass")
    wrong = [
        f"{file.relative_to(ROOT)}: {reader}"
        for file in python_files("stacks", "constructs")
        for reader in readers
        if reader in file.read_text(encoding="utf-8") and file.name not in ("cache.py", "installer.py")
    ]

    assert wrong == []
