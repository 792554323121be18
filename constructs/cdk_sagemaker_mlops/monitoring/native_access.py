"""What runs of Model Monitor and Clarify do in an account, as IAM statements.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createprocessingjob-perms
"""

from __future__ import annotations

from collections.abc import Sequence

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._execution_role import volume_key_statements
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions import AssetLocation

from .engine import JOB_LOGS, EngineRequest
from .locations import encrypt

_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
#: How Clarify calls the endpoints that it makes for the time of a job.
_CLARIFYS = "sm-clarify*"


def run_statements(
    request: EngineRequest, repositories: Sequence[str], config: AssetLocation | None, volume_key_arn: str | None
) -> list[Statement]:
    """Everything that the processing jobs of a native monitor do.

    :param repositories: ARNs of the images' repositories.
    :param config: Where the analysis config is.
    """
    analysis, source = request.analysis, request.source
    statements = [
        *source.statements(),
        *request.written.write("Reports", "reports are filed by hour and"),
        *request.baseline.statements,
        *request.baseline.input_statements,
        *analysis.statements(source.name),
        *encrypt(request.reports.key_arn),
        *_image_statements(repositories),
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[_refs.arn("logs", f"log-group:{JOB_LOGS}"), _refs.arn("logs", f"log-group:{JOB_LOGS}:*")],
            reason="SageMaker names log streams after jobs and instances",
        ),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": [*request.metric_namespaces[1:], JOB_LOGS]}},
            reason="metrics have no ARN; the condition allows the monitor's namespace and that of jobs only",
        ),
    ]
    if analysis.needs_labels:
        merged = request.reports.below("merge", *(source.report_folders or (request.schedule_name,)))
        statements += [
            *merged.read("Merged", "merged records"),
            # The input of the analysis is the folder itself, which SageMaker lists without a slash at its end.
            Statement(
                sid="ListMergedFolder",
                actions=["s3:ListBucket"],
                resources=[_refs.bucket_arn(merged.bucket)],
                conditions={"StringEquals": {"s3:prefix": merged.prefix}},
            ),
            *merged.write("Merged", "merged records"),
        ]
    if config is not None:
        statements += _file_statements("Config", config.bucket_name, config.object_key)
    for name, uri in request.scripts.settings(request.stack).items():
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        statements += _file_statements(name.partition("_")[0].title(), bucket, key)
    if analysis.monitoring_type == "ModelExplainability":
        statements += shadow_statements(source.endpoint_name)
    if volume_key_arn is not None:
        statements += volume_key_statements(volume_key_arn)
    return statements


def _file_statements(what: str, bucket_name: str, key: str) -> list[Statement]:
    """Reading one file as SageMaker does, which lists it first."""
    bucket = f"arn:{_refs.partition()}:s3:::{bucket_name}"
    only = {"StringEquals": {"s3:prefix": key}}
    return [
        Statement(sid=f"Read{what}", actions=["s3:GetObject"], resources=[f"{bucket}/{key}"]),
        Statement(sid=f"List{what}", actions=["s3:ListBucket"], resources=[bucket], conditions=only),
    ]


def _image_statements(repositories: Sequence[str]) -> list[Statement]:
    return [
        Statement(
            sid="EcrLogin",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            reason="ecr:GetAuthorizationToken cannot be limited to a resource",
        ),
        Statement(sid="PullImages", actions=_PULL, resources=list(repositories)),
    ]


def shadow_statements(endpoint: str | None) -> list[Statement]:
    """Clarify asks the model through an endpoint that it makes out of the live endpoint's model."""
    made = [_refs.arn("sagemaker", f"{kind}/{_CLARIFYS}") for kind in ("endpoint", "endpoint-config")]
    watched = [_refs.arn("sagemaker", f"endpoint/{endpoint.lower()}")] if endpoint else []
    return [
        Statement(
            sid="MakeShadow",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DescribeEndpoint",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:InvokeEndpoint",
            ],
            resources=made,
            reason="Clarify makes up names of its shadow endpoints; they begin like this",
        ),
        Statement(
            sid="LookAtModel",
            actions=["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel"],
            resources=[*watched, *(_refs.arn("sagemaker", f"{kind}/*") for kind in ("endpoint-config", "model"))],
            reason="CloudFormation makes up names of configurations and models; reading only",
        ),
    ]


def announcer_statements(request: EngineRequest, definition_kind: str) -> list[Statement]:
    """What the function does that tells of ended executions.

    :param definition_kind: The resource in ARNs of job definitions.
    """
    return [
        Statement(
            sid="ListExecutions",
            actions=["sagemaker:ListMonitoringExecutions"],
            resources=["*"],
            reason="the call knows no resources",
        ),
        Statement(
            sid="LookAtRuns",
            actions=["sagemaker:DescribeProcessingJob", f"sagemaker:Describe{request.monitoring_type}JobDefinition"],
            resources=[_refs.arn("sagemaker", "processing-job/*"), _refs.arn("sagemaker", f"{definition_kind}/*")],
            reason="SageMaker makes up names of jobs and CloudFormation those of definitions; reading only",
        ),
        *request.written.read("Reports", "reports are filed by hour and"),
        *request.written.write("Reports", "reports are filed by hour and"),
        Statement(
            sid="TakeBackClaims",
            actions=["s3:DeleteObject"],
            resources=[f"{request.written.objects_arn()}/execution.json"],
            reason="each hour has a file that says that its run was announced",
        ),
        *request.baseline.statements,
        *encrypt(request.reports.key_arn),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": list(request.metric_namespaces)}},
            reason="metrics have no ARN; the condition allows the monitor's namespaces only",
        ),
        Statement(
            sid="AnnounceRuns",
            actions=["events:PutEvents"],
            resources=[_refs.arn("events", "event-bus/default")],
            conditions={"StringEquals": {"events:source": "sagemaker-mlops.monitoring"}},
        ),
    ]
