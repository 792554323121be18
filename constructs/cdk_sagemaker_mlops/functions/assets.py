"""Places built archives into the cloud assembly and registers them with the stack's synthesizer.

`s3_assets.Asset` would fingerprint and copy the files on every synth. Here the hash is known beforehand (from the
content, or from the lock), the archive is written or hard-linked into the assembly once, and every stack registers it
with one call.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from cdk_sagemaker_mlops import _refs

from .layer import RUNTIME, Architecture, layer_wheels
from .sources import FunctionCode, replace_readable, write_archive
from .wheels import WheelSet


@dataclass(frozen=True)
class AssetLocation:
    """Where the deployment puts an archive: what a function's or layer's code property points at."""

    bucket_name: str
    object_key: str


@dataclass
class _StackAssets:
    """What is known about one stack, so that each archive costs one call however many functions use it."""

    synthesizer: cdk.IStackSynthesizer
    folder: Path  # where the whole app's archives lie
    manifest_folder: Path  # what the stack's asset manifest is relative to
    locations: dict[str, AssetLocation] = field(default_factory=dict)
    layers: dict[Architecture, lambda_.CfnLayerVersion] = field(default_factory=dict)


_stacks: WeakKeyDictionary[cdk.Stack, _StackAssets] = WeakKeyDictionary()
_stages: WeakKeyDictionary[cdk.Stage, tuple[Path, Path]] = WeakKeyDictionary()


def function_asset(stack: cdk.Stack, code: FunctionCode) -> AssetLocation:
    """The archive of a function's code; one per stack and kind of function."""
    assets = _assets_of(stack)
    archive = assets.folder / f"asset.{code.hash()}.zip"
    if not archive.exists():
        write_archive(code.files(), archive)
    return _register(assets, archive, code.hash(), f"{code.name} function")


def content_asset(
    stack: cdk.Stack, *, identity: str, suffix: str, display_name: str, write: Callable[[Path], None]
) -> AssetLocation:
    """A file that is written once per app under its content's hash.

    :param identity: Hash of the content.
    :param suffix: Ending of the file's name, such as `.tar.gz`.
    :param display_name: How the CDK's CLI calls it.
    :param write: Writes the file, whole or not at all.
    """
    assets = _assets_of(stack)
    file = assets.folder / f"asset.{identity}{suffix}"
    if not file.exists():
        write(file)
    return _register(assets, file, identity, display_name)


def wheels_asset(stack: cdk.Stack, wheels: WheelSet) -> AssetLocation:
    """The archive of a set of wheels.

    Raises:
        WheelsError: It is neither cached nor can be built.
    """
    assets = _assets_of(stack)
    identity = wheels.hash()
    archive = assets.folder / f"asset.{identity}.zip"
    if not archive.exists():
        _link(wheels.bundle(), archive)
    return _register(assets, archive, identity, f"analyzer wheels for {wheels.label}")


def monitor_layer(stack: cdk.Stack, architecture: Architecture) -> lambda_.CfnLayerVersion:
    """The stack's layer with the analyzer's wheels; one per stack and processor.

    Raises:
        WheelsError: The layer is neither cached nor can be built.
    """
    assets = _assets_of(stack)
    if architecture not in assets.layers:
        location = wheels_asset(stack, layer_wheels(architecture))
        assets.layers[architecture] = lambda_.CfnLayerVersion(
            stack,
            f"AnalyzerWheels{architecture.name.title().replace('_', '')}",
            content=lambda_.CfnLayerVersion.ContentProperty(s3_bucket=location.bucket_name, s3_key=location.object_key),
            compatible_architectures=[architecture.value],
            compatible_runtimes=[RUNTIME],
            description="numpy and polars for the model monitor",
        )
    return assets.layers[architecture]


def monitor_layer_arn(stack: cdk.Stack, architecture: Architecture) -> str:
    """ARN of that layer's version."""
    layer = monitor_layer(stack, architecture)
    return _refs.remembered(layer, "ref", lambda: layer.ref)


def _assets_of(stack: cdk.Stack) -> _StackAssets:
    known = _stacks.get(stack)
    if known is None:
        stage = cdk.Stage.of(stack)
        assert stage is not None  # noqa: S101  (a stack without an app gets one from the CDK)
        if stage not in _stages:
            _stages[stage] = (Path(stage.asset_outdir), Path(stage.outdir))
        folder, manifest_folder = _stages[stage]
        folder.mkdir(parents=True, exist_ok=True)
        known = _stacks[stack] = _StackAssets(stack.synthesizer, folder, manifest_folder)
    return known


def _register(assets: _StackAssets, archive: Path, identity: str, display_name: str) -> AssetLocation:
    if identity not in assets.locations:
        location = assets.synthesizer.add_file_asset(
            source_hash=identity,
            # The manifest's paths have forward slashes on every system.
            file_name=Path(os.path.relpath(archive, assets.manifest_folder)).as_posix(),
            packaging=cdk.FileAssetPackaging.FILE,
            display_name=display_name,
        )
        assets.locations[identity] = AssetLocation(location.bucket_name, location.object_key)
    return assets.locations[identity]


def _link(source: Path, target: Path) -> None:
    """A hard link where the file system allows it: no bytes are read or copied at synth."""
    with suppress(FileExistsError):
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:
            _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    os.close(handle)
    try:
        shutil.copyfile(source, temporary)
        replace_readable(Path(temporary), target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
