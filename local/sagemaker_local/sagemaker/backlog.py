"""The queues of asynchronous endpoints.

See https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .async_delivery import Delivery, Job, Means
from .endpoint_metrics import INVOCATIONS, Source
from .fleet import Fleet
from .invocations import refused
from .options import Options
from .state import Endpoint, Store

_MOST_BYTES = 128_000
_DEFAULT_TTL_SECONDS = 6 * 3600
_SETTLE_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass
class _Queue:
    """The queue of one endpoint. It outlives the fleets that work it off."""

    waiting: deque[Job] = field(default_factory=deque)
    running: int = 0


class Backlog:
    """The queues of all asynchronous endpoints.

    Args:
        means: what it takes to work off a request.
        options: how many requests an instance works on.
        stores: returns every account and region that has been used.
    """

    def __init__(self, means: Means, options: Options, stores: Callable[[], list[Store]]) -> None:
        self._means = means
        self._options = options
        self._stores = stores
        self._queues: dict[str, _Queue] = {}
        self._changed = threading.Condition()
        self._workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sagemaker-async")

    def submit(self, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> Job:
        """Queue a request.

        Raises:
            AwsError: ValidationError if the endpoint is not asynchronous, or the request says not what it is.
        """
        fleet = endpoint.fleet
        if fleet is None or fleet.asynchronous is None:
            raise refused(f"Endpoint {endpoint.name} is not an asynchronous endpoint: use InvokeEndpoint.")
        location = headers.get("x-amzn-sagemaker-inputlocation")
        if bool(location) == bool(body):
            raise refused("Either InputLocation or Body must be specified, and not both.")
        if len(body) > _MOST_BYTES:
            raise refused(f"Body must have length less than or equal to {_MOST_BYTES}; use InputLocation.")
        inference_id = headers.get("x-amzn-sagemaker-inference-id") or str(uuid.uuid4())
        unique = headers.get("x-amzn-sagemaker-filename") or f"{uuid.uuid4()}.out"
        extension = (headers.get("x-amzn-sagemaker-s3outputpathextension") or "").strip("/")
        output = fleet.asynchronous["OutputConfig"]
        job = Job(
            inference_id=inference_id,
            content_type=headers.get("x-amzn-sagemaker-content-type", ""),
            accept=headers.get("x-amzn-sagemaker-accept", "*/*"),
            custom_attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
            input=location,
            body=body,
            output=_below(output["S3OutputPath"], extension, unique) if output.get("S3OutputPath") else "",
            failure=_below(output["S3FailurePath"], extension, f"{uuid.uuid4()}-error.out")
            if output.get("S3FailurePath")
            else None,
            received=self._means.now(),
            ttl=timedelta(seconds=int(headers.get("x-amzn-sagemaker-requestttlseconds") or _DEFAULT_TTL_SECONDS)),
        )
        with self._changed:
            self._queues.setdefault(endpoint.arn, _Queue()).waiting.append(job)
        self.work_off(endpoint)
        return job

    def work_off(self, endpoint: Endpoint) -> None:
        """Start as many waiting requests as the endpoint's instances take."""
        with self._changed:
            queue = self._queues.get(endpoint.arn)
            while queue is not None and queue.waiting and queue.running < self._capacity(endpoint):
                job = queue.waiting.popleft()
                queue.running += 1
                self._workers.submit(self._process, endpoint, queue, job)

    def forget(self, endpoint: Endpoint) -> None:
        """Drop the queue of a deleted endpoint."""
        with self._changed:
            self._queues.pop(endpoint.arn, None)

    def settle(self) -> None:
        """Wait (60 real seconds at most) for the requests that instances work on."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(queue.running for queue in self._queues.values()), timeout=_SETTLE_SECONDS
            )

    def stop(self) -> None:
        """Start nothing any more."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def publish(self, minute: datetime) -> None:
        """Write the metrics of the queues, and start what found no instance before."""
        readings: list[tuple[Source, dict[str, float]]] = []
        for store in self._stores():
            for endpoint in list(store.endpoints.values()):
                if endpoint.fleet is None or endpoint.fleet.asynchronous is None:
                    continue
                self._expire(endpoint, minute)
                self.work_off(endpoint)
                readings.append((self._source(endpoint, endpoint.fleet), self._reading(endpoint, minute)))
        if readings:
            self._means.metrics.put_readings(readings, minute, INVOCATIONS)

    def _reading(self, endpoint: Endpoint, minute: datetime) -> dict[str, float]:
        with self._changed:
            queue = self._queues.get(endpoint.arn) or _Queue()
            size, oldest = len(queue.waiting) + queue.running, queue.waiting[0].received if queue.waiting else minute
        instances = endpoint.fleet.instances if endpoint.fleet is not None else 0
        reading = {
            "ApproximateBacklogSize": float(size),
            "ApproximateAgeOfOldestRequest": max(0.0, (minute - oldest).total_seconds()),
            "HasBacklogWithoutCapacity": float(size > 0 and instances == 0),
        }
        if instances:
            reading["ApproximateBacklogSizePerInstance"] = size / instances
        return reading

    def _capacity(self, endpoint: Endpoint) -> int:
        fleet = endpoint.fleet
        if fleet is None or fleet.asynchronous is None:
            return 0
        client = fleet.asynchronous.get("ClientConfig") or {}
        each = client.get("MaxConcurrentInvocationsPerInstance") or self._options.async_requests_per_instance
        return fleet.instances * int(each)

    def _expire(self, endpoint: Endpoint, now: datetime) -> None:
        with self._changed:
            queue = self._queues.get(endpoint.arn) or _Queue()
            expired = [job for job in queue.waiting if now - job.received > job.ttl]
            for job in expired:
                queue.waiting.remove(job)
                queue.running += 1
        for job in expired:
            self._workers.submit(self._process, endpoint, queue, job)

    def _process(self, endpoint: Endpoint, queue: _Queue, job: Job) -> None:
        try:
            self._deliver(endpoint, job)
        except Exception:  # noqa: BLE001 - the next requests must go on
            _log.exception("an asynchronous request of endpoint %s failed", endpoint.name)
        finally:
            with self._changed:
                queue.running -= 1
                self._changed.notify_all()
            self.work_off(endpoint)

    def _deliver(self, endpoint: Endpoint, job: Job) -> None:
        chosen = endpoint.routes.enter(None)
        if chosen is None:
            # The endpoint has been deleted meanwhile.
            return
        fleet, variant = chosen
        try:
            Delivery(self._means, endpoint, fleet, variant, job).run()
        finally:
            fleet.leave()

    def _source(self, endpoint: Endpoint, fleet: Fleet) -> Source:
        role = next((variant.role_arn for variant in fleet.variants.values()), None)
        return Source(endpoint.account, endpoint.region, role, endpoint.name)


def _below(base: str, extension: str, name: str) -> str:
    return "/".join(part for part in (base.rstrip("/"), extension, name) if part)
