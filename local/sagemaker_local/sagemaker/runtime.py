"""sagemaker-runtime: InvokeEndpoint and InvokeEndpointAsync."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.moto_base import Reply
from sagemaker_local.recorder import Call

from . import components
from .invocations import Invocation, refused
from .service import SageMaker
from .serving.predictor import Answer, Request
from .state import Endpoint

if TYPE_CHECKING:
    import re

    from sagemaker_local.front import Context

_PATH = r"/endpoints/([^/]+)/invocations"
_ASYNC_PATH = r"/endpoints/([^/]+)/async-invocations"
_MOST_BYTES = 6 * 1024 * 1024
_MOST_BYTES_SERVERLESS = 4 * 1024 * 1024
"""https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html"""
_UNSUPPORTED = {
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-session-id": "SessionId",
}


def install(sagemaker: SageMaker) -> None:
    """Answer InvokeEndpoint and InvokeEndpointAsync."""
    runtime = Runtime(sagemaker)
    sagemaker.aws.front.route("sagemaker", "POST", _PATH, runtime.invoke)
    sagemaker.aws.front.route("sagemaker", "POST", _ASYNC_PATH, runtime.invoke_async)
    for operation in ("InvokeEndpointWithResponseStream", "InvokeEndpointWithBidirectionalStream"):
        sagemaker.aws.front.op("sagemaker-runtime", operation, _refuse)


def _refuse(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    raise refused(f"The embedded AWS does not support {context.operation}; use InvokeEndpoint.")


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
        call = self._record(context, "InvokeEndpoint", match.group(1), headers)
        try:
            endpoint = self._endpoint(context, match.group(1))
            _check(body, headers)
            if endpoint.fleet is not None and endpoint.fleet.asynchronous is not None:
                raise refused(f"Endpoint {endpoint.name} is asynchronous: use InvokeEndpointAsync.")
            invocation = _invocation(body, headers)
            component = headers.get("x-amzn-sagemaker-inference-component")
            variant, answer = (
                components.serve(self._sagemaker, context, endpoint, component, invocation, started)
                if component is not None or (endpoint.fleet is not None and endpoint.fleet.hosts_components)
                else self._on_variant(endpoint, invocation, headers, started)
            )
        except AwsError as error:
            call.error, call.status = error.code, error.status
            raise
        if answer.status < 300:
            return _success(variant, answer)
        call.error, call.status = "ModelError", 424
        return _model_error(endpoint, answer)

    def invoke_async(
        self, context: Context, match: re.Match[str], body: bytes, headers: dict[str, str], query: dict[str, str]
    ) -> Reply:
        """InvokeEndpointAsync: the request waits in the endpoint's queue, the answer goes to S3.

        Raises:
            AwsError: ValidationError for what cannot be queued.
        """
        call = self._record(context, "InvokeEndpointAsync", match.group(1), headers)
        try:
            endpoint = self._endpoint(context, match.group(1))
            job = self._sagemaker.backlog.submit(endpoint, body, headers)
        except AwsError as error:
            call.error, call.status = error.code, error.status
            raise
        answer_headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-OutputLocation": job.output}
        if job.failure:
            answer_headers["X-Amzn-SageMaker-FailureLocation"] = job.failure
        return Reply(202, answer_headers, json.dumps({"InferenceId": job.inference_id}).encode())

    def _on_variant(
        self, endpoint: Endpoint, invocation: Invocation, headers: dict[str, str], started: float
    ) -> tuple[str, Answer]:
        target = headers.get("x-amzn-sagemaker-target-variant")
        chosen = endpoint.routes.enter(target)
        if chosen is None:
            raise refused(f"Variant {target or '(any)'} of endpoint {endpoint.name} is not available.")
        fleet, variant = chosen
        try:
            if variant.gate is not None and len(invocation.request.body) > _MOST_BYTES_SERVERLESS:
                raise refused(f"Request to serverless endpoint {endpoint.name} has oversize body.")
            answer = self._sagemaker.invocations.run(endpoint, fleet, variant, invocation, started)
            self._sagemaker.invocations.mirror(endpoint, fleet, invocation)
        finally:
            fleet.leave()
        return variant.name, answer

    def _record(self, context: Context, operation: str, name: str, headers: dict[str, str]) -> Call:
        call = Call(
            context.account,
            context.region,
            "sagemaker-runtime",
            operation,
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
            raise refused(f"Endpoint {name} of account {context.account} not found.")
        return endpoint


def _check(body: bytes, headers: dict[str, str]) -> None:
    if len(body) > _MOST_BYTES:
        raise refused(
            f"1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less "
            f"than or equal to {_MOST_BYTES}"
        )
    named = [name for header, name in _UNSUPPORTED.items() if header in headers]
    if named:
        raise refused(f"The embedded AWS does not support {', '.join(named)} in InvokeEndpoint.")
    inference_id = headers.get("x-amzn-sagemaker-inference-id")
    if inference_id is not None and not 1 <= len(inference_id) <= 64:
        raise refused(
            f"1 validation error detected: Value '{inference_id}' at 'inferenceId' failed to satisfy constraint: "
            "Member must have length less than or equal to 64"
        )


def _invocation(body: bytes, headers: dict[str, str]) -> Invocation:
    request = Request(
        body,
        headers.get("content-type", ""),
        headers.get("accept", "*/*"),
        headers.get("x-amzn-sagemaker-custom-attributes"),
        headers.get("x-amzn-sagemaker-target-model"),
        headers.get("x-amzn-sagemaker-target-container-hostname"),
    )
    return Invocation(request, headers.get("x-amzn-sagemaker-inference-id"))


def _success(variant: str, answer: Answer) -> Reply:
    headers = {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": variant}
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
