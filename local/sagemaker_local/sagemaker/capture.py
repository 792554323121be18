"""Gathers captured invocations and writes them to S3, as the execution role of the model.

Files are written after two seconds, 1,000 records or 4 MiB, whichever is first, when the clock jumps, and on request.
SageMaker takes minutes.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .capture_format import CaptureSettings, Observation, key, lines
from .endpoint_metrics import Source
from .serving.archives import parse_s3_uri

_MOST_RECORDS = 1_000
_MOST_BYTES = 4 << 20
_MOST_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass
class _Buffer:
    opened: float = field(default_factory=time.monotonic)
    observations: list[Observation] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.observations) >= _MOST_RECORDS or self.size >= _MOST_BYTES


class CaptureWriter:
    """Buffers of captured invocations, one per variant and hour.

    Args:
        client: `(service, account, region, role_arn)` to a client.
    """

    def __init__(self, client: Callable[..., Any]) -> None:
        self._client = client
        self._buffers: dict[tuple[Source, CaptureSettings, str], _Buffer] = {}
        self._lock = threading.Lock()
        # Two writers at once would be harmless, but a flush must not return while another one still writes.
        self._writing = threading.Lock()

    def add(self, source: Source, settings: CaptureSettings, observation: Observation) -> None:
        """Remember an invocation; a full buffer is written at once."""
        place = (source, settings, f"{observation.at:%Y%m%d%H}")
        with self._lock:
            buffer = self._buffers.setdefault(place, _Buffer())
            buffer.observations.append(observation)
            buffer.size += len(observation.request) + len(observation.response)
            full = self._buffers.pop(place) if buffer.full else None
        if full is not None:
            self._write(source, settings, full)

    def flush(self, *, older_than: float = 0.0) -> None:
        """Write every buffer that has been open for `older_than` real seconds."""
        with self._writing:
            now = time.monotonic()
            with self._lock:
                due = [place for place, buffer in self._buffers.items() if now - buffer.opened >= older_than]
                buffers = [(place, self._buffers.pop(place)) for place in due]
            for (source, settings, _), buffer in buffers:
                self._write(source, settings, buffer)

    def flush_due(self) -> None:
        """Write what has waited long enough."""
        self.flush(older_than=_MOST_SECONDS)

    def _write(self, source: Source, settings: CaptureSettings, buffer: _Buffer) -> None:
        bucket, prefix = parse_s3_uri(settings.destination)
        first = min(observation.at for observation in buffer.observations)
        name = key(prefix, source.endpoint, source.variant, first, str(uuid.uuid4()))
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id}
        s3 = self._client("s3", source.account, source.region, source.role_arn)
        try:
            s3.put_object(
                Bucket=bucket,
                Key=name,
                Body=lines(buffer.observations, settings),
                ContentType="application/json",
                **(encryption if settings.kms_key_id else {}),
            )
        except (ClientError, BotoCoreError):
            _log.exception("cannot write %d captured records to %s", len(buffer.observations), settings.destination)
