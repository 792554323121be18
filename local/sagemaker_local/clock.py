"""Virtual time: real seconds flow on, and tests may jump ahead without waiting.

Schedules, alarm periods, bake times and heartbeats all read this clock, so that an hour of monitoring takes a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Listener = Callable[[datetime, datetime], None]

_MINUTE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def _next_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + _MINUTE


class Clock:
    """The time of one embedded AWS, always aware and in UTC.

    A listener gets `(old, new)`. With `ticks=True` it is called once for every whole minute that passes, in order,
    while `now()` stands at that minute, however far a jump goes; without, once per jump and about once per real second.
    """

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._listeners: list[tuple[Listener, bool]] = []
        self._turn = threading.Lock()
        self._owner: int | None = None
        self._jumping = False
        self._delivered = self.now()
        self._stopping = threading.Event()
        self._pump: threading.Thread | None = None

    def now(self) -> datetime:
        """Return the virtual time, microseconds included."""
        return datetime.now(UTC) + self._offset

    @property
    def jumping(self) -> bool:
        """Whether `advance` is under way, in contrast to real seconds flowing by."""
        return self._jumping

    def on_advance(self, listener: Listener, *, ticks: bool = False, first: bool = False) -> None:
        """Call `listener` whenever time passes; in whole minutes if it asks for `ticks`.

        Listeners are called in the order in which they were added. `first` puts one before all others: for buffers that
        must be written out before anybody looks at the minute that has passed.
        """
        self._listeners.insert(0 if first else len(self._listeners), (listener, ticks))

    def advance(self, by: float | timedelta) -> datetime:
        """Jump ahead by seconds (or a timedelta), running everything that falls due on the way; return the new time.

        Raises:
            ValueError: if the jump is negative; time does not run backwards here.
            RuntimeError: if a listener tries to move the clock that is calling it.
        """
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"the clock can only move forward, not by {step.total_seconds():g} seconds")
        if self._owner == threading.get_ident():
            raise RuntimeError("a listener of the clock cannot advance it")
        with self._turn:
            self._owner = threading.get_ident()
            self._jumping = True
            try:
                self._deliver(self.now() + step)
            finally:
                self._jumping = False
                self._owner = None
        return self.now()

    def start(self) -> None:
        """Let real time drive the listeners, once a second, until `stop`."""
        if self._pump is None:
            self._stopping.clear()
            self._pump = threading.Thread(target=self._run, name="local-aws-clock", daemon=True)
            self._pump.start()

    def stop(self) -> None:
        """Stop the real-time pump; `now` and `advance` keep working."""
        self._stopping.set()
        if self._pump is not None:
            self._pump.join(timeout=5)
            self._pump = None

    def _run(self) -> None:
        while not self._stopping.wait(1.0):
            # A jump in progress delivers everything that is due by itself.
            if self._turn.acquire(blocking=False):
                self._owner = threading.get_ident()
                try:
                    self._deliver(self.now())
                finally:
                    self._owner = None
                    self._turn.release()

    def _deliver(self, target: datetime) -> None:
        start = self._delivered
        minute = _next_minute(self._delivered)
        while minute <= target:
            self._stand_at(minute)
            self._call(self._delivered, minute, ticks=True)
            self._delivered = minute
            minute = _next_minute(minute)
        self._stand_at(target)
        self._delivered = max(self._delivered, target)
        self._call(start, target, ticks=False)

    def _stand_at(self, moment: datetime) -> None:
        behind = moment - self.now()
        if behind > timedelta(0):
            self._offset += behind

    def _call(self, old: datetime, new: datetime, *, ticks: bool) -> None:
        for listener, wants_ticks in list(self._listeners):
            if wants_ticks is not ticks:
                continue
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - one failing schedule must not stop time for all others
                _log.exception("a listener of the clock failed at %s", new.isoformat())
