"""The conditions of condition steps."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


class Undecidable(Exception):
    """A condition that compares what cannot be compared."""


def holds(condition: dict[str, Any]) -> bool:
    """Return whether a condition, its references resolved, is true.

    Raises:
        Undecidable: if its operator is unknown or its values do not fit.
    """
    kind = condition.get("Type")
    if kind in _COMPARISONS:
        left, right = _alike(condition.get("LeftValue"), condition.get("RightValue"))
        try:
            return bool(_COMPARISONS[str(kind)](left, right))
        except TypeError as error:
            raise Undecidable(f"{kind} cannot compare {left!r} with {right!r}") from error
    if kind == "In":
        wanted = condition["QueryValue"] if "QueryValue" in condition else condition.get("Value")
        values = condition["Values"] if "Values" in condition else condition.get("In", [])
        return any(one == other for one, other in (_alike(wanted, value) for value in values))
    if kind == "Not":
        return not holds(condition.get("Expression") or condition.get("Condition") or {})
    if kind == "Or":
        return any(holds(item) for item in condition.get("Conditions") or [])
    allowed = ", ".join([*_COMPARISONS, "In", "Not", "Or"])
    raise Undecidable(f"{kind!r} is no type of condition; there are {allowed}")


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return both values as numbers if one of them is a number and the other its text."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (int, float)) and not isinstance(one, bool) and isinstance(other, str):
            try:
                return float(left), float(right)
            except ValueError:
                return left, right
    return left, right
