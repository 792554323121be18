"""Retry policies of steps.

See https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .state import Step

_DEFAULT_ATTEMPTS = 5
_JOB_FAILURES = {
    "InternalServerError": "SageMaker.JOB_INTERNAL_ERROR",
    "CapacityError": "SageMaker.CAPACITY_ERROR",
    "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
}


def kind_of(reason: str) -> str | None:
    """Return the ExceptionType of a job's FailureReason, or None if no policy can help."""
    return next((kind for start, kind in _JOB_FAILURES.items() if reason.startswith(start)), None)


def kind_of_call(code: str, status: int) -> str | None:
    """Return the ExceptionType of a call that was refused, or None if no policy can help."""
    if code == "ResourceLimitExceeded":
        return "SageMaker.RESOURCE_LIMIT"
    if code.startswith(("Throttl", "TooManyRequests")):
        return "Step.THROTTLING"
    return "Step.SERVICE_FAULT" if status >= 500 else None


def wait_of(step: Step, kind: str | None, now: datetime) -> float | None:
    """Return how many seconds to wait before the next attempt, or None if there is none."""
    if kind is None:
        return None
    for policy in step.definition.document.get("RetryPolicies") or []:
        if kind not in _kinds(policy):
            continue
        retries = step.attempt - 1
        wait = float(policy.get("IntervalSeconds", 1)) * float(policy.get("BackoffRate", 2.0)) ** retries
        if policy.get("ExpireAfterMin") is not None:
            end = step.started + timedelta(minutes=float(policy["ExpireAfterMin"]))
            return wait if now + timedelta(seconds=wait) <= end else None
        return wait if retries < int(policy.get("MaxAttempts", _DEFAULT_ATTEMPTS)) else None
    return None


def _kinds(policy: dict[str, Any]) -> list[str]:
    kinds = policy.get("ExceptionType") or []
    return [kinds] if isinstance(kinds, str) else list(kinds)
