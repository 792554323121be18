"""What a loaded container looks like to the endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """An invocation as the container gets it."""

    body: bytes
    content_type: str
    accept: str
    custom_attributes: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the container answers: HTTP status, body and headers that matter."""

    body: bytes
    content_type: str
    status: int = 200
    custom_attributes: str | None = field(default=None)


class Predictor(Protocol):
    """A running model server. `predict` is called from many threads at once."""

    def predict(self, request: Request) -> Answer:
        """Answer one invocation. Errors of the model are answers with a status of 400 or more, not exceptions."""
        ...

    def close(self) -> None:
        """Stop the server and free what it holds."""
        ...


class LoadError(Exception):
    """A model that cannot be served.

    Args:
        message: for the endpoint's log.
        public: the FailureReason in DescribeEndpoint; default: that the container failed its health check.
    """

    def __init__(self, message: str, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public
