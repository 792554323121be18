"""What the page will tell in the end, as it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from examples.walkthrough.insights import Report


@dataclass(frozen=True)
class Chapter:
    """One hour of traffic and what the monitor said of it."""

    title: str
    window: datetime
    records: int
    violations: Sequence[Mapping[str, str]]
    report: str | None


@dataclass
class FeatureUse:
    """What the feature store was used for."""

    written: int = 0
    rejected: Sequence[str] = ()
    sql: str = ""
    scanned_bytes: int = 0
    auc: float = 0.0
    misled_auc: float = 0.0
    looked_up: int = 0


@dataclass
class Record:
    """All that was seen. ``answers`` are answered and failed requests by occasion."""

    chapters: list[Chapter] = field(default_factory=list)
    answers: dict[str, tuple[int, int]] = field(default_factory=dict)
    features: FeatureUse = field(default_factory=FeatureUse)
    insights: Report | None = None
