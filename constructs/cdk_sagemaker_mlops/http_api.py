"""A front door of HTTP for an endpoint: API Gateway with IAM, throttling and an access log, private if wanted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from . import _paths, _refs
from ._block import Block, to_cloudformation
from ._endpoint_rules import check_log_retention
from ._errors import Problems
from ._http_mapping import method_properties
from ._iam import Statement, add_service_role, grant
from .serving_mode import ServingMode

if TYPE_CHECKING:
    from aws_cdk.aws_ec2 import IInterfaceVpcEndpoint
    from aws_cdk.aws_iam import Grant, IGrantable

    from ._block import Member
    from .endpoint_base import EndpointBase

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "sourceIp": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "responseLength": "$context.responseLength",
    "error": "$context.error.message",
}


class InferenceApi(Construct):
    """`POST /invocations` for callers that speak HTTP but not SageMaker's SDK. They sign requests with their own AWS
    credentials (SigV4, service `execute-api`) and need `grant_invoke` of this construct, not of the endpoint.

    Body and content type go to the model as they are, its answer comes back as it is, and so do errors: 4xx and 5xx of
    SageMaker keep their class. Requests go straight to SageMaker, no function stands between. API Gateway ends a
    request after 29 seconds and takes bodies of up to 10 MB, SageMaker takes 6 MB.

    Access logs and error logs need a role that API Gateway uses for the whole account and region
    (`AWS::ApiGateway::Account`). Where nobody has set one up yet, say `account_logging_role=True` in one stack.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html

    :param endpoint: The endpoint.
    :param vpc_endpoints: Interface endpoints for `execute-api`. With them the API is private: only requests through one
        of these are let in. Default: - a regional API, reachable from anywhere by who may invoke it.
    :param rate_per_second: Requests a second over all callers. Default: 100.
    :param burst: Requests at once. Default: 50.
    :param binary_media_types: Media types of requests and answers that are not text, such as
        `application/x-npy`. Default: - none.
    :param stage_name: Name of the stage, the first part of the path. Default: `live`.
    :param log_retention_days: How long access logs are kept. Default: 90.
    :param account_logging_role: Set up the account's logging role in this stack. It stays when the stack goes. Default:
        False.
    :raises ConstructError: What API Gateway would refuse, all of it together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: EndpointBase,
        vpc_endpoints: Sequence[IInterfaceVpcEndpoint] = (),
        rate_per_second: float = 100,
        burst: int = 50,
        binary_media_types: Sequence[str] = (),
        stage_name: str = "live",
        log_retention_days: int = 90,
        account_logging_role: bool = False,
    ) -> None:
        problems = Problems()
        problems.require(rate_per_second > 0, f"rate_per_second is {rate_per_second}, allowed are numbers above 0")
        problems.require(burst >= 1, f"burst is {burst}, allowed are numbers from 1")
        problems.matches(
            "stage_name", stage_name, r"[A-Za-z0-9_-]{1,128}", "allowed are 1 to 128 letters, digits, hyphens and _"
        )
        for media_type in binary_media_types:
            problems.matches("binary_media_types", media_type, r"[^/\s]+/[^/\s;]+", "allowed are media types")
        check_log_retention(problems, log_retention_days)
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._endpoint = endpoint
        self._private = bool(vpc_endpoints)
        self._ids = [endpoint_.vpc_endpoint_id for endpoint_ in vpc_endpoints]
        self.stage_name = stage_name
        self._block = Block(self)
        self._binary = list(binary_media_types)
        self._api = self._add_api()
        self._role = self._add_role()
        method, fingerprint = self._add_method()
        log_group = self._block.add(
            "Logs",
            "AWS::Logs::LogGroup",
            logs.CfnLogGroupProps(retention_in_days=log_retention_days),
        )
        # A deployment is a snapshot: whatever the API consists of is part of its id, so that a change makes a new one.
        deployment = self._block.add(
            f"Deployment{fingerprint}",
            "AWS::ApiGateway::Deployment",
            apigateway.CfnDeploymentProps(rest_api_id=self._api.ref),
            after=method,
        )
        account = self._add_logging_role() if account_logging_role else None
        self._stage = self._block.add(
            "Stage",
            "AWS::ApiGateway::Stage",
            apigateway.CfnStageProps(
                rest_api_id=self._api.ref,
                deployment_id=deployment.ref,
                stage_name=stage_name,
                tracing_enabled=True,
                access_log_setting=apigateway.CfnStage.AccessLogSettingProperty(
                    destination_arn=log_group.att("Arn"), format=json.dumps(_ACCESS_LOG)
                ),
                method_settings=[
                    apigateway.CfnStage.MethodSettingProperty(
                        http_method="*",
                        resource_path="/*",
                        logging_level="ERROR",
                        # Bodies hold customers' data.
                        data_trace_enabled=False,
                        metrics_enabled=True,
                        throttling_rate_limit=rate_per_second,
                        throttling_burst_limit=burst,
                    )
                ],
            ),
            after=account,
        )
        self._block.define()
        if account is not None:
            # Other APIs of the account log through it, too.
            for member in (account, self._logging_role):
                member.resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)

    @property
    def api_id(self) -> str:
        """Id of the REST API."""
        return self._api.ref

    @property
    def url(self) -> str:
        """Where to send requests. Of a private API it resolves inside the VPC only."""
        host = f"{self._api.ref}.execute-api.{_refs.region()}.{_refs.url_suffix()}"
        return f"https://{host}/{self.stage_name}/invocations"

    @property
    def cfn_rest_api(self) -> apigateway.CfnRestApi:
        """The API's L1 construct."""
        return cast("apigateway.CfnRestApi", self._api.resource)

    @property
    def cfn_stage(self) -> apigateway.CfnStage:
        """The stage's L1 construct; associate a web ACL with it, for example."""
        return cast("apigateway.CfnStage", self._stage.resource)

    def grant_invoke(self, grantee: IGrantable) -> Grant:
        """Allow sending requests through this API, and nothing else."""
        return grant(grantee, [Statement(sid="Invoke", actions=["execute-api:Invoke"], resources=[self._method_arn])])

    @property
    def _method_arn(self) -> str:
        return _refs.arn("execute-api", f"{self._api.ref}/{self.stage_name}/POST/invocations")

    def _add_api(self) -> Member:
        return self._block.add(
            "Api",
            "AWS::ApiGateway::RestApi",
            apigateway.CfnRestApiProps(
                name=self._endpoint.endpoint_name,
                description=f"Front door of endpoint {self._endpoint.endpoint_name}",
                endpoint_configuration=apigateway.CfnRestApi.EndpointConfigurationProperty(
                    types=["PRIVATE" if self._private else "REGIONAL"], vpc_endpoint_ids=self._ids or None
                ),
                policy=self._policy() if self._private else None,
                binary_media_types=self._binary or None,
            ),
        )

    def _policy(self) -> dict[str, Any]:
        """Without a policy a private API lets nobody in; with it only who comes through one of the endpoints.

        The ARN's beginning is left out, which API Gateway adds: the policy is part of the API that it would name.
        """
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyThroughVpc",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "execute-api:Invoke",
                    "Resource": "execute-api:/*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": self._ids}},
                },
                {
                    "Sid": "AccountDecides",
                    "Effect": "Allow",
                    "Principal": {"AWS": _refs.arn("iam", "root", in_region="")},
                    "Action": "execute-api:Invoke",
                    "Resource": "execute-api:/*",
                },
            ],
        }

    def _add_role(self) -> Member:
        action = "InvokeEndpointAsync" if self._asynchronous else "InvokeEndpoint"
        components = [
            _refs.arn("sagemaker", f"inference-component/{name.lower()}") for name in self._endpoint.component_names
        ]
        return add_service_role(
            self._block,
            "Role",
            service="apigateway.amazonaws.com",
            description=f"Lets API Gateway invoke {self._endpoint.endpoint_name}",
            statements=[
                Statement(
                    sid="InvokeModel",
                    actions=[f"sagemaker:{action}"],
                    resources=[self._endpoint.endpoint_arn, *components],
                )
            ],
        )

    @property
    def _asynchronous(self) -> bool:
        return self._endpoint.mode is ServingMode.ASYNCHRONOUS

    def _add_method(self) -> tuple[Member, str]:
        resource = self._block.add(
            "Path",
            "AWS::ApiGateway::Resource",
            apigateway.CfnResourceProps(
                rest_api_id=self._api.ref, parent_id=self._api.att("RootResourceId"), path_part="invocations"
            ),
        )
        properties = method_properties(
            api_id=self._api.ref,
            resource_id=resource.ref,
            endpoint_name=self._endpoint.endpoint_name,
            role_arn=self._role.att("Arn"),
            asynchronous=self._asynchronous,
        )
        method = self._block.add("Method", "AWS::ApiGateway::Method", properties)
        text = json.dumps([to_cloudformation(properties), self._ids, self._binary], sort_keys=True)
        # The CDK numbers its tokens by order of creation, which has nothing to do with this API.
        stable = re.sub(r"\.\d+\]", "]", text)
        return method, hashlib.sha256(stable.encode()).hexdigest()[:8]

    def _add_logging_role(self) -> Member:
        self._logging_role = self._block.add(
            "LoggingRole",
            "AWS::IAM::Role",
            iam.CfnRoleProps(
                assume_role_policy_document={
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "apigateway.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                description="Lets API Gateway write logs, for the whole account and region",
                managed_policy_arns=[
                    f"arn:{_refs.partition()}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
                ],
            ),
        )
        properties = apigateway.CfnAccountProps(cloud_watch_role_arn=self._logging_role.att("Arn"))
        return self._block.add("Account", "AWS::ApiGateway::Account", properties)
