"""Monitors as the CDK writes them, run by their own code on the embedded AWS, in this process.

Functions and jobs are called with what the templates tell them, instead of being started as processes of their own:
`tests/e2e/test_monitor_engines.py` and `test_native_engine.py` deploy and start them.
"""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3

from sagemaker_local.jobs import of as jobs_of
from sagemaker_local.jobs.process import Ending
from sagemaker_local.monitor_images.job import ContainerJob, JobError
from sagemaker_local.server import LocalAws

#: What the names of the monitors' roles begin with.
ROLES = "Monitors"
_IMAGES = "sagemaker_local.monitor_images"
#: Images and what they do, by their modules; the last one is a user's own.
WORK = {
    f"{_IMAGES}.analyzer": "analyse",
    f"{_IMAGES}.merger": "merge",
    f"{_IMAGES}.clarify": "analyse",
    "monitor_support.own_image": "work",
}
#: What Spark does with the files, without Spark; `tests/e2e/test_spark_engine.py` has a real one.
_RUN_SECONDS = {"RUN_SECONDS": "3600"}


class Partitions:
    """A Spark context in this process."""

    defaultParallelism = 1

    def parallelize(self, items: list[Any], count: int) -> Partitions:
        self.items = items
        return self

    def map(self, function: Callable[[Any], Any]) -> Partitions:
        self.items = [function(item) for item in self.items]
        return self

    def toLocalIterator(self) -> Any:
        return iter(self.items)


class Template:
    """What a stack's template says of its monitors, by their names."""

    def __init__(self, template: dict[str, Any], account: str, region: str) -> None:
        self._known = {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account}
        self._assets = f"cdk-hnb659fds-assets-{account}-{region}"
        self._place = f"{region}:{account}"
        self.resources: dict[str, Any] = template["Resources"]
        functions = [self.plain(r["Properties"]) for r in self.of_type("AWS::Lambda::Function")]
        told = [
            (properties.get("Environment", {}).get("Variables", {}), properties["Role"]) for properties in functions
        ]
        self.variables = {variables["MONITORING_SCHEDULE_NAME"]: variables for variables, _ in told}
        #: ARNs of the functions' roles by monitor.
        self.roles = {variables["MONITORING_SCHEDULE_NAME"]: role for variables, role in told}

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Resources of a type."""
        return [resource for resource in self.resources.values() if resource["Type"] == kind]

    def policies(self) -> dict[str, list[dict[str, Any]]]:
        """Policies by the name of their role."""
        return {
            self._role(logical_id): self.plain(resource["Properties"].get("Policies", []))
            for logical_id, resource in self.resources.items()
            if resource["Type"] == "AWS::IAM::Role"
        }

    @staticmethod
    def _role(logical_id: str) -> str:
        return f"{ROLES}-{logical_id[:50]}-{logical_id[-4:]}"

    def _arn(self, logical_id: str) -> str:
        kind = self.resources[logical_id]["Type"]
        if kind == "AWS::IAM::Role":
            return f"arn:aws:iam::{self._place.partition(':')[2]}:role/{self._role(logical_id)}"
        return f"arn:aws:{kind.split('::')[1].lower()}:{self._place}:{logical_id}"

    def native(self, name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Kind, job definition and schedule of a native monitor."""
        schedule = next(
            r["Properties"]
            for r in self.resources.values()
            if r["Type"].endswith("MonitoringSchedule") and r["Properties"]["MonitoringScheduleName"] == name
        )
        name_of = schedule["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"]
        definition = self.resources[name_of["Fn::Select"][1]["Fn::Split"][1]["Ref"]]
        kind = definition["Type"].removeprefix("AWS::SageMaker::").removesuffix("JobDefinition")
        config = dict(schedule["MonitoringScheduleConfig"]["ScheduleConfig"])
        return kind, self.plain(definition["Properties"]), config

    def plain(self, value: Any) -> Any:
        """A value as it would be after deployment."""
        match value:
            case {"Ref": name}:
                return self._known.get(name, name)
            case {"Fn::GetAtt": [name, _]}:
                return self._arn(name)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.plain(part) for part in parts)
            case {"Fn::Sub": _}:
                return self._assets
            case dict():
                return {name: self.plain(inner) for name, inner in value.items()}
            case list():
                return [self.plain(item) for item in value]
        return value


class Images:
    """AWS's images of monitoring jobs as this process, which spares each job the start of an interpreter.

    Jobs keep their roles: clients sign with what the credentials are at the time, since to make clients for every role
    would take longer than all runs.
    """

    def __init__(self, aws: LocalAws, account: str, region: str) -> None:
        self.environ = {k: v for k, v in aws.environ(account, region).items() if k.startswith("AWS_")}
        with mock.patch.dict(os.environ, self.environ):
            boto3.setup_default_session()
        self._credentials = boto3.DEFAULT_SESSION.get_credentials()
        self._turn = threading.Lock()
        self._start = jobs_of(aws).processes.run
        jobs_of(aws).processes.run = self._run  # type: ignore[method-assign]

    def end(self) -> None:
        """Leave jobs and boto3 as they were."""
        boto3.DEFAULT_SESSION = None

    @contextmanager
    def signing(self, key: str, secret: str) -> Iterator[None]:
        """What clients sign with meanwhile."""
        own = self._credentials.access_key, self._credentials.secret_key
        self._credentials.access_key, self._credentials.secret_key = key, secret
        try:
            yield
        finally:
            self._credentials.access_key, self._credentials.secret_key = own

    def _run(
        self, arguments: list[str], environment: dict[str, str], folder: Path, log: Callable[[str], None], **more: Any
    ) -> Ending:
        name = next((text for text in arguments if text in WORK), None)
        if name is None:
            return self._start(arguments, environment, folder, log, **more)
        work = getattr(importlib.import_module(name), WORK[name])
        job = ContainerJob.read(folder)
        # Environment variables belong to the whole process, so one job at a time.
        signing = self.signing(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        with self._turn, mock.patch.dict(os.environ, {**environment, **job.settings}), signing:
            try:
                work(job)
            except JobError as error:
                job.say(f"Error: {error}")
                return Ending(255)
        return Ending(0)


class Bench:
    """Runs monitors, and knows what each left behind."""

    def __init__(self, aws: LocalAws, templates: Sequence[Template], account: str, region: str, folder: Path) -> None:
        self.aws = aws
        self._templates = {name: template for template in templates for name in template.variables}
        self.account, self.region, self._folder = account, region, folder
        self.prefix = ROLES
        self._images = Images(aws, account, region)
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        for template in templates:
            for name, policies in template.policies().items():
                self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
                for policy in policies:
                    document = json.dumps(policy["PolicyDocument"])
                    self.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)

    def end(self) -> None:
        """Leave everything as it was."""
        self._images.end()

    def client(self, service: str) -> Any:
        return self.aws.clients(service, self.account, self.region)

    def function(self, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a monitor's function."""
        from monitor.handler import lambda_handler

        context = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 900_000)
        with self._as(self._told(name)), self._acting(self._templates[name].roles[name]):
            return lambda_handler(event, context)

    def job(self, name: str, event: Mapping[str, Any], engine: str, reason: str | None = None) -> None:
        """Carry a run out as a monitor's job does."""
        from monitor import job
        from monitor.spark_job import SparkSpread

        told = self._told(name) | _RUN_SECONDS
        told |= {"RUN_ENGINE": engine, "RUN_EVENT": json.dumps(event)}
        told |= {"RUN_ENGINE_REASON": reason} if reason else {}
        spread = SparkSpread(SimpleNamespace(sparkContext=Partitions()), {}) if engine == "spark" else None
        config = self._folder / "config.json"
        config.write_text(json.dumps({"ProcessingJobName": f"{name}-job"}))
        with (
            self._as({}),
            self._acting(json.loads(told["JOB"])["RoleArn"]),
            mock.patch.object(job, "CONFIG_FILE", config),
            mock.patch.object(job, "MESSAGE_FILE", self._folder / "message"),
        ):
            assert job.run_job(told, time.monotonic(), spread) == 0, (self._folder / "message").read_text()

    def container(self, name: str, event: Mapping[str, Any]) -> None:
        """Start a monitor's own container, wait for it, and have it told of, as EventBridge would."""
        job = self.function(name, event)["processingJobName"]
        end = time.monotonic() + 30
        while True:
            found = self.client("sagemaker").describe_processing_job(ProcessingJobName=job)
            if found["ProcessingJobStatus"] != "InProgress":
                break
            assert time.monotonic() < end, found
            time.sleep(0.02)
        ended = {"ProcessingJobName": job, "ProcessingJobStatus": found["ProcessingJobStatus"]}
        self.function(name, {"detail-type": "SageMaker Processing Job State Change", "detail": ended})

    def add_native(self, name: str) -> None:
        """Make job definition and schedule of a native monitor."""
        kind, definition, timing = self._templates[name].native(name)
        sagemaker = self.client("sagemaker")
        snake = {"DataQuality": "data_quality", "ModelQuality": "model_quality", "ModelBias": "model_bias"}
        create = getattr(sagemaker, f"create_{snake.get(kind, 'model_explainability')}_job_definition")
        create(JobDefinitionName=name, **{key: value for key, value in definition.items() if key != "Tags"})
        sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={
                "ScheduleConfig": timing,
                "MonitoringJobDefinitionName": name,
                "MonitoringType": kind,
            },
        )

    def wait_for(self, schedule: str) -> None:
        """Until the newest execution of a schedule has ended."""
        end = time.monotonic() + 30
        while True:
            listed = self.client("sagemaker").list_monitoring_executions(
                MonitoringScheduleName=schedule, SortBy="ScheduledTime", SortOrder="Descending", MaxResults=1
            )["MonitoringExecutionSummaries"]
            if listed and listed[0]["MonitoringExecutionStatus"] not in ("Pending", "InProgress"):
                return
            assert time.monotonic() < end, (schedule, listed)
            time.sleep(0.02)

    def _told(self, name: str) -> dict[str, str]:
        return self._templates[name].variables[name]

    @contextmanager
    def _acting(self, role_arn: str) -> Iterator[None]:
        """As a role, whose calls are then known as its own."""
        principal = self.aws.accounts.acting_as(role_arn)
        with self._images.signing(principal.access_key, principal.secret_key):
            yield

    def _as(self, variables: Mapping[str, str]) -> Any:
        return mock.patch.dict(os.environ, {**self._images.environ, **variables})
