"""Application Auto Scaling on the virtual clock: target tracking, steps, schedules, to zero and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Refused = Callable[..., str]
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
COPIES = "sagemaker:inference-component:DesiredCopyCount"


def at(resource: str, dimension: str = INSTANCES) -> dict[str, str]:
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension}


def variant(name: str) -> dict[str, str]:
    return at(f"endpoint/{name}/variant/AllTraffic")


def instances(lab: Any, name: str) -> int:
    return int(lab.settled(name)["ProductionVariants"][0]["DesiredInstanceCount"])


def publish(lab: Any, metric: str, value: float, **dimensions: str) -> None:
    """Load as the endpoint would have measured it in the minute that is over."""
    lab.client("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                "Timestamp": lab.aws.clock.now() - timedelta(minutes=1),
                "Value": value,
            }
        ],
    )


def minutes(lab: Any, count: int, metric: str, value: float, **dimensions: str) -> None:
    for _ in range(count):
        publish(lab, metric, value, **dimensions)
        lab.aws.clock.advance(60)


@pytest.fixture
def scaling(lab: Any) -> Any:
    return lab.client("application-autoscaling")


def track(scaling: Any, target: dict[str, str], **config: Any) -> dict[str, Any]:
    answer: dict[str, Any] = scaling.put_scaling_policy(
        **target,
        PolicyName="tracking",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"ScaleInCooldown": 60, "ScaleOutCooldown": 0, **config},
    )
    return answer


def test_a_variant_follows_its_load(lab: Any, up: str, scaling: Any) -> None:
    name = lab.endpoint(lab.config(up, instances=1))
    scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=5)
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    policy = track(scaling, variant(name), TargetValue=100.0, PredefinedMetricSpecification=predefined)
    alarms = {alarm["AlarmName"].rsplit("-Alarm", 1)[1][:4] for alarm in policy["Alarms"]}
    here = {"EndpointName": name, "VariantName": "AllTraffic"}

    minutes(lab, 4, "InvocationsPerInstance", 250, **here)
    grown = instances(lab, name)
    minutes(lab, 16, "InvocationsPerInstance", 5, **here)
    shrunk = instances(lab, name)
    scaling.delete_scaling_policy(**variant(name), PolicyName="tracking")

    assert alarms == {"High", "Low-"}
    assert grown == 5, "2.5 times the target, minute by minute, up to the maximum"
    assert shrunk == 1
    done = scaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=variant(name)["ResourceId"])
    assert {activity["StatusCode"] for activity in done["ScalingActivities"]} == {"Successful"}
    left = lab.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"TargetTracking-endpoint/{name}/")
    assert left["MetricAlarms"] == [], "the policy's alarms go with it"


def test_an_asynchronous_endpoint_scales_to_zero_and_back(lab: Any, up: str, scaling: Any) -> None:
    config = lab.name("config")
    lab.sm.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": up, "InstanceType": "ml.m5.large"}],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": lab.uri("scaled")}},
    )
    name = lab.endpoint(config)
    scaling.register_scalable_target(**variant(name), MinCapacity=0, MaxCapacity=2)
    backlog = {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": name}],
        "Statistic": "Average",
    }
    track(scaling, variant(name), TargetValue=5.0, ScaleInCooldown=300, CustomizedMetricSpecification=backlog)
    wake = scaling.put_scaling_policy(
        **variant(name),
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    lab.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{name}-without-capacity",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": name}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[wake["PolicyARN"]],
    )
    lab.aws.clock.advance(20 * 60)
    idle = instances(lab, name)
    asked = lab.runtime.invoke_endpoint_async(EndpointName=name, ContentType="text/csv", Body=b"1,0,0,0")
    lab.aws.clock.advance(3 * 60)
    busy = instances(lab, name)
    lab.service.flush()

    assert (idle, busy) == (0, 1)
    key = asked["OutputLocation"].removeprefix(f"s3://{lab.bucket}/")
    assert float(lab.client("s3").get_object(Bucket=lab.bucket, Key=key)["Body"].read()) > 0.5


def test_scheduled_actions_move_the_limits(lab: Any, up: str, scaling: Any) -> None:
    name = lab.endpoint(lab.config(up, instances=1))
    scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=5)
    now = lab.aws.clock.now()
    for action, after, least in (("open", 10, 4), ("close", 30, 1)):
        due = now + timedelta(minutes=after)
        scaling.put_scheduled_action(
            **variant(name),
            ScheduledActionName=action,
            Schedule=f"at({due:%Y-%m-%dT%H:%M:%S})",
            ScalableTargetAction={"MinCapacity": least, "MaxCapacity": least},
        )
    lab.aws.clock.advance(15 * 60)
    opened = instances(lab, name)
    lab.aws.clock.advance(20 * 60)

    assert opened == 4
    assert instances(lab, name) == 1
    found = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert {action["ScheduledActionName"] for action in found} == {"open", "close"}


def test_components_scale_by_their_copies(lab: Any, up: str, scaling: Any) -> None:
    config, name = lab.name("config"), lab.name("component")
    lab.sm.create_endpoint_config(
        EndpointConfigName=config,
        ExecutionRoleArn=lab.role,
        ProductionVariants=[{"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
    )
    host = lab.endpoint(config)
    needs = {"MinMemoryRequiredInMb": 128}
    lab.sm.create_inference_component(
        InferenceComponentName=name,
        EndpointName=host,
        VariantName="AllTraffic",
        Specification={"ModelName": up, "ComputeResourceRequirements": needs},
        RuntimeConfig={"CopyCount": 1},
    )
    end = time.monotonic() + 20
    while lab.sm.describe_inference_component(InferenceComponentName=name)["InferenceComponentStatus"] != "InService":
        assert time.monotonic() < end
        time.sleep(0.02)
    target = at(f"inference-component/{name}", COPIES)
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=4)
    predefined = {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"}
    track(scaling, target, TargetValue=10.0, PredefinedMetricSpecification=predefined)
    minutes(lab, 4, "InvocationsPerCopy", 30, InferenceComponentName=name)

    copies = lab.sm.describe_inference_component(InferenceComponentName=name)["RuntimeConfig"]["DesiredCopyCount"]
    assert copies == 4
    lab.sm.delete_inference_component(InferenceComponentName=name)
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]])
    assert found["ScalableTargets"] == []


def test_what_cannot_be_scaled(lab: Any, up: str, scaling: Any) -> None:
    name = lab.endpoint(lab.config(up))

    def message(operation: str, **params: Any) -> str:
        with pytest.raises(scaling.exceptions.ClientError) as caught:
            getattr(scaling, operation)(**params)
        return str(caught.value.response["Error"]["Message"])

    limits = {"MinCapacity": 1, "MaxCapacity": 2}
    assert "only asynchronous endpoints scale to zero" in message(
        "register_scalable_target", **variant(name), MinCapacity=0, MaxCapacity=2
    )
    assert "cannot be less than minimum" in message(
        "register_scalable_target", **variant(name), MinCapacity=3, MaxCapacity=2
    )
    serverless = at(variant(name)["ResourceId"], "sagemaker:variant:DesiredProvisionedConcurrency")
    assert "is not serverless" in message("register_scalable_target", **serverless, **limits)
    assert "No scalable target found" in message("deregister_scalable_target", **variant(name))
    scaling.register_scalable_target(**variant(name), **limits)
    foreign = {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}
    config = {"TargetValue": 1.0, "PredefinedMetricSpecification": foreign}
    assert "is not a predefined metric of" in message(
        "put_scaling_policy",
        **variant(name),
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )
