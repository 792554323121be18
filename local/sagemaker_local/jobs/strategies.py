"""How tuning jobs choose hyperparameters.

Random: independent draws. Grid: every combination of choices. Hyperband: random draws, of which training jobs that lag
behind are stopped (`early_stopping.py`). Bayesian: a Gaussian process with a Matern 5/2 kernel over the results so far
and the candidate of the largest expected improvement; a batch is made of one candidate after another, each believed to
turn out as predicted (Ginsbourger et al., "Kriging is well-suited to parallelize optimization").

SageMaker's own choices are not public. All strategies here depend on the seed and the results alone, not on the order
in which parallel jobs end.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .search_space import Space, Values

_CANDIDATES = 512
_LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
_NOISES = (1e-6, 1e-3, 1e-1)
_MOST_REDRAWS = 200
Matrix = NDArray[np.float64]


@dataclass
class Trial:
    """A training job of a tuning job, as its strategy sees it."""

    point: list[float]
    values: Values
    loss: float | None = None
    """The objective, lower is better; None while it runs or if it has none."""


class Strategy(Protocol):
    """Chooses hyperparameters."""

    batch: bool
    """Whether it wants the results of a whole round before the next one."""

    def ask(self, count: int, trials: list[Trial]) -> list[Trial]:
        """Return up to `count` new trials, fewer if there is nothing left to try."""
        ...


class RandomSearch:
    """Draws uniformly from the ranges, never the same values twice if there are others."""

    batch = False

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._random = random.Random(seed)  # noqa: S311 - reproducible draws, no secrets

    def ask(self, count: int, trials: list[Trial]) -> list[Trial]:
        """Return new draws."""
        known = [trial.values for trial in trials]
        drawn: list[Trial] = []
        for _ in range(count):
            for _ in range(_MOST_REDRAWS):
                point = [self._random.random() for _ in range(self._space.size)]
                values = self._space.values(point)
                if values not in known:
                    break
            known.append(values)
            drawn.append(Trial(point, values))
        return drawn


class GridSearch:
    """Every combination, in order."""

    batch = False

    def __init__(self, space: Space) -> None:
        self._left = list(space.grid())

    def ask(self, count: int, trials: list[Trial]) -> list[Trial]:
        """Return the next combinations."""
        taken, self._left = self._left[:count], self._left[count:]
        return [Trial([], values) for values in taken]


class Bayesian:
    """A Gaussian process over the results so far."""

    batch = True

    def __init__(self, space: Space, seed: int, total: int) -> None:
        self._space = space
        self._draws = RandomSearch(space, seed)
        self._random = random.Random(seed + 1)  # noqa: S311
        self._first = max(2, min(2 * space.size, total // 3))

    def ask(self, count: int, trials: list[Trial]) -> list[Trial]:
        """Return the most promising candidates, random ones to begin with."""
        done = [trial for trial in trials if trial.loss is not None]
        if len(trials) < self._first or len(done) < 2:
            return self._draws.ask(min(count, max(1, self._first - len(trials))), trials)
        rows = np.array([self._space.features(list(trial.point)) for trial in done])
        losses = np.array([trial.loss for trial in done], dtype=float)
        scale = float(losses.std()) or 1.0
        targets = (losses - losses.mean()) / scale
        length, noise = _best_kernel(rows, targets)
        chosen: list[Trial] = []
        for _ in range(count):
            candidates = self._candidates(trials + chosen, done)
            if not candidates:
                break
            features = np.array([self._space.features(list(trial.point)) for trial in candidates])
            mean, deviation = _predict(rows, targets, features, length, noise)
            best = int(np.argmax(_expected_improvement(mean, deviation, float(targets.min()))))
            chosen.append(candidates[best])
            rows = np.vstack([rows, features[best]])
            targets = np.append(targets, mean[best])
        return chosen

    def _candidates(self, known: list[Trial], done: list[Trial]) -> list[Trial]:
        """Return new points: all over the space, and around the best one."""
        best = min(done, key=lambda trial: trial.loss if trial.loss is not None else math.inf).point
        found: list[Trial] = []
        seen = [trial.values for trial in known]
        for number in range(_CANDIDATES):
            if number % 4:
                point = [self._random.random() for _ in range(self._space.size)]
            else:
                point = [min(max(x + self._random.gauss(0, 0.1), 0.0), 1.0) for x in best]
            values = self._space.values(point)
            if values not in seen:
                found.append(Trial(point, values))
        return found


def strategy(config: dict[str, Any], space: Space, seed: int, total: int) -> Strategy:
    """Return the strategy of a tuning job."""
    if config["Strategy"] == "Grid":
        return GridSearch(space)
    if config["Strategy"] == "Bayesian":
        return Bayesian(space, seed, total)
    return RandomSearch(space, seed)


def _kernel(left: Matrix, right: Matrix, length: float) -> Matrix:
    distance = np.sqrt(((left[:, None, :] - right[None, :, :]) ** 2).sum(-1)) * math.sqrt(5) / length
    result: Matrix = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return result


def _best_kernel(rows: Matrix, targets: Matrix) -> tuple[float, float]:
    """Return length scale and noise of the largest marginal likelihood."""

    def likelihood(length: float, noise: float) -> float:
        lower = np.linalg.cholesky(_kernel(rows, rows, length) + (noise + 1e-9) * np.eye(len(rows)))
        solved = np.linalg.solve(lower, targets)
        return float(-0.5 * solved @ solved - np.log(np.diag(lower)).sum())

    return max(((length, noise) for length in _LENGTHS for noise in _NOISES), key=lambda pair: likelihood(*pair))


def _predict(rows: Matrix, targets: Matrix, at: Matrix, length: float, noise: float) -> tuple[Matrix, Matrix]:
    lower = np.linalg.cholesky(_kernel(rows, rows, length) + (noise + 1e-9) * np.eye(len(rows)))
    across = np.linalg.solve(lower, _kernel(rows, at, length))
    mean = across.T @ np.linalg.solve(lower, targets)
    variance = np.maximum(1.0 - (across**2).sum(0), 1e-12)
    return mean, np.sqrt(variance)


def _expected_improvement(mean: Matrix, deviation: Matrix, best: float) -> Matrix:
    z = (best - mean) / deviation
    below = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    result: Matrix = (best - mean) * below + deviation * density
    return result
