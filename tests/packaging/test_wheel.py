"""The wheel, installed where nothing else is: another CDK app imports the library and synthesizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"

pytestmark = pytest.mark.packaging

FOREIGN_APP = """
import aws_cdk as cdk
import cdk_sagemaker_mlops as mlops

app = cdk.App()
stack = cdk.Stack(app, "Foreign")
storage = mlops.Storage(stack, "Storage", retain=False)
group = mlops.ModelPackageGroup(stack, "Group", name="foreign", artifacts=[storage.models])
endpoint = mlops.Endpoint(
    stack, "Endpoint", model=mlops.Model.latest_approved(group), capture=mlops.DataCapture(bucket=storage.capture)
)
endpoint.add_monitor(
    mlops.DataQualityMonitor(
        stack, "Monitor", reports=storage.reports, baseline=mlops.Baseline.from_registry(bucket=storage.baselines)
    )
)
mlops.RolloutController(stack, "Controller", name="foreign")
app.synth()
"""


def call(*arguments: str | Path, cwd: Path, **variables: str) -> str:
    # Nothing of the checkout may be found by accident.
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    result = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=inherited | {"CDK_VALIDATION": "false"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of a clean environment that has the wheel and what it demands."""
    folder = tmp_path_factory.mktemp("clean")
    uv = Path(sys.executable).with_name("uv")
    call(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    interpreter = folder / "venv" / "bin" / "python"
    # The pinned versions: jsii unpacks aws-cdk-lib once per version, and this machine has that one.
    pins = folder / "constraints.txt"
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    pins.write_text("\n".join(line for line in lines if not line.startswith("-e")), encoding="utf-8")
    call(uv, "pip", "install", "--quiet", "--python", interpreter, "--constraint", pins, wheel, cwd=folder)
    return interpreter


@pytest.fixture(scope="module")
def foreign_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "app.py").write_text(FOREIGN_APP, encoding="utf-8")
    return folder


def asset_hashes(assembly: Path) -> list[str]:
    manifest = json.loads((assembly / "Foreign.assets.json").read_text(encoding="utf-8"))
    return sorted(
        identity for identity, file in manifest["files"].items() if not file["source"]["path"].endswith("template.json")
    )


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}

    assert {name for name in top if not name.endswith(".dist-info")} == {
        "cdk_sagemaker_mlops",
        "model_analyzer",
        "sagemaker_features",
        "sagemaker_labels",
        "sagemaker_local",
        "tabular_training",
    }
    assert "cdk_sagemaker_mlops/py.typed" in names
    assert "cdk_sagemaker_mlops/training/image_accounts.json" in names
    assert "cdk_sagemaker_mlops/_lambda/monitor/handler.py" in names
    assert "cdk_sagemaker_mlops/_lambda/deploy/handler.py" in names
    assert "cdk_sagemaker_mlops/_lambda/shared/__init__.py" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_only_the_library_is_demanded(python: Path) -> None:
    """pydantic, moto and numpy are extras: whoever imports the constructs does not get them."""
    uv = Path(sys.executable).with_name("uv")
    listed = json.loads(call(uv, "pip", "list", "--quiet", "--python", python, "--format", "json", cwd=python.parent))
    names = {package["name"].lower() for package in listed}

    assert "cdk-sagemaker-mlops" in names
    assert not names & {"pydantic", "moto", "boto3", "numpy", "polars", "duckdb", "pyyaml", "cfn-lint"}
    call(uv, "pip", "check", "--python", python, cwd=python.parent)


def test_another_app_synthesizes_with_the_cli(python: Path, foreign_app: Path, tmp_path: Path) -> None:
    call(CDK, "synth", "--quiet", "--app", f"{python} app.py", "--output", tmp_path, cwd=foreign_app)

    template = json.loads((tmp_path / "Foreign.template.json").read_text(encoding="utf-8"))
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert {"AWS::SageMaker::Endpoint", "AWS::Scheduler::Schedule", "AWS::Lambda::Function"} <= kinds


def test_assets_are_the_same_from_checkout_editable_install_and_wheel(
    python: Path, foreign_app: Path, tmp_path: Path
) -> None:
    """Another hash would redeploy every function of everybody who changes the way of installing."""
    ways: dict[str, tuple[str | Path, dict[str, str]]] = {
        "wheel": (python, {}),
        "editable": (sys.executable, {}),
        "checkout": (python, {"PYTHONPATH": str(ROOT / "constructs")}),
    }
    hashes = {}
    places = {}
    for way, (interpreter, variables) in ways.items():
        call(interpreter, "app.py", cwd=foreign_app, CDK_OUTDIR=str(tmp_path / way), **variables)
        hashes[way] = asset_hashes(tmp_path / way)
        program = "import importlib.util as u; print(u.find_spec('cdk_sagemaker_mlops').origin)"
        places[way] = call(interpreter, "-c", program, cwd=foreign_app, **variables).strip()

    assert "site-packages" in places["wheel"]
    assert places["editable"] == places["checkout"] == str(ROOT / "constructs" / "cdk_sagemaker_mlops" / "__init__.py")
    assert len(hashes["wheel"]) >= 3
    assert hashes["wheel"] == hashes["editable"] == hashes["checkout"]
