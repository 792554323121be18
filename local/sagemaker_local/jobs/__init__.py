"""The embedded SageMaker's jobs: processes of this machine with SageMaker's folders, environment and role.

It extends the embedded SageMaker, which must be installed as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from . import processing, training
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
    from sagemaker_local import sagemaker

    try:
        jobs = Jobs(aws, sagemaker.of(aws))
    except KeyError:
        raise RuntimeError('the feature "jobs" needs "sagemaker" installed before it') from None
    _services[aws] = jobs
    aws.extensions["jobs"] = jobs
    processing.install(jobs)
    training.install(jobs)
    aws.clock.on_advance(lambda old, new: jobs.settle(), ticks=True)
    aws.clock.on_advance(lambda old, new: jobs.settle())
    aws.on_stop(jobs.stop)


def of(aws: LocalAws) -> Jobs:
    """Return the jobs of an embedded AWS: its options.

    Raises:
        KeyError: if the feature is not installed.
    """
    return _services[aws]
