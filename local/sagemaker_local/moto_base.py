"""The only module that knows moto: state of the services, request parsing and response serialising.

Everything private that is leaned on is named here once and has one contract test (tests/local/test_moto_contract.py),
so a new moto release that changes it fails there and not somewhere in a deployment. Supported: moto 5.2.5 and later
5.2.x.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore import parsers
from botocore.utils import parse_timestamp
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.exceptions import ServiceException
from moto.core.model_instances import reset_model_data
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import HTTPException

from .errors import AwsError

ACCOUNT_HEADER = "HTTP_X_MOTO_ACCOUNT_ID"
Environ = dict[str, Any]

# Signing names that are not boto3's name of the service, and signing names that several services share (most
# specific first: their routes do not overlap).
_SERVICES = {
    "monitoring": ("cloudwatch",),
    "states": ("stepfunctions",),
    "email": ("ses",),
    "tagging": ("resourcegroupstaggingapi",),
    "aws-marketplace": ("marketplacecommerceanalytics",),
    "cloudcontrolapi": ("cloudcontrol",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "sagemaker": (
        "sagemaker",
        "sagemaker-runtime",
        "sagemaker-featurestore-runtime",
        "sagemaker-metrics",
        "sagemaker-edge",
    ),
    "s3": ("s3", "s3control"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "execute-api": ("apigatewaymanagementapi",),
}

_log = logging.getLogger(__name__)
# moto warns whenever an error code is not in the service's model; most of AWS's own codes are not.
warnings.filterwarnings("ignore", message=".*does not match an error shape", category=UserWarning)


class RequestHandler(MotoRequestHandler):
    """Reads requests as moto wants to have them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        _log.debug("%s %s", self.requestline, code)


@dataclass
class Reply:
    """An HTTP response in full."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Refusal(ServiceException):
    """An error of our own handlers. moto looks up service models by the module of the class: it must not be moto's."""


@dataclass
class Operation:
    """A request matched to an operation of a service model."""

    service: str
    name: str
    model: Any
    protocol: str
    uri_params: dict[str, Any]
    request: Any

    def params(self) -> dict[str, Any]:
        """Parse the request into the operation's input, as the service model describes it."""
        parser = PROTOCOL_PARSERS[self.protocol](self.model, timestamp_parser=_aware_timestamp)
        try:
            parsed = parser.parse(
                {
                    "method": self.request.method,
                    "values": self.request.values,
                    "headers": self.request.headers,
                    "body": self.request.data,
                    "url_path": self.request.path,
                    "url_params": self.uri_params,
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AwsError("SerializationException", f"cannot parse the request of {self.name}: {error}") from error
        return dict(parsed or {})

    def reply(self, result: dict[str, Any]) -> Reply:
        """Serialise a result in the protocol that the client speaks."""
        reply = self._serialised(result)
        for name, member in (self.model.output_shape.members if self.model.output_shape else {}).items():
            if member.serialization.get("location") == "statusCode" and name in result:
                reply.status = int(result[name])
        return reply

    def reply_error(self, error: AwsError) -> Reply:
        """Serialise an error in the protocol that the client speaks."""
        reply = self._serialised(_Refusal(error.code, error.message))
        if error.status != 400:
            reply.status = error.status
        return reply

    def result_of(self, reply: Reply) -> dict[str, Any]:
        """Parse a serialised response back into the operation's output."""
        parser = parsers.create_parser(self.protocol)
        headers = {key.lower(): value for key, value in reply.headers.items()}
        raw = {"status_code": reply.status, "headers": headers, "body": reply.body}
        parsed = parser.parse(raw, self.model.output_shape)
        return {key: value for key, value in parsed.items() if key != "ResponseMetadata"}

    def error_of(self, reply: Reply) -> AwsError:
        """Parse an error response."""
        parser = parsers.create_parser(self.protocol)
        headers = {key.lower(): value for key, value in reply.headers.items()}
        raw = {"status_code": reply.status, "headers": headers, "body": reply.body}
        try:
            error = parser.parse(raw, self.model.output_shape).get("Error", {})
        except parsers.ResponseParserError:
            error = {"Message": reply.body[:500].decode(errors="replace")}
        code = str(error.get("Code") or "InternalFailure")
        return AwsError(code, str(error.get("Message") or ""), reply.status)

    def _serialised(self, result: object) -> Reply:
        serializer = get_serializer_class(self.model.service_model.service_name, self.protocol)
        response = serializer(self.model).serialize(result)
        body = response["body"]
        return Reply(
            int(response["status_code"]),
            {str(key): str(value) for key, value in response["headers"].items()},
            body.encode() if isinstance(body, str) else body or b"",
        )


def _aware_timestamp(value: Any) -> datetime:
    parsed: datetime = parse_timestamp(value)
    return parsed.astimezone(UTC)


def identify(signing_name: str, environ: Environ) -> Operation | None:
    """Match a request to an operation by the service that signed it, or return None if no model fits."""
    request = Request(environ)
    for service in _SERVICES.get(signing_name, (signing_name,)):
        try:
            model = get_service_model(service)
            matched, uri_params = _match(service, model, request)
            protocol = determine_request_protocol(model, request.content_type)
        except (HTTPException, NotImplementedError, LookupError):
            continue
        except Exception as error:  # noqa: BLE001 - botocore raises its own family for unknown services
            _log.debug("no service model for %s: %s", service, error)
            continue
        return Operation(service, matched.name, matched, protocol, uri_params, request)
    return None


def _match(service: str, model: Any, request: Any) -> tuple[Any, dict[str, Any]]:
    """Match a request, if need be by the operation's name alone: SDKs shorten the long targets of old services."""
    try:
        matched, uri_params = get_service_router(service).match(request)
    except HTTPException:
        name = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
        if name not in model.operation_names:
            raise
        return model.operation_model(name), {}
    return matched, dict(uri_params)


class Base:
    """moto as the keeper of state behind our own front."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        # For each request moto lists its own folder and tries all its patterns, for an answer that is always the same.
        find = lru_cache(maxsize=1024)(self._app.get_backend_for_host)
        self._app.get_backend_for_host = find  # type: ignore[method-assign]
        store_bucket_policies_without_enforcing()
        accept_log_delivery()
        deliver_no_access_logs()

    def handle(self, environ: Environ, body: bytes, account: str) -> Reply:
        """Let moto answer a request on behalf of `account`."""
        environ = {**environ, "wsgi.input": io.BytesIO(body), ACCOUNT_HEADER: account}
        environ.pop("werkzeug.request", None)
        captured: dict[str, Any] = {}

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], None]:
            captured["status"], captured["headers"] = int(status.split(" ", 1)[0]), dict(headers)
            return lambda data: None

        chunks: Iterable[bytes] = self._app(environ, start_response)
        try:
            payload = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return Reply(captured["status"], captured["headers"], payload)

    def start(self) -> None:
        """Let moto know AWS's managed policies, which stacks attach to roles."""
        _know_managed_policies(True)

    def reset(self) -> None:
        """Forget everything that moto keeps, in every account and region, and leave moto as it was."""
        # moto reads a megabyte of policies for each account that it resets, and for each later user of moto here.
        _know_managed_policies(False)
        BackendDict.reset()
        reset_model_data()


def _know_managed_policies(known: bool) -> None:
    default_user_config.setdefault("iam", {})["load_aws_managed_policies"] = known


def store_bucket_policies_without_enforcing() -> None:
    """Keep moto from refusing requests because of bucket policies.

    It enforces them but ignores `Condition`, so the usual deny without TLS (`aws:SecureTransport`) would refuse
    everything.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def neutral(self: Any, action: str, resource: str) -> Any:
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = neutral  # type: ignore[method-assign]


def accept_log_delivery() -> None:
    """Keep moto from refusing access logging because it does not understand a bucket policy.

    It looks for one spelling of the statement that lets S3 deliver logs; S3 itself does not look at the policy then.
    """
    from moto.s3.models import FakeBucket

    def permitted(target_bucket: Any, target_prefix: str | None) -> bool:
        return True

    FakeBucket._log_permissions_enabled_policy = staticmethod(permitted)  # type: ignore[method-assign]


def deliver_no_access_logs() -> None:
    """Keep moto from writing access logs while the access itself is going on.

    AWS delivers them hours later; a log written at once lands in a bucket that a stack has just emptied to delete it.
    """
    from moto.s3.models import S3Backend

    def undelivered(self: Any, request: Any, bucket_name: str) -> None:
        return None

    S3Backend.log_incoming_request = undelivered  # type: ignore[method-assign]
