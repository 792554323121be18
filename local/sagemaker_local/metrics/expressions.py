"""Metric math over time series.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
Anomaly detection bands, SEARCH and Metrics Insights queries are refused by name.
"""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .math_tokens import Node, tree

Series = dict[float, float]
"""Values by the start of their period (epoch seconds); periods without a value are absent."""
Value = float | Series | list[Series] | str


@dataclass(frozen=True)
class Grid:
    """The periods that an expression is evaluated for."""

    times: Sequence[float]
    period: int


def evaluate(text: str, variables: Mapping[str, Value], grid: Grid) -> Series:
    """Return the series that an expression gives; `variables` holds the queries it may name, by id.

    Raises:
        ValueError: if the expression cannot be read, names what is not there, or does not give one series.
    """
    result = _Evaluation(text, variables, grid).value(tree(text))
    if isinstance(result, float):
        return dict.fromkeys(grid.times, result)
    if isinstance(result, dict):
        return result
    if isinstance(result, list) and len(result) == 1:
        return result[0]
    raise ValueError(f"metric math {text!r} does not give a single time series")


def names(text: str) -> set[str]:
    """Return the ids that an expression refers to."""

    def walk(node: object) -> Iterable[str]:
        if isinstance(node, tuple) and node and node[0] == "name":
            yield node[1]
        elif isinstance(node, (tuple, list)):
            for child in node:
                yield from walk(child)

    return set(walk(tree(text))) - {"REPEAT", "LINEAR"}


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _truth(test: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda left, right: float(test(left, right))


_OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": lambda left, right: float(left**right),
    "<": _truth(operator.lt),
    ">": _truth(operator.gt),
    "<=": _truth(operator.le),
    ">=": _truth(operator.ge),
    "==": _truth(operator.eq),
    "!=": _truth(operator.ne),
    "&&": lambda left, right: float(bool(left) and bool(right)),
    "||": lambda left, right: float(bool(left) or bool(right)),
}
_EACH: dict[str, Callable[[float], float | None]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
    "LOG": lambda value: math.log(value) if value > 0 else None,
    "LOG10": lambda value: math.log10(value) if value > 0 else None,
}
_COMBINE: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "STDDEV": statistics.pstdev,
}


class _Evaluation:
    def __init__(self, text: str, variables: Mapping[str, Value], grid: Grid) -> None:
        self._text = text
        self._variables = variables
        self._grid = grid

    def _refuse(self, what: str) -> ValueError:
        return ValueError(f"metric math {self._text!r}: {what}")

    def value(self, node: Node) -> Value:
        kind = node[0]
        if kind in ("number", "text"):
            return node[1]  # type: ignore[no-any-return]
        if kind == "name":
            if node[1] not in self._variables:
                raise self._refuse(f"there is no query with the id {node[1]!r}; there are {sorted(self._variables)}")
            return self._variables[node[1]]
        if kind == "list":
            return [self._series(self.value(item)) for item in node[1]]
        if kind == "negate":
            return self._pairwise(operator.sub, 0.0, self.value(node[1]))
        if kind == "call":
            return self._call(node[1], node[2])
        return self._pairwise(_OPERATORS[kind], self.value(node[1]), self.value(node[2]))

    def _series(self, value: Value) -> Series:
        if isinstance(value, float):
            return dict.fromkeys(self._grid.times, value)
        if isinstance(value, dict):
            return value
        raise self._refuse("a single time series or a number is needed")

    def _pairwise(self, function: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
        if isinstance(left, list):
            return [self._series(self._pairwise(function, item, right)) for item in left]
        if isinstance(right, list):
            return [self._series(self._pairwise(function, left, item)) for item in right]
        if isinstance(left, float) and isinstance(right, float):
            result = function(left, right)
            return result if result is not None else {}
        first, second = self._series(left), self._series(right)
        joined = ((at, function(first[at], second[at])) for at in sorted(first.keys() & second.keys()))
        return {at: result for at, result in joined if result is not None}

    def _call(self, name: str, arguments: list[Node]) -> Value:
        if name == "FILL":
            return self._fill(arguments)
        values = [self.value(argument) for argument in arguments]
        if name == "METRICS":
            wanted = values[0] if values else ""
            return [item for key, item in self._variables.items() if isinstance(item, dict) and str(wanted) in key]
        if not values:
            raise self._refuse(f"{name} needs an argument")
        if name in _EACH:
            each = _EACH[name]
            return self._map(
                values[0],
                lambda series: {at: result for at, value in series.items() if (result := each(value)) is not None},
            )
        if name in _COMBINE:
            return self._combine(_COMBINE[name], values)
        if name == "METRIC_COUNT":
            return float(len(values[0])) if isinstance(values[0], list) else 1.0
        if name == "IF":
            return self._choose(values)
        if name == "PERIOD":
            return float(self._grid.period)
        if name in ("DIFF", "RATE", "RUNNING_SUM", "DIFF_TIME"):
            return self._map(values[0], lambda series: self._steps(name, series))
        if name in ("FIRST", "LAST") and isinstance(values[0], list) and values[0]:
            return values[0][0 if name == "FIRST" else -1]
        raise self._refuse(f"{name} is not supported by the embedded CloudWatch")

    def _map(self, value: Value, function: Callable[[Series], Series]) -> Value:
        if isinstance(value, list):
            return [function(item) for item in value]
        result = function(self._series(value))
        return next(iter(result.values()), 0.0) if isinstance(value, float) else result

    def _combine(self, function: Callable[[Sequence[float]], float], values: list[Value]) -> Value:
        """One series gives a scalar, an array of series gives a series."""
        if len(values) == 1 and isinstance(values[0], dict):
            return function(list(values[0].values())) if values[0] else {}
        first = values[0]
        series = first if isinstance(first, list) and len(values) == 1 else [self._series(item) for item in values]
        times = sorted({at for item in series for at in item})
        return {at: function([item[at] for item in series if at in item]) for at in times}

    def _choose(self, values: list[Value]) -> Value:
        if len(values) not in (2, 3):
            raise self._refuse("IF needs a condition, a value and optionally another value")
        condition = self._series(values[0])
        yes, no = self._series(values[1]), self._series(values[2]) if len(values) == 3 else {}
        picked = ((at, (yes if truth else no).get(at)) for at, truth in sorted(condition.items()))
        return {at: value for at, value in picked if value is not None}

    def _fill(self, arguments: list[Node]) -> Value:
        if len(arguments) != 2:
            raise self._refuse("FILL needs a metric and a value, REPEAT or LINEAR")
        series, filler = self.value(arguments[0]), arguments[1]
        if isinstance(series, list):
            return [self._filled(item, filler) for item in series]
        return self._filled(self._series(series), filler)

    def _filled(self, series: Series, filler: Node) -> Series:
        linear = filler == ("name", "LINEAR")
        if linear or filler == ("name", "REPEAT"):
            known = sorted(series)
            result: Series = {}
            for at in self._grid.times:
                before = max((time for time in known if time <= at), default=None)
                after = min((time for time in known if time >= at), default=None)
                if before is None or (linear and after is None):
                    continue
                share = (at - before) / (after - before) if linear and after and after != before else 0.0
                result[at] = series[before] + share * (series[after] - series[before] if after is not None else 0.0)
            return result
        constant = self._series(self.value(filler))
        return {at: series.get(at, constant.get(at, 0.0)) for at in self._grid.times}

    def _steps(self, name: str, series: Series) -> Series:
        times = sorted(series)
        if name == "RUNNING_SUM":
            return {at: math.fsum(series[time] for time in times if time <= at) for at in times}
        result: Series = {}
        for earlier, at in itertools.pairwise(times):
            change, seconds = series[at] - series[earlier], at - earlier
            result[at] = {"DIFF": change, "RATE": change / seconds, "DIFF_TIME": seconds}[name]
        return result
