"""A small AWS in memory: a pipeline, a registry, parameters, and the services that are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from retrain.announcements import Announcer
from retrain.controller import Controller
from retrain.decide import Limits
from retrain.memory import Memory
from retrain.pipelines import Pipeline
from retrain.requests import Request
from retrain.settings import Settings

PIPELINE = "mlops-prod-churn-training"
EXECUTIONS = f"arn:aws:sagemaker:eu-west-1:222222222222:pipeline/{PIPELINE}/execution"
PACKAGES = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn"
ENDPOINT, MONITOR = "mlops-prod-churn", "mlops-prod-churn-data-quality"


class Crash(BaseException):
    """The process ends here."""


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Pages:
    def __init__(self, answer: Callable[..., dict[str, Any]]) -> None:
        self._answer = answer

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield self._answer(**arguments)


class World:
    """What is there, the moves of others, and clients; `fault` ends or refuses the n-th call."""

    def __init__(self, **limits: Any) -> None:
        self.clock = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self.ssm: dict[str, str] = {}
        self.executions: list[dict[str, Any]] = []
        self.tokens: dict[str, str] = {}
        self.packages: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.metrics: dict[str, float] = {}
        self.calls = 0
        self.fault: tuple[int, str] | None = None
        given = {"cooldown": timedelta(hours=24), "weekly": 2, "fruitless": 3, "confirmations": 1} | limits
        self.settings = Settings(
            controller_name="mlops-prod",
            environment="prod",
            model="churn",
            endpoint_name=ENDPOINT,
            monitors=(),
            pipeline_name=PIPELINE,
            group="churn",
            limits=Limits(**given),
            reason_parameters=("RetrainingReason", "RetrainingMonitor", "RetrainingFeatures", "RetrainingWindow"),
            topic_arn="arn:aws:sns:eu-west-1:222222222222:people",
        )

    # -- moves of others ---------------------------------------------------------------------------------------------

    def later(self, **by: float) -> None:
        self.clock += timedelta(**by)

    def end(self, status: str = "Succeeded", *, registers: bool = True, named: bool = True) -> None:
        """The running execution ends."""
        execution = next(item for item in self.executions if item["PipelineExecutionStatus"] == "Executing")
        execution["PipelineExecutionStatus"] = status
        if status == "Succeeded" and registers:
            self.register(execution["PipelineExecutionArn"] if named else None)

    def register(self, by: str | None = None, status: str = "PendingManualApproval") -> None:
        package: dict[str, Any] = {
            "ModelPackageArn": f"{PACKAGES}/{len(self.packages) + 1}",
            "ModelPackageVersion": len(self.packages) + 1,
            "ModelApprovalStatus": status,
            "CreationTime": self.clock,
        }
        if by:
            package["MetadataProperties"] = {"GeneratedBy": by}
        self.packages.append(package)

    def judge(self, status: str = "Approved") -> None:
        self.packages[-1]["ModelApprovalStatus"] = status

    # -- what is asked -----------------------------------------------------------------------------------------------

    def wake(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        request = Request.parse(event or {}, ENDPOINT)
        announcer = Announcer(
            events=self,
            sns=self,
            cloudwatch=self,
            environment="prod",
            model="churn",
            pipeline=PIPELINE,
            topic_arn=self.settings.topic_arn,
        )
        controller = Controller(
            settings=self.settings,
            pipeline=Pipeline(self, PIPELINE, "churn"),
            announcer=announcer,
            memory=lambda: Memory(self, "mlops-prod", "churn"),
            now=lambda: self.clock,
        )
        return controller.handle(request)

    def drift(self, *, hours_ago: float = 0, status: str = "CompletedWithViolations", **detail: Any) -> dict[str, Any]:
        end = self.clock - timedelta(hours=hours_ago)
        given = {
            "endpointName": ENDPOINT,
            "monitoringScheduleName": MONITOR,
            "status": status,
            "window": {
                "start": (end - timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
                "end": end.isoformat().replace("+00:00", "Z"),
            },
            "violations": 2,
            "worstFeatures": [{"feature": "total_day_minutes"}, {"feature": "calls, to (hotline)"}],
            "worstMetrics": [],
            "checked": True,
            "reportUri": "s3://reports/report.html",
            "modelPackageArn": "",
        }
        return {"source": "sagemaker-mlops.monitoring", "detail-type": "Monitoring Execution", "detail": given | detail}

    @property
    def statuses(self) -> list[str]:
        return [detail["status"] for detail in self.told]

    # -- clients -----------------------------------------------------------------------------------------------------

    def _call(self) -> None:
        self.calls += 1
        if self.fault and self.fault[0] == self.calls:
            kind = self.fault[1]
            if kind == "before":
                raise Crash
            if kind == "refused":
                raise refusal("InternalFailure", "try again")

    def _after(self) -> None:
        if self.fault == (self.calls, "after"):
            raise Crash

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, operation))

    def get_parameters_by_path(self, Path: str, Recursive: bool) -> dict[str, Any]:
        self._call()
        found = [{"Name": name, "Value": text} for name, text in self.ssm.items() if name.startswith(f"{Path}/")]
        return {"Parameters": found}

    def put_parameter(self, Name: str, Value: str, Type: str, Overwrite: bool) -> None:
        self._call()
        if not Overwrite and Name in self.ssm:
            raise refusal("ParameterAlreadyExists", "it exists")
        assert len(Value.encode()) <= 4096
        json.loads(Value)
        self.ssm[Name] = Value
        self._after()

    def delete_parameter(self, Name: str) -> None:
        self._call()
        if Name not in self.ssm:
            raise refusal("ParameterNotFound", "there is none")
        del self.ssm[Name]
        self._after()

    def list_pipeline_executions(self, **_: Any) -> dict[str, Any]:
        self._call()
        return {"PipelineExecutionSummaries": list(reversed(self.executions))}

    def describe_pipeline_execution(self, PipelineExecutionArn: str) -> dict[str, Any]:
        self._call()
        return next(item for item in self.executions if item["PipelineExecutionArn"] == PipelineExecutionArn)

    def list_pipeline_execution_steps(self, PipelineExecutionArn: str) -> dict[str, Any]:
        self._call()
        return {
            "PipelineExecutionSteps": [
                {"StepName": "NotBetter", "StepStatus": "Failed", "FailureReason": "it is not better"}
            ]
        }

    def start_pipeline_execution(self, ClientRequestToken: str, **arguments: Any) -> dict[str, Any]:
        self._call()
        assert 32 <= len(ClientRequestToken) <= 128
        arn = self.tokens.get(ClientRequestToken)
        if arn is None:
            arn = self.tokens[ClientRequestToken] = f"{EXECUTIONS}/{len(self.executions) + 1}"
            self.executions.append(
                {
                    "PipelineExecutionArn": arn,
                    "PipelineExecutionStatus": "Executing",
                    "StartTime": self.clock,
                    **arguments,
                }
            )
        self._after()
        return {"PipelineExecutionArn": arn}

    def list_model_packages(self, ModelPackageGroupName: str, **filters: Any) -> dict[str, Any]:
        self._call()
        wanted = filters.get("ModelApprovalStatus")
        found = [item for item in self.packages if wanted in (None, item["ModelApprovalStatus"])]
        return {"ModelPackageSummaryList": list(reversed(found))}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        self._call()
        return next(item for item in self.packages if item["ModelPackageArn"] == ModelPackageName)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self._call()
        self.told += [json.loads(entry["Detail"]) for entry in Entries]
        self._after()
        return {"FailedEntryCount": 0}

    def publish(self, **message: Any) -> None:
        self._call()
        self.messages.append(message)

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        self._call()
        self.metrics |= {datum["MetricName"]: datum["Value"] for datum in MetricData}


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def crash() -> type[Crash]:
    return Crash
