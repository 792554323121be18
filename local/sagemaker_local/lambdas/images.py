"""What a function's process is made from: unpacked code, layers, environment and where its log goes."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_local import clients, moto_state
from sagemaker_local.accounts import Principal
from sagemaker_local.moto_state import FunctionView

from .packages import RUNTIME_PACKAGES, Packages, Unpacked
from .process import Image

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws


class Images:
    """Builds images; equal versions give equal images, so that their processes are shared."""

    def __init__(self, aws: LocalAws, folder: Path, settings: dict[tuple[str, str, str], dict[str, Any]]) -> None:
        self._aws = aws
        self._packages = Packages(folder)
        self._settings = settings
        self._streams: dict[str, str] = {}
        self._layers: dict[str, Unpacked] = {}

    def of(self, view: FunctionView, principal: Principal) -> tuple[Image, list[str]]:
        """Return the image of a function version and remarks on layer packages that the host stands in for."""
        root = self._packages.function(view.code)
        layers = [self._layer(arn) for arn in view.layers]
        left_out = {name for layer in layers for name in layer.left_out}
        paths = [str(root), *([str(self._packages.host(left_out))] if left_out else [])]
        for layer in layers:
            site_packages = sorted(layer.root.glob("python/lib/python3.*/site-packages"))
            paths += [str(path) for path in (layer.root / "python", *site_packages) if path.is_dir()]
        paths.append(str(self._packages.host(RUNTIME_PACKAGES)))
        environment = self._environment(view, principal, [layer.root for layer in layers])
        fingerprint = hashlib.sha256(json.dumps([view.code_sha256, paths, sorted(environment.items())]).encode())
        key = f"{view.account}/{view.region}/{view.name}/{view.version}/{fingerprint.hexdigest()[:16]}"
        notes = [note for layer in layers for note in layer.notes]
        return Image(key, root, tuple(paths), tuple(sorted(environment.items()))), notes

    def _layer(self, arn: str) -> Unpacked:
        # Versions of a layer never change, and hashing a large one takes longer than a warm invocation.
        if arn not in self._layers:
            self._layers[arn] = self._packages.layer(moto_state.layer_code(arn))
        return self._layers[arn]

    def log_names(self, view: FunctionView) -> tuple[str, str]:
        """Return log group and log stream of a function version."""
        config = self._logging(view)
        group = config.get("LogGroup") or f"/aws/lambda/{view.name}"
        if view.arn not in self._streams:
            day = self._aws.clock.now().strftime("%Y/%m/%d")
            self._streams[view.arn] = f"{day}/[{view.version}]{uuid.uuid4().hex}"
        return str(group), self._streams[view.arn]

    def _logging(self, view: FunctionView) -> dict[str, Any]:
        settings = self._settings.get((view.account, view.region, view.name), {})
        return settings.get("LoggingConfig") or {}

    def _environment(self, view: FunctionView, principal: Principal, layers: list[Path]) -> dict[str, str]:
        group, stream = self.log_names(view)
        config = self._logging(view)
        environment = dict(view.environment)
        environment |= clients.environment(self._aws.url, principal, view.region, base={})
        environment |= {
            "AWS_SESSION_TOKEN": "local",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{view.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": view.name,
            "AWS_LAMBDA_FUNCTION_VERSION": view.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(view.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_LOG_FORMAT": str(config.get("LogFormat", "Text")),
            "AWS_LAMBDA_LOG_LEVEL": str(config.get("ApplicationLogLevel", "")),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(self._packages.function(view.code)),
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "_HANDLER": view.handler,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
        }
        if layers:
            environment["PATH"] = ":".join([*(str(layer / "bin") for layer in layers), "/usr/local/bin:/usr/bin:/bin"])
        return environment
