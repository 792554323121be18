"""What takes the place of a step: a failure on demand, or a stand-in for a service that is not here.

A pipeline with steps that the embedded AWS cannot run (EMR, Autopilot, ...) runs as a whole if somebody says what these
steps would have answered.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes a step's properties, to which other steps can refer, of its resolved arguments."""


class Substitutes:
    """Failures and stand-ins, by the names of steps."""

    def __init__(self) -> None:
        self._failures: dict[str, list[str]] = {}
        self._stand_ins: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def fail_next(self, step: str, reason: str) -> None:
        """Let a step fail when its turn comes, once.

        Args:
            step: its name.
            reason: its FailureReason; see `Faults.fail_next` of the jobs for what retry policies look at.
        """
        with self._lock:
            self._failures.setdefault(step, []).append(reason)

    def stand_in(self, step: str, answer: Answer | dict[str, Any]) -> None:
        """Answer for a step from now on, in place of running it.

        Args:
            step: its name, or a type of steps, such as `EMR`.
            answer: its properties, or what makes them of its arguments.
        """
        made = answer if callable(answer) else lambda arguments: dict(answer)
        with self._lock:
            self._stand_ins[step] = made

    def dismiss(self, step: str) -> None:
        """Run a step again, or all of a type, that a stand-in has answered for."""
        with self._lock:
            self._stand_ins.pop(step, None)

    def failure(self, step: str) -> str | None:
        """Return why a step has to fail now, or None."""
        with self._lock:
            waiting = self._failures.get(step)
            return waiting.pop(0) if waiting else None

    def answer(self, step: str, kind: str) -> Answer | None:
        """Return what answers for a step, or None."""
        with self._lock:
            return self._stand_ins.get(step) or self._stand_ins.get(kind)

    def over_http(self, method: str, body: bytes, query: dict[str, str]) -> dict[str, str]:
        """POST /_local/pipelines/step: either of both.

        Raises:
            ValueError: if it wants neither.
        """
        try:
            wanted = json.loads(body or b"{}")
            if "reason" in wanted:
                self.fail_next(wanted["step"], wanted["reason"])
                return {"fails": f"the next attempt of {wanted['step']}"}
            self.stand_in(wanted["step"], dict(wanted["properties"]))
            return {"answers": f"for {wanted['step']}"}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                'POST /_local/pipelines/step wants {"step": "<name>", "reason": "<text>"} or '
                '{"step": "<name or type>", "properties": {...}}'
            ) from error
