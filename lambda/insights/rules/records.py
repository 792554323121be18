"""Rules about whole records that the model is asked about: repeated ones, and features that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insights.facts import ModelFacts
from insights.recommendation import Confidence, Recommendation

from .table import Rule

_FEWEST_ROWS = 100
_EXCESS = 0.05
_ERRORS = 3
_DOMINATES = 0.1
_OTHERS_DIFFER = 0.9
_FARTHEST = 3
_FAILED = 0.001
#: What endpoints answer, under the names that readers give it: no features.
_ANSWERS = frozenset({"prediction", "probability"})


def repeated_requests(facts: ModelFacts) -> Iterator[Recommendation]:
    """One record makes up much of the traffic, or requests repeat as independent ones would not."""
    records = _records(facts)
    repeated = records.get("repeated") or {}
    rows, share = int(records.get("rows", 0)), float(repeated.get("share", 0.0))
    if rows < _FEWEST_ROWS:
        return
    expected, most, times = repeated["expected_share"], int(repeated["most_frequent"]), repeated.get("piled_up_at")
    excess = share - (expected or 0.0) > _EXCESS + _ERRORS * float(repeated["standard_error"])
    others = rows - most
    # Without a baseline it is not known how often ordinary records repeat; one among others that hardly do is none.
    alone = expected is not None or not others or (rows - int(repeated["rows"]) - 1) / others >= _OTHERS_DIFFER
    stuck = most >= _DOMINATES * rows and alone
    if not excess or not (stuck or times):
        return
    failed = facts.endpoint.server_errors.total / max(facts.endpoint.invocations.total, 1)
    yield Recommendation(
        "repeated-requests",
        f"One record makes up {most / rows:.0%} of the requests"
        if stuck
        else f"{share:.0%} of the requests repeat an earlier one",
        "watch" if stuck else "note",
        _confidence(rows, expected, records, repeated),
        (
            f"latest run: {int(repeated['rows']):,} of {rows:,} records equal an earlier one in every column"
            + ("" if repeated["exact"] else f", estimated to {_ERRORS * repeated['standard_error']:.1%}"),
            f"the most frequent record came {most:,} times",
            *((f"more records came {times} times than independent requests would give",) if times else ()),
            "records like the baseline's would repeat in " + f"{expected:.1%} of so many requests"
            if expected is not None
            else "the baseline does not say how often such records repeat",
            *((f"{failed:.1%} of the requests failed, after which clients try again",) if failed > _FAILED else ()),
        ),
        "Find out who sends it: a health check, a feed that stands still, a load test. It bends every statistic of "
        "this monitor; keep it away from the endpoint, or out of the capture."
        if stuck
        else "See whether a client retries or a queue delivers twice; if the same question is asked on purpose, an "
        "answer can be kept for a while, which costs less than asking again.",
    )


def _confidence(
    rows: int, expected: float | None, records: Mapping[str, Any], repeated: Mapping[str, Any]
) -> Confidence:
    """How sure it is: expectations for many times the rows of the baseline are extrapolated far."""
    known = int(records.get("baseline_rows") or 0)
    return "high" if expected is not None and repeated["exact"] and rows <= _FARTHEST * known else "medium"


def redundant_features(facts: ModelFacts) -> Iterator[Recommendation]:
    """Two features say the same: near-perfectly correlated, or each value of one goes with one of the other."""
    records = _records(facts)
    features = frozenset(facts.importance) & {*records.get("columns", ())}
    lines, seen = [], set()
    for pair in records.get("redundant", ()):
        names = pair["columns"]
        # Where it is known what the features are, answers and what only passes through are left out.
        if _ANSWERS & {*names} or (features and not features >= {*names}):
            continue
        seen |= {*names}
        how = (
            f"rank correlation {pair['value']:.3f}"
            if pair["kind"] == "correlated"
            else "each value goes with one value"
        )
        lines.append(f"{names[0]} and {names[1]}: {how}, in {pair['rows']:,} sampled records")
    if lines:
        yield Recommendation(
            "redundant-features",
            f"{len(seen)} features repeat each other",
            "note",
            "high",
            tuple(lines[:5]),
            "Train without one of each pair and compare: the model gets simpler, importance is no longer split between "
            "them, and there is one source less to break.",
        )


def _records(facts: ModelFacts) -> Mapping[str, Any]:
    monitor = facts.monitor("DataQuality")
    return monitor.records if monitor else {}


RULES = (
    Rule("repeated-requests", repeated_requests),
    Rule("redundant-features", redundant_features),
)
