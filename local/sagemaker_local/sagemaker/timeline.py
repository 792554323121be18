"""Things that take virtual time: processes that wait for seconds of the clock or for work in another thread.

A process is a generator. It yields a number (seconds of virtual time to wait) or a Future (to wait for, in real time),
so that a rollout reads from top to bottom. While the clock jumps, it waits for such work at every minute: a model that
needs a real second to load takes no longer in virtual time because an hour was skipped meanwhile.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Generator
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from sagemaker_local.clock import Clock

Process = Generator["float | Future[Any]", None, None]

_SETTLE_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Timeline:
    """Runs processes on a clock. Steps of all processes run one after another, never at once.

    Args:
        clock: the virtual clock.
        name: of its thread.
        settle_seconds: real seconds that a jump of the clock waits for work, once for what takes longer.
    """

    def __init__(self, clock: Clock, name: str = "sagemaker-timeline", settle_seconds: float = _SETTLE_SECONDS) -> None:
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._turn = threading.RLock()
        self._due: list[tuple[datetime, int, Process]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._working = 0
        self._given_up = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def start(self, process: Process) -> None:
        """Run a process from its first step, in another thread."""
        self._at(self._clock.now(), process)

    def run_due(self) -> None:
        """Run whatever is due by now, after the work that processes wait for has ended, or has taken too long."""
        self._settle()
        while (process := self._next_due()) is not None:
            self._step(process)
            self._settle()

    def has_due(self) -> bool:
        """Whether something is due by now, or being done."""
        with self._changed:
            due = bool(self._due) and self._due[0][0] <= self._clock.now()
            return (due or self._working > self._given_up) and not self._stopped

    def stop(self) -> None:
        """Run nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                wait = self._seconds_to_next()
                if wait > 0:
                    # The clock may jump meanwhile, which runs what falls due by itself.
                    self._changed.wait(timeout=min(wait, 1.0))
                    continue
            process = self._next_due()
            if process is not None:
                self._step(process)

    def _seconds_to_next(self) -> float:
        return (self._due[0][0] - self._clock.now()).total_seconds() if self._due else 1.0

    def _at(self, due: datetime, process: Process) -> None:
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), process))
            self._changed.notify_all()

    def _next_due(self) -> Process | None:
        with self._changed:
            if self._stopped or not self._due or self._due[0][0] > self._clock.now():
                return None
            # Counted as work until its step has ended, so that a jump of the clock waits for it.
            self._working += 1
            return heapq.heappop(self._due)[2]

    def _step(self, process: Process) -> None:
        try:
            with self._turn:
                try:
                    wait = next(process)
                except StopIteration:
                    return
                except Exception:  # noqa: BLE001 - the processes of other endpoints must go on
                    _log.exception("a process of SageMaker failed")
                    return
            if isinstance(wait, Future):
                with self._changed:
                    self._working += 1
                wait.add_done_callback(lambda _: self._resume(process))
            else:
                self._at(self._clock.now() + timedelta(seconds=wait), process)
        finally:
            self._ended()

    def _resume(self, process: Process) -> None:
        self._at(self._clock.now(), process)
        self._ended()

    def _ended(self) -> None:
        with self._changed:
            self._working -= 1
            self._given_up = min(self._given_up, self._working)
            self._changed.notify_all()

    def _settle(self) -> None:
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._working <= self._given_up or self._stopped, timeout=self._settle_seconds
            ):
                # A process that hangs must not hold up every minute of a long jump.
                _log.warning("work is still going on after %g s", self._settle_seconds)
                self._given_up = self._working
