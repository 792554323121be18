"""When every schedule runs next, so that each due run happens once and in order, however far the clock jumps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .expressions import Expression


@dataclass(frozen=True)
class Plan:
    """A schedule as it is now. Another `fingerprint` under the same `arn` starts it over."""

    arn: str
    fingerprint: str
    expression: Callable[[datetime], Expression]
    """Gives the expression for the moment that a rate counts from."""
    run: Callable[[datetime], None]
    first: datetime | None = None
    """No run before this moment."""
    last: datetime | None = None
    """No run after this moment."""


@dataclass
class _Entry:
    plan: Plan
    expression: Expression
    upcoming: datetime | None


class Agenda:
    """The schedules of one embedded AWS and how far each has come."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def keep(self, plans: Iterable[Plan], now: datetime) -> None:
        """Take over the schedules that exist now; unchanged ones keep their place, the others begin at `now`."""
        with self._lock:
            before, self._entries = self._entries, {}
            for plan in plans:
                known = before.get(plan.arn)
                if known is not None and known.plan.fingerprint == plan.fingerprint:
                    known.plan = plan
                    self._entries[plan.arn] = known
                else:
                    expression = plan.expression(max(plan.first or now, now))
                    upcoming = _next(plan, expression, now - timedelta(microseconds=1))
                    self._entries[plan.arn] = _Entry(plan, expression, upcoming)

    def upcoming(self, arn: str) -> datetime | None:
        """Return the next run of a schedule; None if there is none."""
        with self._lock:
            entry = self._entries.get(arn)
            return None if entry is None else entry.upcoming

    def run_due(self, now: datetime) -> int:
        """Run everything that is due at `now`, oldest first; return how many runs there were."""
        runs = 0
        while True:
            with self._lock:
                due = [
                    (entry.upcoming, arn)
                    for arn, entry in self._entries.items()
                    if entry.upcoming is not None and entry.upcoming <= now
                ]
                if not due:
                    return runs
                moment, arn = min(due)
                entry = self._entries[arn]
                entry.upcoming = _next(entry.plan, entry.expression, moment)
            entry.plan.run(moment)
            runs += 1


def _next(plan: Plan, expression: Expression, after: datetime) -> datetime | None:
    if plan.first is not None:
        after = max(after, plan.first - timedelta(microseconds=1))
    moment = expression.next_after(after)
    return None if moment is not None and plan.last is not None and moment > plan.last else moment
