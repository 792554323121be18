"""The processing job that a run may be handed over to: its role, its code, its machines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _naming, _refs
from cdk_sagemaker_mlops._execution_role import volume_key_statements
from cdk_sagemaker_mlops._iam import Statement, add_service_role, pass_role, same_account_only
from cdk_sagemaker_mlops.functions import MONITOR, AssetLocation, WheelSet, function_asset, wheels_asset
from cdk_sagemaker_mlops.network import Network

from .engine import JOB_LOGS, EngineRequest

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops._block import Member

_INPUT = "/opt/ml/processing/input"
# A job's name is this, the run's hour, a digest, and which attempt it is; SageMaker takes 63 characters.
_PREFIX_LIMIT = 40
_INSTANCE_TYPE = r"ml\.[a-z0-9-]+\.[a-z0-9]+"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What a job runs on.

    :param instance_type: Type of the instances.
    :param instance_count: How many.
    :param volume_gb: Disk of each.
    :param volume_key: Key that encrypts the disks.
    :param max_runtime_seconds: When SageMaker ends a job that has not ended.
    :param network: Where the instances stand in a VPC.
    """

    instance_type: str
    instance_count: int
    volume_gb: int
    volume_key: IKey | None
    max_runtime_seconds: int
    network: Network | None

    def problems(self) -> list[str]:
        """What SageMaker would refuse."""
        found = []
        if not _refs.is_token(self.instance_type) and not re.fullmatch(_INSTANCE_TYPE, self.instance_type):
            found.append(f'engine instance_type is "{self.instance_type}", allowed are types such as ml.m5.xlarge')
        for name, value, low, high in (
            ("instance_count", self.instance_count, 1, 100),
            ("volume_gb", self.volume_gb, 1, 16_384),
            ("max_runtime_seconds", self.max_runtime_seconds, 300, 86_400),
        ):
            if not low <= value <= high:
                found.append(f"engine {name} is {value}, allowed are {low} to {high}")
        return found + list(self.network.problems() if self.network else ())


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a job runs.

    :param image: URI of the image.
    :param entrypoint: Its command.
    :param wheels: Third-party packages that it brings along.
    :param files: Further files by the name of the input, each in a folder of that name.
    """

    image: str
    entrypoint: Sequence[str]
    wheels: WheelSet
    files: Mapping[str, AssetLocation]


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


def add_job(request: EngineRequest, machines: Machines, program: Program) -> RunJob:
    """Adds the role of the jobs and describes them."""
    code = function_asset(request.stack, MONITOR)
    wheels = wheels_asset(request.stack, program.wheels)
    inputs = {"code": code, "wheels": wheels, **program.files}
    role = add_service_role(
        request.block,
        "JobRole",
        service="sagemaker.amazonaws.com",
        trust_conditions=same_account_only(),
        description=f"{request.monitoring_type} jobs of {request.source.name}",
        statements=[*request.statements, *_failure_statements(request), *_job_statements(inputs, machines, program)],
    )
    cluster: dict[str, Any] = {
        "InstanceCount": machines.instance_count,
        "InstanceType": machines.instance_type,
        "VolumeSizeInGB": machines.volume_gb,
    }
    if machines.volume_key is not None:
        cluster["VolumeKmsKeyId"] = _refs.key_arn(machines.volume_key)
    template: dict[str, Any] = {
        "AppSpecification": {"ImageUri": program.image, "ContainerEntrypoint": list(program.entrypoint)},
        "ProcessingInputs": [_input(name, place) for name, place in inputs.items()],
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": role.att("Arn"),
        "StoppingCondition": {"MaxRuntimeInSeconds": machines.max_runtime_seconds},
        "Environment": {
            "PYTHONPATH": local_path("code", code),
            "WHEELS": local_path("wheels", wheels),
            "WHEELS_PYTHON": program.wheels.python_version,
            "WHEELS_MACHINE": program.wheels.machine,
            "RUN_SECONDS": str(machines.max_runtime_seconds),
            "RUN_REGION": _refs.region(),
        },
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
            actions=["s3:DeleteObject", "s3:PutObject"],
            resources=[f"{bucket}/{prefix}/*.failure.json"],
            reason="notes of failed jobs lie beside the report of the run's hour",
        )
    ]


def _job_statements(inputs: Mapping[str, AssetLocation], machines: Machines, program: Program) -> list[Statement]:
    arns = [f"arn:{_refs.partition()}:s3:::{place.bucket_name}" for place in inputs.values()]
    keys = [place.object_key for place in inputs.values()]
    statements = [
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
        *_image_statements(program.image),
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


def _image_statements(image: str) -> list[Statement]:
    account, found, rest = image.partition(".dkr.ecr.")
    if not found:
        return []
    name = rest.partition("/")[2].partition("@")[0].rpartition(":")[0] or rest.partition("/")[2]
    return [
        Statement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[_refs.arn("ecr", f"repository/{name}", in_account=account)],
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
        vpc = machines.network.render(request.block.scope)
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
