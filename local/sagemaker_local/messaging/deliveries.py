"""Work that AWS does after a call has been answered, and waiting until all of it is done.

Deliveries run on daemon threads. Work that is due later waits on the clock of the embedded AWS, so moving it runs them.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

_WORKERS = 16
_SETTLE_SECONDS = 60.0
_log = logging.getLogger(__name__)
_Task = Callable[[], object]


class Deliveries:
    """The background work of one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._outstanding = 0
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._later: list[tuple[datetime, int, _Task]] = []
        self._order = itertools.count()
        self._probes: list[Callable[[], bool]] = []
        self._stopped = False
        aws.clock.on_advance(lambda old, new: self._run_due(new), ticks=True)
        aws.clock.on_advance(lambda old, new: self._run_due(new))
        aws.on_stop(self.stop)

    def submit(self, task: _Task) -> None:
        """Run `task` soon. Its exceptions are logged."""
        with self._changed:
            if self._stopped:
                return
            self._outstanding += 1
            if len(self._threads) < min(self._outstanding, _WORKERS):
                thread = threading.Thread(target=self._work, name=f"delivery-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._tasks.put(task)

    def later(self, delay: timedelta, task: _Task) -> None:
        """Run `task` once `delay` has passed on the clock."""
        with self._changed:
            heapq.heappush(self._later, (self._aws.clock.now() + delay, next(self._order), task))

    def also_pending(self, probe: Callable[[], bool]) -> None:
        """Count work that waits elsewhere: nothing is settled while `probe()` is true."""
        self._probes.append(probe)

    def settle(self, timeout: float = _SETTLE_SECONDS) -> bool:
        """Wait until all that is due has been done, including what that caused; False after `timeout` real seconds."""
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                if self._stopped:
                    return True
                if self._outstanding == 0 and not any(probe() for probe in self._probes):
                    return True
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                self._changed.wait(min(remaining, 0.05))

    def settle_if_jumping(self) -> None:
        """Settle if the clock is being moved, so that each moment is over before the next one begins."""
        if self._aws.clock.jumping and not self.settle():
            _log.warning("work is still going on after %g s at %s", _SETTLE_SECONDS, self._aws.clock.now().isoformat())

    def stop(self) -> None:
        """Drop what has not begun."""
        with self._changed:
            self._stopped = True
            self._later.clear()
            self._changed.notify_all()
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                if not self._stopped:
                    task()
            except Exception:  # noqa: BLE001 - one failing delivery must not end the others
                if not self._stopped:
                    _log.exception("a delivery failed")
            finally:
                with self._changed:
                    self._outstanding -= 1
                    self._changed.notify_all()

    def _run_due(self, moment: datetime) -> None:
        while True:
            with self._changed:
                if not self._later or self._later[0][0] > moment:
                    return
                _, _, task = heapq.heappop(self._later)
            self.submit(task)
            self.settle_if_jumping()


_deliveries: WeakKeyDictionary[LocalAws, Deliveries] = WeakKeyDictionary()


def of(aws: LocalAws) -> Deliveries:
    """Return the deliveries of an embedded AWS, made at first use after each start."""
    found = _deliveries.get(aws)
    if found is None or found._stopped:
        found = _deliveries[aws] = Deliveries(aws)
    return found
