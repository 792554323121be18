"""One request on one variant, whatever brought it there: models, metrics, captures and logs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from sagemaker_local.errors import AwsError

from . import invocation_metrics
from .capture import CaptureWriter
from .capture_format import Observation
from .endpoint_logs import EndpointLogs
from .endpoint_metrics import EndpointMetrics, Source
from .fleet import Fleet, Variant
from .invocation_metrics import Outcome
from .serving.predictor import Answer, Request, TargetError
from .state import Endpoint

DEFAULT_TYPE = "application/octet-stream"
_SHADOW = "ShadowExperiment"


@dataclass(frozen=True)
class Invocation:
    """A request and what its caller says about it."""

    request: Request
    inference_id: str | None = None

    @property
    def content_type(self) -> str:
        """The request's type, as captures show it."""
        return self.request.content_type or DEFAULT_TYPE


class Invocations:
    """Runs requests and keeps the records of them.

    Args:
        metrics: counts them.
        logs: says why one was not answered.
        capture: keeps what was asked and answered.
        now: the virtual time.
    """

    def __init__(
        self, metrics: EndpointMetrics, logs: EndpointLogs, capture: CaptureWriter, now: Callable[[], datetime]
    ) -> None:
        self._metrics = metrics
        self._logs = logs
        self._capture = capture
        self._now = now
        self._mirrors = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sagemaker-shadow")
        self._mirrored: set[Future[None]] = set()

    def run(self, endpoint: Endpoint, fleet: Fleet, variant: Variant, invocation: Invocation, started: float) -> Answer:
        """Answer a request of a real-time or serverless variant.

        Raises:
            AwsError: if the variant takes no such request, or none now.
        """
        loaded = variant.loaded
        if loaded is None or (variant.gate is None and variant.instances < 1):
            raise AwsError("ServiceUnavailable", f"Variant {variant.name} has no running instance.", 503)
        if invocation.request.target_model and not loaded.multi_model:
            raise refused(
                f"Endpoint {endpoint.name} is not a multi-model endpoint and does not support target model header."
            )
        if invocation.request.target_container and not loaded.direct:
            raise refused(
                f"Endpoint {endpoint.name} does not support the target container hostname header: its model has no "
                "containers that are invoked directly."
            )
        source = self.source(endpoint, fleet, variant)
        gate = variant.gate
        entry = gate.enter() if gate is not None else None
        running = variant.in_flight.enter()
        begun = time.perf_counter()
        try:
            answer = loaded.predict(invocation.request)
        except TargetError as error:
            raise refused(str(error) if error.whole else f"Request {uuid.uuid4()} {error}") from error
        finally:
            variant.in_flight.leave()
            if gate is not None:
                gate.leave()
        model = (time.perf_counter() - begun) * 1e6
        self.record(source, endpoint, fleet, invocation, answer)
        outcome = Outcome(answer.status, model, (time.perf_counter() - started) * 1e6 - model, running)
        values: Iterator[tuple[str, float]]
        if gate is not None and entry is not None:
            values = invocation_metrics.serverless(outcome, gate, entry)
        else:
            values = invocation_metrics.on_instances(outcome, variant.instances)
        self._metrics.add(source, values)
        if answer.loading is not None:
            self._metrics.add(source, invocation_metrics.loading(answer.loading))
        return answer

    def mirror(self, endpoint: Endpoint, fleet: Fleet, invocation: Invocation) -> None:
        """Send a copy of a request to the fleet's shadow variant, if it gets one; nobody waits for the answer."""
        shadow = fleet.shadow
        if shadow is None or not endpoint.routes.sampled(fleet.shadowed_share * 100):
            return
        fleet.enter()

        def run() -> None:
            try:
                self._shadow(endpoint, fleet, shadow, invocation)
            finally:
                fleet.leave()

        future = self._mirrors.submit(run)
        self._mirrored.add(future)
        future.add_done_callback(self._mirrored.discard)

    def settle(self) -> None:
        """Wait for requests that shadow variants still work on."""
        wait(list(self._mirrored), timeout=60)

    def stop(self) -> None:
        """Take no copies any more."""
        self._mirrors.shutdown(wait=False, cancel_futures=True)

    def source(self, endpoint: Endpoint, fleet: Fleet, variant: Variant) -> Source:
        """What metrics and captures of the variant are filed under."""
        return Source(
            endpoint.account, endpoint.region, variant.role_arn, endpoint.name, variant.name, fleet.config_name
        )

    def record(
        self,
        source: Source,
        endpoint: Endpoint,
        fleet: Fleet,
        invocation: Invocation,
        answer: Answer,
        invocation_source: str | None = None,
    ) -> None:
        """Capture an answered request, or log why it was not answered."""
        if answer.status >= 300:
            line = f"{answer.status} {answer.body[:1000].decode(errors='replace')}"
            self._logs.write(source.account, source.region, source.role_arn, endpoint.log_group, source.variant, line)
            return
        settings = fleet.capture
        if settings is None or not endpoint.routes.sampled(settings.sampling_percentage):
            return
        observation = Observation(
            event_id=str(uuid.uuid4()),
            at=self._now(),
            request=invocation.request.body,
            request_type=invocation.content_type,
            response=answer.body,
            response_type=answer.content_type,
            inference_id=invocation.inference_id,
            custom_attributes=invocation.request.custom_attributes,
            invocation_source=invocation_source,
        )
        self._capture.add(source, settings, observation)

    def _shadow(self, endpoint: Endpoint, fleet: Fleet, shadow: Variant, invocation: Invocation) -> None:
        if shadow.loaded is None:
            return
        source = self.source(endpoint, fleet, shadow)
        running = shadow.in_flight.enter()
        begun = time.perf_counter()
        try:
            answer = shadow.loaded.predict(invocation.request)
        finally:
            shadow.in_flight.leave()
        model = (time.perf_counter() - begun) * 1e6
        self.record(source, endpoint, fleet, invocation, answer, _SHADOW)
        outcome = Outcome(answer.status, model, 0.0, running)
        self._metrics.add(source, invocation_metrics.on_instances(outcome, shadow.instances))


def refused(message: str) -> AwsError:
    """Return the runtime's refusal of a request."""
    return AwsError("ValidationError", message)
