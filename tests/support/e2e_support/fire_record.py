"""What was done to an environment under fire, and what was seen: by the clients all the while, and in the end."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

from e2e_support import models
from e2e_support.site import Site

_PER_SECOND = 120


class Traffic:
    """A steady stream of requests over one connection: counts answers, and keeps every failure with its moment."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._path = f"/endpoints/{site.live.endpoint}/invocations"
        self._bodies = itertools.cycle(models.bodies(200))
        self._stop = threading.Event()
        self.answered = 0
        self.failures: list[tuple[float, str]] = []
        self.started = time.monotonic()
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the request under way."""
        self._stop.set()
        self._thread.join(timeout=30)
        self.seconds = time.monotonic() - self.started

    @property
    def per_second(self) -> float:
        """Requests a second over all the time."""
        return (self.answered + len(self.failures)) / max(self.seconds, 0.001)

    def _run(self) -> None:
        place = urlparse(self._site.aws.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        key = self._site.aws.accounts.developer(self._site.account).access_key
        scope = f"{key}/20260101/{self._site.region}/sagemaker/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "text/csv",
        }
        due = time.monotonic()
        while not self._stop.is_set():
            connection.request("POST", self._path, next(self._bodies), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.answered += 1
            else:
                self.failures.append((time.monotonic(), f"{answer.status} {body.decode()[:300]}"))
            # What a pause has cost is made up for, so that the rate is kept however busy the machine is.
            due = max(due + 1 / _PER_SECOND, time.monotonic() - 2.0)
            self._stop.wait(max(0.0, due - time.monotonic()))


@dataclass
class Fire:
    """What was done and seen."""

    site: Site
    troubles: dict[int, str] = field(default_factory=dict)
    packages: dict[int, str] = field(default_factory=dict)
    windows: list[tuple[float, float]] = field(default_factory=list)
    """Real time spans in which a canary that answers with errors may have had traffic."""
    expected: int = 0
    """Number of the version that must be live."""
    good: list[int] = field(default_factory=list)
    """Approved versions that nothing is wrong with, oldest first."""
    barred: set[int] = field(default_factory=set)
    succeeded: Counter[int] = field(default_factory=Counter)
    rolled_back: Counter[int] = field(default_factory=Counter)
    interruptions: int = 0
    throttles: int = 0
    refusals: int = 0
    foreign_updates: int = 0
    wrong: list[str] = field(default_factory=list)
    traffic: Traffic | None = None
    # The record, as it stood at the end.
    ended_on: str = ""
    announced: list[tuple[int, str]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    orphans: dict[str, set[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    updates: Counter[int] = field(default_factory=Counter)
    metrics: dict[str, float] = field(default_factory=dict)
    dead_letters: int = 0

    def summary(self) -> str:
        """What happened, in numbers."""
        assert self.traffic is not None
        troubles = ", ".join(f"{count} {name}" for name, count in Counter(self.troubles.values()).most_common())
        requests, failed = self.traffic.answered, len(self.traffic.failures)
        return (
            f"{len(self.packages)} rollouts in {self.traffic.seconds:.0f} s: {troubles}. {requests} requests answered "
            f"({self.traffic.per_second:.1f} a second), {failed} failed, {len(self.unexplained())} of them not on a "
            f"broken canary. {self.interruptions} invocations killed, {self.throttles} calls throttled, "
            f"{self.refusals} refused, {self.foreign_updates} foreign deployments. {sum(self.succeeded.values())} "
            f"times live, {sum(self.rolled_back.values())} rolled back, {len(self.quarantine)} in quarantine, left "
            f"behind: {self.orphans or 'nothing'}."
        )

    def unexplained(self) -> list[str]:
        """Failed requests that no broken canary explains."""
        failures = self.traffic.failures if self.traffic else []
        return [
            text
            for moment, text in failures
            if ("ModelError" not in text and "client error" not in text)
            or not any(start <= moment <= end for start, end in self.windows)
        ]
