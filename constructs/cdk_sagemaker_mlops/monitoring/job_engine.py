"""Engines that carry out runs in processing jobs: what they share."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from cdk_sagemaker_mlops.functions import Architecture

from .engine import BoundEngine, Engine, EngineRequest, EngineTask
from .job import Program, RunJob, add_job, announce_statements
from .machines import Machines
from .scheduled_function import ScheduledFunction, add_scheduled_function

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops.network import Network

# Starting a job takes a second or two, most of it the client's.
_STARTER_MEMORY_MB, _STARTER_SECONDS = 256, 120


@dataclass(frozen=True, kw_only=True)
class JobEngine(Engine):
    """The analyzer in SageMaker processing jobs, in an image that AWS provides: no image is built or kept.

    A small function starts the job of each run, named after the run, so that a run has one job however often it is
    started. A job that fails, is stopped or does not end within `max_runtime_seconds` is a failed run, in metrics and
    events as well. Jobs reach S3, CloudWatch and EventBridge themselves, so they are not isolated from the network;
    with `network` they reach them through your VPC.

    :param instance_type: Type of the instances. Default: ml.m5.xlarge
    :param volume_gb: Disk of each instance. Default: 30
    :param volume_key: Key that encrypts the disks. Default: - SageMaker's
    :param max_runtime_seconds: When SageMaker ends a job that has not ended. Default: 3600
    :param network: Where the instances stand in a VPC. Default: - in none
    :param log_retention_days: How long the logs of the function are kept. Default: 90
    """

    #: As events call it.
    name: ClassVar[str]
    #: Kinds of analyses that it runs.
    analyses: ClassVar[tuple[str, ...]]

    instance_type: str = "ml.m5.xlarge"
    volume_gb: int = 30
    volume_key: IKey | None = None
    max_runtime_seconds: int = 3600
    network: Network | None = None
    log_retention_days: int = 90

    def machines(self) -> Machines:
        """What a job runs on."""
        return Machines(
            instance_type=self.instance_type,
            instance_count=self.instances,
            volume_gb=self.volume_gb,
            volume_key=self.volume_key,
            max_runtime_seconds=self.max_runtime_seconds,
            network=self.network,
        )

    @property
    def instances(self) -> int:
        """How many instances a job has."""
        return 1

    @abstractmethod
    def program(self, request: EngineRequest) -> Program:
        """What a job runs."""

    def problems(self, task: EngineTask) -> list[str]:
        """What SageMaker would refuse, or this engine cannot do."""
        found = self.machines().problems()
        if task.monitoring_type not in self.analyses:
            found.append(
                f"the engine is {self.name}, which runs {', '.join(self.analyses)}; choose another one for "
                f"{task.monitoring_type}"
            )
        return found

    def job(self, request: EngineRequest) -> RunJob:
        """Adds what jobs need."""
        return add_job(request, self.machines(), self.program(request))

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines the job's role, the function that starts jobs, its schedule, and what listens to how jobs end."""
        job = self.job(request)
        added = add_scheduled_function(
            request,
            statements=[*announce_statements(request), *job.start_statements()],
            environment={**request.settings, **job_settings(self.name, job)},
            memory_mb=_STARTER_MEMORY_MB,
            timeout_seconds=_STARTER_SECONDS,
            architecture=Architecture.ARM_64,
            layers=(),
            log_retention_days=self.log_retention_days,
        )
        listen(request, job, added)
        return BoundEngine(
            name=self.name,
            role=job.role,
            rules=(added.lost_run,),
            conditional=(added.schedule,),
            function=added.function.function,
        )


def job_settings(engine: str, job: RunJob) -> dict[str, str]:
    """What the function is told of jobs, as environment variables."""
    return {"ENGINE": engine, "JOB_PREFIX": job.prefix, "JOB": json.dumps(job.template, separators=(",", ":"))}


def listen(request: EngineRequest, job: RunJob, added: ScheduledFunction, *, completed: bool = False) -> None:
    """Wakes the function when one of the monitor's jobs fails or is stopped.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html

    :param completed: Whether it is woken by those as well that complete.
    """
    statuses, what = ["Failed", "Stopped"], "Failed"
    if completed:
        statuses, what = ["Completed", *statuses], "Ended"
    rule = request.block.add(
        "FailedJobs",
        "AWS::Events::Rule",
        events.CfnRuleProps(
            description=f"{what} jobs of {request.schedule_name}",
            event_pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Processing Job State Change"],
                "detail": {
                    "ProcessingJobName": [{"prefix": f"{job.prefix}-"}],
                    "ProcessingJobStatus": statuses,
                },
            },
            targets=[events.CfnRule.TargetProperty(id="Monitor", arn=added.function.arn)],
        ),
    )
    request.block.add(
        "FailedJobsPermission",
        "AWS::Lambda::Permission",
        lambda_.CfnPermissionProps(
            action="lambda:InvokeFunction",
            function_name=added.function.arn,
            principal="events.amazonaws.com",
            source_arn=rule.att("Arn"),
        ),
    )
