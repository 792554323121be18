"""The embedded SageMaker's pipelines: definitions run as they are deployed, their steps as jobs of this machine.

It extends the jobs, which must be installed as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sagemaker_local import jobs

from . import api, executions, lineage
from .service import Pipelines

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

__all__ = ["Pipelines", "install", "of"]

_services: WeakKeyDictionary[LocalAws, Pipelines] = WeakKeyDictionary()


def install(aws: LocalAws) -> None:
    """Run pipelines in an embedded AWS that has jobs.

    Raises:
        RuntimeError: if the feature `jobs` is not installed before.
    """
    try:
        pipelines = Pipelines(aws, jobs.of(aws))
    except KeyError:
        raise RuntimeError('the feature "pipelines" needs "jobs" installed before it') from None
    _services[aws] = pipelines
    aws.extensions["pipelines"] = pipelines
    api.install(pipelines)
    executions.install(pipelines)
    lineage.install(pipelines)
    aws.front.local("pipelines/step", pipelines.substitutes.over_http)
    aws.on_stop(pipelines.stop)


def of(aws: LocalAws) -> Pipelines:
    """Return the pipelines of an embedded AWS.

    Raises:
        KeyError: if the feature is not installed.
    """
    return _services[aws]
