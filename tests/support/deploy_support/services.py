"""Clients of that account, by boto3's method names. Any call can be throttled, or be the last one of its process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from deploy_support.account import ENDPOINT, OK, REGISTRATION, STACK_ID, Account


class Crash(BaseException):
    """The process ends here; nothing that comes after in the code under test runs."""


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Paginator:
    """Asks when the first page is wanted; the calls themselves answer with all pages."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        yield from self._call(**arguments)


class Client:
    """Every service the controller calls, by boto3's method names. Any call can be throttled or be the last one."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(Calls, name)
        return lambda **arguments: self._call(name, method, arguments)

    def get_paginator(self, name: str) -> Paginator:
        return Paginator(getattr(self, name))

    def _call(self, name: str, method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        account = self._account
        number = len(account.calls)
        account.calls.append(name)
        if account.meanwhile is not None and account.meanwhile[0] == number:
            happens, account.meanwhile = account.meanwhile[1], None
            happens()
        mode = account.fault[1] if account.fault is not None and account.fault[0] == number else ""
        if mode == "throttled":
            raise refusal("ThrottlingException", "Rate exceeded")
        if mode == "crash before":
            raise Crash
        answer = method(account, **arguments)
        if mode == "crash after":
            raise Crash
        return answer


class Calls:
    """The calls themselves."""

    @staticmethod
    def describe_stacks(account: Account, StackName: str) -> dict[str, Any]:
        if not account.exists:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in account.parameters.items()]
        stack = {"StackId": STACK_ID, "StackStatus": account.status, "Parameters": parameters}
        return {"Stacks": [stack | {"CreationTime": account.changed_at, "LastUpdatedTime": account.changed_at}]}

    @staticmethod
    def list_stack_resources(account: Account, StackName: str) -> list[dict[str, Any]]:
        rows = [("AWS::SSM::Parameter", REGISTRATION)]
        if account.config:
            prefix = "arn:aws:sagemaker:eu-west-1:222222222222"
            rows.append(("AWS::SageMaker::EndpointConfig", f"{prefix}:endpoint-config/config-{account.config}"))
            rows.append(("AWS::SageMaker::Endpoint", f"{prefix}:endpoint/{ENDPOINT}"))
        keys = ("ResourceType", "PhysicalResourceId", "ResourceStatus")
        summaries = [dict(zip(keys, (*row, "CREATE_COMPLETE"), strict=True)) for row in rows]
        return [{"StackResourceSummaries": summaries[:1]}, {"StackResourceSummaries": summaries[1:]}]

    @staticmethod
    def describe_stack_events(account: Account, StackName: str) -> list[dict[str, Any]]:
        newest_first = account.events[::-1]
        return [{"StackEvents": newest_first[start : start + 5]} for start in range(0, len(newest_first), 5)]

    @staticmethod
    def update_stack(account: Account, **request: Any) -> dict[str, Any]:
        assert request["UsePreviousTemplate"] is True
        assert request["RoleARN"] == "arn:aws:iam::222222222222:role/rollouts"
        if request["ClientRequestToken"] == account.last_token:
            return {"StackId": STACK_ID}
        if account.operation is not None or account.status.endswith("_FAILED") or account.status == "ROLLBACK_COMPLETE":
            message = f"Stack:{STACK_ID} is in {account.status} state and can not be updated."
            raise refusal("ValidationError", message)
        given = {
            item["ParameterKey"]: account.parameters[item["ParameterKey"]]
            if item.get("UsePreviousValue")
            else item["ParameterValue"]
            for item in request["Parameters"]
        }
        assert set(given) == set(account.parameters), "a parameter left out would fall back to its default"
        if given == account.parameters:
            raise refusal("ValidationError", "No updates are to be performed.")
        version = int(given["ModelPackageArn"].rpartition("/")[2])
        changes = given["ModelPackageArn"] != account.parameters["ModelPackageArn"]
        kind = account.kinds.get(version, OK) if changes else OK
        account.updates.append({"token": request["ClientRequestToken"], "version": version, "parameters": given})
        account._begin({"token": request["ClientRequestToken"], "parameters": given, "kind": kind})
        return {"StackId": STACK_ID}

    @staticmethod
    def list_model_packages(account: Account, ModelPackageGroupName: str, **_: Any) -> list[dict[str, Any]]:
        if not account.group_exists:
            raise refusal("ValidationException", "ModelPackageGroup churn does not exist.")
        approved = [item for item in account.packages.values() if item["ModelApprovalStatus"] == "Approved"]
        approved.sort(key=lambda item: item["CreationTime"], reverse=True)
        return [{"ModelPackageSummaryList": [item]} for item in approved] or [{"ModelPackageSummaryList": []}]

    @staticmethod
    def describe_model_package(account: Account, ModelPackageName: str) -> dict[str, Any]:
        for item in account.packages.values():
            if item["ModelPackageArn"] == ModelPackageName:
                return item
        raise refusal("ValidationException", f"ModelPackage {ModelPackageName} does not exist.")

    @staticmethod
    def update_model_package(account: Account, ModelPackageArn: str, **changes: Any) -> dict[str, Any]:
        assert changes.keys() <= {"ModelLifeCycle", "CustomerMetadataProperties"}, "approval is not the controller's"
        version = int(ModelPackageArn.rpartition("/")[2])
        package = account.packages[version]
        metadata = package.get("CustomerMetadataProperties", {}) | changes.pop("CustomerMetadataProperties", {})
        account.packages[version] = package | changes | {"CustomerMetadataProperties": metadata}
        return {}

    @staticmethod
    def describe_alarms(account: Account, AlarmNamePrefix: str, StateValue: str) -> list[dict[str, Any]]:
        assert StateValue == "ALARM"
        return [{"MetricAlarms": [{"AlarmName": name} for name in account.alarms if name.startswith(AlarmNamePrefix)]}]

    @staticmethod
    def describe_endpoint(account: Account, EndpointName: str) -> dict[str, Any]:
        if account.endpoint is None:
            raise refusal("ValidationException", f'Could not find endpoint "{EndpointName}".')
        return account.endpoint

    @staticmethod
    def describe_endpoint_config(account: Account, EndpointConfigName: str) -> dict[str, Any]:
        if EndpointConfigName in account.lost:
            raise refusal("ValidationException", f'Could not find endpoint configuration "{EndpointConfigName}".')
        return {"EndpointConfigName": EndpointConfigName}

    @staticmethod
    def get_parameters_by_path(account: Account, Path: str) -> list[dict[str, Any]]:
        names = [name for name in account.ssm if name.rpartition("/")[0] == Path]
        return [{"Parameters": [{"Name": name, "Value": account.ssm[name]} | account.written[name] for name in names]}]

    @staticmethod
    def put_parameter(account: Account, Name: str, Value: str, Type: str, Overwrite: bool) -> dict[str, Any]:
        assert len(Value.encode()) <= 4096, "a standard parameter holds 4 KB"
        if Name in account.ssm and not Overwrite:
            raise refusal("ParameterAlreadyExists", "The parameter already exists.")
        version = account.written[Name]["Version"] + 1 if Name in account.ssm else 1
        account.ssm[Name] = Value
        account.written[Name] = {"Version": version, "LastModifiedDate": account.clock}
        return {"Version": version}

    @staticmethod
    def delete_parameter(account: Account, Name: str) -> dict[str, Any]:
        if account.ssm.pop(Name, None) is None:
            raise refusal("ParameterNotFound", Name)
        return {}

    @staticmethod
    def put_events(account: Account, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert {entry["Source"] for entry in Entries} == {"sagemaker-mlops.rollout"}
        assert {entry["DetailType"] for entry in Entries} == {"Model Rollout"}
        account.told += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0}

    @staticmethod
    def publish(account: Account, **message: Any) -> dict[str, Any]:
        account.messages.append(message)
        return {}

    @staticmethod
    def put_metric_data(account: Account, Namespace: str, MetricData: list[dict[str, Any]]) -> dict[str, Any]:
        assert Namespace == "SageMakerMLOps/Rollouts"
        for datum in MetricData:
            dimensions = {item["Name"]: item["Value"] for item in datum["Dimensions"]}
            assert dimensions.keys() == {"Environment", "Model"} and dimensions["Environment"] == "prod"
            account.metrics.append((datum["MetricName"], datum["Value"]))
        return {}
