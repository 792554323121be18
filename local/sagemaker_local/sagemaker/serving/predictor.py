"""What a loaded container looks like to the endpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """An invocation as the container gets it."""

    body: bytes
    content_type: str
    accept: str
    custom_attributes: str | None = None
    target_model: str | None = None
    """Archive below the prefix of a multi-model container."""
    target_container: str | None = None
    """Host name of one of several containers that are invoked directly."""


@dataclass(frozen=True)
class Loading:
    """How a multi-model container got at the model that a request is for."""

    hit: bool
    wait_microseconds: float = 0.0
    download_microseconds: float = 0.0
    load_microseconds: float = 0.0
    unload_microseconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the container answers: HTTP status, body and headers that matter."""

    body: bytes
    content_type: str
    status: int = 200
    custom_attributes: str | None = None
    loading: Loading | None = None

    def after(self, loading: Loading) -> Answer:
        """Return the same answer with what came before it."""
        return replace(self, loading=loading)


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


class TargetError(Exception):
    """A request that names no model or container that is there.

    Args:
        message: the end of SageMaker's sentence about the request, or with `whole` the whole of it.
    """

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message)
        self.whole = whole
