"""Resources that are handed over in one call are the ones that L1 constructs would have made."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import _block, _paths
from cdk_sagemaker_mlops._block import Block


@pytest.mark.parametrize(
    "ids",
    [
        ["Queue"],
        ["my-queue"],
        ["Endpoint", "Resource"],
        ["Endpoint", "Default", "Queue"],
        ["Default", "Queue"],
        ["Endpoint", "MyEndpoint", "Endpoint"],
        ["A", "Drift tenure/months critical"],
        ["A" * 200, "B" * 200],
        ["Ä", "ß-ü"],
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_logical_ids_are_the_ones_of_the_cdk(ids: list[str], nested: bool) -> None:
    app = cdk.App()
    scope: Construct = cdk.Stack(cdk.Stage(app, "Stage") if nested else app, "Stack")
    if nested:
        scope = cdk.NestedStack(scope, "Nested")
    stack = scope
    for construct_id in ids[:-1]:
        scope = Construct(scope, construct_id)
    queue = sqs.CfnQueue(scope, ids[-1])
    path = _paths.child(_paths.below_stack(scope), ids[-1])
    assert _paths.logical_id(path) == stack.resolve(stack.get_logical_id(queue))


def test_a_place_is_asked_for_once(stack: cdk.Stack, round_trips: Any) -> None:
    scope = Construct(stack, "Above")
    before = round_trips.count
    assert _paths.below_stack(stack) == ()
    assert round_trips.count == before
    assert _paths.below_stack(scope) == ("Above",)
    asked = round_trips.count
    assert _paths.below_stack(scope) == ("Above",)
    assert _paths.stack_of(scope) is stack
    assert round_trips.count == asked


def test_everything_equals_what_l1_constructs_make(
    stack: cdk.Stack, bucket: s3.IBucket, monkeypatch: pytest.MonkeyPatch, synthesise: Callable
) -> None:
    """Each resource again, from the same struct, by the L1 construct itself: property names are the CDK's own."""
    again: dict[str, tuple[type, dict[str, Any]]] = {}
    kinds = set()
    original = Block.add

    def remember(block: Block, construct_id: str, kind: str, properties: Any, **rest: Any) -> Any:
        member = original(block, construct_id, kind, properties, **rest)
        if not rest.get("extra"):
            struct = type(properties)
            construct = getattr(inspect.getmodule(struct), struct.__name__.removesuffix("Props"))
            again[member.logical_id] = (construct, dict(properties._values))
            kinds.add(kind)
        return member

    monkeypatch.setattr(Block, "add", remember)
    _everything(stack, bucket)
    twin = cdk.Stack(stack.node.scope, "Twin")
    for logical_id, (construct, values) in again.items():
        construct(twin, logical_id, **_with_tokens(values))
    made = synthesise().resources
    copied = json.loads(json.dumps(cdk.assertions.Template.from_stack(twin).to_json()))["Resources"]
    assert copied.keys() == again.keys()
    assert len(kinds) >= 15
    for logical_id, resource in copied.items():
        assert made[logical_id]["Properties"] == resource["Properties"], logical_id


def _everything(stack: cdk.Stack, bucket: s3.IBucket) -> None:
    topic = cdk.aws_sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:alarms")
    target = mlops.TopicTarget(topic=topic)
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    variants = [
        mlops.Variant(
            model=mlops.Model.from_model_package(group, version, environment={"lower_case": "kept"}),
            name=f"v{version}",
            volume_gb=20,
            model_download_seconds=600,
            startup_seconds=600,
            initial_instance_count=2,
        )
        for version in (1, 2)
    ]
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        variants=variants,
        network_isolation=True,
        capture=mlops.DataCapture(bucket=bucket),
        rollout=mlops.Rollout.canary(),
        alarms=mlops.EndpointAlarms(targets=[target]),
    )
    mlops.Endpoint(
        stack,
        "Scaled",
        endpoint_name="scaled",
        model=mlops.Model.from_image("111122223333.dkr.ecr.eu-west-1.amazonaws.com/m:1", model_data_url="s3://m/p/"),
        scaling=mlops.Scaling(max_instances=3, invocations_per_instance=10),
        rollout=mlops.Rollout.rolling(),
    )
    baseline = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")
    mlops.DataQualityMonitor(
        stack,
        "Monitor",
        endpoint=endpoint,
        baseline=baseline,
        features=["age"],
        notifications=[target],
        engine=mlops.LambdaEngine(layer_arn="arn:aws:lambda:eu-west-1:111122223333:layer:wheels:1"),
    )
    mlops.RolloutController(stack, "Controller", name="mlops-dev")


def _with_tokens(value: Any) -> Any:
    """References inside a block as the CDK's own."""
    if isinstance(value, str) and _block.BLOCK_MARKER in value:
        return cdk.Token.as_string(_block.to_cloudformation(value))
    if isinstance(value, dict):
        return {key: _with_tokens(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_tokens(inner) for inner in value]
    if hasattr(type(value), "__jsii_name_mapping__"):
        return type(value)(**{key: _with_tokens(inner) for key, inner in value._values.items()})
    return value


def test_references_inside_and_outside(stack: cdk.Stack, synthesise: Callable) -> None:
    other = cdk.Stack(stack.node.scope, "Other")
    block = Block(Construct(stack, "Scope"))
    queue = block.add("Queue", "AWS::SQS::Queue", sqs.CfnQueueProps(queue_name="q"))
    policy = {"Resource": queue.att("Arn"), "Text": f"arn:{cdk.Aws.PARTITION}:{queue.ref}/{queue.att('QueueName')}"}
    block.add("Policy", "AWS::SQS::QueuePolicy", sqs.CfnQueuePolicyProps(queues=[queue.ref], policy_document=policy))
    block.define()
    cdk.CfnOutput(stack, "Inside", value=queue.att("Arn"))
    cdk.CfnOutput(other, "Outside", value=queue.ref)
    template = synthesise()
    (queue_id,) = template.of_type("SQS::Queue")
    assert template.only("SQS::QueuePolicy") == {
        "Queues": [{"Ref": queue_id}],
        "PolicyDocument": {
            "Resource": {"Fn::GetAtt": [queue_id, "Arn"]},
            "Text": {
                "Fn::Join": [
                    "",
                    [
                        *("arn:", {"Ref": "AWS::Partition"}, ":", {"Ref": queue_id}, "/"),
                        {"Fn::GetAtt": [queue_id, "QueueName"]},
                    ],
                ]
            },
        },
    }
    outputs = template.template["Outputs"]
    assert outputs["Inside"]["Value"] == {"Fn::GetAtt": [queue_id, "Arn"]}
    assert any(output.get("Export") and output["Value"] == {"Ref": queue_id} for output in outputs.values())


def test_awkward_text_arrives_unharmed(stack: cdk.Stack, synthesise: Callable) -> None:
    text = "<<: *x &y 'q' \"d\" \\n \n \t {a: 1} # no comment ß 😀 \u2028 yes null 012 2020-01-01"
    block = Block(stack)
    block.add("Alarm", "AWS::CloudWatch::Alarm", _alarm(alarm_description=text, alarm_name="012", threshold=1e-7))
    block.define()
    alarm = synthesise().only("CloudWatch::Alarm")
    assert (alarm["AlarmDescription"], alarm["AlarmName"], alarm["Threshold"]) == (text, "012", 1e-7)


def _alarm(**properties: Any) -> cloudwatch.CfnAlarmProps:
    return cloudwatch.CfnAlarmProps(
        comparison_operator="GreaterThanThreshold", evaluation_periods=1, **{"threshold": 1, **properties}
    )


def test_escape_hatches_tags_and_aspects_reach_the_resources(stack: cdk.Stack, synthesise: Callable) -> None:
    block = Block(stack)
    member = block.add("Queue", "AWS::SQS::Queue", sqs.CfnQueueProps(queue_name="q"))
    block.define()
    assert isinstance(member.resource, sqs.CfnQueue)
    member.resource.add_property_override("DelaySeconds", 7)
    cdk.Tags.of(stack).add("team", "risk")
    assert synthesise().only("SQS::Queue") == {
        "QueueName": "q",
        "DelaySeconds": 7,
        "Tags": [{"Key": "team", "Value": "risk"}],
    }


def test_what_is_used_wrongly_is_said(stack: cdk.Stack) -> None:
    block = Block(stack)
    with pytest.raises(TypeError, match="CfnQueue cannot be written into a template fragment"):
        block.add("Wrong", "AWS::Events::Rule", {"Target": sqs.CfnQueue(stack, "Q")})
    member = block.add("Queue", "AWS::SQS::Queue", sqs.CfnQueueProps())
    with pytest.raises(RuntimeError, match="Queue is not defined yet"):
        _ = member.resource
    block.define()
    with pytest.raises(RuntimeError, match="Late comes too late"):
        block.add("Late", "AWS::SQS::Queue", sqs.CfnQueueProps())


def test_an_empty_block_defines_nothing(stack: cdk.Stack, round_trips: Any) -> None:
    before = round_trips.count
    Block(stack).define()
    assert round_trips.count == before
