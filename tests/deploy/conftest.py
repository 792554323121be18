"""A small AWS in memory: one serving stack, its registry, its endpoint, and the services that the controller tells.

It keeps CloudFormation's rules that matter here: one operation at a time, tokens recognised, rollback on failure,
stack-level and resource events, and a SageMaker that may silently return to an earlier endpoint configuration.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.alarms import Alarms
from deploy.announcements import Announcer
from deploy.controller import Controller
from deploy.memory import Memory
from deploy.reconcile import Services
from deploy.registry import Registry
from deploy.requests import Request
from deploy.stacks import Stacks

STACK = "mlops-prod-Serving-churn"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:222222222222:stack/{STACK}/0a1b"
REGISTRATION = "/mlops-prod/serving/churn"
PACKAGE = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn"
ENDPOINT = "mlops-prod-churn"
OK, FAILS, SILENT = "ok", "fails", "silent"


class Crash(BaseException):
    """The process ends here; nothing that comes after in the code under test runs."""


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class World:
    """The state, the moves that others make, and clients for the controller."""

    def __init__(self, kinds: dict[int, str] | None = None, **registration: Any) -> None:
        self.kinds = kinds or {1: OK, 2: OK, 3: OK}
        self.clock = datetime(2026, 11, 21, 8, tzinfo=UTC)
        self.packages: dict[int, dict[str, Any]] = {}
        self.parameters = {
            "ModelPackageArn": "",
            "RetainVariantProperties": "false",
            "DataQualityConstraintsUri": "",
            "DataQualityStatisticsUri": "",
            "BootstrapVersion": "/cdk-bootstrap/hnb659fds/version",
        }
        self.status = "CREATE_COMPLETE"
        self.changed_at = self.clock
        self.events: list[dict[str, Any]] = []
        self.operation: dict[str, Any] | None = None
        self.last_token = ""
        self.config = 0
        self.endpoint: dict[str, Any] | None = None
        self.lost: set[str] = set()
        self.exists = True
        self.group_exists = True
        self.ssm: dict[str, str] = {}
        self.written: dict[str, dict[str, Any]] = defaultdict(lambda: {"Version": 1, "LastModifiedDate": self.clock})
        self.updates: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.metrics: list[tuple[str, float]] = []
        self.requeued: list[str] = []
        self.alarms: list[str] = []
        self.calls: list[str] = []
        self.fault: tuple[int, str] | None = None
        self.meanwhile: tuple[int, Callable[[], Any]] | None = None
        self.register(**registration)
        self._event(STACK, "AWS::CloudFormation::Stack", "CREATE_COMPLETE")

    # Moves of others -------------------------------------------------------------------------------------------------

    def register(self, **changes: Any) -> None:
        document = {
            "stack_name": STACK,
            "model": "churn",
            "endpoint_name": ENDPOINT,
            "model_package_group": "churn",
            "pinned_version": None,
            "frozen": False,
            "parameters": {
                "version": "ModelPackageArn",
                "retain": "RetainVariantProperties",
                "baselines": {
                    "DataQuality": {
                        "constraints": "DataQualityConstraintsUri",
                        "statistics": "DataQualityStatisticsUri",
                    }
                },
            },
        }
        self.ssm[REGISTRATION] = json.dumps(document | changes)

    def set_approval(self, version: int, approval: str, baselines: bool = True, status: str = "Completed") -> None:
        self.clock += timedelta(seconds=1)
        files = {
            name: {"S3Uri": f"s3://baselines/churn/{version}/{name.lower()}.json"}
            for name in ("Constraints", "Statistics")
        }
        self.packages[version] = {
            **self.packages.get(version, {}),
            "ModelPackageArn": f"{PACKAGE}/{version}",
            "ModelPackageVersion": version,
            "ModelApprovalStatus": approval,
            "ModelPackageStatus": status,
            "CreationTime": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=version),
            "LastModifiedTime": self.clock,
            "ModelMetrics": {"ModelDataQuality": files} if baselines else {},
        }

    def approve(self, version: int, **more: Any) -> None:
        self.set_approval(version, "Approved", **more)

    def at_stage(self, version: int, stage: str, status: str = "Approved", healthy_in: tuple[str, ...] = ()) -> None:
        """What a person, or the controller of another environment, writes into the registry."""
        metadata = {f"healthy-in:{name}": "2026-11-21T08:00:00+00:00" for name in healthy_in}
        package = self.packages[version]
        self.packages[version] = package | {
            "ModelLifeCycle": {"Stage": stage, "StageStatus": status},
            "CustomerMetadataProperties": package.get("CustomerMetadataProperties", {}) | metadata,
        }

    def reject(self, version: int) -> None:
        self.set_approval(version, "Rejected")

    def deploy_begins(self, status: str = "UPDATE_IN_PROGRESS") -> None:
        """Somebody else's operation, such as `cdk deploy`, which keeps the parameters."""
        self._begin({"token": "cdk-deploy", "parameters": dict(self.parameters), "kind": OK}, status)

    def finish(self) -> None:
        """Let the running operation come to its end."""
        operation, self.operation = self.operation, None
        assert operation is not None
        token = operation["token"]
        if operation["kind"] == FAILS:
            reason = "Endpoint failed its health check; alarm mlops-prod-churn-5xx is in ALARM"
            self._event("Endpoint", "AWS::SageMaker::Endpoint", "UPDATE_FAILED", token, reason)
            self._event("Scaling", "AWS::Other", "UPDATE_FAILED", token, "Resource update cancelled")
            self._event(STACK, "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", token, "The following …")
            self.parameters = operation["before"]
            self.status = "UPDATE_ROLLBACK_COMPLETE"
        else:
            if operation["changes_endpoint"]:
                self.config += 1
                running = f"config-{self.config - 1 if operation['kind'] == SILENT else self.config}"
                self.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": running}
            self._event("Endpoint", "AWS::SageMaker::Endpoint", "UPDATE_COMPLETE", token)
            self.status = "UPDATE_COMPLETE"
        self._event(STACK, "AWS::CloudFormation::Stack", self.status, token)

    def _begin(self, operation: dict[str, Any], status: str = "UPDATE_IN_PROGRESS") -> None:
        assert self.operation is None, "CloudFormation runs one operation at a time"
        self.clock += timedelta(seconds=1)
        self.changed_at = self.clock
        operation["before"] = dict(self.parameters)
        changed = operation["parameters"]["ModelPackageArn"] != self.parameters["ModelPackageArn"]
        operation["changes_endpoint"] = changed
        self.operation, self.parameters, self.status = operation, operation["parameters"], status
        self.last_token = operation["token"]
        self._event(STACK, "AWS::CloudFormation::Stack", status, operation["token"], "User Initiated")

    def _event(self, name: str, kind: str, status: str, token: str = "", reason: str = "") -> None:
        self.clock += timedelta(seconds=1)
        event = {
            "EventId": f"event-{self.clock:%d%H%M%S}",
            "StackId": STACK_ID,
            "LogicalResourceId": name,
            "PhysicalResourceId": STACK_ID if name == STACK else name,
            "ResourceType": kind,
            "ResourceStatus": status,
            "Timestamp": self.clock,
        }
        optional = {"ClientRequestToken": token, "ResourceStatusReason": reason}
        self.events.append(event | {key: value for key, value in optional.items() if value})

    # The controller --------------------------------------------------------------------------------------------------

    def wake(self, event: dict[str, Any] | None = None, *, tick: bool = False) -> list[dict[str, Any]]:
        self.clock += timedelta(seconds=1)
        request = Request.parse(event if event is not None else {"tick": tick})
        return [result.to_json() for result in self.controller().handle(request)]

    def settle(self, limit: int = 12) -> None:
        """Let everything that is under way end, with nothing but the regular tick to wake the controller."""
        for _ in range(limit):
            if self.operation is not None:
                self.finish()
            before = len(self.updates)
            self.wake(tick=True)
            if self.operation is None and len(self.updates) == before:
                return
        raise AssertionError("the controller does not come to rest")

    def controller(self) -> Controller:
        client = Client(self)
        announcer = Announcer(
            events=client, sns=client, cloudwatch=client, environment="prod", topic_arn="arn:aws:sns:::alerts"
        )
        services = Services(
            stacks=Stacks(client, "arn:aws:iam::222222222222:role/rollouts"),
            registry=Registry(client),
            announcer=announcer,
            alarms=Alarms(client).active,
            requeue=self.requeued.append,
            now=lambda: self.clock,
            sleep=lambda seconds: None,
        )
        return Controller(services, lambda: Memory(client, "mlops-prod"))

    # What tests look at ----------------------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        return int(self.parameters["ModelPackageArn"].rpartition("/")[2] or 0)

    @property
    def quarantined(self) -> list[int]:
        entries = json.loads(self.ssm.get("/mlops-prod/quarantine/churn", "[]"))
        return [int(entry["model_package_arn"].rpartition("/")[2]) for entry in entries]

    def statuses(self) -> list[tuple[str, int | None]]:
        return [(item["status"], item["toVersion"]) for item in self.told]

    def copy(self) -> World:
        """An independent world. What is inside the containers is replaced and never changed, so it may be shared."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(other, name, copy.copy(value))
        return other


class Client:
    """Every service the controller calls, by boto3's method names. Any call can be throttled or be the last one."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(_Services, name)
        return lambda **arguments: self._call(name, method, arguments)

    def get_paginator(self, name: str) -> Any:
        class Paginator:
            @staticmethod
            def paginate(**arguments: Any) -> Iterator[Any]:
                pages = getattr(self, name)(**arguments)
                yield from pages

        return Paginator

    def _call(self, name: str, method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        world = self._world
        number = len(world.calls)
        world.calls.append(name)
        if world.meanwhile is not None and world.meanwhile[0] == number:
            happens, world.meanwhile = world.meanwhile[1], None
            happens()
        mode = world.fault[1] if world.fault is not None and world.fault[0] == number else ""
        if mode == "throttled":
            raise refusal("ThrottlingException", "Rate exceeded")
        if mode == "crash before":
            raise Crash
        answer = method(world, **arguments)
        if mode == "crash after":
            raise Crash
        return answer


class _Services:
    """The calls themselves."""

    @staticmethod
    def describe_stacks(world: World, StackName: str) -> dict[str, Any]:
        if not world.exists:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in world.parameters.items()]
        stack = {"StackId": STACK_ID, "StackStatus": world.status, "Parameters": parameters}
        return {"Stacks": [stack | {"CreationTime": world.changed_at, "LastUpdatedTime": world.changed_at}]}

    @staticmethod
    def list_stack_resources(world: World, StackName: str) -> list[dict[str, Any]]:
        rows = [("AWS::SSM::Parameter", REGISTRATION)]
        if world.config:
            prefix = "arn:aws:sagemaker:eu-west-1:222222222222"
            rows.append(("AWS::SageMaker::EndpointConfig", f"{prefix}:endpoint-config/config-{world.config}"))
            rows.append(("AWS::SageMaker::Endpoint", f"{prefix}:endpoint/{ENDPOINT}"))
        keys = ("ResourceType", "PhysicalResourceId", "ResourceStatus")
        summaries = [dict(zip(keys, (*row, "CREATE_COMPLETE"), strict=True)) for row in rows]
        return [{"StackResourceSummaries": summaries[:1]}, {"StackResourceSummaries": summaries[1:]}]

    @staticmethod
    def describe_stack_events(world: World, StackName: str) -> list[dict[str, Any]]:
        newest_first = world.events[::-1]
        return [{"StackEvents": newest_first[start : start + 5]} for start in range(0, len(newest_first), 5)]

    @staticmethod
    def update_stack(world: World, **request: Any) -> dict[str, Any]:
        assert request["UsePreviousTemplate"] is True
        assert request["RoleARN"] == "arn:aws:iam::222222222222:role/rollouts"
        if request["ClientRequestToken"] == world.last_token:
            return {"StackId": STACK_ID}
        if world.operation is not None or world.status.endswith("_FAILED") or world.status == "ROLLBACK_COMPLETE":
            message = f"Stack:{STACK_ID} is in {world.status} state and can not be updated."
            raise refusal("ValidationError", message)
        given = {
            item["ParameterKey"]: world.parameters[item["ParameterKey"]]
            if item.get("UsePreviousValue")
            else item["ParameterValue"]
            for item in request["Parameters"]
        }
        assert set(given) == set(world.parameters), "a parameter left out would fall back to its default"
        if given == world.parameters:
            raise refusal("ValidationError", "No updates are to be performed.")
        version = int(given["ModelPackageArn"].rpartition("/")[2])
        changes = given["ModelPackageArn"] != world.parameters["ModelPackageArn"]
        kind = world.kinds.get(version, OK) if changes else OK
        world.updates.append({"token": request["ClientRequestToken"], "version": version, "parameters": given})
        world._begin({"token": request["ClientRequestToken"], "parameters": given, "kind": kind})
        return {"StackId": STACK_ID}

    @staticmethod
    def list_model_packages(world: World, ModelPackageGroupName: str, **_: Any) -> list[dict[str, Any]]:
        if not world.group_exists:
            raise refusal("ValidationException", "ModelPackageGroup churn does not exist.")
        approved = [item for item in world.packages.values() if item["ModelApprovalStatus"] == "Approved"]
        approved.sort(key=lambda item: item["CreationTime"], reverse=True)
        return [{"ModelPackageSummaryList": [item]} for item in approved] or [{"ModelPackageSummaryList": []}]

    @staticmethod
    def describe_model_package(world: World, ModelPackageName: str) -> dict[str, Any]:
        for item in world.packages.values():
            if item["ModelPackageArn"] == ModelPackageName:
                return item
        raise refusal("ValidationException", f"ModelPackage {ModelPackageName} does not exist.")

    @staticmethod
    def update_model_package(world: World, ModelPackageArn: str, **changes: Any) -> dict[str, Any]:
        assert changes.keys() <= {"ModelLifeCycle", "CustomerMetadataProperties"}, "approval is not the controller's"
        version = int(ModelPackageArn.rpartition("/")[2])
        package = world.packages[version]
        metadata = package.get("CustomerMetadataProperties", {}) | changes.pop("CustomerMetadataProperties", {})
        world.packages[version] = package | changes | {"CustomerMetadataProperties": metadata}
        return {}

    @staticmethod
    def describe_alarms(world: World, AlarmNamePrefix: str, StateValue: str) -> list[dict[str, Any]]:
        assert StateValue == "ALARM"
        return [{"MetricAlarms": [{"AlarmName": name} for name in world.alarms if name.startswith(AlarmNamePrefix)]}]

    @staticmethod
    def describe_endpoint(world: World, EndpointName: str) -> dict[str, Any]:
        if world.endpoint is None:
            raise refusal("ValidationException", f'Could not find endpoint "{EndpointName}".')
        return world.endpoint

    @staticmethod
    def describe_endpoint_config(world: World, EndpointConfigName: str) -> dict[str, Any]:
        if EndpointConfigName in world.lost:
            raise refusal("ValidationException", f'Could not find endpoint configuration "{EndpointConfigName}".')
        return {"EndpointConfigName": EndpointConfigName}

    @staticmethod
    def get_parameters_by_path(world: World, Path: str) -> list[dict[str, Any]]:
        names = [name for name in world.ssm if name.rpartition("/")[0] == Path]
        return [{"Parameters": [{"Name": name, "Value": world.ssm[name]} | world.written[name] for name in names]}]

    @staticmethod
    def put_parameter(world: World, Name: str, Value: str, Type: str, Overwrite: bool) -> dict[str, Any]:
        assert len(Value.encode()) <= 4096, "a standard parameter holds 4 KB"
        if Name in world.ssm and not Overwrite:
            raise refusal("ParameterAlreadyExists", "The parameter already exists.")
        version = world.written[Name]["Version"] + 1 if Name in world.ssm else 1
        world.ssm[Name] = Value
        world.written[Name] = {"Version": version, "LastModifiedDate": world.clock}
        return {"Version": version}

    @staticmethod
    def delete_parameter(world: World, Name: str) -> dict[str, Any]:
        if world.ssm.pop(Name, None) is None:
            raise refusal("ParameterNotFound", Name)
        return {}

    @staticmethod
    def put_events(world: World, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert {entry["Source"] for entry in Entries} == {"sagemaker-mlops.rollout"}
        assert {entry["DetailType"] for entry in Entries} == {"Model Rollout"}
        world.told += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0}

    @staticmethod
    def publish(world: World, **message: Any) -> dict[str, Any]:
        world.messages.append(message)
        return {}

    @staticmethod
    def put_metric_data(world: World, Namespace: str, MetricData: list[dict[str, Any]]) -> dict[str, Any]:
        assert Namespace == "SageMakerMLOps/Rollouts"
        for datum in MetricData:
            dimensions = {item["Name"]: item["Value"] for item in datum["Dimensions"]}
            assert dimensions.keys() == {"Environment", "Model"} and dimensions["Environment"] == "prod"
            world.metrics.append((datum["MetricName"], datum["Value"]))
        return {}


@pytest.fixture
def make_world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Makes worlds, whose clock also decides which metrics are too old. Pauses end at once."""
    monkeypatch.setattr("shared.metrics.publish.__kwdefaults__", {"sleep": lambda seconds: None})
    monkeypatch.setattr("shared.log.Logger.info", lambda self, message, **fields: None)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2026, 11, 21, 8, tzinfo=UTC)

    monkeypatch.setattr("shared.metrics.datetime", Clock)
    return World


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A fresh stack without a model, and three healthy versions to be registered."""
    return make_world()


@pytest.fixture
def crash() -> type[BaseException]:
    """What a test catches where it made the function's process end."""
    return Crash


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Callable[[], None]]:
    """Makes a service refuse a call from now on, until the returned function is called."""

    def refuse_call(name: str, code: str, message: str) -> Callable[[], None]:
        def call(world: World, **arguments: Any) -> None:
            raise refusal(code, message)

        accepted = vars(_Services)[name]
        monkeypatch.setattr(_Services, name, staticmethod(call))
        return lambda: monkeypatch.setattr(_Services, name, accepted)

    return refuse_call
