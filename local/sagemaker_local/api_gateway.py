"""API Gateway's doors to SageMaker: requests to REST APIs whose methods call the runtime, as stages serve them.

A request is told by its host, `<api>.execute-api.<region>.amazonaws.com`, as AWS tells it. Signatures, policies,
throttling and VPC endpoints are not looked at, as permissions are nowhere; but requests without credentials are
refused, whose account nobody knows.
"""

from __future__ import annotations

import http.client
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from .moto_base import Reply

if TYPE_CHECKING:
    from .front import Context
    from .server import LocalAws

_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_URI = re.compile(r"arn:[a-z-]+:apigateway:[a-z0-9-]+:runtime\.sagemaker:path/(?P<path>.+)")
_REQUEST, _ANSWER = "integration.request.header.", "method.response.header."


def install(aws: LocalAws) -> None:
    """Answer requests to stages of REST APIs."""
    doors = Doors(aws)
    for signed in ("execute-api", ""):
        for method in ("GET", "POST"):
            aws.front.route(signed, method, r"/(?P<stage>[\w-]+)(?P<path>/.*)?", doors.answer)


class Doors:
    """The APIs of all accounts and regions."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def answer(
        self, context: Context, match: re.Match[str], body: bytes, headers: dict[str, str], query: dict[str, str]
    ) -> Reply | None:
        """Pass a request on and its answer back; None if the host is no API's."""
        host = _HOST.fullmatch(headers.get("host", "").partition(":")[0])
        if host is None:
            return None
        if "authorization" not in headers:
            return _refusal(403, "Missing Authentication Token")
        client = self._aws.clients("apigateway", context.account, host["region"])
        try:
            client.get_stage(restApiId=host["api"], stageName=match["stage"])
        except ClientError:
            return _refusal(403, "Forbidden")
        method = _method(client, host["api"], match["path"] or "/")
        if method is None:
            return _refusal(403, "Missing Authentication Token")
        integration = method["methodIntegration"]
        target = _URI.fullmatch(integration.get("uri") or "")
        if integration["type"] != "AWS" or target is None:
            return _refusal(
                501, f"the embedded AWS passes requests to runtime.sagemaker only, not {integration['uri']}"
            )
        role = self._aws.accounts.acting_as(integration["credentials"])
        scope = f"{role.access_key}/20260101/{host['region']}/sagemaker/aws4_request"
        passed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
        for name, source in (integration.get("requestParameters") or {}).items():
            value = headers.get(source.rpartition(".")[2].lower())
            if value is not None:
                passed[name.removeprefix(_REQUEST)] = value
        return _mapped(integration, *self._passed_on(target["path"], body, passed))

    def _passed_on(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        place = urlparse(self._aws.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            connection.request("POST", f"/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def _method(client: Any, api: str, path: str) -> dict[str, Any] | None:
    resources = client.get_resources(restApiId=api, limit=500)["items"]
    resource = next((item for item in resources if item["path"] == path), None)
    if resource is None or "POST" not in resource.get("resourceMethods", {}):
        return None
    found: dict[str, Any] = client.get_method(restApiId=api, resourceId=resource["id"], httpMethod="POST")
    return found


def _mapped(integration: dict[str, Any], status: int, headers: dict[str, str], body: bytes) -> Reply:
    """The answer under the status whose pattern fits, with the headers that are let through."""
    responses = (integration.get("integrationResponses") or {}).values()
    fitting = [r for r in responses if r.get("selectionPattern") and re.fullmatch(r["selectionPattern"], str(status))]
    chosen = next(iter(fitting), None) or next((r for r in responses if not r.get("selectionPattern")), None)
    if chosen is None:
        return _refusal(500, "Internal server error")
    given = {}
    for name, source in (chosen.get("responseParameters") or {}).items():
        value = headers.get(source.rpartition(".")[2].lower())
        if value is not None:
            given[name.removeprefix(_ANSWER)] = value
    return Reply(int(chosen["statusCode"]), given, body)


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode())
