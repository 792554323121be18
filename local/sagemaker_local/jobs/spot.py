"""Interruptions of managed spot training, on demand: the instance is taken away, the job starts over."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from sagemaker_local.sagemaker.faults import invalid

from .state import Job


@dataclass(frozen=True)
class _Plan:
    name_contains: str
    line: re.Pattern[str]


class Spot:
    """Which running spot jobs are to lose their instances."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}
        self._plans: list[_Plan] = []
        self._lock = threading.Lock()

    def interrupt(self, name: str) -> None:
        """Take the instances of a running spot training job away now.

        Raises:
            AwsError: if no spot training job of this name is running.
        """
        with self._lock:
            event = self._running.get(name)
        if event is None:
            raise invalid(f"{name} is no running training job with EnableManagedSpotTraining; nothing was interrupted")
        event.set()

    def interrupt_when(self, line: str, name_contains: str = "") -> None:
        """Take the instances away, once, from the first spot job that writes a line that a regular expression finds.

        Args:
            line: regular expression for a line of the job's log.
            name_contains: part of the names of the jobs that are meant.

        Raises:
            AwsError: if the expression is not valid.
        """
        try:
            expression = re.compile(line)
        except re.error as error:
            raise invalid(f"{line} is not a regular expression: {error}") from error
        with self._lock:
            self._plans.append(_Plan(name_contains, expression))

    def begin(self, job: Job) -> threading.Event:
        """Return what tells a job that its instances are taken away."""
        event = threading.Event()
        if job.definition.get("EnableManagedSpotTraining"):
            with self._lock:
                self._running[job.name] = event
        return event

    def read(self, job: Job, line: str) -> None:
        """Look whether a line is one that an interruption waits for."""
        with self._lock:
            event = self._running.get(job.name)
            if event is None:
                return
            for plan in self._plans:
                if plan.name_contains in job.name and plan.line.search(line):
                    self._plans.remove(plan)
                    event.set()
                    return

    def end(self, job: Job) -> None:
        """The job does not run any more."""
        with self._lock:
            self._running.pop(job.name, None)
