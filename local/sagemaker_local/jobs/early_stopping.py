"""Stopping training jobs of a tuning job that lag behind.

Auto: the median rule that SageMaker documents (after Golovin et al., "Google Vizier"): a job whose latest value is
worse than the median of the running averages of earlier jobs at the same point is stopped.
Hyperband: successive halving without waiting (Li et al., "A System for Massively Parallel Hyperparameter Tuning"): at
the resources min, 3 min, 9 min, ... a job goes on only if it is among the best third of those that have got there.
"""

from __future__ import annotations

import statistics
import threading
from typing import Any, Protocol

_FEWEST_OTHERS = 3
_FACTOR = 3


class Rule(Protocol):
    """Decides whether a job has to stop."""

    def lags(self, name: str, loss: float, count: int) -> bool:
        """Take in the `count`-th value (lower is better) of a job, and return whether it shall stop."""
        ...


class Never:
    """No early stopping."""

    def lags(self, name: str, loss: float, count: int) -> bool:
        """Never."""
        return False


class Median:
    """The median rule."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def lags(self, name: str, loss: float, count: int) -> bool:
        """Compare with the jobs that have got this far."""
        with self._lock:
            self._values.setdefault(name, []).append(loss)
            others = [
                statistics.fmean(values[:count])
                for other, values in self._values.items()
                if other != name and len(values) >= count
            ]
        return count > 1 and len(others) >= _FEWEST_OTHERS and loss > statistics.median(others)


class Halving:
    """Successive halving.

    Args:
        least: values after which a job is looked at for the first time.
        most: values after which it is left alone.
    """

    def __init__(self, least: int, most: int) -> None:
        self._rungs: dict[int, list[float]] = {}
        resource = max(1, least)
        while resource < most:
            self._rungs[resource] = []
            resource *= _FACTOR
        self._lock = threading.Lock()

    def lags(self, name: str, loss: float, count: int) -> bool:
        """Compare with the jobs that have got to the same rung."""
        with self._lock:
            rung = self._rungs.get(count)
            if rung is None:
                return False
            rung.append(loss)
            better = sum(other < loss for other in rung)
            return len(rung) >= _FACTOR and better >= max(1, len(rung) // _FACTOR)


def rule(config: dict[str, Any]) -> Rule:
    """Return the rule of a tuning job."""
    if config["Strategy"] == "Hyperband":
        settings = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
        return Halving(int(settings.get("MinResource", 1)), int(settings.get("MaxResource", 81)))
    return Median() if config.get("TrainingJobEarlyStoppingType") == "Auto" else Never()
