"""Lambda: functions run from the zips that were deployed, each version in warm processes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

    from .service import Functions


def install(aws: LocalAws) -> None:
    """Run functions on Invoke, from queues and for other services; deliver SNS notifications; measure queues."""
    from sagemaker_local import moto_state
    from sagemaker_local.messaging import queue_metrics, sns

    from . import api, queues, service

    aws.on_stop(moto_state.use_clock_for_queues(aws.clock.now))
    aws.on_stop(moto_state.allow_emptied_settings())
    sns.install(aws)
    queue_metrics.install(aws)
    functions = service.start(aws)
    api.install(aws, functions)
    queues.install(aws, functions)


def of(aws: LocalAws) -> Functions:
    """Return the functions of a running embedded AWS."""
    from . import service

    return service.of(aws)
