"""What the function knows and remembers, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

#: Statuses of an execution that can still change.
UNFINISHED = frozenset({"", "Executing", "Stopping"})
#: What metadata of a model version may hold: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
_NOT_METADATA = re.compile(r"[^\w .:/=+\-@]+")
_LONGEST_METADATA = 256
_MOST_FEATURES = 20


class Outcome(StrEnum):
    """What became of a retraining."""

    OPEN = ""
    """It runs."""
    PENDING = "pending"
    """It registered a version that waits for approval."""
    PROMOTED = "promoted"
    """Its version was approved."""
    REJECTED = "rejected"
    """Its version was rejected."""
    NOTHING = "nothing"
    """It registered no version: not better, gates failed, or it broke."""


@dataclass(frozen=True)
class Evidence:
    """Why a model should be retrained.

    :ivar source: Name of the monitor or alarm.
    :ivar kind: monitor or alarm.
    :ivar seen: End of the newest window that says so, or when the alarm began; ISO, UTC.
    :ivar began: Beginning of the first of these windows.
    :ivar runs: How many runs in succession said so.
    :ivar violations: How many violations the newest one found.
    :ivar features: The worst features or metrics, worst first.
    :ivar report: URI of the newest report.
    :ivar version: ARN of the version that was watched.
    """

    source: str
    kind: str
    seen: str
    began: str
    runs: int = 1
    violations: int = 0
    features: tuple[str, ...] = ()
    report: str = ""
    version: str = ""

    def then(self, later: Evidence) -> Evidence:
        """This and a later finding of the same source; a repeated one changes nothing."""
        if later.seen <= self.seen:
            return self
        if self.version and later.version != self.version:
            return later
        return replace(later, began=self.began, runs=self.runs + 1)

    def parameters(self) -> dict[str, str]:
        """The reason, as parameters of an execution that become metadata of its version."""
        what = f"{self.violations} violations" if self.kind == "monitor" else "alarm"
        return {
            "RetrainingReason": metadata_text(f"drift: {what} of {self.source}"),
            "RetrainingMonitor": metadata_text(self.source),
            "RetrainingFeatures": metadata_text(" ".join(self.features[:_MOST_FEATURES])),
            "RetrainingWindow": metadata_text(f"{self.began}/{self.seen}"),
            "RetrainingReport": metadata_text(self.report),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Evidence:
        """From what :func:`dataclasses.asdict` made."""
        return cls(**{**document, "features": tuple(document.get("features", ()))})


def metadata_text(text: str) -> str:
    """A text that may be metadata of a version: other characters as spaces, cut, never empty."""
    return " ".join(_NOT_METADATA.sub(" ", text).split())[:_LONGEST_METADATA].strip() or "none"


@dataclass(frozen=True)
class Attempt:
    """One retraining.

    :ivar number: Counted from 1.
    :ivar token: Makes starting it twice start it once.
    :ivar started: When it was decided; ISO, UTC.
    :ivar reason: Parameters that say why.
    :ivar arn: ARN of the execution; empty between the decision and the call.
    :ivar status: Status of the execution.
    :ivar outcome: What became of it.
    :ivar version: ARN of the version that it registered.
    :ivar why: Why it failed.
    :ivar told: The last that was announced of it.
    """

    number: int
    token: str
    started: str
    reason: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""
    status: str = ""
    outcome: Outcome = Outcome.OPEN
    version: str = ""
    why: str = ""
    told: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing can become of it any more."""
        return self.outcome not in (Outcome.OPEN, Outcome.PENDING)

    @property
    def was_fruitless(self) -> bool:
        """Whether it did not help."""
        return self.outcome in (Outcome.NOTHING, Outcome.REJECTED)

    def to_json(self) -> dict[str, Any]:
        """As data."""
        return {key: value for key, value in asdict(self).items() if value not in ("", {})}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Attempt:
        """From data."""
        known = {key: value for key, value in document.items() if key in cls.__dataclass_fields__}
        return cls(**{**known, "outcome": Outcome(known.get("outcome", ""))})


@dataclass(frozen=True)
class State:
    """What is remembered besides the attempts.

    :ivar evidence: By source.
    :ivar stopped: Why nothing is started any more; empty while it is.
    :ivar forgiven: Attempts up to this number do not count against further ones.
    :ivar waits_for: What was last announced as the reason to wait.
    """

    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    stopped: str = ""
    forgiven: int = 0
    waits_for: str = ""

    def to_json(self) -> dict[str, Any]:
        """As data."""
        return {
            "evidence": {source: asdict(item) for source, item in self.evidence.items()},
            "stopped": self.stopped,
            "forgiven": self.forgiven,
            "waits_for": self.waits_for,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> State:
        """From data."""
        evidence = document.get("evidence", {})
        return cls(
            evidence={source: Evidence.from_json(item) for source, item in evidence.items()},
            stopped=str(document.get("stopped", "")),
            forgiven=int(document.get("forgiven", 0)),
            waits_for=str(document.get("waits_for", "")),
        )


def parse_time(text: str) -> datetime:
    """A time that was remembered; aware."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
