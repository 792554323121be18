"""boto3 clients with bounded waits and retries, and readers of their errors."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Standard mode retries throttling, transient and 5xx errors with jittered backoff. The read timeout stays well below
# a function's own timeout, so that a hanging connection becomes a retry and not a killed invocation.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="cdk-sagemaker-mlops",
)
_TRANSIENT = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "RequestThrottled",
        "RequestThrottledException",
        "LimitExceededException",
        "InternalFailure",
        "ServiceUnavailable",
    }
)


@lru_cache(maxsize=32)
def client(service: str) -> Any:
    """The client of ``service`` for this execution environment; made once, because making one costs 30-100 ms."""
    return boto3.client(service, config=_CONFIG)


def error_code(error: ClientError) -> str:
    """The service's error code, for example ``ValidationError``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_text(error: ClientError) -> str:
    """The service's sentence, without boto3's preamble."""
    return str(error.response.get("Error", {}).get("Message", "")) or str(error)


def is_transient(error: ClientError) -> bool:
    """Whether the call was refused for now and may be repeated unchanged."""
    return error_code(error) in _TRANSIENT


def says(error: ClientError, *phrases: str) -> bool:
    """Whether the service's sentence contains one of the phrases, in any case.

    SageMaker and CloudFormation report most conditions under the one code ValidationException or ValidationError, so
    that the sentence is all that tells them apart.
    """
    text = error_text(error).lower()
    return any(phrase.lower() in text for phrase in phrases)
