"""What is remembered of pipelines and their executions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .definition import Definition, StepDefinition

OVER = ("Succeeded", "Failed", "Stopped")


@dataclass
class Version:
    """One version of a pipeline's definition, byte for byte as it was given."""

    number: int
    text: str
    definition: Definition
    created: datetime


@dataclass
class Pipeline:
    """A pipeline with its versions, oldest first."""

    name: str
    arn: str
    account: str
    region: str
    created: datetime
    display_name: str
    description: str | None
    role: str
    parallelism: int | None
    created_by: str
    versions: list[Version] = field(default_factory=list)
    executions: dict[str, Execution] = field(default_factory=dict)
    """By ARN, oldest first."""
    tokens: dict[str, str] = field(default_factory=dict)
    """ClientRequestTokens of executions, with the execution's ARN."""
    last_run: datetime | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def latest(self) -> Version:
        """The version that executions take unless told otherwise."""
        return self.versions[-1]


@dataclass
class Step:
    """A step of an execution that has begun."""

    definition: StepDefinition
    started: datetime
    status: str = "Starting"
    ended: datetime | None = None
    reason: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    """What other steps can refer to."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Resolved."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What it has beside its arguments, resolved: FunctionArn, OutputParameters, CheckType, ..."""
    attempt: int = 1
    source: str | None = None
    """Execution whose result was taken from the cache."""
    reused: str | None = None
    """Execution whose result stands for this step, which is not among the selected ones."""
    stop: Callable[[], None] | None = None
    """Ends what it is doing."""

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.status in OVER


@dataclass
class Execution:
    """One execution. Hold `lock` to change it."""

    id: str
    arn: str
    pipeline: Pipeline
    version: Version
    created: datetime
    parameters: dict[str, Any]
    """Values by name, defaults included."""
    given: list[dict[str, str]]
    """Parameters as the call gave them."""
    role: str
    display_name: str | None
    description: str | None
    parallelism: int
    created_by: str
    selection: dict[str, Any] | None = None
    """SelectiveExecutionConfig: only some steps run."""
    selected: tuple[str, ...] = ()
    """Names of the steps that begin by themselves then."""
    status: str = "Executing"
    reason: str | None = None
    ended: datetime | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    """Steps that have begun, by name and in that order."""
    waiting: dict[str, StepDefinition] = field(default_factory=dict)
    """Steps that may begin once what they depend on is done."""
    skipped: set[str] = field(default_factory=set)
    """Steps of branches that were not taken, and what depends on them."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.status in OVER

    @property
    def failed(self) -> bool:
        """Whether a step has failed."""
        return any(step.status == "Failed" for step in self.steps.values())

    def running(self) -> list[Step]:
        """Return the steps that have begun and not ended."""
        return [step for step in self.steps.values() if not step.over]
