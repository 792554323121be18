"""One deployed environment: what a data scientist does there, and what AWS says is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from e2e_support import models

from deploy.memory import Memory
from examples.walkthrough.deployed import Deployed
from sagemaker_local.server import LocalAws

PROJECT = "e2e"


def environment(account: str, region: str = "eu-west-1", **changes: Any) -> dict[str, Any]:
    """An environment file with one model; `registry`, `endpoint` and `data_quality` change parts of it."""
    registry = changes.pop("registry", {"group": "churn"})
    endpoint = {
        "instance_type": "ml.m5.large",
        "instance_count": 2,
        "rollout": {"strategy": "canary", "percent": 50, "bake_minutes": 5},
        **changes.pop("endpoint", {}),
    }
    monitor = {"schedule": "hourly", "alarm_features": ["income"], **changes.pop("data_quality", {})}
    return {
        "project": PROJECT,
        "account": account,
        "region": region,
        "removal": "destroy",
        "termination_protection": False,
        "log_retention_days": 1,
        "notifications": {"email": ["you@example.com"]},
        "models": {"churn": {"registry": registry, "endpoint": endpoint, "monitors": {"data_quality": monitor}}},
        **changes,
    }


class Site:
    """One environment with its model `churn`; `registry` is the account that holds the versions, by default its own."""

    def __init__(
        self, aws: LocalAws, name: str, settings: Mapping[str, Any], registry: Mapping[str, Any] | None = None
    ) -> None:
        self.aws = aws
        self.account, self.region = settings["account"], settings["region"]
        self.prefix = f"{PROJECT}-{name}"
        self.live = Deployed(self, prefix=self.prefix, model="churn")
        self._owner = (registry or settings)["account"]
        self._registry = self.owner("sagemaker")

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.account, self.region)

    def owner(self, service: str) -> Any:
        """A client of the account that owns the registry."""
        return self.aws.client(service, self._owner, self.region)

    # -- versions --------------------------------------------------------------------------------------------------

    def register(
        self,
        number: int,
        archive: bytes,
        baseline: Mapping[str, str] | None = None,
        group: str = "churn",
        checks: Mapping[str, Mapping[str, str]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Upload and register a version, unapproved; return its ARN.

        `checks` are baselines besides that of the data, by their names in `DriftCheckBaselines`.
        """
        further = {
            kind: {
                file: {
                    "ContentType": "application/json",
                    "S3Uri": self.live.upload("Baselines", f"churn/v{number}/{kind}/{file}.json", text.encode()),
                }
                for file, text in files.items()
            }
            for kind, files in (checks or {}).items()
        }
        files = {
            kind: {"ContentType": "application/json", "S3Uri": self.live.upload("Baselines", key, text.encode())}
            for kind, name in (("Statistics", "statistics.json"), ("Constraints", "constraints.json"))
            for key, text in ([(f"churn/v{number}/{name}", baseline[name])] if baseline else [])
        }
        package = self._registry.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": models.IMAGE,
                        "ModelDataUrl": self.live.upload("Models", f"churn/v{number}/model.tar.gz", archive),
                        **({"Environment": dict(environment)} if environment else {}),
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            **({"DriftCheckBaselines": {"ModelDataQuality": files, **further}} if files else {}),
        )
        return str(package["ModelPackageArn"])

    def judge(self, package: str, verdict: str) -> None:
        """Approve or reject: `Approved`, `Rejected`."""
        self._registry.update_model_package(ModelPackageArn=package, ModelApprovalStatus=verdict)

    # -- time ------------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 60, step: float = 60) -> None:
        """Let virtual time pass until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}: {self.state()}"
            self.aws.clock.advance(step)
            time.sleep(0.05)

    def until_live(self, package: str) -> None:
        """Wait until a version serves and the stack has settled on it."""
        self.until(lambda: self.live.is_live(package), f"{package} to be live")

    def next_hour(self) -> datetime:
        """Go to the beginning of the next hour and return it."""
        now = self.aws.clock.now()
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.aws.clock.advance((start - now).total_seconds() + 30)
        return start

    # -- what is there ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Stacks, live version, endpoint, quarantine and the last announcements, for messages."""
        return {
            "stacks": self.live.stacks(),
            "live": self.live.live_version(),
            "endpoint": self.live.endpoint_status(),
            "quarantine": self.quarantine(),
            "announced": [(e["status"], e["toVersion"], e["reason"]) for e in self.events("Model Rollout")][-4:],
        }

    def quarantine(self) -> list[dict[str, Any]]:
        """The versions that are not tried again, with their reasons."""
        return [entry.to_json() for entry in Memory(self.client("ssm"), self.prefix).quarantine("churn")]

    def events(self, detail_type: str) -> list[dict[str, Any]]:
        """Details of the events that this environment put on its bus."""
        return [
            json.loads(entry["Detail"])
            for call in self.aws.recorder.select(service="events", operation="PutEvents")
            if call.account == self.account and call.region == self.region
            for entry in call.params["Entries"]
            if entry["DetailType"] == detail_type and self.prefix in entry["Detail"]
        ]

    def resources(self, kind: str) -> Iterator[dict[str, Any]]:
        """Resources of one type in the environment's stacks."""
        client = self.client("cloudformation")
        for stack in self.live.stacks():
            for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
                yield from (r for r in page["StackResourceSummaries"] if r["ResourceType"] == kind)

    def inventory(self) -> dict[str, set[str]]:
        """What exists in the account and region, by type, of everything that the stacks make."""
        sagemaker, logs, iam = self.client("sagemaker"), self.client("logs"), self.client("iam")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        schedules = self.client("scheduler").list_schedules()["Schedules"]
        alarms = self.client("cloudwatch").describe_alarms()["MetricAlarms"]
        found = {
            "model": {model["ModelName"] for model in sagemaker.list_models()["Models"]},
            "endpoint-config": {c["EndpointConfigName"] for c in sagemaker.list_endpoint_configs()["EndpointConfigs"]},
            "endpoint": {endpoint["EndpointName"] for endpoint in sagemaker.list_endpoints()["Endpoints"]},
            "group": {
                g["ModelPackageGroupName"]
                for g in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
            },
            "schedule": {schedule["Name"] for schedule in schedules},
            "alarm": {alarm["AlarmName"] for alarm in alarms},
            "dashboard": {d["DashboardName"] for d in self.client("cloudwatch").list_dashboards()["DashboardEntries"]},
            "log-group": set(groups),
            "function": {f["FunctionName"] for f in self.client("lambda").list_functions()["Functions"]},
            "mapping": {m["UUID"] for m in self.client("lambda").list_event_source_mappings()["EventSourceMappings"]},
            "queue": set(self.client("sqs").list_queues().get("QueueUrls", [])),
            "topic": {topic["TopicArn"] for topic in self.client("sns").list_topics()["Topics"]},
            "rule": {rule["Name"] for rule in self.client("events").list_rules()["Rules"]},
            "role": {role["RoleName"] for role in iam.list_roles()["Roles"]},
            "parameter": {p["Name"] for p in self.client("ssm").describe_parameters()["Parameters"]},
            "bucket": {
                b["Name"] for b in self.client("s3").list_buckets()["Buckets"] if not b["Name"].startswith("cdk-")
            },
            "key": self._keys(),
        }
        found["parameter"] = {name for name in found["parameter"] if not name.startswith(("/cdk-bootstrap", "/aws"))}
        return {kind: names for kind, names in found.items() if names}

    def _keys(self) -> set[str]:
        kms = self.client("kms")
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        return {k["KeyId"] for k in keys if k["KeyState"] == "Enabled" and k["KeyManager"] == "CUSTOMER"}
