"""The registration: what the controller reads, and the tag that its permissions are tied to."""

from __future__ import annotations

import json
from collections.abc import Callable

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops


def resolved(value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, dict)
    if "Fn::Join" in value:
        return "".join(resolved(part) for part in value["Fn::Join"][1])
    return {"AWS::StackName": "mlops-dev-Serving-churn", "AWS::Partition": "aws"}[value["Ref"]]


@pytest.fixture
def register(stack: cdk.Stack, follow: Callable) -> Callable[..., mlops.RolloutRegistration]:
    def make(**props: object) -> mlops.RolloutRegistration:
        defaults = {"controller_name": "mlops-dev", "model": "churn", "environment": "dev"}
        endpoint = props.pop("endpoint", None) or follow()
        return mlops.RolloutRegistration(stack, "Registration", endpoint=endpoint, **defaults | props)

    return make


@pytest.fixture
def monitored_later(stack: cdk.Stack, register: Callable, follow: Callable) -> None:
    """The order in which nobody should have to think: registered first, monitored afterwards."""
    endpoint = follow()
    register(endpoint=endpoint, pinned_version=3)
    baseline = mlops.Baseline.from_registry()
    engine = mlops.LambdaEngine(layer_arn="arn:aws:lambda:eu-west-1:111122223333:layer:wheels:1")
    endpoint.add_monitor(mlops.DataQualityMonitor(stack, "DataQuality", baseline=baseline, engine=engine))


def test_the_controller_understands_it(monitored_later: None, synthesise: Callable) -> None:
    from deploy.state import Registration

    parameter = synthesise().only("SSM::Parameter")
    read = Registration.parse(parameter["Name"], resolved(parameter["Value"]))
    assert read == Registration(
        name="/mlops-dev/serving/churn",
        model="churn",
        stack_name="mlops-dev-Serving-churn",
        endpoint_name="mlops-dev-churn",
        group="churn",
        version_parameter="ModelPackageArn",
        retain_parameter="RetainVariantProperties",
        baselines={
            "DataQuality": {"constraints": "DataQualityConstraintsUri", "statistics": "DataQualityStatisticsUri"}
        },
        pinned_version=3,
        frozen=False,
    )


def test_every_named_parameter_exists_in_the_stack(monitored_later: None, synthesise: Callable) -> None:
    template = synthesise()
    parameters = json.loads(resolved(template.only("SSM::Parameter")["Value"]))["parameters"]
    named = {parameters["version"], parameters["retain"], *parameters["baselines"]["DataQuality"].values()}
    assert named <= set(template.template["Parameters"])


def test_groups_of_other_accounts_are_registered_by_arn(
    stack: cdk.Stack, register: Callable, follow: Callable, synthesise: Callable
) -> None:
    group_arn = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/churn"
    group = mlops.ModelPackageGroup.from_model_package_group_arn(stack, "Foreign", group_arn)
    register(endpoint=follow(group=group), frozen=True)
    document = json.loads(resolved(synthesise().only("SSM::Parameter")["Value"]))
    assert document["model_package_group"] == group_arn
    assert document["frozen"] is True


def test_only_sagemaker_resources_with_generated_names_are_tagged(register: Callable, synthesise: Callable) -> None:
    register()
    tagged = {
        resource["Type"].removeprefix("AWS::SageMaker::")
        for resource in synthesise().resources.values()
        if {"Key": "mlops:controller", "Value": "mlops-dev"} in (resource.get("Properties", {}).get("Tags") or [])
    }
    assert tagged == {"Model", "EndpointConfig", "Endpoint"}


def test_every_rollout_metric_has_its_alarm_even_before_the_first_version(
    register: Callable, synthesise: Callable, topic: mlops.TopicTarget
) -> None:
    made = register(
        alarms=mlops.RolloutAlarms(stuck_after_hours=2, slow_after_hours=1, rollouts_per_hour=3), notifications=[topic]
    )
    expected = {
        "Stuck": ("OldestUnconvergedSeconds", 7200, 1),
        "Slow": ("ApprovalToLiveSeconds", 3600, 1),
        "TooMany": ("Rollouts", 3, 1),
        "RolledBack": ("Rollbacks", 0, 0),
    }
    assert {alarm.rule.id for alarm in made.alarms} == set(expected)
    template = synthesise()
    for name, (metric, threshold, actions) in expected.items():
        resource = template.by_id(f"Registration{name}", "CloudWatch::Alarm")
        properties = resource["Properties"]
        assert "Condition" not in resource
        assert (properties["Namespace"], properties["MetricName"]) == ("SageMakerMLOps/Rollouts", metric)
        assert properties["Threshold"] == threshold
        assert properties["TreatMissingData"] == "notBreaching"
        assert len(properties.get("AlarmActions", [])) == actions, "a rollback is announced with its reason already"
        assert properties["Dimensions"] == [
            {"Name": "Environment", "Value": "dev"},
            {"Name": "Model", "Value": "churn"},
        ]


def test_no_alarms_where_none_are_wanted(register: Callable) -> None:
    none = mlops.RolloutAlarms(stuck_after_hours=None, slow_after_hours=None, rollouts_per_hour=None, rolled_back=False)
    assert register(alarms=none).alarms == ()


def test_charts_for_the_dashboard(register: Callable) -> None:
    names = {measure.name for chart in register().charts for measure in chart.measures}
    assert names == {"Rollouts", "Rollbacks", "ApprovalToLiveSeconds", "OldestUnconvergedSeconds"}


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"model": "Churn"}, r'model is "Churn", allowed are 1 to 63 lower-case'),
        ({"pinned_version": 0}, r"pinned_version is 0, allowed are 1 and more"),
        (
            {"alarms": mlops.RolloutAlarms(stuck_after_hours=200)},
            r"stuck_after_hours is 200, allowed are 1 to 168",
        ),
        ({"alarms": mlops.RolloutAlarms(rollouts_per_hour=0)}, r"alarms: rollouts_per_hour is 0, allowed are 1 to 100"),
        ({"controller_name": "mlops-prod"}, r'"mlops-dev-churn", allowed are names that begin with "mlops-prod-"'),
    ],
)
def test_mistakes(register: Callable, props: dict, message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        register(**props)


def test_a_fixed_model_has_nothing_to_roll_out(stack: cdk.Stack, image_model: mlops.Model) -> None:
    endpoint = mlops.Endpoint(stack, "Endpoint", model=image_model, endpoint_name="mlops-dev-x")
    with pytest.raises(mlops.ConstructError, match=r"follows no group.*Model.latest_approved\(group\)"):
        mlops.RolloutRegistration(stack, "R", controller_name="mlops-dev", model="x", endpoint=endpoint)


def test_the_controller_understands_the_order_of_stages(register: Callable, synthesise: Callable) -> None:
    from deploy.promotion import Promotion
    from deploy.state import Registration

    order = {"stage": "production", "after": "mlops-staging", "next_stage": "production-us", "healthy_minutes": 90}
    register(promotion=mlops.Promotion(**order))
    parameter = synthesise().only("SSM::Parameter")
    assert Registration.parse(parameter["Name"], resolved(parameter["Value"])).promotion == Promotion(**order)


def test_mistakes_in_the_order_of_stages(register: Callable) -> None:
    wrong = mlops.Promotion(stage="live", after="mlops staging", next_stage="live", healthy_minutes=-1)
    with pytest.raises(mlops.ConstructError) as caught:
        register(promotion=wrong)
    for words in ('promotion: after is "mlops staging"', "the stage of this environment itself", "0 to 10080 minutes"):
        assert words in str(caught.value)
