"""What stands in the documentation works: constructs are synthesised, settings validated, names and commands exist."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

import cdk_sagemaker_mlops as mlops
from stacks.settings import load_all
from stacks.settings.delivery import load_delivery
from tools.pages import constructs as pages_of_constructs
from tools.pages.reader import Reader, taken_for_granted

ROOT = Path(__file__).resolve().parents[2]
#: Packages of this repository that documented code imports.
OURS = ("cdk_sagemaker_mlops", "model_analyzer", "sagemaker_features", "sagemaker_labels", "sagemaker_local")


def test_python(python_block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ast.parse(python_block.text, str(python_block))
    _names_exist(tree)
    file = ROOT / python_block.page
    if file.parent == pages_of_constructs.FOLDER:
        page = file.read_text(encoding="utf-8")
        # Runs the example, too.
        renewed = pages_of_constructs.rendered(page, file.name, tmp_path)
        assert renewed == page, f"{python_block.page} is out of date: run python -m tools.pages"
        return
    if not re.search(r"\bmlops\.[A-Z]", python_block.text):
        return
    # Files that a block names as its reader's own.
    monkeypatch.chdir(tmp_path)
    for name in ("src/train.py", "src/check.py", "scripts/rows.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("print('documented')\n")
    app = cdk.App(outdir=str(tmp_path / "out"))
    scope = cdk.Stack(app, "Documented", env=cdk.Environment(account="111111111111", region="eu-west-1"))
    names = Reader(scope, tmp_path)
    names["source"] = python_block.text
    _page_before(python_block, names)
    for name in taken_for_granted(tree):
        names.get_or_none(name)
    exec(compile(tree, str(python_block), "exec"), names)
    for value in [value for name, value in names.items() if name != "__builtins__"]:
        if isinstance(value, type) and issubclass(value, cdk.Stack):
            value(app, value.__name__)
    app.synth()


def test_yaml(yaml_block: Any, tmp_path: Path) -> None:
    document = yaml.safe_load(yaml_block.text)
    if "repository" in document:
        file = tmp_path / "delivery.yaml"
        file.write_text(yaml_block.text)
        load_delivery(file)
        return
    file = tmp_path / "dev.yaml"
    file.write_text(json.dumps(_environment(document)))
    load_all([file])


def test_sh(sh_block: Any) -> None:
    """Commands of this repository exist, with their subcommands and long options."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for line in re.sub(r"\\\n", " ", sh_block.text).splitlines():
        for command in re.split(r"&&|\||;", line.partition(" #")[0]):
            words = shlex.split(re.sub(r"[<>]", "", command), comments=True)
            if not words:
                continue
            if words[0] == "make":
                assert {word for word in words[1:] if "=" not in word} <= targets, command
            if words[:2] == ["python", "-m"] and words[2].startswith(("tools.", "benchmarks", "sagemaker_local")):
                assert importlib.util.find_spec(words[2]) is not None, command
            for file in (word for word in words[1:] if word.endswith(".py") and "/" in word):
                assert (ROOT / file).exists(), command


def _environment(document: dict[str, Any]) -> dict[str, Any]:
    """A whole environment around what a block shows of one: of an environment, a model, an endpoint, a group."""
    model: dict[str, Any] = {"registry": {"group": "churn"}, "endpoint": {"instance_type": "ml.m5.large"}}
    whole: dict[str, Any] = {"account": "111111111111", "region": "eu-west-1", "models": {"churn": model}}
    environment_keys = {"account", "models", "feature_groups", "feature_store", "insights", "defaults", "notifications"}
    if environment_keys & set(document):
        models = {
            name: {**(model if "container" not in given and "pipeline" not in given else {}), **given}
            for name, given in document.get("models", whole["models"]).items()
        }
        return {**whole, **document, "models": models}
    if set(document) == {"monitors"} and "alarm_features" in document["monitors"].get("data_quality", {}):
        group = {
            "record_id": "id",
            "event_time": "at",
            "features": {"id": "string", "at": "string", "calls": "integral"},
        }
        return {**whole, "feature_groups": {"customers": {**group, "offline": "glue", **document}}}
    if {"endpoint", "registry", "container", "pipeline", "training", "monitors", "batch", "on_drift"} & set(document):
        if not {"container", "pipeline"} & set(document):
            document = {**model, **document}
        return {**whole, "models": {"churn": document}}
    return {**whole, "models": {"churn": {**model, "endpoint": {**model["endpoint"], **document}}}}


def _names_exist(tree: ast.Module) -> None:
    """Imports of our packages work, and what is asked of an imported module is there."""
    modules: dict[str, ModuleType] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.partition(".")[0] in OURS:
                    modules[name.asname or name.name.partition(".")[0]] = importlib.import_module(name.name)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in OURS:
            source = importlib.import_module(str(node.module))
            for name in node.names:
                found = getattr(source, name.name, None)
                if found is None:
                    found = importlib.import_module(f"{node.module}.{name.name}")
                if isinstance(found, ModuleType):
                    modules[name.asname or name.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            assert hasattr(modules[node.value.id], node.attr), f"{node.value.id}.{node.attr} does not exist"


def _page_before(block: Any, names: Reader) -> None:
    """Names that earlier blocks of the feature store's page leave behind."""
    if block.page == "docs/feature-store.md" and "FeatureGroup(" not in block.text and "customers." in block.text:
        scope = names.scope
        names["customers"] = mlops.FeatureGroup(
            scope,
            "Customers_",
            name="customers",
            record_identifier="customer_id",
            event_time="updated_at",
            features=[
                mlops.Feature.string("customer_id"),
                mlops.Feature.string("updated_at"),
                mlops.Feature.integral("calls"),
            ],
            offline=mlops.OfflineStore(
                bucket=mlops.FeatureStorage(scope, "Storage_").offline,
                database=mlops.FeatureDatabase(scope, "Database_", name="features"),
            ),
        )


def test_every_way_of_serving_has_its_example() -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")

    assert page.count("```python") >= 10
    assert page.count("```yaml") >= 10
