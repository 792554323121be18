"""Layers, and packages that are built for another interpreter."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy
import pytest

from sagemaker_local.lambdas.packages import fits

THIS = f"cp{sys.version_info.major}{sys.version_info.minor}"


def wheel(name: str, version: str, tag: str, files: dict[str, str], requires: str = "") -> dict[str, str | bytes]:
    """Return the files of an installed wheel under a layer's python folder."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n",
        f"{info}/METADATA": f"Name: {name}\n{requires}",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    return {f"python/{path}": text for path, text in {**contents, f"{info}/RECORD": record}.items()}


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", False),
        (f"{THIS}-none-any", True),
        ("cp399-cp399-manylinux_2_28_aarch64", False),
        (f"{THIS}-{THIS}-manylinux_2_17_sparc64", False),
        (f"{THIS}-{THIS}-musllinux_1_2_x86_64", False),
        ("cp399-abi3-any", False),
        ("cp38-abi3-any", True),
    ],
)
def test_tags(tag: str, expected: bool) -> None:
    assert fits(tag) is expected


def test_layer_serves_what_fits_and_the_host_what_does_not(bench: Any) -> None:
    files = {
        **wheel("greetings", "1.0", "py3-none-any", {"greetings/__init__.py": "TEXT = 'from the layer'\n"}),
        **wheel("numpy", "9.9", "cp399-cp399-manylinux_2_28_aarch64", {"numpy/__init__.py": "raise ImportError\n"}),
        **wheel("pandas", "9.9", "py3-none-any", {"pandas/__init__.py": "X = 1"}, "Requires-Dist: numpy==9.9\n"),
    }
    layer = bench.client("lambda").publish_layer_version(
        LayerName="libraries", Content={"ZipFile": bench.zipped(files)}, CompatibleRuntimes=["python3.13"]
    )["LayerVersionArn"]
    code = """
        import greetings, numpy
        def handler(event, context):
            return [greetings.TEXT, numpy.__version__, float(numpy.arange(4).sum())]
        """
    bench.function("layered", code, Layers=[layer])
    answer = bench.client("lambda").invoke(FunctionName="layered")
    assert json.loads(answer["Payload"].read()) == ["from the layer", numpy.__version__, 6.0]
    remarks = [line for line in bench.log("/aws/lambda/layered") if line.startswith("[local]")]
    assert len(remarks) == 2
    assert "numpy 9.9 in the layer is built for cp399-cp399-manylinux_2_28_aarch64" in remarks[0]
    assert "pandas 9.9 in the layer needs exactly the numpy of the layer; using the host's" in remarks[1]


def test_package_that_was_not_deployed_is_not_there(bench: Any) -> None:
    bench.function("hungry", "import numpy\ndef handler(event, context): pass\n")
    answer = bench.client("lambda").invoke(FunctionName="hungry")
    error = json.loads(answer["Payload"].read())
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'numpy'"
