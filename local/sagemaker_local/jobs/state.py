"""What is remembered of a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Kind:
    """One of SageMaker's kinds of jobs."""

    name: str
    """As in the names of its operations: ProcessingJob, TrainingJob, ..."""
    resource: str
    """As in the ARN."""
    event: str
    """detail-type of its events."""
    log_group: str


PROCESSING = Kind(
    "ProcessingJob", "processing-job", "SageMaker Processing Job State Change", "/aws/sagemaker/ProcessingJobs"
)
TRAINING = Kind("TrainingJob", "training-job", "SageMaker Training Job State Change", "/aws/sagemaker/TrainingJobs")
TUNING = Kind(
    "HyperParameterTuningJob",
    "hyper-parameter-tuning-job",
    "SageMaker HyperParameter Tuning Job State Change",
    "",
)
TRANSFORM = Kind(
    "TransformJob", "transform-job", "SageMaker Transform Job State Change", "/aws/sagemaker/TransformJobs"
)


@dataclass(frozen=True)
class Outcome:
    """How a job came to its end.

    Args:
        status: Completed, Failed or Stopped.
        reason: FailureReason of a job that failed.
        message: ExitMessage, where the kind of job has one.
        details: more members of the answer to a describe call.
    """

    status: str
    reason: str | None = None
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Job:
    """A job from its creation on. Hold `lock` to change it."""

    kind: Kind
    name: str
    arn: str
    account: str
    region: str
    created: datetime
    definition: dict[str, Any]
    """The request without name and tags."""
    role: str = ""
    """The role that it acts as; empty for SageMaker itself."""
    status: str = "InProgress"
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    """What a describe call tells beside the definition."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when somebody asked it to stop."""
    cancel: Callable[[], object] = lambda: False
    """Gives up its place among the jobs that wait for their turn."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    on_end: list[Callable[[Job], None]] = field(default_factory=list)
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.status in ENDED
