"""Custom resources: the request to a Lambda function or SNS topic, and the answer to a pre-signed URL.

Handlers that the CDK ships for the Node runtime are played by stand-ins (`standins.py`), since they need the AWS SDK of
Lambda's own image; everything else runs for real.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.moto_base import Reply

from .standins import stand_in
from .types.base import Created, Properties, ResourceType, Work

if TYPE_CHECKING:
    import re

    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

_PATH = "/_cloudformation/responses/"
_DEFAULT_TIMEOUT_SECONDS = 3600
_GRACE_SECONDS = 2.0


@dataclass
class _Pending:
    """A request that was sent and waits for its answer."""

    answered: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Any] = field(default_factory=dict)


class CustomResources(ResourceType):
    """All custom resources of one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._pending: dict[str, _Pending] = {}
        aws.front.route("", "PUT", f"{_PATH}([A-Za-z0-9_-]+)", self._receive)

    def create(self, work: Work, properties: Properties) -> Created:
        return self._request(work, "Create", properties)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        return self._request(work, "Update", new, existing, {"OldResourceProperties": _as_text(_visible(old))})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        self._request(work, "Delete", properties, existing)

    def replaces(self, old: Properties, new: Properties) -> bool:
        # The resource's answer decides: another physical id means that it was replaced.
        return False

    def _request(
        self,
        work: Work,
        kind: str,
        properties: Properties,
        existing: Created | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Created:
        identifier = secrets.token_urlsafe(24)
        request = {
            "RequestType": kind,
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": f"{self._aws.url}{_PATH}{identifier}",
            "StackId": work.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": work.logical_id,
            "ResourceType": work.type,
            "ResourceProperties": _as_text(_visible(properties)),
            **({"PhysicalResourceId": existing.ref} if existing else {}),
            **(extra or {}),
        }
        pending = self._pending[identifier] = _Pending()
        try:
            self._send(work, properties, request, pending)
            timeout = float(properties.get("ServiceTimeout", _DEFAULT_TIMEOUT_SECONDS))
            if not pending.answered.wait(0.5):
                work.waiting()
            if not pending.answered.wait(timeout):
                raise AwsError(
                    "NotStabilized",
                    f"CloudFormation did not receive a response from your Custom Resource within {timeout:g} seconds",
                )
        finally:
            del self._pending[identifier]
        answer = pending.answer
        if answer.get("Status") != "SUCCESS":
            reason = answer.get("Reason") or "no reason given"
            raise AwsError(
                "CustomResourceFailed",
                f"Received response status [FAILED] from custom resource. Message returned: {reason}",
            )
        fallback = existing.ref if existing else f"{work.stack_name}-{work.logical_id}-{secrets.token_hex(6)}"
        return Created(str(answer.get("PhysicalResourceId") or fallback), dict(answer.get("Data") or {}))

    def _send(self, work: Work, properties: Properties, request: dict[str, Any], pending: _Pending) -> None:
        token = str(properties["ServiceToken"])
        if ":sns:" in token:
            message = json.dumps(request)
            work.client("sns").publish(
                TopicArn=token, Subject="AWS CloudFormation custom resource request", Message=message
            )
            return
        handler = stand_in(work, token, work.type)
        target: Callable[[], None]
        if handler is not None:
            chosen = handler

            def target() -> None:
                pending.answer = _played(chosen, work, request)
                pending.answered.set()

        else:

            def target() -> None:
                self._invoke(work, token, request, pending)

        threading.Thread(target=target, name=f"custom-{work.logical_id}", daemon=True).start()

    def _invoke(self, work: Work, function: str, request: dict[str, Any], pending: _Pending) -> None:
        """Run the function; if it fails without answering, the resource fails at once instead of in an hour."""
        region = function.split(":")[3] if function.startswith("arn:") else work.region
        client = work.aws.clients.of(work.principal, "lambda", region)
        try:
            result = client.invoke(FunctionName=function, Payload=json.dumps(request).encode())
        except ClientError as error:
            failure: str | None = str(error)
        else:
            failure = result["Payload"].read().decode() if result.get("FunctionError") else None
        if failure is not None and not pending.answered.wait(_GRACE_SECONDS):
            pending.answer = {"Status": "FAILED", "Reason": f"the function failed without answering: {failure[:1000]}"}
            pending.answered.set()

    def _receive(
        self, context: Context, match: re.Match[str], body: bytes, headers: dict[str, str], query: dict[str, str]
    ) -> Reply:
        pending = self._pending.get(match.group(1))
        if pending is None:
            return Reply(403, {"Content-Type": "text/plain"}, b"this request was answered already, or never made")
        try:
            answer = json.loads(body)
        except ValueError as error:
            answer = {"Status": "FAILED", "Reason": f"the response is not JSON: {error}"}
        pending.answer = answer
        pending.answered.set()
        return Reply()


def _played(
    handler: Callable[[Work, dict[str, Any]], dict[str, Any]], work: Work, request: dict[str, Any]
) -> dict[str, Any]:
    try:
        return {"Status": "SUCCESS", **handler(work, request)}
    except Exception as error:  # noqa: BLE001 - a handler's failure is an answer
        return {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"}


def _visible(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if key != "ServiceTimeout"}


def _as_text(value: Any) -> Any:
    """Return properties as functions get them: every scalar is text."""
    if isinstance(value, dict):
        return {key: _as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)
