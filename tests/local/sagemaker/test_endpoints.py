"""Endpoints: validation, life cycle, weights, scaling rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Refused = Callable[..., str]


def test_an_endpoint_answers_with_the_model_from_the_archive(lab: Any, up: str, down: str) -> None:
    endpoint = lab.endpoint(lab.config(up))
    assert float(lab.invoke(endpoint, "1,0,0,0")) > 0.5 > float(lab.invoke(endpoint, "-1,0,0,0"))
    other = lab.endpoint(lab.config(down))
    assert float(lab.invoke(other, "1,0,0,0")) < 0.5


def test_a_model_that_does_not_load_fails_the_endpoint(lab: Any, broken: str, up: str, refused: Refused) -> None:
    # Logs follow the virtual clock: by its own, moto refuses events that are more than two hours ahead.
    lab.aws.clock.advance(3 * 3600)
    name = lab.name("endpoint")
    lab.sm.create_endpoint(EndpointName=name, EndpointConfigName=lab.config(broken))
    described = lab.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    logs = lab.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    assert "neither UBJSON nor JSON of XGBoost" in logs[0]["message"]
    assert "can only be deleted" in refused("update_endpoint", EndpointName=name, EndpointConfigName=lab.config(up))
    lab.sm.delete_endpoint(EndpointName=name)


def test_an_image_that_cannot_run_here_is_named(lab: Any) -> None:
    model = lab.model(lab.uri("up.tar.gz"), image="1.dkr.ecr.eu-west-1.amazonaws.com/triton:latest")
    name = lab.name("endpoint")
    lab.sm.create_endpoint(EndpointName=name, EndpointConfigName=lab.config(model))
    described = lab.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "cannot run the image 1.dkr.ecr.eu-west-1.amazonaws.com/triton:latest" in described["FailureReason"]


def test_creation_takes_virtual_time(lab: Any, up: str, refused: Refused) -> None:
    lab.service.options.create_endpoint_seconds = 300
    try:
        name = lab.name("endpoint")
        config = lab.config(up)
        lab.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)
        arn = f"arn:aws:sagemaker:eu-west-1:111111111111:endpoint/{name}"
        assert lab.sm.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
        in_progress = f'Cannot update in-progress endpoint "{arn}".'
        assert refused("update_endpoint", EndpointName=name, EndpointConfigName=config) == in_progress
        assert refused("delete_endpoint", EndpointName=name) == in_progress
        lab.aws.clock.advance(200)
        assert lab.sm.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
        lab.aws.clock.advance(200)
        assert lab.sm.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    finally:
        lab.service.options.create_endpoint_seconds = 0


def test_names_ignore_case_except_in_invocations(lab: Any, up: str, refused: Refused) -> None:
    name = lab.endpoint(lab.config(up))
    message = refused("create_endpoint", EndpointName=name.upper(), EndpointConfigName=lab.config(up))
    assert message.startswith("Cannot create already existing endpoint ")
    assert lab.sm.describe_endpoint(EndpointName=name.upper())["EndpointName"] == name


def test_deleting_ends_an_endpoint(lab: Any, up: str, refused: Refused) -> None:
    name = lab.endpoint(lab.config(up))
    lab.sm.delete_endpoint(EndpointName=name)
    arn = f"arn:aws:sagemaker:eu-west-1:111111111111:endpoint/{name}"
    assert refused("describe_endpoint", EndpointName=name) == f'Could not find endpoint "{arn}".'
    assert refused("delete_endpoint", EndpointName=name) == f'Could not find endpoint "{arn}".'


def test_state_changes_are_announced_in_upper_case(lab: Any, up: str) -> None:
    name = lab.endpoint(lab.config(up))
    lab.sm.delete_endpoint(EndpointName=name)
    details = [item for item in lab.events("SageMaker Endpoint State Change") if item["EndpointName"] == name]
    assert [item["EndpointStatus"] for item in details] == ["CREATING", "IN_SERVICE", "DELETING"]
    assert details[1]["ProductionVariants"][0]["DesiredInstanceCount"] == 2


def test_weights_and_capacities_change_in_place(lab: Any, up: str, down: str, refused: Refused) -> None:
    name = lab.endpoint(lab.config(up, down, weights=(1.0, 0.0)))
    assert all(float(lab.invoke(name)) > 0.5 for _ in range(20))
    lab.sm.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "variant-0", "DesiredWeight": 0},
            {"VariantName": "variant-1", "DesiredWeight": 3, "DesiredInstanceCount": 4},
        ],
    )
    first, second = lab.settled(name)["ProductionVariants"]
    assert (first["CurrentWeight"], second["CurrentWeight"]) == (0.0, 3.0)
    assert (second["CurrentInstanceCount"], second["DesiredInstanceCount"]) == (4, 4)
    assert all(float(lab.invoke(name)) < 0.5 for _ in range(20))
    message = refused(
        "update_endpoint_weights_and_capacities",
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "nobody", "DesiredWeight": 1}],
    )
    assert "nobody" in message
    assert "variant-0, variant-1" in message


def test_a_running_configuration_is_needed_for_the_update(lab: Any, up: str, refused: Refused) -> None:
    config = lab.config(up)
    name = lab.endpoint(config)
    lab.sm.delete_endpoint_config(EndpointConfigName=config)
    message = refused("update_endpoint", EndpointName=name, EndpointConfigName=lab.config(up))
    assert message == (
        f'Could not find endpoint configuration "arn:aws:sagemaker:eu-west-1:111111111111:endpoint-config/{config}".'
    )


def target(name: str, variant: str = "AllTraffic") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def test_a_scaled_variant_keeps_its_name_and_instance_type(lab: Any, up: str, refused: Refused) -> None:
    name = lab.endpoint(lab.config(up))
    scaling = lab.client("application-autoscaling")
    scaling.register_scalable_target(**target(name), MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target(name),
        PolicyName="invocations",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 100.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=target(name)["ResourceId"])
    assert [policy["PolicyName"] for policy in policies["ScalingPolicies"]] == ["invocations"]
    other = lab.name("config")
    changed = {"VariantName": "AllTraffic", "ModelName": up, "InstanceType": "ml.c5.large"}
    lab.sm.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[changed])
    message = refused("update_endpoint", EndpointName=name, EndpointConfigName=other)
    assert f"Deregister first: endpoint/{name}/variant/AllTraffic" in message
    assert lab.sm.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    scaling.deregister_scalable_target(**target(name))
    lab.sm.update_endpoint(EndpointName=name, EndpointConfigName=other)
    assert lab.settled(name)["EndpointConfigName"] == other


def test_deleting_an_endpoint_deregisters_its_targets(lab: Any, up: str) -> None:
    name = lab.endpoint(lab.config(up))
    scaling = lab.client("application-autoscaling")
    scaling.register_scalable_target(**target(name), MinCapacity=1, MaxCapacity=3)
    lab.sm.delete_endpoint(EndpointName=name)
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[target(name)["ResourceId"]])
    assert found["ScalableTargets"] == []


def test_only_existing_variants_can_be_registered(lab: Any, up: str) -> None:
    name = lab.endpoint(lab.config(up))
    scaling = lab.client("application-autoscaling")
    for wrong in (target(name, "nobody"), target("no-endpoint")):
        try:
            scaling.register_scalable_target(**wrong, MinCapacity=1, MaxCapacity=3)
        except scaling.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationException"
            assert wrong["ResourceId"] in error.response["Error"]["Message"]
        else:
            raise AssertionError(f"{wrong['ResourceId']} was accepted")
