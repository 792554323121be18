"""From a container definition to a running predictor: fetch the archive, unpack it, choose the server.

Supported: SageMaker's XGBoost images in algorithm mode, and images whose archive holds inference code (in `code/`, or
what SAGEMAKER_PROGRAM names). Anything else is refused by name; there is no Docker here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import archives
from .archives import parse_s3_uri as parse_s3_uri
from .multi_model import MultiModelPredictor
from .predictor import Answer, LoadError, Predictor, Request, TargetError
from .script_container import ScriptPredictor
from .xgboost_container import XGBoostPredictor

INSTANCE_MEMORY_BYTES = 8 << 30
"""Memory of an ml.m5.large, taken for every instance type."""

_XGBOOST = re.compile(r"(?:^|/)(?:sagemaker-)?xgboost(?::|@|$)")


@dataclass(frozen=True)
class Container:
    """One container of a model, a registry reference already resolved."""

    image: str
    model_data_url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    packed: bool = True
    """Whether the model data is an archive, and not a prefix of files."""
    hostname: str | None = None
    multi_model: bool = False
    """Whether the model data is a prefix of archives that requests name."""
    cached: bool = True
    """For multi-model containers: whether a model stays in memory after a request."""


@dataclass
class Loaded:
    """Running containers of a model, in the order in which a request passes them.

    With `direct`, a request goes to the one container that it names.
    """

    containers: list[Container]
    direct: bool = False
    predictors: list[Predictor] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def multi_model(self) -> bool:
        """Whether requests have to name a model."""
        return any(container.multi_model for container in self.containers)

    @property
    def loaded_models(self) -> int:
        """Models that multi-model containers hold in memory."""
        return sum(part.loaded_models for part in self.predictors if isinstance(part, MultiModelPredictor))

    def predict(self, request: Request) -> Answer:
        """Pass a request through the containers; the first that refuses ends it.

        Raises:
            TargetError: if the request names no model or container that is there, or one where none can be named.
        """
        if self.direct:
            return self._named(request.target_container).predict(request)
        answer = self.predictors[0].predict(request)
        for predictor in self.predictors[1:]:
            if answer.status >= 300:
                break
            answer = predictor.predict(Request(answer.body, answer.content_type, request.accept))
        return answer

    def close(self) -> None:
        """Stop the servers and delete the unpacked archives."""
        for predictor in self.predictors:
            predictor.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _named(self, hostname: str | None) -> Predictor:
        if hostname is None:
            raise TargetError("is missing a target container hostname header.")
        for container, predictor in zip(self.containers, self.predictors, strict=True):
            if container.hostname == hostname:
                return predictor
        names = ", ".join(str(container.hostname) for container in self.containers)
        raise TargetError(f"names the container {hostname}, and the model has {names}.")


def load(
    containers: list[Container],
    s3: Any,
    environment: dict[str, str],
    log: Callable[[str], None],
    *,
    memory_bytes: int = INSTANCE_MEMORY_BYTES,
    direct: bool = False,
) -> Loaded:
    """Start the containers of a model.

    Args:
        containers: at least one; more form an inference pipeline, or are invoked directly.
        s3: a client that reads the archives.
        environment: environment of subprocesses, before the container's own variables.
        log: gets a line for the endpoint's log.
        memory_bytes: memory of an instance, which limits what a multi-model container keeps.
        direct: whether requests name the container that they are for.

    Raises:
        LoadError: if one of them cannot be served. What was started before is stopped.
    """
    loaded = Loaded(containers, direct)
    try:
        for container in containers:
            loaded.predictors.append(_serve(loaded, container, s3, environment, log, memory_bytes))
    except BaseException:
        loaded.close()
        raise
    return loaded


def _serve(
    loaded: Loaded,
    container: Container,
    s3: Any,
    environment: dict[str, str],
    log: Callable[[str], None],
    memory_bytes: int,
) -> Predictor:
    def start(folder: Path) -> Predictor:
        return _start(container, folder, environment, log)

    uri = container.model_data_url
    if container.multi_model:
        return MultiModelPredictor(uri or "", s3, start, memory_bytes, cached=container.cached)
    folder = Path(tempfile.mkdtemp(prefix="sagemaker-model-"))
    loaded.folders.append(folder)
    if uri:
        loaded.size_bytes += (archives.unpack if container.packed else archives.download)(s3, uri, folder)
    return start(folder)


def _start(container: Container, folder: Path, environment: dict[str, str], log: Callable[[str], None]) -> Predictor:
    program = container.environment.get("SAGEMAKER_PROGRAM")
    entry = folder / "code" / (program or "inference.py")
    if not entry.is_file() and program and (folder / program).is_file():
        entry = folder / program
    if entry.is_file():
        return ScriptPredictor(folder, entry, {**environment, **container.environment}, log)
    if program:
        raise LoadError(f"SAGEMAKER_PROGRAM names {program}, which the model archive does not hold in code/")
    if _XGBOOST.search(container.image):
        return XGBoostPredictor(folder, container.image, container.environment)
    message = (
        f"The embedded AWS cannot run the image {container.image}: without Docker it serves SageMaker's XGBoost "
        "images, and images whose model archive holds code/inference.py"
    )
    raise LoadError(message, public=message)
