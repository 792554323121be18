"""Multi-model containers: archives below a prefix, loaded when they are first asked for, evicted when memory is full.

See https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from . import archives
from .predictor import Answer, LoadError, Loading, Predictor, Request, TargetError

Starter = Callable[[Path], Predictor]


@dataclass
class _Model:
    """One archive: not there yet, being loaded, or loaded."""

    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    predictor: Predictor | None = None
    folder: Path | None = None
    size_bytes: int = 0
    users: int = 0


class MultiModelPredictor:
    """A container that holds as many models as fit into an instance's memory.

    Args:
        prefix: S3 URI below which the archives are.
        s3: a client that reads them.
        start: starts a server for an unpacked archive.
        memory_bytes: what unpacked models may take together; the least recently used ones make room.
        cached: False for ModelCacheSetting Disabled: a model is unloaded after each request.
    """

    def __init__(self, prefix: str, s3: Any, start: Starter, memory_bytes: int, *, cached: bool = True) -> None:
        self._prefix = prefix if prefix.endswith("/") else f"{prefix}/"
        self._s3 = s3
        self._start = start
        self._memory_bytes = memory_bytes
        self._cached = cached
        self._models: OrderedDict[str, _Model] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def loaded_models(self) -> int:
        """How many models are in memory."""
        with self._lock:
            return sum(model.predictor is not None for model in self._models.values())

    def predict(self, request: Request) -> Answer:
        """Answer from the model that the request names, loading it first if need be.

        Raises:
            TargetError: if there is no such archive.
        """
        if not request.target_model:
            raise TargetError("is missing a target model header.")
        begun = time.perf_counter()
        model = self._enter(request.target_model.lstrip("/"))
        try:
            with model.lock:
                hit = model.predictor is not None
                loading = Loading(hit=True) if hit else self._load(model, begun)
                predictor = model.predictor
            if predictor is None:
                return Answer(b"the model server has been stopped", "text/plain", 503, loading=loading)
            return predictor.predict(request).after(loading)
        except LoadError as error:
            return Answer(str(error).encode(), "text/plain", 500)
        finally:
            self._leave(model)

    def close(self) -> None:
        """Unload everything."""
        with self._lock:
            self._closed = True
            models = list(self._models.values())
            self._models.clear()
        for model in models:
            with model.lock:
                _unload(model)

    def _enter(self, name: str) -> _Model:
        with self._lock:
            model = self._models.setdefault(name, _Model(name))
            self._models.move_to_end(name)
            model.users += 1
            return model

    def _leave(self, model: _Model) -> None:
        with self._lock:
            model.users -= 1
            useless = model.users == 0 and (not self._cached or model.predictor is None)
            if useless:
                self._models.pop(model.name, None)
        if useless:
            _unload(model)

    def _load(self, model: _Model, begun: float) -> Loading:
        if self._closed:
            raise LoadError("the model server has been stopped")
        uri = self._prefix + model.name
        bucket, key = archives.parse_s3_uri(uri)
        started = time.perf_counter()
        try:
            size = int(self._s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
        except (ClientError, BotoCoreError) as error:
            raise TargetError(
                f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
                "located at the URL and that the role passed to CreateModel has permissions to download the model.",
                whole=True,
            ) from error
        folder = Path(tempfile.mkdtemp(prefix="sagemaker-model-"))
        try:
            size = max(size, archives.unpack(self._s3, uri, folder))
            downloaded = time.perf_counter()
            unloading = self._make_room(size, model)
            model.predictor = self._start(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        model.folder, model.size_bytes = folder, size
        ready = time.perf_counter()
        return Loading(
            hit=False,
            wait_microseconds=(ready - begun) * 1e6,
            download_microseconds=(downloaded - started) * 1e6,
            load_microseconds=(ready - downloaded) * 1e6,
            unload_microseconds=unloading,
        )

    def _make_room(self, size: int, wanted: _Model) -> tuple[float, ...]:
        """Unload the least recently used models that nobody waits for until `size` more bytes fit."""
        with self._lock:
            held = sum(model.size_bytes for model in self._models.values())
            victims = []
            for model in list(self._models.values()):
                if held + size <= self._memory_bytes:
                    break
                if model is wanted or model.users or model.predictor is None:
                    continue
                victims.append(self._models.pop(model.name))
                held -= model.size_bytes
        times = []
        for model in victims:
            begun = time.perf_counter()
            _unload(model)
            times.append((time.perf_counter() - begun) * 1e6)
        return tuple(times)


def _unload(model: _Model) -> None:
    if model.predictor is not None:
        model.predictor.close()
    if model.folder is not None:
        shutil.rmtree(model.folder, ignore_errors=True)
    model.predictor, model.folder, model.size_bytes = None, None, 0
