"""The embedded SageMaker: its state by account and region, and what its parts share."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .async_delivery import Means
from .backlog import Backlog
from .capture import CaptureWriter
from .endpoint_logs import EndpointLogs
from .endpoint_metrics import EndpointMetrics
from .invocations import Invocations
from .options import Options
from .shapes import check
from .state import Store
from .timeline import Timeline

if TYPE_CHECKING:
    from sagemaker_local.front import Context, Params
    from sagemaker_local.server import LocalAws

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class SageMaker:
    """One embedded SageMaker."""

    aws: LocalAws
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.aws.clock)
        self.loaders = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sagemaker-load")
        self.logs = EndpointLogs(self.client, self.aws.clock.now)
        self.metrics = EndpointMetrics(self.client, self.aws.clock.now)
        self.capture = CaptureWriter(self.client)
        now = self.aws.clock.now
        self.invocations = Invocations(self.metrics, self.logs, self.capture, now)
        self.backlog = Backlog(Means(self.invocations, self.metrics, self.client, now), self.options, self.stores)
        self._stores: dict[tuple[str, str], Store] = {}
        self._lock = threading.Lock()

    def store(self, account: str, region: str) -> Store:
        """Return what is remembered for an account and region."""
        with self._lock:
            return self._stores.setdefault((account, region), Store(account, region))

    def stores(self) -> list[Store]:
        """Return every account and region that has been used."""
        with self._lock:
            return list(self._stores.values())

    def client(self, service: str, account: str, region: str, role_arn: str | None = None) -> Any:
        """Return a client that acts as an execution role, or as SageMaker itself without one."""
        own = f"arn:aws:iam::{account}:role/aws-service-role/sagemaker.amazonaws.com/AWSServiceRoleForAmazonSageMaker"
        return self.aws.clients(service, account, region, role_arn=role_arn or own)

    def announce(self, store: Store, detail_type: str, arn: str, detail: dict[str, Any]) -> None:
        """Put an event on the account's default bus."""
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": detail_type,
            "Resources": [arn],
            "Detail": json.dumps(detail, default=_isoformat),
            "Time": self.aws.clock.now(),
        }
        events = self.client("events", store.account, store.region)
        try:
            for _ in range(self.options.events_per_change):
                events.put_events(Entries=[entry])
        except (ClientError, BotoCoreError):
            _log.exception("cannot put the event %s of %s", detail_type, arn)

    def flush(self) -> None:
        """Write out buffered capture files, metrics and logs now, after what nobody waits for has been answered."""
        self.backlog.settle()
        self.invocations.settle()
        self.capture.flush()
        self.metrics.flush()
        self.logs.flush()

    def stop(self) -> None:
        """Stop fleets, threads and timers; what is buffered is dropped with the rest of the state."""
        self.timeline.stop()
        self.loaders.shutdown(wait=False, cancel_futures=True)
        self.invocations.stop()
        self.backlog.stop()
        for store in self.stores():
            for endpoint in [*store.endpoints.values(), *store.components.values()]:
                if endpoint.fleet is not None:
                    endpoint.fleet.retire()


@dataclass
class Scope:
    """One call: who made it, and what there is in that account and region."""

    sagemaker: SageMaker
    context: Context
    store: Store

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.context.clock.now()

    def at(self, arn: str) -> Store:
        """Return the account and region that an ARN belongs to, which may be another one than the caller's."""
        parts = arn.split(":", 5)
        return self.sagemaker.store(parts[4], parts[3])


Action = Callable[[Scope, dict[str, Any]], "dict[str, Any] | None"]


def register(sagemaker: SageMaker, actions: dict[str, Action]) -> None:
    """Answer operations of the SageMaker API, each after its parameters have been checked against the service model."""
    for operation, action in actions.items():
        sagemaker.aws.front.op("sagemaker", operation, _handler(sagemaker, operation, action))


def _handler(sagemaker: SageMaker, operation: str, action: Action) -> Callable[[Context, Params], Params | None]:
    def handle(context: Context, params: Params) -> Params | None:
        params = {name: value for name, value in params.items() if value is not None}
        check(operation, params)
        return action(Scope(sagemaker, context, sagemaker.store(context.account, context.region)), params)

    return handle


def _isoformat(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} cannot be part of an event")
