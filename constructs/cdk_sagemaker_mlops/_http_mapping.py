"""How a request over HTTP becomes one to SageMaker's runtime, and its answer one over HTTP."""

from __future__ import annotations

from aws_cdk.aws_apigateway import CfnMethod, CfnMethodProps

from . import _refs

# Headers of InvokeEndpoint and InvokeEndpointAsync that a caller may set; API Gateway passes on no other.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_HEADERS = (
    "Accept",
    "Content-Type",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Component",
    "X-Amzn-SageMaker-Inference-Id",
    "X-Amzn-SageMaker-Target-Model",
    "X-Amzn-SageMaker-Target-Variant",
)
_ASYNC_HEADERS = (
    "X-Amzn-SageMaker-InputLocation",
    "X-Amzn-SageMaker-InvocationTimeoutSeconds",
    "X-Amzn-SageMaker-RequestTTLSeconds",
)
_ANSWER_HEADERS = ("Content-Type", "X-Amzn-Invoked-Production-Variant")
_ASYNC_ANSWER_HEADERS = ("X-Amzn-SageMaker-FailureLocation", "X-Amzn-SageMaker-OutputLocation")
# How SageMaker's status becomes the API's; 200 is what no pattern matches.
_STATUSES = {"200": None, "202": "202", "400": r"4\d{2}", "500": r"5\d{2}"}
_INTEGRATION_MILLISECONDS = 29_000


def method_properties(
    *, api_id: str, resource_id: str, endpoint_name: str, role_arn: str, asynchronous: bool
) -> CfnMethodProps:
    """The API's only method: body, content type and headers pass in both directions.

    :param role_arn: ARN of the role with which API Gateway calls SageMaker.
    :param asynchronous: Whether requests are queued.
    """
    headers = (*_HEADERS, *(_ASYNC_HEADERS if asynchronous else ()))
    answers = (*_ANSWER_HEADERS, *(_ASYNC_ANSWER_HEADERS if asynchronous else ()))
    path = f"endpoints/{endpoint_name}/{'async-' if asynchronous else ''}invocations"
    return CfnMethodProps(
        rest_api_id=api_id,
        resource_id=resource_id,
        http_method="POST",
        authorization_type="AWS_IAM",
        request_parameters={f"method.request.header.{header}": False for header in headers},
        method_responses=[
            CfnMethod.MethodResponseProperty(
                status_code=status,
                response_parameters={f"method.response.header.{header}": False for header in answers},
            )
            for status in _STATUSES
        ],
        integration=CfnMethod.IntegrationProperty(
            type="AWS",
            integration_http_method="POST",
            uri=f"arn:{_refs.partition()}:apigateway:{_refs.region()}:runtime.sagemaker:path/{path}",
            credentials=role_arn,
            passthrough_behavior="WHEN_NO_TEMPLATES",
            request_parameters={
                f"integration.request.header.{header}": f"method.request.header.{header}" for header in headers
            },
            integration_responses=[
                CfnMethod.IntegrationResponseProperty(
                    status_code=status,
                    selection_pattern=pattern,
                    response_parameters={
                        f"method.response.header.{header}": f"integration.response.header.{header}"
                        for header in answers
                    },
                )
                for status, pattern in _STATUSES.items()
            ],
            timeout_in_millis=_INTEGRATION_MILLISECONDS,
        ),
    )
