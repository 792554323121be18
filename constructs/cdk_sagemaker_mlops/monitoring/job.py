"""The processing job that a run may be handed over to: its role, its code, its machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _naming, _refs
from cdk_sagemaker_mlops._execution_role import volume_key_statements
from cdk_sagemaker_mlops._iam import Statement, add_service_role, pass_role, same_account_only
from cdk_sagemaker_mlops.functions import MONITOR, AssetLocation, WheelSet, function_asset, wheels_asset
from cdk_sagemaker_mlops.network import Network

from .engine import JOB_LOGS, EngineRequest
from .machines import Machines

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._block import Member

_INPUT = "/opt/ml/processing/input"
# A job's name is this, the run's hour, a digest, and which attempt it is; SageMaker takes 63 characters.
_PREFIX_LIMIT = 40


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a job runs.

    :param image: URI of the image.
    :param entrypoint: Its command; empty for the image's own.
    :param arguments: What follows the command.
    :param files: Files by the name of the input, each in a folder of that name.
    :param environment: What it is told whatever the run.
    :param statements: What it does in an account.
    """

    image: str
    entrypoint: Sequence[str]
    arguments: Sequence[str] = ()
    files: Mapping[str, AssetLocation]
    environment: Mapping[str, str]
    statements: Sequence[Statement]


@dataclass(frozen=True, kw_only=True)
class RunJob:
    """A job as the function that starts it needs it.

    :param role: Role of the job.
    :param prefix: What names of jobs begin with.
    :param template: The request that creates one, without name.
    """

    role: Member
    prefix: str
    template: Mapping[str, Any]

    def start_statements(self) -> list[Statement]:
        """What starting jobs and looking at them needs."""
        return [
            Statement(
                sid="StartJobs",
                actions=["sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob"],
                resources=[_refs.arn("sagemaker", f"processing-job/{self.prefix}-*")],
                reason="jobs are named after the hour and the version of their run",
            ),
            pass_role("HandOverRole", [self.role.att("Arn")]),
        ]


def code_path(request: EngineRequest) -> str:
    """Where the code's archive lies in a job, from which Python imports it as it is."""
    return local_path("code", function_asset(request.stack, MONITOR))


def own_program(
    request: EngineRequest,
    machines: Machines,
    *,
    image: str,
    entrypoint: Sequence[str],
    wheels: WheelSet,
    files: Mapping[str, AssetLocation] | None = None,
) -> Program:
    """This library's own runs: the function's code, with locked wheels.

    :param wheels: Third-party packages that the image lacks.
    :param files: Further files by the name of the input.
    """
    code, packages = function_asset(request.stack, MONITOR), wheels_asset(request.stack, wheels)
    return Program(
        image=image,
        entrypoint=entrypoint,
        files={"code": code, "wheels": packages, **(files or {})},
        environment={
            "PYTHONPATH": local_path("code", code),
            "WHEELS": local_path("wheels", packages),
            "WHEELS_PYTHON": wheels.python_version,
            "WHEELS_MACHINE": wheels.machine,
            "RUN_SECONDS": str(machines.max_runtime_seconds),
            "RUN_REGION": _refs.region(),
        },
        statements=[*request.statements, *_failure_statements(request)],
    )


def add_job(request: EngineRequest, machines: Machines, program: Program) -> RunJob:
    """Adds the role of the jobs and describes them."""
    role = add_service_role(
        request.block,
        "JobRole",
        service="sagemaker.amazonaws.com",
        trust_conditions=same_account_only(),
        description=f"{request.monitoring_type} jobs of {request.source.name}",
        statements=[*program.statements, *_job_statements(machines, program)],
    )
    cluster: dict[str, Any] = {
        "InstanceCount": machines.instance_count,
        "InstanceType": machines.instance_type,
        "VolumeSizeInGB": machines.volume_gb,
    }
    if machines.volume_key is not None:
        cluster["VolumeKmsKeyId"] = _refs.key_arn(machines.volume_key)
    template: dict[str, Any] = {
        "AppSpecification": _app(program),
        "ProcessingInputs": [_input(name, place) for name, place in program.files.items()],
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": role.att("Arn"),
        "StoppingCondition": {"MaxRuntimeInSeconds": machines.max_runtime_seconds},
        "Environment": dict(program.environment),
    }
    network = _network(request, machines)
    if network:
        template["NetworkConfig"] = network
    return RunJob(role=role, prefix=job_prefix(request), template=template)


def job_prefix(request: EngineRequest) -> str:
    """What names of the monitor's jobs begin with."""
    return _naming.fit(request.schedule_name, _PREFIX_LIMIT)


def announce_statements(request: EngineRequest) -> list[Statement]:
    """What telling of a failed job needs; a part of what a run does."""
    wanted = {"PublishMetrics", "AnnounceRuns", "EncryptReports"}
    return [*(item for item in request.statements if item.sid in wanted), *_failure_statements(request)]


def _failure_statements(request: EngineRequest) -> list[Statement]:
    """Noting that a failed job was announced, so that it is announced once."""
    bucket, prefix = _refs.bucket_arn(request.written.bucket), request.written.prefix
    return [
        Statement(
            sid="NoteFailedJobs",
            actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            resources=[f"{bucket}/{prefix}/*.failure.json"],
            reason="notes of failed jobs lie beside the report of the run's hour",
        )
    ]


def _app(program: Program) -> dict[str, Any]:
    app: dict[str, Any] = {"ImageUri": program.image}
    if program.entrypoint:
        app["ContainerEntrypoint"] = list(program.entrypoint)
    if program.arguments:
        app["ContainerArguments"] = list(program.arguments)
    return app


def _file_statements(files: Mapping[str, AssetLocation]) -> list[Statement]:
    if not files:
        return []
    arns = [f"arn:{_refs.partition()}:s3:::{place.bucket_name}" for place in files.values()]
    keys = [place.object_key for place in files.values()]
    return [
        Statement(
            sid="ReadCode",
            actions=["s3:GetObject"],
            resources=[f"{arn}/{key}" for arn, key in zip(arns, keys, strict=True)],
        ),
        # SageMaker lists an input's prefix before it downloads it.
        Statement(
            sid="ListCode",
            actions=["s3:ListBucket"],
            resources=arns,
            conditions={"StringLike": {"s3:prefix": keys}},
        ),
    ]


def _job_statements(machines: Machines, program: Program) -> list[Statement]:
    statements = [
        *_file_statements(program.files),
        *image_statements(program.image),
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[
                _refs.arn("logs", f"log-group:{JOB_LOGS}"),
                _refs.arn("logs", f"log-group:{JOB_LOGS}:log-stream:*"),
            ],
            reason="all processing jobs share one log group, with streams named after jobs and instances",
        ),
    ]
    if machines.volume_key is not None:
        statements += volume_key_statements(_refs.key_arn(machines.volume_key))
    if machines.network is not None:
        statements += Network.statements()
    return statements


def repository_arn(image: str) -> str | None:
    """The repository of an image; None for one that is in no registry of ECR."""
    account, found, rest = image.partition(".dkr.ecr.")
    if not found:
        return None
    name = rest.partition("/")[2].partition("@")[0]
    return _refs.arn("ecr", f"repository/{name.partition(':')[0]}", in_account=account)


def image_statements(image: str) -> list[Statement]:
    """Pulling an image; one that is in no registry of ECR needs nothing."""
    repository = repository_arn(image)
    if repository is None:
        return []
    return [
        Statement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[repository],
        ),
        Statement(
            sid="LogInToRegistry",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            reason="ecr:GetAuthorizationToken knows no resources",
        ),
    ]


def _network(request: EngineRequest, machines: Machines) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if machines.network is not None:
        vpc = machines.network.render(request.block.scope, instances_meet=machines.instance_count > 1)
        config["VpcConfig"] = {"SecurityGroupIds": list(vpc.security_group_ids), "Subnets": list(vpc.subnets)}
    if machines.instance_count > 1:
        config["EnableInterContainerTrafficEncryption"] = True
    return config


def _input(name: str, place: AssetLocation) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": f"s3://{place.bucket_name}/{place.object_key}",
            "LocalPath": f"{_INPUT}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def local_path(name: str, place: AssetLocation) -> str:
    """Where the file of an input lies in a job."""
    return f"{_INPUT}/{name}/{place.object_key.rpartition('/')[2]}"
