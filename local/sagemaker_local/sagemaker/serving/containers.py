"""From a container definition to a running predictor: fetch the archive, unpack it, choose the server.

Supported: SageMaker's XGBoost images in algorithm mode, and images whose archive holds inference code (in `code/`, or
what SAGEMAKER_PROGRAM names). Anything else is refused by name; there is no Docker here.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import BotoCoreError, ClientError

from .predictor import Answer, LoadError, Predictor, Request
from .script_container import ScriptPredictor
from .xgboost_container import XGBoostPredictor

_XGBOOST = re.compile(r"(?:^|/)(?:sagemaker-)?xgboost(?::|@|$)")


@dataclass(frozen=True)
class Container:
    """One container of a model, a registry reference already resolved."""

    image: str
    model_data_url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Loaded:
    """Running containers of a model, in the order in which a request passes them."""

    predictors: list[Predictor]
    folders: list[Path]
    size_bytes: int

    def predict(self, request: Request) -> Answer:
        """Pass a request through the containers; the first that refuses ends it."""
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


def load(containers: list[Container], s3: Any, environment: dict[str, str], log: Callable[[str], None]) -> Loaded:
    """Start the containers of a model.

    Args:
        containers: at least one; more form an inference pipeline.
        s3: a client that reads the archives.
        environment: environment of subprocesses, before the container's own variables.
        log: gets a line for the endpoint's log.

    Raises:
        LoadError: if one of them cannot be served. What was started before is stopped.
    """
    loaded = Loaded([], [], 0)
    try:
        for container in containers:
            folder = Path(tempfile.mkdtemp(prefix="sagemaker-model-"))
            loaded.folders.append(folder)
            if container.model_data_url:
                loaded.size_bytes += _unpack(_fetch(s3, container.model_data_url), folder, container.model_data_url)
            loaded.predictors.append(_start(container, folder, environment, log))
    except BaseException:
        loaded.close()
        raise
    return loaded


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URI (or an https:// one of S3)."""
    parsed = urlparse(uri)
    if parsed.scheme == "s3":
        return parsed.netloc, parsed.path.lstrip("/")
    host = parsed.netloc.split(".")
    if host[0].startswith("s3"):
        bucket, _, key = parsed.path.lstrip("/").partition("/")
        return bucket, key
    return host[0], parsed.path.lstrip("/")


def _fetch(s3: Any, uri: str) -> bytes:
    bucket, key = parse_s3_uri(uri)
    try:
        data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise LoadError(
            f"cannot read {uri}: {error}",
            public=f"Failed to download model data from {uri}. Please ensure that there is an object located at the "
            "URL and that the role passed to CreateModel has permissions to download it.",
        ) from error
    return data


def _unpack(archive: bytes, folder: Path, uri: str) -> int:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise LoadError(
            f"{uri} is not a tar archive: {error}",
            public=f"Failed to extract model data archive from URL {uri}. Please ensure that the object located at the "
            "URL is a valid tar.gz archive.",
        ) from error
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
