"""Serverless variants: how many requests run at once, and which of them wait for new capacity.

See https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sagemaker_local.errors import AwsError

from .options import Options


@dataclass(frozen=True)
class Entry:
    """One request that was let in."""

    running: int
    """Requests that run now, this one included."""
    cold: bool
    """Whether it had to wait for new capacity."""
    provisioned: bool
    """Whether capacity that is kept ready takes it."""
    setup_microseconds: float = 0.0


class Gate:
    """Lets in as many requests as the variant's concurrency allows.

    Args:
        most: MaxConcurrency.
        provisioned: ProvisionedConcurrency, which is always warm.
        now: the virtual time.
        keep_warm_seconds: virtual time after which idle capacity is gone.
        cold_start_seconds: real time that new capacity takes.
    """

    def __init__(
        self,
        most: int,
        provisioned: int,
        now: Callable[[], datetime],
        keep_warm_seconds: float = 300.0,
        cold_start_seconds: float = 0.0,
    ) -> None:
        self.most = most
        self.provisioned = provisioned
        self.setup_microseconds = 0.0
        """What loading the model took, which new capacity takes again."""
        self._now = now
        self._keep_warm = timedelta(seconds=keep_warm_seconds)
        self._cold_start_seconds = cold_start_seconds
        self._running = 0
        self._idle_since: list[datetime] = []
        """Since when each idle, warm piece of capacity is idle, oldest first."""
        self._lock = threading.Lock()

    @classmethod
    def of(cls, config: dict[str, Any], options: Options, now: Callable[[], datetime]) -> Gate:
        """Return the gate of a ServerlessConfig."""
        return cls(
            config["MaxConcurrency"],
            config.get("ProvisionedConcurrency") or 0,
            now,
            options.serverless_keep_warm_seconds,
            options.serverless_cold_start_seconds,
        )

    def enter(self) -> Entry:
        """Let a request in, after its cold start if it needs one.

        Raises:
            AwsError: ThrottlingException if as many run as may.
        """
        with self._lock:
            if self._running >= self.most:
                raise AwsError("ThrottlingException", "Rate exceeded")
            self._running += 1
            running = self._running
            provisioned = running <= self.provisioned
            self._idle_since = [since for since in self._idle_since if self._now() - since < self._keep_warm]
            cold = not provisioned and not self._idle_since
            if not provisioned and self._idle_since:
                self._idle_since.pop()
        if not cold:
            return Entry(running, cold=False, provisioned=provisioned)
        if self._cold_start_seconds > 0:
            time.sleep(self._cold_start_seconds)
        return Entry(running, True, provisioned, self.setup_microseconds + self._cold_start_seconds * 1e6)

    def leave(self) -> None:
        """Let a request out; its capacity stays warm for a while."""
        with self._lock:
            self._running -= 1
            if self._running >= self.provisioned:
                self._idle_since.append(self._now())
