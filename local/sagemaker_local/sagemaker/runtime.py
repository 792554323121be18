"""sagemaker-runtime: InvokeEndpoint."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.moto_base import Reply
from sagemaker_local.recorder import Call

from .capture_format import Observation
from .endpoint_metrics import Outcome, Source
from .fleet import Fleet, Variant
from .service import SageMaker
from .serving.predictor import Answer, Request
from .state import Endpoint

if TYPE_CHECKING:
    import re

    from sagemaker_local.front import Context

_PATH = r"/endpoints/([^/]+)/invocations"
_MOST_BYTES = 6 * 1024 * 1024
_DEFAULT_TYPE = "application/octet-stream"
_UNSUPPORTED = {
    "x-amzn-sagemaker-target-model": "TargetModel",
    "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-session-id": "SessionId",
}


def install(sagemaker: SageMaker) -> None:
    """Answer InvokeEndpoint."""
    runtime = Runtime(sagemaker)
    sagemaker.aws.front.route("sagemaker", "POST", _PATH, runtime.invoke)
    for operation in (
        "InvokeEndpointAsync",
        "InvokeEndpointWithResponseStream",
        "InvokeEndpointWithBidirectionalStream",
    ):
        sagemaker.aws.front.op("sagemaker-runtime", operation, _refuse)


def _refuse(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    raise _invalid(f"The embedded AWS does not support {context.operation}; use InvokeEndpoint.")


class Runtime:
    """Passes requests to the models, counts them and captures them.

    Args:
        sagemaker: the embedded SageMaker.
    """

    def __init__(self, sagemaker: SageMaker) -> None:
        self._sagemaker = sagemaker

    def invoke(
        self, context: Context, match: re.Match[str], body: bytes, headers: dict[str, str], query: dict[str, str]
    ) -> Reply:
        """InvokeEndpoint.

        Raises:
            AwsError: ValidationError for what cannot be passed to a model.
        """
        started = time.perf_counter()
        call = self._record(context, match.group(1), headers)
        try:
            endpoint = self._endpoint(context, match.group(1))
            _check(body, headers)
            target = headers.get("x-amzn-sagemaker-target-variant")
            chosen = endpoint.routes.enter(target)
            if chosen is None:
                raise _invalid(f"Variant {target or '(any)'} of endpoint {endpoint.name} is not available.")
        except AwsError as error:
            call.error, call.status = error.code, error.status
            raise
        fleet, variant = chosen
        try:
            answer, microseconds = _predict(variant, body, headers)
        finally:
            fleet.leave()
        source = Source(
            endpoint.account, endpoint.region, variant.role_arn, endpoint.name, variant.name, fleet.config_name
        )
        if answer.status < 300:
            self._capture(source, endpoint, fleet, body, headers, answer)
            reply = _success(variant, answer)
        else:
            call.error, call.status = "ModelError", 424
            self._log_failure(source, answer)
            reply = _model_error(endpoint, answer)
        overhead = (time.perf_counter() - started) * 1e6 - microseconds
        self._sagemaker.metrics.count(source, Outcome(answer.status, microseconds, overhead, variant.instances))
        return reply

    def _record(self, context: Context, name: str, headers: dict[str, str]) -> Call:
        call = Call(
            context.account,
            context.region,
            "sagemaker-runtime",
            "InvokeEndpoint",
            context.caller_arn,
            {"EndpointName": name, "ContentType": headers.get("content-type", "")},
            self._sagemaker.aws.clock.now(),
        )
        self._sagemaker.aws.recorder.add(call)
        return call

    def _endpoint(self, context: Context, name: str) -> Endpoint:
        endpoint = self._sagemaker.store(context.account, context.region).endpoints.get(name.lower())
        # CreateEndpoint does not care about the case of the name, InvokeEndpoint does.
        if endpoint is None or endpoint.name != name or endpoint.fleet is None:
            raise _invalid(f"Endpoint {name} of account {context.account} not found.")
        return endpoint

    def _capture(
        self,
        source: Source,
        endpoint: Endpoint,
        fleet: Fleet,
        body: bytes,
        headers: dict[str, str],
        answer: Answer,
    ) -> None:
        settings = fleet.capture
        if settings is None or not endpoint.routes.sampled(settings.sampling_percentage):
            return
        observation = Observation(
            event_id=str(uuid.uuid4()),
            at=self._sagemaker.aws.clock.now(),
            request=body,
            request_type=headers.get("content-type", _DEFAULT_TYPE),
            response=answer.body,
            response_type=answer.content_type,
            inference_id=headers.get("x-amzn-sagemaker-inference-id"),
            custom_attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
        )
        self._sagemaker.capture.add(source, settings, observation)

    def _log_failure(self, source: Source, answer: Answer) -> None:
        line = f"{answer.status} {answer.body[:1000].decode(errors='replace')}"
        self._sagemaker.logs.write(
            source.account, source.region, source.role_arn, source.endpoint, source.variant, line
        )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _check(body: bytes, headers: dict[str, str]) -> None:
    if len(body) > _MOST_BYTES:
        raise _invalid(
            f"1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less "
            f"than or equal to {_MOST_BYTES}"
        )
    named = [name for header, name in _UNSUPPORTED.items() if header in headers]
    if named:
        raise _invalid(f"The embedded AWS does not support {', '.join(named)} in InvokeEndpoint.")
    inference_id = headers.get("x-amzn-sagemaker-inference-id")
    if inference_id is not None and not 1 <= len(inference_id) <= 64:
        raise _invalid(
            f"1 validation error detected: Value '{inference_id}' at 'inferenceId' failed to satisfy constraint: "
            "Member must have length less than or equal to 64"
        )


def _predict(variant: Variant, body: bytes, headers: dict[str, str]) -> tuple[Answer, float]:
    if variant.loaded is None:
        raise AwsError("ServiceUnavailable", f"Variant {variant.name} has no running instance.", 503)
    request = Request(
        body,
        headers.get("content-type", ""),
        headers.get("accept", "*/*"),
        headers.get("x-amzn-sagemaker-custom-attributes"),
    )
    begun = time.perf_counter()
    answer = variant.loaded.predict(request)
    return answer, (time.perf_counter() - begun) * 1e6


def _success(variant: Variant, answer: Answer) -> Reply:
    headers = {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": variant.name}
    if answer.custom_attributes:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = answer.custom_attributes
    return Reply(200, headers, answer.body)


def _model_error(endpoint: Endpoint, answer: Answer) -> Reply:
    text = answer.body.decode(errors="replace")
    side = "client" if answer.status < 500 else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    document: dict[str, Any] = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "SERVER_ERROR_FROM_MODEL",
        "LogStreamArn": f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{group}",
        "Message": f'Received {side} error ({answer.status}) from primary with message "{text}". See '
        f"https://{endpoint.region}.console.aws.amazon.com/cloudwatch/home?region={endpoint.region}"
        f"#logEventViewer:group={group} in account {endpoint.account} for more information.",
        "OriginalMessage": text,
        "OriginalStatusCode": answer.status,
    }
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
    return Reply(424, headers, json.dumps(document).encode())
