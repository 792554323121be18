"""What every kind of step needs: its execution, clients of the execution's role, and a way to end."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.pipelines import retries
from sagemaker_local.pipelines.service import Pipelines
from sagemaker_local.pipelines.state import Execution, Step

_ALPHABET = string.ascii_letters + string.digits
_LONGEST_NAME = 63


class Halt(Exception):
    """A step cannot go on; the message is its FailureReason."""


class Runner(Protocol):
    """Who runs executions, as far as a step has to do with it."""

    callbacks: dict[str, Run]
    """Callback steps that wait, by token."""

    def guard(self, run: Run, action: Callable[[], None]) -> None:
        """Do something for a step; whatever goes wrong is the step's failure."""

    def choose(self, execution: Execution, step: Step, outcome: bool) -> None:
        """Take one branch of a condition."""

    def ended(self, execution: Execution, step: Step, status: str, reason: str | None, kind: str | None) -> None:
        """Note the end of a step's attempt."""


class Run:
    """One attempt of a step.

    Args:
        pipelines: the pipelines of the embedded AWS.
        engine: told about the end.
        execution: whose step it is.
        step: the step.
    """

    def __init__(self, pipelines: Pipelines, engine: Runner, execution: Execution, step: Step) -> None:
        self.pipelines = pipelines
        self.engine = engine
        self.execution = execution
        self.step = step

    @property
    def stopping(self) -> bool:
        """Whether the execution is being stopped."""
        return self.execution.status == "Stopping"

    def client(self, service: str) -> Any:
        """Return a client that acts as the execution's role."""
        return self.pipelines.client(self.execution, service)

    def name(self, longest: int = _LONGEST_NAME) -> str:
        """Return a new name for what the step makes, with the execution's id and the step's name in it."""
        step = re.sub(r"[^A-Za-z0-9]+", "-", self.step.definition.name).strip("-")
        unique = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        prefix = f"pipelines-{self.execution.id}" if longest >= _LONGEST_NAME else self.execution.id
        room = longest - len(prefix) - len(unique) - 2
        return f"{prefix}-{step[:room].strip('-')}-{unique}"

    def executing(self, metadata: dict[str, Any], stop: Callable[[], None] | None = None) -> None:
        """Say what the step is doing, and how to stop that."""
        with self.execution.lock:
            self.step.metadata = metadata
            self.step.stop = stop
            if self.step.status == "Starting":
                self.step.status = "Executing"
                self.pipelines.tell_step(self.execution, self.step, "Starting")

    def succeed(self, properties: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        """End well; `properties` is what other steps can refer to."""
        with self.execution.lock:
            self.step.properties = properties
            if metadata is not None:
                self.step.metadata = metadata
        self.engine.ended(self.execution, self.step, "Succeeded", None, None)

    def fail(self, reason: str, kind: str | None = None) -> None:
        """End badly; `kind` is the ExceptionType that a retry policy may name."""
        self.engine.ended(self.execution, self.step, "Failed", reason, kind)

    def stopped(self) -> None:
        """End because the execution is being stopped."""
        self.engine.ended(self.execution, self.step, "Stopped", None, None)


def call_failed(error: Exception) -> tuple[str, str | None]:
    """Return FailureReason and ExceptionType for a call that did not succeed."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
        text = f"ClientError: Failed to invoke {error.operation_name}. Error Details: {details.get('Message', error)}"
        return text, retries.kind_of_call(str(details.get("Code", "")), status)
    if isinstance(error, AwsError):
        return f"ClientError: {error.message}", retries.kind_of_call(error.code, error.status)
    return f"ClientError: {error}", None
