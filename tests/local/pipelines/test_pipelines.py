"""Pipelines as resources: definitions byte for byte, versions, CloudFormation, and rules that start them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError


def _failing(message: Any = "stop") -> list[dict[str, Any]]:
    return [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": message}}]


PARAMETERS = [{"Name": "Why", "Type": "String", "DefaultValue": "nothing"}]


def test_definitions_stay_as_they_were_given_and_have_versions(lab: Any) -> None:
    text = lab.definition(_failing()) + "\n\n"
    lab.s3.put_object(Bucket=lab.bucket, Key="definition.json", Body=text.encode())
    name = f"stored-{uuid4().hex[:8]}"
    request = {
        "PipelineName": name,
        "PipelineDefinitionS3Location": {"Bucket": lab.bucket, "ObjectKey": "definition.json"},
        "ClientRequestToken": uuid4().hex,
        "RoleArn": lab.role,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
    }
    arn = lab.sm.create_pipeline(**request)["PipelineArn"]
    assert lab.sm.create_pipeline(**request)["PipelineArn"] == arn
    with pytest.raises(ClientError, match="must be unique"):
        lab.sm.create_pipeline(**{**request, "ClientRequestToken": uuid4().hex})
    described = lab.sm.describe_pipeline(PipelineName=name)
    assert described["PipelineDefinition"] == text
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}
    execution = lab.start(name)
    updated = lab.definition(_failing("later"))
    lab.sm.update_pipeline(PipelineName=name, PipelineDefinition=updated)
    assert lab.sm.describe_pipeline(PipelineName=name)["PipelineDefinition"] == updated
    assert lab.sm.describe_pipeline(PipelineName=name, PipelineVersionId=1)["PipelineDefinition"] == text
    running = lab.sm.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
    assert running["PipelineDefinition"] == text
    lab.ended(execution)
    versions = lab.sm.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [item["PipelineVersionId"] for item in versions] == [2, 1]
    assert name in [item["PipelineName"] for item in lab.sm.list_pipelines()["PipelineSummaries"]]
    assert len(lab.sm.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]) == 1
    lab.sm.delete_pipeline(PipelineName=name, ClientRequestToken=uuid4().hex)
    with pytest.raises(ClientError, match="does not exist"):
        lab.sm.describe_pipeline(PipelineName=name)


def test_a_wrong_definition_is_refused_at_once(lab: Any) -> None:
    with pytest.raises(ClientError, match="Unable to parse pipeline definition: step Odd has Type 'Sorcery'"):
        lab.create([{"Name": "Odd", "Type": "Sorcery"}])


def test_a_stack_deploys_a_definition_from_s3_byte_for_byte(lab: Any) -> None:
    text = lab.definition(_failing())
    lab.s3.put_object(Bucket=lab.bucket, Key="assets/one.json", Body=text.encode())
    lab.s3.put_object(Bucket=lab.bucket, Key="assets/two.json", Body=lab.definition(_failing("two")).encode())
    name = f"deployed-{uuid4().hex[:8]}"

    def template(definition: dict[str, Any]) -> str:
        properties = {
            "PipelineName": name,
            "PipelineDefinition": definition,
            "RoleArn": lab.role,
            "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
            "Tags": [{"Key": "team", "Value": "ml"}],
        }
        return json.dumps({"Resources": {"Pipeline": {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}}})

    def stored(key: str) -> dict[str, Any]:
        return {"PipelineDefinitionS3Location": {"Bucket": lab.bucket, "Key": key}}

    cloudformation = lab.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=template(stored("assets/one.json")))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    described = lab.sm.describe_pipeline(PipelineName=name)
    assert described["PipelineDefinition"] == text
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    assert lab.sm.list_tags(ResourceArn=described["PipelineArn"])["Tags"][0] == {"Key": "team", "Value": "ml"}
    body = {"PipelineDefinitionBody": lab.definition(_failing("body"))}
    cloudformation.update_stack(StackName=name, TemplateBody=template(body))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    described = lab.sm.describe_pipeline(PipelineName=name)
    assert described["PipelineDefinition"] == body["PipelineDefinitionBody"]
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="does not exist"):
        lab.sm.describe_pipeline(PipelineName=name)


def test_rules_and_schedules_start_executions_with_parameters(lab: Any) -> None:
    name = lab.create(_failing({"Get": "Parameters.Why"}), PARAMETERS)
    arn = lab.sm.describe_pipeline(PipelineName=name)["PipelineArn"]

    def parameters(value: str) -> dict[str, Any]:
        return {"SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Why", "Value": value}]}}

    events = lab.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["test"], "detail-type": [name]}))
    target = {"Id": "p", "Arn": arn, "RoleArn": f"arn:aws:iam::{lab.account}:role/starter"}
    events.put_targets(Rule=name, Targets=[{**target, **parameters("$.detail.reason")}])
    events.put_events(Entries=[{"Source": "test", "DetailType": name, "Detail": json.dumps({"reason": "drift"})}])
    scheduler = lab.client("scheduler")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": f"arn:aws:iam::{lab.account}:role/starter", **parameters("schedule")},
    )
    lab.aws.clock.advance(3600)
    scheduler.delete_schedule(Name=name)

    def reasons() -> set[str]:
        listed = lab.sm.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
        return {
            step["FailureReason"]
            for item in listed
            for step in lab.steps(item["PipelineExecutionArn"]).values()
            if step.get("FailureReason")
        }

    lab.eventually(lambda: reasons() == {"drift", "schedule"})
    callers = lab.aws.recorder.select(service="sagemaker", operation="StartPipelineExecution")
    assert any(call.caller_arn.endswith("role/starter") for call in callers)
