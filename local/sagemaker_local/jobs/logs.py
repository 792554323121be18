"""The log of a job in CloudWatch Logs, one stream per instance."""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_MOST_CHARACTERS = 262_118  # of one log event, as PutLogEvents allows
_BATCH = 1000
_INTERVAL_SECONDS = 1.0
_log = logging.getLogger(__name__)


class JobLog:
    """Lines of one instance, written about once a second and when it is closed. A failing log never fails the job.

    Args:
        client: CloudWatch Logs as the job's role.
        group: the log group, made when it is missing.
        stream: the log stream.
        now: the virtual time.
    """

    def __init__(self, client: Any, group: str, stream: str, now: Any) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._now = now
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._made = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sagemaker-job-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Add a line."""
        moment: datetime = self._now()
        with self._lock:
            self._lines.append({"timestamp": int(moment.timestamp() * 1000), "message": line[:_MOST_CHARACTERS] or " "})

    def close(self) -> None:
        """Write what is left."""
        self._ended.set()
        self._thread.join(timeout=30)
        self._flush()

    def _follow(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self._flush()

    def _flush(self) -> None:
        with self._writing:
            with self._lock:
                lines, self._lines = self._lines, []
            try:
                for start in range(0, len(lines), _BATCH):
                    self._ensure()
                    self._client.put_log_events(
                        logGroupName=self._group, logStreamName=self._stream, logEvents=lines[start : start + _BATCH]
                    )
            except (ClientError, BotoCoreError) as error:
                _log.warning("cannot write to the log group %s: %s", self._group, error)

    def _ensure(self) -> None:
        if self._made:
            return
        exists = self._client.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(exists):
            self._client.create_log_group(logGroupName=self._group)
        with contextlib.suppress(exists):
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        self._made = True
