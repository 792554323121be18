"""Archives in the cloud assembly: one registration per stack, found from every stage, nothing copied twice."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import pytest

from cdk_sagemaker_mlops.functions import DEPLOY, MONITOR, Architecture, function_asset, layer_hash, monitor_layer
from cdk_sagemaker_mlops.functions.layer import cached_layer


@pytest.fixture
def cached(layer_cache: Path) -> Path:
    layer_cache.mkdir(parents=True)
    path = cached_layer(Architecture.ARM_64)
    path.write_bytes(b"the layer")
    return path


def manifest_files(folder: Path, stack: str) -> dict[str, dict]:
    return json.loads((folder / f"{stack}.assets.json").read_text())["files"]


def test_a_stack_registers_each_archive_once(tmp_path: Path, cached: Path, round_trips) -> None:
    app = cdk.App(outdir=str(tmp_path / "out"))
    stack = cdk.Stack(app, "One")
    first = function_asset(stack, MONITOR), monitor_layer(stack, Architecture.ARM_64)
    before = round_trips.count
    assert (function_asset(stack, MONITOR), monitor_layer(stack, Architecture.ARM_64)) == first
    assert round_trips.count == before
    app.synth()
    files = manifest_files(tmp_path / "out", "One")
    for identity in (MONITOR.hash(), layer_hash(Architecture.ARM_64)):
        assert files[identity]["source"] == {"path": f"asset.{identity}.zip", "packaging": "file"}
        assert (tmp_path / "out" / f"asset.{identity}.zip").is_file()


def test_the_layer_is_linked_not_copied(tmp_path: Path, cached: Path) -> None:
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path / "out")), "One")
    monitor_layer(stack, Architecture.ARM_64)
    archive = tmp_path / "out" / f"asset.{layer_hash(Architecture.ARM_64)}.zip"
    assert archive.samefile(cached)


def test_stages_share_the_archives_of_the_app(tmp_path: Path, cached: Path) -> None:
    app = cdk.App(outdir=str(tmp_path / "out"))
    for name in ("dev", "prod"):
        function_asset(cdk.Stack(cdk.Stage(app, name), "Delivery"), DEPLOY)
    app.synth()
    for name in ("dev", "prod"):
        folder = tmp_path / "out" / f"assembly-{name}"
        (manifest,) = folder.glob("*.assets.json")
        path = json.loads(manifest.read_text())["files"][DEPLOY.hash()]["source"]["path"]
        assert (folder / path).resolve() == tmp_path / "out" / f"asset.{DEPLOY.hash()}.zip"


def test_a_stack_without_an_app_has_archives_too() -> None:
    assert function_asset(cdk.Stack(None, "Lone"), DEPLOY).object_key == f"{DEPLOY.hash()}.zip"
