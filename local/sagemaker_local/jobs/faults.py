"""Failures of jobs on demand: what a pipeline does when AWS has no instance, or has a bad day."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class _Fault:
    name_contains: str
    reason: str


class Faults:
    """Jobs that are going to fail before they run."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()

    def fail_next(self, reason: str, name_contains: str = "") -> None:
        """Let the next job fail whose name contains a text.

        Args:
            reason: its FailureReason. SageMaker's begin with CapacityError, InternalServerError, ClientError,
                AlgorithmError or ResourceLimitExceeded; retry policies of pipelines look at that.
            name_contains: part of its name.
        """
        with self._lock:
            self._faults.append(_Fault(name_contains, reason))

    def take(self, name: str) -> str | None:
        """Return why a job that is about to run has to fail, or None."""
        with self._lock:
            for fault in self._faults:
                if fault.name_contains in name:
                    self._faults.remove(fault)
                    return fault.reason
        return None
