"""One serving stack, its registry and its endpoint, in memory.

It keeps CloudFormation's rules that matter to the controller: one operation at a time, tokens recognised, rollback on
failure, stack-level and resource events, and a SageMaker that may silently return to an earlier endpoint configuration.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

STACK = "mlops-prod-Serving-churn"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:222222222222:stack/{STACK}/0a1b"
REGISTRATION = "/mlops-prod/serving/churn"
PACKAGE = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn"
ENDPOINT = "mlops-prod-churn"
OK, FAILS, SILENT = "ok", "fails", "silent"


class Account:
    """What there is, and the moves that others make than the controller."""

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

    def copy(self) -> Self:
        """An independent account. What is inside the containers is replaced and never changed, so it may be shared."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(other, name, copy.copy(value))
        return other
