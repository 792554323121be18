"""Each private name of moto that moto_state and moto_events lean on, so that a new moto fails here and nowhere else."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.awslambda.models import LambdaFunction
from moto.events.models import EventPattern, Rule
from moto.s3 import models as s3_models
from moto.sns.models import Subscription
from moto.sqs import models as sqs_models

from sagemaker_local import moto_events, moto_state
from sagemaker_local.errors import AwsError

ACCOUNT, REGION = "123456789012", "eu-west-1"


def test_signatures_of_what_is_replaced() -> None:
    assert list(inspect.signature(Subscription.publish).parameters)[:3] == ["self", "message", "message_id"]
    assert {"subject", "message_attributes", "group_id", "deduplication_id", "message_structure"} <= set(
        inspect.signature(Subscription.publish).parameters
    )
    assert list(inspect.signature(Rule.send_to_targets).parameters)[:2] == ["self", "original_event"]
    assert list(inspect.signature(LambdaFunction.invoke).parameters)[:2] == ["self", "body"]
    assert callable(sqs_models.unix_time)
    assert callable(sqs_models.unix_time_millis)
    assert EventPattern.load('{"source": ["a"]}').matches_event({"source": "a"})  # type: ignore[typeddict-item]


def test_replacements_are_undone() -> None:
    def names() -> list[object]:
        function = (LambdaFunction.invoke, LambdaFunction.update_configuration)
        clocks = (sqs_models.unix_time, s3_models.utcnow)
        return [*function, Rule.send_to_targets, Subscription.publish, *clocks]

    before = names()
    undos = [
        moto_state.redirect_function_calls(lambda arn, event: None),
        moto_events.redirect_rule_targets(lambda rule, event: None),
        moto_state.redirect_subscriptions(lambda subscription, notification: None),
        moto_state.use_clock_for_queues(lambda: datetime.now(UTC)),
        moto_state.use_clock_for_objects(lambda: datetime.now(UTC)),
        moto_state.allow_emptied_settings(),
    ]
    during = names()
    assert all(one is not other for one, other in zip(before, during, strict=True))
    for undo in reversed(undos):
        undo()
    assert names() == before
    assert not hasattr(Rule, "send_to_targets_of_moto")
    assert "lambda_event_source_mappings" not in vars(sqs_models.Queue)


def test_function_view(bench: Any) -> None:
    layer = bench.client("lambda").publish_layer_version(
        LayerName="contract", Content={"ZipFile": bench.zipped({"python/x.py": "X = 1\n"})}
    )["LayerVersionArn"]
    arn = bench.function(
        "contract", "code = 1\n", MemorySize=256, Layers=[layer], Environment={"Variables": {"A": "b"}}
    )
    for name in ("contract", arn, f"{ACCOUNT}:function:contract"):
        view = moto_state.function(ACCOUNT, REGION, name)
        assert (view.name, view.arn, view.version) == ("contract", arn, "$LATEST")
    assert (view.runtime, view.handler, view.memory, view.timeout) == ("python3.13", "app.handler", 256, 20.0)
    assert (view.environment, view.layers, view.package_type) == ((("A", "b"),), (layer,), "Zip")
    assert view.code[:2] == moto_state.layer_code(layer)[:2] == b"PK"
    with pytest.raises(AwsError, match="Function not found"):
        moto_state.function(ACCOUNT, REGION, "nobody")
    with pytest.raises(AwsError, match="does not exist"):
        moto_state.layer_code(layer.rsplit(":", 1)[0] + ":99")


def test_event_invoke_config_and_mappings(bench: Any) -> None:
    bench.function("configured", "def handler(event, context): pass\n")
    client = bench.client("lambda")
    view = moto_state.function(ACCOUNT, REGION, "configured")
    assert moto_state.event_invoke_config(view) == {}
    client.put_function_event_invoke_config(FunctionName="configured", MaximumRetryAttempts=2)
    client.put_function_event_invoke_config(FunctionName="configured", MaximumRetryAttempts=1)
    assert moto_state.event_invoke_config(view)["MaximumRetryAttempts"] == 1
    _, queue = bench.queue("contract")
    client.create_event_source_mapping(FunctionName="configured", EventSourceArn=queue, BatchSize=3)
    (found,) = [item for _, _, item in moto_state.event_source_mappings() if item["EventSourceArn"] == queue]
    assert (found["BatchSize"], found["State"]) == (3, "Enabled")


def test_queues_follow_the_clock(bench: Any) -> None:
    url, arn = bench.queue("clocked")
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="x", DelaySeconds=300)
    assert moto_state.waiting_messages(arn) == 0
    bench.advance(301)
    assert moto_state.waiting_messages(arn) == 1
    assert moto_state.waiting_messages(arn + "-not-there") == 0
    assert (ACCOUNT, REGION, "clocked", 1, 0, 0) in moto_state.queue_depths()


def test_rules_and_schedules(bench: Any) -> None:
    client = bench.client("events")
    client.put_rule(Name="contract", EventPattern=json.dumps({"source": ["x"]}), State="DISABLED")
    client.put_targets(Rule="contract", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}])
    (view,) = [rule for rule in moto_events.event_rules(ACCOUNT, REGION, "default") if rule.name == "contract"]
    assert (view.enabled, view.has_pattern, view.schedule, len(view.targets)) == (False, True, None, 1)
    assert view.matches({"source": "x"})
    assert view.arn in {rule.arn for rule in moto_events.all_event_rules()}
    with pytest.raises(AwsError, match="does not exist"):
        moto_events.event_rules(ACCOUNT, REGION, "no-bus")
    start = bench.aws.clock.now() + timedelta(days=1)
    bench.client("scheduler").create_schedule(
        Name="contract",
        ScheduleExpression="rate(1 day)",
        StartDate=start,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:eu-west-1:123456789012:q", "RoleArn": bench.role("contract")},
    )
    ((account, region, document, changed),) = moto_events.schedules()
    assert (account, region, document["Name"], document["State"]) == (ACCOUNT, REGION, "contract", "ENABLED")
    assert document["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    assert changed.tzinfo is UTC
    assert moto_events.pattern_matches('{"a": [1]}', {"a": 1})
