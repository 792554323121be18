"""The controller: what wakes it, what it may do, what CloudFormation may do for it."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

import cdk_sagemaker_mlops as mlops


def plain(value: object) -> str:
    """A template value as one string, references in braces."""
    if isinstance(value, str):
        return value
    assert isinstance(value, dict)
    if "Fn::Join" in value:
        return "".join(plain(part) for part in value["Fn::Join"][1])
    ((_, target),) = value.items()
    return f"{{{'.'.join(target) if isinstance(target, list) else target}}}"


def many(value: object) -> list[str]:
    return [plain(item) for item in (value if isinstance(value, list) else [value])]


class Permissions:
    """Allow statements of a role, asked as IAM would."""

    def __init__(self, role: dict) -> None:
        (policy,) = role["Properties"]["Policies"]
        self.statements = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}

    def conditions(self, action: str, arn: str) -> list[dict]:
        """Conditions of every statement that allows the action on the resource; empty when none does."""
        return [
            statement.get("Condition", {})
            for statement in self.statements.values()
            if action in many(statement["Action"])
            and any(fnmatch.fnmatchcase(arn, pattern) for pattern in many(statement["Resource"]))
        ]

    @property
    def actions(self) -> set[str]:
        return {action for statement in self.statements.values() for action in many(statement["Action"])}


def arn(service: str, resource: str, region: str = "{AWS::Region}", account: str = "{AWS::AccountId}") -> str:
    return f"arn:{{AWS::Partition}}:{service}:{region}:{account}:{resource}"


@pytest.fixture
def function_role(controller: Callable, synthesise: Callable) -> Permissions:
    controller()
    return Permissions(synthesise().by_id("ControllerRole", "IAM::Role"))


@pytest.fixture
def rollout_role(controller: Callable, synthesise: Callable) -> Permissions:
    controller()
    return Permissions(synthesise().by_id("ControllerCloudFormationRole", "IAM::Role"))


def test_the_resources_of_a_controller(controller: Callable, synthesise: Callable, lint: Callable) -> None:
    controller()
    template = synthesise()
    kinds = sorted(resource["Type"].removeprefix("AWS::") for resource in template.resources.values())
    assert kinds == sorted(
        [
            "CloudWatch::Alarm",
            "Custom::RolloutMemory",
            *["Events::Rule"] * 3,
            *["IAM::Role"] * 2,
            "Lambda::EventSourceMapping",
            "Lambda::Function",
            "Logs::LogGroup",
            *["SQS::Queue"] * 2,
            *["SQS::QueuePolicy"] * 2,
        ]
    )
    assert lint(template.template) == []
    assert "arn:aws:" not in json.dumps(template.template).replace("arn:aws:sns", "").replace("arn:aws:kms", "")


def test_the_function_reads_the_settings_that_the_construct_writes(controller: Callable, synthesise: Callable) -> None:
    from deploy.settings import Settings

    controller()
    variables = synthesise().only("Lambda::Function")["Environment"]["Variables"]
    settings = Settings.read({name: plain(value) for name, value in variables.items()})
    assert (settings.controller_name, settings.environment) == ("mlops-dev", "dev")
    assert settings.topic_arn == "arn:aws:sns:eu-west-1:111122223333:ml"
    assert settings.role_arn.startswith("{ControllerCloudFormationRole")


def test_what_wakes_it(controller: Callable, synthesise: Callable) -> None:
    controller()
    template = synthesise()
    rules = [template.by_id(f"Controller{name}", "Events::Rule") for name in ("Approval", "StackSettled", "Clock")]
    approval, settled, clock = (rule["Properties"] for rule in rules)
    assert approval["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelApprovalStatus": ["Approved", "Rejected"]},
    }
    assert settled["EventPattern"]["detail-type"] == ["CloudFormation Stack Status Change"]
    (stacks,) = settled["EventPattern"]["detail"]["stack-id"]
    assert plain(stacks["prefix"]) == arn("cloudformation", "stack/mlops-dev-Serving-")
    statuses = settled["EventPattern"]["detail"]["status-details"]["status"]
    assert "UPDATE_ROLLBACK_COMPLETE" in statuses
    assert not any(status.endswith("_IN_PROGRESS") for status in statuses)
    assert clock["ScheduleExpression"] == "rate(5 minutes)"
    for rule in (approval, settled, clock):
        (target,) = rule["Targets"]
        assert plain(target["Arn"]).startswith("{ControllerQueue")


def test_only_named_groups_wake_it_where_groups_are_named(
    controller: Callable, synthesise: Callable, stack: cdk.Stack
) -> None:
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    controller(groups=[group])
    template = synthesise()
    detail = template.by_id("ControllerApproval", "Events::Rule")["Properties"]["EventPattern"]["detail"]
    assert detail["ModelPackageGroupName"] == ["churn"]
    reader = Permissions(template.by_id("ControllerRole", "IAM::Role"))
    assert reader.conditions("sagemaker:ListModelPackages", arn("sagemaker", "model-package-group/churn"))
    assert not reader.conditions("sagemaker:ListModelPackages", arn("sagemaker", "model-package-group/fraud"))


def test_a_message_is_hidden_longer_than_the_function_runs(controller: Callable, synthesise: Callable) -> None:
    controller()
    template = synthesise()
    queue = next(q["Properties"] for q in template.of_type("SQS::Queue").values() if "RedrivePolicy" in q["Properties"])
    assert queue["VisibilityTimeout"] >= 6 * template.only("Lambda::Function")["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    mapping = template.only("Lambda::EventSourceMapping")
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_failed_wake_ups_are_an_alarm(controller: Callable, synthesise: Callable) -> None:
    controller()
    alarm = synthesise().only("CloudWatch::Alarm")
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:111122223333:ml"]


def test_the_function_may_call_what_its_code_calls(function_role: Permissions) -> None:
    assert function_role.actions == {
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:ListStackResources",
        "cloudformation:UpdateStack",
        "cloudwatch:PutMetricData",
        "events:PutEvents",
        "iam:PassRole",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModelPackage",
        "sagemaker:ListModelPackages",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
        "ssm:DeleteParameter",
        "ssm:GetParametersByPath",
        "ssm:PutParameter",
    }


def test_the_function_updates_serving_stacks_of_its_environment_with_the_scoped_role_only(
    function_role: Permissions,
) -> None:
    serving = arn("cloudformation", "stack/mlops-dev-Serving-churn/0a1b")
    (condition,) = function_role.conditions("cloudformation:UpdateStack", serving)
    assert plain(condition["StringEquals"]["cloudformation:RoleArn"]).startswith("{ControllerCloudFormationRole")
    for other in ("mlops-prod-Serving-churn", "mlops-dev-Foundation", "mlops-dev-Delivery"):
        assert not function_role.conditions("cloudformation:UpdateStack", arn("cloudformation", f"stack/{other}/0a1b"))
    (passed,) = (statement for statement in function_role.statements.values() if statement["Action"] == "iam:PassRole")
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_the_function_remembers_but_registers_nothing(function_role: Permissions) -> None:
    for kind in ("quarantine", "rollouts"):
        assert function_role.conditions("ssm:PutParameter", arn("ssm", f"parameter/mlops-dev/{kind}/churn"))
    assert not function_role.conditions("ssm:PutParameter", arn("ssm", "parameter/mlops-dev/serving/churn"))
    assert not function_role.conditions("ssm:PutParameter", arn("ssm", "parameter/mlops-prod/quarantine/churn"))
    assert function_role.conditions("ssm:GetParametersByPath", arn("ssm", "parameter/mlops-dev/serving"))


@pytest.mark.parametrize(
    "service", ["iam:Create", "iam:Put", "lambda:", "s3:", "sqs:", "sns:", "dynamodb:", "ec2:", "logs:", "kms:Put"]
)
def test_a_rollout_touches_no_code_roles_data_or_queues(rollout_role: Permissions, service: str) -> None:
    allowed = {action for action in rollout_role.actions if action.startswith(service)}
    assert allowed <= {"iam:CreateServiceLinkedRole"}


def test_a_rollout_exchanges_models_of_its_environment_only(rollout_role: Permissions) -> None:
    model = arn("sagemaker", "model/endpointmodel-abc")
    (created,) = rollout_role.conditions("sagemaker:CreateModel", model)
    assert created == {"StringEquals": {"aws:RequestTag/mlops:controller": "mlops-dev"}}
    (deleted,) = rollout_role.conditions("sagemaker:DeleteModel", model)
    assert deleted == {"StringEquals": {"aws:ResourceTag/mlops:controller": "mlops-dev"}}
    # What is gone has no tag; asking for it has to end in "not found" and not in "denied".
    assert {} in rollout_role.conditions("sagemaker:DescribeModel", model)
    for action in ("sagemaker:UpdateEndpoint", "sagemaker:CreateEndpoint", "sagemaker:DeleteEndpoint"):
        assert rollout_role.conditions(action, arn("sagemaker", "endpoint/mlops-dev-churn"))
        assert not rollout_role.conditions(action, arn("sagemaker", "endpoint/mlops-prod-churn"))
    (used,) = rollout_role.conditions("sagemaker:UpdateEndpoint", arn("sagemaker", "endpoint-config/config-abc"))
    assert used == {"StringEquals": {"aws:ResourceTag/mlops:controller": "mlops-dev"}}


def test_a_rollout_passes_roles_of_its_environment_to_two_services(rollout_role: Permissions) -> None:
    own = "role/mlops-dev-Serving-churn-EndpointRole1234-ABCDEFGH"
    (condition,) = rollout_role.conditions("iam:PassRole", arn("iam", own, region=""))
    assert condition == {
        "StringEquals": {"iam:PassedToService": ["sagemaker.amazonaws.com", "scheduler.amazonaws.com"]}
    }
    assert not rollout_role.conditions("iam:PassRole", arn("iam", "role/Admin", region=""))


def test_role_names_are_matched_as_cloudformation_cuts_them(controller: Callable, synthesise: Callable) -> None:
    controller(name="fraud-detection-staging")
    role = Permissions(synthesise().by_id("ControllerCloudFormationRole", "IAM::Role"))
    generated = "role/fraud-detection-staging-EndpointRole1234ABCD-1AB2CD3EF4GH"
    assert role.conditions("iam:PassRole", arn("iam", generated, region=""))


def test_a_rollout_changes_schedules_alarms_and_dashboards_of_its_environment(rollout_role: Permissions) -> None:
    own = {
        "scheduler:UpdateSchedule": arn("scheduler", "schedule/default/mlops-dev-churn-data-quality"),
        "cloudwatch:PutMetricAlarm": arn("cloudwatch", "alarm:mlops-dev-Serving-churn-DataQualityHeartbeat-1A"),
        "cloudwatch:PutDashboard": arn("cloudwatch", "dashboard/mlops-dev-churn", region=""),
    }
    tracking = arn("cloudwatch", "alarm:TargetTracking-endpoint/mlops-dev-churn/variant/AllTraffic-AlarmHigh-1a2b")
    own_alarms = [own["cloudwatch:PutMetricAlarm"], tracking]
    assert all(rollout_role.conditions("cloudwatch:PutMetricAlarm", alarm) for alarm in own_alarms)
    assert not rollout_role.conditions("cloudwatch:PutMetricAlarm", tracking.replace("mlops-dev", "mlops-prod"))
    for action, resource in own.items():
        assert rollout_role.conditions(action, resource)
        assert not rollout_role.conditions(action, resource.replace("mlops-dev", "mlops-prod"))


def test_volumes_under_own_keys(controller: Callable, synthesise: Callable, stack: cdk.Stack) -> None:
    key = kms.Key.from_key_arn(stack, "VolumeKey", "arn:aws:kms:eu-west-1:111122223333:key/v")
    controller(encryption_keys=[key])
    role = Permissions(synthesise().by_id("ControllerCloudFormationRole", "IAM::Role"))
    assert role.conditions("kms:CreateGrant", "arn:aws:kms:eu-west-1:111122223333:key/v")


def test_every_wildcard_has_its_reason(controller: Callable, synthesise: Callable) -> None:
    controller()
    for role in synthesise().of_type("IAM::Role").values():
        (policy,) = role["Properties"]["Policies"]
        wild = {
            s["Sid"] for s in policy["PolicyDocument"]["Statement"] if "*" in json.dumps([s["Action"], s["Resource"]])
        }
        assert wild == set(role["Metadata"]["WildcardReasons"])


def test_without_a_topic_it_announces_on_the_bus_only(controller: Callable, synthesise: Callable) -> None:
    controller(notifications=None)
    template = synthesise()
    assert "TOPIC_ARN" not in template.only("Lambda::Function")["Environment"]["Variables"]
    assert "sns:Publish" not in Permissions(template.by_id("ControllerRole", "IAM::Role")).actions


@pytest.mark.parametrize(
    ("name", "message"),
    [("a_b", r'name is "a_b", allowed are 1 to 63'), ("x" * 41, r"41 characters\), allowed are 40")],
)
def test_mistakes(controller: Callable, name: str, message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        controller(name=name)


def test_it_can_be_woken_by_hand(controller: Callable, stack: cdk.Stack, synthesise: Callable) -> None:
    made = controller()
    role = cdk.aws_iam.Role(stack, "Person", assumed_by=cdk.aws_iam.AccountRootPrincipal())
    made.grant_reconcile(role)
    assert made.queue.url != made.dead_letters.url
    (policy,) = synthesise().of_type("IAM::Policy").values()
    assert policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"] == "lambda:InvokeFunction"


def test_events_of_other_accounts_registries_are_let_in(controller: Callable, synthesise: Callable) -> None:
    controller(registry_accounts=["222222222222", "333333333333", "222222222222"])
    template = synthesise()
    policies = [r["Properties"] for r in template.resources.values() if r["Type"] == "AWS::Events::EventBusPolicy"]
    assert sorted(policy["StatementId"] for policy in policies) == ["mlops-dev-222222222222", "mlops-dev-333333333333"]
    for policy in policies:
        statement = policy["Statement"]
        assert statement["Action"] == "events:PutEvents"
        assert statement["Condition"]["StringEquals"] == {
            "events:source": "aws.sagemaker",
            "events:detail-type": "SageMaker Model Package State Change",
        }


def test_only_a_controller_that_proposes_may_change_versions_and_approves_none(
    controller: Callable, synthesise: Callable
) -> None:
    controller(proposes=True)
    role = Permissions(synthesise().by_id("ControllerRole", "IAM::Role"))
    propose = role.statements["ProposeVersions"]
    assert propose["Action"] == "sagemaker:UpdateModelPackage"
    assert propose["Condition"]["Null"] == {"sagemaker:ModelApprovalStatus": "true"}
    assert propose["Condition"]["StringEqualsIfExists"] == {"sagemaker:ModelLifeCycle:stageStatus": "PendingApproval"}
    assert role.statements["LookForAlarms"]["Action"] == "cloudwatch:DescribeAlarms"


def test_no_stack_but_a_serving_stack_of_its_environment_can_be_updated(
    controller: Callable, synthesise: Callable
) -> None:
    controller()
    template = synthesise()
    function = Permissions(template.by_id("ControllerRole", "IAM::Role"))
    rollout = Permissions(template.by_id("ControllerCloudFormationRole", "IAM::Role"))
    foreign = ("mlops-dev-Foundation", "mlops-dev-Delivery", "mlops-prod-Serving-churn", "mlops-dev2-Serving-a", "shop")

    for name in foreign:
        assert function.conditions("cloudformation:UpdateStack", arn("cloudformation", f"stack/{name}/0a1b")) == []
    assert not any(action.startswith("cloudformation:") for action in rollout.actions)
    reading = {"DescribeStacks", "DescribeStackEvents", "ListStackResources"}
    assert {action for action in function.actions if action.startswith("cloudformation:")} == {
        "cloudformation:UpdateStack",
        *(f"cloudformation:{operation}" for operation in reading),
    }
