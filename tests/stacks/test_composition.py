"""What settings turn into."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import assertions

from stacks.settings import Environment

Templates = dict[str, dict[str, Any]]
Synthesize = Callable[[dict[str, Environment]], Templates]
Vary = Callable[..., Environment]

SERVING = "mlops-prod-Serving-churn"


def serving(synthesize: Synthesize, settings: Environment) -> assertions.Template:
    return assertions.Template.from_json(synthesize({"prod": settings})[SERVING])


def endpoint_settings(**changes: Any) -> dict[str, Any]:
    return {"models": {"churn": {"endpoint": changes}}}


def test_the_endpoint_follows_the_registry_and_waits_for_a_version(synthesize: Synthesize, variation: Vary) -> None:
    template = serving(synthesize, variation({}))

    template.has_parameter("ModelPackageArn", {"Type": "String", "Default": ""})
    template.has_resource(
        "AWS::SageMaker::Endpoint",
        {"Condition": "HasModelVersion", "Properties": {"EndpointName": "mlops-prod-churn"}},
    )
    template.has_resource_properties(
        "AWS::SageMaker::Model", {"PrimaryContainer": {"ModelPackageName": {"Ref": "ModelPackageArn"}}}
    )


def test_everything_that_needs_the_endpoint_waits_and_nothing_else(templates: Templates) -> None:
    """A first deployment without a model succeeds; a rollout touches neither roles nor code."""
    conditional = {
        resource["Type"] for resource in templates[SERVING]["Resources"].values() if resource.get("Condition")
    }
    unconditional = {
        resource["Type"] for resource in templates[SERVING]["Resources"].values() if not resource.get("Condition")
    }

    assert conditional >= {"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"}
    assert conditional >= {"AWS::Scheduler::Schedule", "AWS::CloudWatch::Alarm"}
    assert "AWS::CloudWatch::Dashboard" in conditional
    assert unconditional >= {"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::SSM::Parameter"}
    assert not conditional & {"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::SSM::Parameter"}


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (
            {"strategy": "canary", "percent": 20},
            {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20}},
        ),
        (
            {"strategy": "linear", "percent": 50},
            {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50}},
        ),
        ({"strategy": "all-at-once"}, {"Type": "ALL_AT_ONCE"}),
    ],
    ids=lambda value: value.get("strategy"),
)
def test_blue_green_rollouts(
    rollout: dict[str, Any], expected: dict[str, Any], synthesize: Synthesize, variation: Vary
) -> None:
    # The committed file has a percent, which all-at-once must not inherit.
    template = serving(synthesize, variation(endpoint_settings(rollout={"percent": None, **rollout})))

    template.has_resource_properties(
        "AWS::SageMaker::Endpoint",
        {"DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": expected}}},
    )


def test_rolling_rollout(synthesize: Synthesize, variation: Vary) -> None:
    template = serving(synthesize, variation(endpoint_settings(rollout={"strategy": "rolling", "percent": 20})))

    template.has_resource_properties(
        "AWS::SageMaker::Endpoint",
        {"DeploymentConfig": {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 20}}}},
    )


def test_variants_share_scaling_and_alarms(synthesize: Synthesize, variation: Vary) -> None:
    variants = {"large": {"weight": 3}, "small": {"weight": 1, "instance_type": "ml.c5.large"}}
    template = serving(synthesize, variation(endpoint_settings(variants=variants)))

    template.resource_count_is("AWS::ApplicationAutoScaling::ScalingPolicy", 2)
    template.has_resource_properties(
        "AWS::SageMaker::EndpointConfig",
        {
            "ProductionVariants": [
                {"VariantName": "large", "InitialVariantWeight": 3, "InstanceType": "ml.m5.large"},
                {"VariantName": "small", "InitialVariantWeight": 1, "InstanceType": "ml.c5.large"},
            ]
        },
    )


def test_network(synthesize: Synthesize, variation: Vary) -> None:
    network = {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}
    template = serving(synthesize, variation({"network": network}))

    template.has_resource_properties("AWS::EC2::SecurityGroup", {"VpcId": "vpc-0a1b2c3d"})
    template.has_resource_properties(
        "AWS::SageMaker::Model", {"VpcConfig": {"Subnets": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}}
    )


def test_network_with_security_groups(synthesize: Synthesize, variation: Vary) -> None:
    network = {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a1b2c3d"], "security_group_ids": ["sg-0a1b2c3d"]}
    template = serving(synthesize, variation({"network": network}))

    template.resource_count_is("AWS::EC2::SecurityGroup", 0)
    template.has_resource_properties("AWS::SageMaker::Model", {"VpcConfig": {"SecurityGroupIds": ["sg-0a1b2c3d"]}})


def test_a_container_needs_no_registry_and_no_condition(synthesize: Synthesize, variation: Vary) -> None:
    container = {
        "image": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/churn:1.0",
        "model_data": "s3://models-of-mine/churn/model.tar.gz",
    }
    model = {"registry": None, "container": container, "monitors": None, "endpoint": {"environment": {"THREADS": "2"}}}
    template = serving(synthesize, variation({"models": {"churn": model}}))

    template.has_resource_properties(
        "AWS::SageMaker::Model",
        {
            "PrimaryContainer": {
                "Image": container["image"],
                "ModelDataUrl": container["model_data"],
                "Environment": {"THREADS": "2"},
            }
        },
    )
    assert "Condition" not in next(iter(template.find_resources("AWS::SageMaker::Endpoint").values()))
    template.resource_count_is("AWS::SSM::Parameter", 0)


def test_capture_can_be_turned_off(synthesize: Synthesize, variation: Vary) -> None:
    data = variation({"models": {"churn": {"monitors": None}}}).model_dump(mode="json", exclude_defaults=True)
    data["models"]["churn"]["endpoint"]["capture"] = None
    template = serving(synthesize, Environment.model_validate(data, strict=False))

    (config,) = template.find_resources("AWS::SageMaker::EndpointConfig").values()
    assert "DataCaptureConfig" not in config["Properties"]


def test_an_own_topic_takes_the_place_of_ours(synthesize: Synthesize, variation: Vary) -> None:
    topic = "arn:aws:sns:eu-west-1:333333333333:incidents"
    templates = synthesize({"prod": variation({"notifications": {"email": None, "topic_arn": topic}})})

    assertions.Template.from_json(templates["mlops-prod-Foundation"]).resource_count_is("AWS::SNS::Topic", 0)
    assertions.Template.from_json(templates[SERVING]).has_resource_properties(
        "AWS::CloudWatch::Alarm", {"AlarmActions": [topic]}
    )


def test_foreign_artifacts_are_what_the_roles_may_read(synthesize: Synthesize, variation: Vary) -> None:
    key = "arn:aws:kms:eu-west-1:111111111111:key/abc"
    artifacts = {"models_bucket": "their-models", "baselines_bucket": "their-baselines", "kms_key_arn": key}
    template = serving(synthesize, variation({"models": {"churn": {"registry": {"artifacts": artifacts}}}}))

    roles = str(template.find_resources("AWS::IAM::Role"))
    assert "their-models" in roles
    assert "their-baselines" in roles
    assert key in roles


def _groups(templates: Templates) -> list[dict[str, Any]]:
    resources = templates["mlops-dev-Registry"]["Resources"].values()
    return [resource for resource in resources if resource["Type"] == "AWS::SageMaker::ModelPackageGroup"]


def test_groups_are_shared_with_the_accounts_that_the_owner_names(templates: Templates) -> None:
    (group,) = _groups(templates)
    policy = str(group["Properties"]["ModelPackageGroupPolicy"])

    assert "222222222222" in policy
    assert "333333333333" in policy
    assert "mlops-prod-Registry" not in templates


def test_two_models_may_follow_one_group(synthesize: Synthesize, environments: dict[str, Environment]) -> None:
    data = environments["dev"].model_dump(mode="json", exclude_defaults=True)
    data["models"]["churn-batch"] = data["models"]["churn"]
    templates = synthesize({"dev": Environment.model_validate(data, strict=False)})

    assert len(_groups(templates)) == 1
    assert {"mlops-dev-Serving-churn", "mlops-dev-Serving-churn-batch"} <= set(templates)


def test_monitor_settings_reach_the_run(synthesize: Synthesize, variation: Vary) -> None:
    monitor = {
        "schedule": "daily",
        "drift_threshold": 0.25,
        "comparison_method": "simple",
        "exclude_features": ["id"],
        "alarm_features": ["age"],
        "window_offset_hours": 2,
        "max_violations": 3,
    }
    template = serving(synthesize, variation({"models": {"churn": {"monitors": {"data_quality": monitor}}}}))

    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": {
                    "PERIOD_HOURS": "24",
                    "DRIFT_THRESHOLD": "0.25",
                    "COMPARISON_METHOD": "Simple",
                    "EXCLUDE_FEATURES": '["id"]',
                    "WINDOW_OFFSET_HOURS": "2",
                }
            }
        },
    )
    template.has_resource_properties("AWS::Scheduler::Schedule", {"ScheduleExpression": "cron(5 0 * * ? *)"})
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"MetricName": "feature_baseline_drift_age", "Threshold": 0.25, "Period": 86400}
    )
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"MetricName": "Violations", "Threshold": 3})


def test_pin_and_freeze_reach_the_controller(synthesize: Synthesize, variation: Vary) -> None:
    template = serving(synthesize, variation(endpoint_settings(pinned_version=3, frozen=True)))

    (parameter,) = template.find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/mlops-prod/serving/churn"
    assert '"pinned_version":3' in str(parameter["Properties"]["Value"]).replace(" ", "")
    assert '"frozen":true' in str(parameter["Properties"]["Value"]).replace(" ", "")


def test_the_order_of_stages_reaches_the_controllers(templates: Templates) -> None:
    def promotion(environment: str) -> str:
        resources = templates[f"mlops-{environment}-Serving-churn"]["Resources"].values()
        (parameter,) = (item for item in resources if item["Type"] == "AWS::SSM::Parameter")
        return str(parameter["Properties"]["Value"]).replace(" ", "")

    def updates_versions(environment: str) -> bool:
        return "sagemaker:UpdateModelPackage" in json.dumps(templates[f"mlops-{environment}-Delivery"])

    assert '"next_stage":"production"' in promotion("staging")
    assert '"stage":"production","after":"mlops-staging"' in promotion("prod")
    assert "promotion" not in promotion("dev")
    assert [name for name in ("dev", "staging", "prod") if updates_versions(name)] == ["staging"]


def test_approvals_are_forwarded_and_let_in(templates: Templates) -> None:
    def of_type(stack: str, kind: str) -> list[dict[str, Any]]:
        return [r["Properties"] for r in templates[stack]["Resources"].values() if r["Type"] == kind]

    (rule,) = of_type("mlops-dev-Registry", "AWS::Events::Rule")
    assert [str(target["Arn"]).count("222222222222") for target in rule["Targets"]] == [1, 0]
    for environment in ("staging", "prod"):
        (policy,) = of_type(f"mlops-{environment}-Delivery", "AWS::Events::EventBusPolicy")
        assert "111111111111:root" in str(policy["Statement"]["Principal"])
    assert of_type("mlops-dev-Delivery", "AWS::Events::EventBusPolicy") == []


def test_native_monitors_are_exchanged_in_rollouts(synthesize, variation):
    """Job definitions name the baselines of a version; the controller may replace those of its environment."""
    unsaid = {"drift_threshold": None, "comparison_method": None}
    command = {"entrypoint": ["python3", "run.py"], "arguments": ["--strict"], "environment": {"LIMIT": "3"}}
    own = {"type": "container", "image": "team/own:1", **command}
    quality = {"problem": "binary-classification", "engine": own}
    monitors = {"data_quality": unsaid, "attribution": {"engine": "auto"}, "model_quality": quality, "bias": None}
    settings = variation(
        {
            "defaults": {"monitoring": {"engine": "model-monitor"}},
            "models": {"churn": {"monitors": monitors}},
        }
    )
    templates = synthesize({"prod": settings})
    serving, delivery = templates["mlops-prod-Serving-churn"], templates["mlops-prod-Delivery"]
    kinds = [resource["Type"] for resource in serving["Resources"].values()]
    assert kinds.count("AWS::SageMaker::DataQualityJobDefinition") == kinds.count("AWS::SageMaker::MonitoringSchedule")
    (definition,) = [r for r in serving["Resources"].values() if r["Type"].endswith("DataQualityJobDefinition")]
    (function,) = [r for r in serving["Resources"].values() if "'container'" in str(r)]
    job = str(function["Properties"]["Environment"]["Variables"]["JOB"])
    assert all(words in job for words in ('"ContainerEntrypoint":["python3","run.py"]', '["--strict"]', '"LIMIT":"3"'))
    tags = {tag["Key"]: tag["Value"] for tag in definition["Properties"]["Tags"]}
    assert "mlops-prod" in tags.values()
    roles = [r["Properties"] for key, r in delivery["Resources"].items() if "CloudFormationRole" in key]
    (policy,) = roles[0]["Policies"]
    sids = {statement["Sid"] for statement in policy["PolicyDocument"]["Statement"]}
    assert {"MakeTaggedDefinitions", "MoveMonitoringSchedules"} <= sids
    assert len(json.dumps(policy["PolicyDocument"])) < 10_240, "IAM's limit of a role's inline policies"


def test_baselines_are_computed_where_the_file_says_of_what(synthesize, variation):
    monitors = {"data_quality": {}, "baseline_data": {"prefix": "training/churn.csv", "label": "churned"}}
    templates = synthesize({"prod": variation({"models": {"churn": {"monitors": monitors}}})})
    functions = [
        resource["Properties"].get("Environment", {}).get("Variables", {})
        for resource in templates["mlops-prod-Serving-churn"]["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    (told,) = [variables for variables in functions if variables.get("MONITORING_TYPE") == "DataQuality"]
    assert told["TRAINING_DATA_LABEL"] == "churned"
    assert str(told["TRAINING_DATA_URI"]).endswith("/training/churn.csv']]}")
