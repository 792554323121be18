"""Clients of the endpoint: so many requests as fast as possible, or a steady stream in the background."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# Enough to meet both fleets of a rollout, and few enough to leave the processor to the rollout.
_BETWEEN_SECONDS = 0.015


@dataclass
class Answers:
    """What the clients got: answered and failed requests, the first failure, the slowest answer."""

    answered: int = 0
    failed: int = 0
    first_failure: str = ""
    slowest_seconds: float = 0.0

    def add(self, seconds: float, failure: str) -> None:
        """Count one request."""
        if failure:
            self.failed += 1
            self.first_failure = self.first_failure or failure
        else:
            self.answered += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)


def _invoke(runtime: Any, endpoint: str, body: str) -> tuple[float, str]:
    started = time.monotonic()
    try:
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=body)[
            "Body"
        ].read()
    except (ClientError, BotoCoreError) as error:
        return time.monotonic() - started, str(error)
    return time.monotonic() - started, ""


def send(
    runtime: Any, endpoint: str, bodies: Sequence[str], *, progress: Callable[[int], None] = lambda _: None
) -> Answers:
    """Send every body once, two at a time; `progress` hears how many were answered."""
    answers = Answers()
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda body: _invoke(runtime, endpoint, body), bodies)
        for number, (seconds, failure) in enumerate(results, 1):
            answers.add(seconds, failure)
            if number % 100 == 0:
                progress(number)
    return answers


class Stream:
    """A client that never stops: about fifty requests a second in a thread of its own, until `stop()`."""

    def __init__(self, runtime: Any, endpoint: str, bodies: Sequence[str]) -> None:
        self.answers = Answers()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(runtime, endpoint, itertools.cycle(bodies)), daemon=True
        )
        self._thread.start()

    def _run(self, runtime: Any, endpoint: str, bodies: itertools.cycle[str]) -> None:
        while not self._stop.is_set():
            self.answers.add(*_invoke(runtime, endpoint, next(bodies)))
            self._stop.wait(_BETWEEN_SECONDS)

    def stop(self) -> Answers:
        """Stop after the request under way and return what was counted."""
        self._stop.set()
        self._thread.join(timeout=30)
        return self.answers

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
