"""One request of an asynchronous endpoint: fetch it, answer it, put the answer into S3, tell the topics."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from . import invocation_metrics
from .endpoint_metrics import EndpointMetrics
from .fleet import Fleet, Variant
from .invocation_metrics import Outcome
from .invocations import DEFAULT_TYPE, Invocation, Invocations
from .serving.archives import parse_s3_uri
from .serving.predictor import Answer, Request
from .state import Endpoint

_log = logging.getLogger(__name__)


@dataclass
class Job:
    """One queued request."""

    inference_id: str
    content_type: str
    accept: str
    custom_attributes: str | None
    input: str | None
    """S3 URI of the request; None if the call brought it along."""
    body: bytes
    output: str
    failure: str | None
    """S3 URI of the answer, and of the reason if there is none."""
    received: datetime
    ttl: timedelta


class Connect(Protocol):
    """Returns a client of an account and region that acts as an execution role."""

    def __call__(self, service: str, account: str, region: str, role_arn: str | None = None) -> Any: ...


@dataclass(frozen=True)
class Means:
    """What it takes to work off queued requests."""

    invocations: Invocations
    metrics: EndpointMetrics
    client: Connect
    now: Callable[[], datetime]
    """The virtual time."""


class _Failed(Exception):
    """A request that was not answered, with the metric that counts it beside InvocationFailures."""

    def __init__(self, reason: str, metric: str | None = None) -> None:
        super().__init__(reason)
        self.metric = metric


class Delivery:
    """Works off one request on one variant, and counts what happened.

    Args:
        means: what it takes.
        endpoint: the endpoint that was invoked.
        fleet: the fleet that was chosen.
        variant: its variant.
        job: the request.
    """

    def __init__(self, means: Means, endpoint: Endpoint, fleet: Fleet, variant: Variant, job: Job) -> None:
        self._means = means
        self._endpoint = endpoint
        self._fleet = fleet
        self._variant = variant
        self._job = job
        self._values: list[tuple[str, float]] = []

    def run(self) -> None:
        """Answer the request, or tell why it was not answered."""
        now, job = self._means.now, self._job
        waited = now() - job.received
        self._values.append(("TimeInBacklog", _milliseconds(waited)))
        try:
            if waited > job.ttl:
                raise _Failed(
                    f"The request waited longer than its RequestTTLSeconds ({job.ttl.total_seconds():g}).",
                    "ExpiredRequests",
                )
            answer = self._invoke()
            self._upload(answer)
            self._notify(answer, None)
        except _Failed as error:
            self._values.append(("InvocationFailures", 1.0))
            self._values += [(error.metric, 1.0)] if error.metric else []
            self._tell_failure(str(error))
        self._values += [("InvocationsProcesssed", 1.0), ("TotalProcessingTime", _milliseconds(now() - job.received))]
        source = self._means.invocations.source(self._endpoint, self._fleet, self._variant)
        self._means.metrics.add(source, self._values)

    def _invoke(self) -> Answer:
        job, variant = self._job, self._variant
        body = job.body if job.input is None else self._download(job.input)
        if variant.loaded is None:
            raise _Failed(f"Variant {variant.name} has no running instance.")
        request = Request(body, job.content_type, job.accept, job.custom_attributes)
        begun = time.perf_counter()
        answer = variant.loaded.predict(request)
        model = (time.perf_counter() - begun) * 1e6
        source = self._means.invocations.source(self._endpoint, self._fleet, variant)
        invocation = Invocation(request, job.inference_id)
        self._means.invocations.record(source, self._endpoint, self._fleet, invocation, answer)
        self._values += invocation_metrics.asynchronous(Outcome(answer.status, model, 0.0))
        if answer.status >= 300:
            side = "client" if answer.status < 500 else "server"
            text = answer.body.decode(errors="replace")
            raise _Failed(f'Received {side} error ({answer.status}) from primary with message "{text}".')
        return answer

    def _download(self, uri: str) -> bytes:
        begun = time.perf_counter()
        bucket, key = parse_s3_uri(uri)
        try:
            body: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _Failed(
                f"ClientError: cannot download the input {uri}: {error}", "RequestDownloadFailures"
            ) from error
        self._values.append(("RequestDownloadLatency", (time.perf_counter() - begun) * 1e6))
        return body

    def _upload(self, answer: Answer) -> None:
        begun, uri = time.perf_counter(), self._job.output
        try:
            self._put(uri, answer.body, answer.content_type, self._output.get("KmsKeyId"))
        except (ClientError, BotoCoreError) as error:
            raise _Failed(f"ClientError: cannot upload the output {uri}: {error}", "ResponseUploadFailures") from error
        self._values.append(("ResponseUploadLatency", (time.perf_counter() - begun) * 1e6))

    def _tell_failure(self, reason: str) -> None:
        if self._job.failure:
            try:
                self._put(self._job.failure, reason.encode(), "text/plain", self._output.get("KmsKeyId"))
            except (ClientError, BotoCoreError):
                self._values.append(("ResponseUploadFailures", 1.0))
        self._notify(None, reason)

    def _notify(self, answer: Answer | None, reason: str | None) -> None:
        config = self._output.get("NotificationConfig") or {}
        kind = "Success" if reason is None else "Error"
        topic = config.get(f"{kind}Topic")
        if not topic:
            return
        included = f"{kind.upper()}_NOTIFICATION_TOPIC" in (config.get("IncludeInferenceResponseIn") or [])
        message = _message(self._endpoint, self._job, answer, reason, self._means.now(), included)
        try:
            self._client("sns").publish(TopicArn=topic, Message=json.dumps(message))
        except (ClientError, BotoCoreError):
            _log.exception("cannot publish to %s", topic)
            self._values.append(("NotificationFailures", 1.0))

    @property
    def _output(self) -> dict[str, Any]:
        config: dict[str, Any] = (self._fleet.asynchronous or {}).get("OutputConfig") or {}
        return config

    def _put(self, uri: str, body: bytes, content_type: str, key_id: str | None) -> None:
        bucket, key = parse_s3_uri(uri)
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **encryption)

    def _client(self, service: str) -> Any:
        endpoint = self._endpoint
        return self._means.client(service, endpoint.account, endpoint.region, self._variant.role_arn)


def _message(
    endpoint: Endpoint, job: Job, answer: Answer | None, reason: str | None, now: datetime, included: bool
) -> dict[str, Any]:
    """The notification; the part with the response is as SageMaker's guide describes it, not seen in a real one."""
    request = {"contentType": job.content_type or DEFAULT_TYPE, "endpointName": endpoint.name}
    if job.input:
        request["inputLocation"] = job.input
    if job.custom_attributes:
        request["customAttributes"] = job.custom_attributes
    message: dict[str, Any] = {
        "awsRegion": endpoint.region,
        "eventTime": _stamp(now),
        "receivedTime": _stamp(job.received),
        "invocationStatus": "Completed" if reason is None else "Failed",
        "requestParameters": request,
        "inferenceId": job.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if reason is not None:
        message["failureReason"] = reason
    elif answer is not None:
        message["responseParameters"] = {"contentType": answer.content_type, "outputLocation": job.output}
    if included and answer is not None:
        message["responseBody"] = {"content": base64.b64encode(answer.body).decode(), "encoding": "BASE64"}
    return message


def _milliseconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds() * 1e3)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
