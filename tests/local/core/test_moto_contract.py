"""Each private name of moto that moto_base leans on, so that a new moto fails here and not in a deployment."""

from __future__ import annotations

import inspect
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket, S3Backend
from werkzeug.serving import WSGIRequestHandler

from sagemaker_local.moto_base import Base, identify


def test_the_names_exist_with_their_signatures() -> None:
    assert list(inspect.signature(FakeBucket.get_permission).parameters) == ["self", "action", "resource"]
    assert list(inspect.signature(FakeBucket._log_permissions_enabled_policy).parameters) == [
        "target_bucket",
        "target_prefix",
    ]
    assert list(inspect.signature(S3Backend.log_incoming_request).parameters) == ["self", "request", "bucket_name"]
    assert list(inspect.signature(DomainDispatcherApplication).parameters) == ["create_app"]
    # Depends on the host alone, so that its answers can be kept.
    assert list(inspect.signature(DomainDispatcherApplication.get_backend_for_host).parameters) == ["self", "host"]
    assert callable(create_backend_app)
    assert issubclass(MotoRequestHandler, WSGIRequestHandler)
    assert callable(BackendDict.reset)
    assert callable(reset_model_data)
    assert "load_aws_managed_policies" in default_user_config["iam"]
    assert set(PROTOCOL_PARSERS) >= {"ec2", "json", "query", "rest-json", "rest-xml"}
    assert list(inspect.signature(determine_request_protocol).parameters) == ["service_model", "content_type"]


def test_what_moto_is_told_to_know_is_taken_back() -> None:
    """Whoever uses moto in this process afterwards would pay for a megabyte of policies at every reset."""
    base = Base()
    base.start()
    try:
        assert default_user_config["iam"]["load_aws_managed_policies"] is True
    finally:
        base.reset()
    assert default_user_config["iam"]["load_aws_managed_policies"] is False


def request(path: str = "/", method: str = "POST", body: bytes = b"", **headers: str) -> dict[str, Any]:
    return dict(
        Request.from_primitives(
            method, f"http://127.0.0.1:1{path}", {k.replace("_", "-"): v for k, v in headers.items()}, body
        ).environ
    )


def test_operations_are_recognised_in_every_protocol() -> None:
    cases = [
        (
            "sqs",
            request(X_Amz_Target="AmazonSQS.SendMessage", Content_Type="application/x-amz-json-1.0"),
            "sqs",
            "SendMessage",
        ),
        (
            "cloudformation",
            request(body=b"Action=ListStacks&Version=2010-05-15", Content_Type="application/x-www-form-urlencoded"),
            "cloudformation",
            "ListStacks",
        ),
        ("s3", request("/bucket/a/key", "PUT"), "s3", "PutObject"),
        ("s3", request("/bucket?list-type=2", "GET"), "s3", "ListObjectsV2"),
        ("lambda", request("/2015-03-31/functions/f/invocations"), "lambda", "Invoke"),
        ("sagemaker", request("/endpoints/e/invocations"), "sagemaker-runtime", "InvokeEndpoint"),
        (
            "monitoring",
            request(
                X_Amz_Target="GraniteServiceVersion20100801.PutMetricData", Content_Type="application/x-amz-json-1.0"
            ),
            "cloudwatch",
            "PutMetricData",
        ),
        # The JavaScript SDK shortens the target of CloudTrail.
        (
            "cloudtrail",
            request(X_Amz_Target="CloudTrail_20131101.LookupEvents", Content_Type="application/x-amz-json-1.1"),
            "cloudtrail",
            "LookupEvents",
        ),
    ]
    found = [identify(signing, environ) for signing, environ, _, _ in cases]
    assert [(match.service, match.name) if match else None for match in found] == [case[2:] for case in cases]
    assert identify("no-such-service", request()) is None


def test_results_and_errors_survive_serialising_and_parsing() -> None:
    environ = request(
        X_Amz_Target="AmazonSQS.GetQueueUrl", Content_Type="application/x-amz-json-1.0", body=b'{"QueueName": "q"}'
    )
    match = identify("sqs", environ)
    assert match is not None
    assert match.params() == {"QueueName": "q"}
    assert match.result_of(match.reply({"QueueUrl": "u"})) == {"QueueUrl": "u"}


def test_serializers_and_routers_are_found_by_service() -> None:
    for service, protocol in (("s3", "rest-xml"), ("sagemaker", "json"), ("iam", "query"), ("ec2", "ec2")):
        assert get_service_model(service).protocol == protocol
        assert callable(get_serializer_class(service, protocol))
        assert get_service_router(service)


def test_the_account_header_decides_and_reset_forgets() -> None:
    base = Base()
    base.reset()
    target = {"X_Amz_Target": "AmazonSQS.CreateQueue", "Content_Type": "application/x-amz-json-1.0"}
    signature = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=x"
    body = b'{"QueueName": "q"}'
    environ = request(body=body, Authorization=signature, **target)
    assert b"/222222222222/q" in base.handle(environ, body, "222222222222").body
    target["X_Amz_Target"] = "AmazonSQS.ListQueues"
    listing = request(body=b"{}", Authorization=signature, **target)
    assert b"/222222222222/q" in base.handle(dict(listing), b"{}", "222222222222").body
    assert b"/q" not in base.handle(dict(listing), b"{}", "333333333333").body
    base.reset()
    assert b"/q" not in base.handle(dict(listing), b"{}", "222222222222").body
