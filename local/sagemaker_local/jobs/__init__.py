"""The embedded SageMaker's jobs: processes of this machine with SageMaker's folders, environment and role.

It extends the embedded SageMaker, which must be installed as well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sagemaker_local import sagemaker

from . import processing, training, transform, tuning
from .service import Jobs, Options

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

__all__ = ["Jobs", "Options", "install", "of"]

_services: WeakKeyDictionary[LocalAws, Jobs] = WeakKeyDictionary()


def install(aws: LocalAws) -> None:
    """Run jobs in an embedded AWS that has SageMaker.

    Raises:
        RuntimeError: if the feature `sagemaker` is not installed before.
    """
    try:
        jobs = Jobs(aws, sagemaker.of(aws))
    except KeyError:
        raise RuntimeError('the feature "jobs" needs "sagemaker" installed before it') from None
    _services[aws] = jobs
    aws.extensions["jobs"] = jobs
    processing.install(jobs)
    transform.install(jobs)
    tuning.install(jobs, training.install(jobs))
    aws.front.local("jobs/fail", lambda method, body, query: _fail_next(jobs, body))
    aws.clock.on_advance(lambda old, new: jobs.settle(), ticks=True)
    aws.clock.on_advance(lambda old, new: jobs.settle())
    aws.on_stop(jobs.stop)


def _fail_next(jobs: Jobs, body: bytes) -> dict[str, str]:
    """POST /_local/jobs/fail: let the next job fail whose name contains a text."""
    try:
        wanted = json.loads(body or b"{}")
        reason, part = str(wanted["reason"]), str(wanted.get("name_contains", ""))
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            'POST /_local/jobs/fail wants {"reason": "CapacityError: ...", "name_contains": "<part of a job\'s name>"}'
        ) from error
    jobs.faults.fail_next(reason, part)
    return {"fails": f"the next job whose name contains {part!r}"}


def of(aws: LocalAws) -> Jobs:
    """Return the jobs of an embedded AWS: its options.

    Raises:
        KeyError: if the feature is not installed.
    """
    return _services[aws]
