"""The rollout controller: what brings approved versions to life, one CloudFormation update at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths, _refs
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import add_service_role
from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity, add_alarms
from cdk_sagemaker_mlops.functions import DEPLOY, Architecture
from cdk_sagemaker_mlops.functions.service_function import Queue, add_function, add_queue
from cdk_sagemaker_mlops.measures import waiting_messages
from cdk_sagemaker_mlops.notifications import AnnouncementTopic
from cdk_sagemaker_mlops.registry import ModelPackageGroupBase
from cdk_sagemaker_mlops.storage import ACCOUNT_PATTERN, ACCOUNT_RULE

from .cloudformation_permissions import rollout_statements
from .controller_permissions import function_statements
from .names import ControllerNames
from .native_monitors import native_statements

if TYPE_CHECKING:
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_kms import IKey

_TIMEOUT_SECONDS = 120
# SQS hides a message for at least six times the function's timeout, so that no retry starts beside a running one.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_SECONDS = 6 * _TIMEOUT_SECONDS
_LONGEST_NAME = 40
# What a stack's operation ends with; a wake-up while it goes on would find it busy.
_SETTLED = [
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
]


class RolloutController(Construct):
    """Keeps every registered endpoint on the version that the registry approves.

    A function that whatever wakes it (an approval, a rejection, the end of a stack's operation, a clock, a person)
    compares the desired version with the live one and, where they differ, starts one update of the serving stack with
    new parameter values and the stack's own template. Lost, repeated and reordered wake-ups are harmless.
    CloudFormation carries the update out with a role that may exchange models and nothing else; rollbacks are
    CloudFormation's and SageMaker's.

    Endpoints register themselves with :class:`RolloutRegistration`.

    :param name: Name of the controller: names of its stacks and endpoints begin with it. At most 40 characters.
    :param environment: Name of the environment in events and metrics. Default: - the controller's name
    :param notifications: Topic that hears of rollouts, rollbacks and of a controller that cannot work. Default: - none
    :param groups: Groups that it may read and deploy from. Default: - all that are shared with this account, so that a
        new model does not change the controller's stack
    :param stack_prefix: What names of its serving stacks begin with. Default: `<name>-Serving-`
    :param registry_accounts: Other accounts whose registries are followed; events about their versions are let in on
        the default bus. There :class:`RegistryEvents` forwards them. Default: - none
    :param proposes: Whether it may propose versions that stay healthy here for the next stage, as registrations with
        `Promotion(next_stage=...)` ask for. Default: False
    :param native_monitors: Whether monitors of its stacks run on `Engine.MODEL_MONITOR`, whose job definitions a
        rollout exchanges. Default: False
    :param encryption_keys: Keys of endpoints' volumes. Default: - none of the customer's
    :param log_retention_days: How long logs are kept. Default: 90
    :param architecture: Processor. Default: ARM_64
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        environment: str | None = None,
        notifications: AnnouncementTopic | None = None,
        groups: Sequence[ModelPackageGroupBase] = (),
        stack_prefix: str | None = None,
        registry_accounts: Sequence[str] = (),
        proposes: bool = False,
        native_monitors: bool = False,
        encryption_keys: Sequence[IKey] = (),
        log_retention_days: int = 90,
        architecture: Architecture = Architecture.ARM_64,
    ) -> None:
        problems = Problems()
        problems.matches("name", name, _naming.NAME_PATTERN, _naming.NAME_RULE)
        problems.require(
            len(name) <= _LONGEST_NAME,
            f'name is "{name}" ({len(name)} characters), allowed are {_LONGEST_NAME}: names of endpoints and roles '
            "begin with it",
        )
        for number in registry_accounts:
            problems.matches("registry_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self.controller_name = name
        self._names = ControllerNames(name, stack_prefix or f"{name}-Serving-")
        self._block = Block(self)
        self._cloudformation_role = add_service_role(
            self._block,
            "CloudFormationRole",
            service="cloudformation.amazonaws.com",
            description=f"What CloudFormation may do in a rollout of {name}",
            statements=[
                *rollout_statements(self._names, groups, [_refs.key_arn(key) for key in encryption_keys]),
                *(native_statements(self._names) if native_monitors else ()),
            ],
        )
        self._dead_letters = add_queue(self._block, "DeadLetters")
        self._queue = add_queue(
            self._block,
            "Queue",
            visibility_seconds=_VISIBILITY_SECONDS,
            dead_letters=self._dead_letters,
            senders={"events.amazonaws.com": {"StringEquals": {"aws:SourceAccount": _refs.account()}}},
        )
        statements = function_statements(
            self._names, groups, self.cloudformation_role_arn, self._queue, proposes=proposes
        )
        variables = {
            "CONTROLLER_NAME": name,
            "ENVIRONMENT": environment or name,
            "CLOUDFORMATION_ROLE_ARN": self.cloudformation_role_arn,
            "QUEUE_URL": self._queue.url,
        }
        if notifications is not None:
            statements += notifications.publish_statements()
            variables["TOPIC_ARN"] = notifications.topic_arn
        self._function = add_function(
            self._block,
            _paths.stack_of(scope),
            code=DEPLOY,
            description=f"Brings approved model versions of {name} to life",
            statements=statements,
            environment=variables,
            memory_mb=512,
            timeout_seconds=_TIMEOUT_SECONDS,
            architecture=architecture,
            log_retention_days=log_retention_days,
        )
        self._block.add(
            "Wake",
            "AWS::Lambda::EventSourceMapping",
            lambda_.CfnEventSourceMappingProps(
                function_name=self.function_name,
                event_source_arn=self._queue.arn,
                batch_size=1,
                # The function names the messages that it could not deal with; without this they would count as done.
                function_response_types=["ReportBatchItemFailures"],
                # The fewest that Lambda allows. Two at a time do no harm: a stack takes one update at a time.
                scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=2),
            ),
        )
        self._wake_ups(groups)
        self._let_in(registry_accounts)
        targets = [notifications] if notifications else []
        self.alarms = add_alarms(self._block, [self._stuck_rule()], targets, name_prefix=f"{name}-Rollouts")
        self._block.define()
        # Forgets, with the environment, what the function remembers in parameters that are no resources of a stack.
        cdk.CfnResource(
            self,
            "Memory",
            type="Custom::RolloutMemory",
            properties={
                "ServiceToken": self._function.arn,
                "ServiceTimeout": str(_TIMEOUT_SECONDS),
                "ControllerName": name,
            },
        )

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function.name

    @property
    def cloudformation_role_arn(self) -> str:
        """ARN of the role that CloudFormation carries rollouts out with."""
        return self._cloudformation_role.att("Arn")

    def _wake_ups(self, groups: Sequence[ModelPackageGroupBase]) -> None:
        package_detail: dict[str, Any] = {"ModelApprovalStatus": ["Approved", "Rejected"]}
        if groups:
            package_detail["ModelPackageGroupName"] = [group.group_name for group in groups]
        self._rule(
            "Approval",
            "A model version was approved or rejected",
            pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": package_detail,
            },
        )
        self._rule(
            "StackSettled",
            "An operation of a serving stack ended",
            pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"prefix": self._names.stack_id_prefix()}],
                    "status-details": {"status": _SETTLED},
                },
            },
        )
        # Level-triggered: were every event lost, this one would still lead to the right version.
        self._rule("Clock", "A regular look at all models", schedule="rate(5 minutes)")

    def _let_in(self, accounts: Sequence[str]) -> None:
        """Events about versions of other accounts' registries. They match the rule above as this account's do."""
        for number in dict.fromkeys(accounts):
            self._block.add(
                f"Registry{number}",
                "AWS::Events::EventBusPolicy",
                events.CfnEventBusPolicyProps(
                    # Unique on the bus, which belongs to the whole account and region.
                    statement_id=f"{self.controller_name}-{number}",
                    statement={
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:{_refs.partition()}:iam::{number}:root"},
                        "Action": "events:PutEvents",
                        "Resource": _refs.arn("events", "event-bus/default"),
                        "Condition": {
                            "StringEquals": {
                                "events:source": "aws.sagemaker",
                                "events:detail-type": "SageMaker Model Package State Change",
                            }
                        },
                    },
                ),
            )

    def _rule(
        self, construct_id: str, description: str, *, pattern: dict[str, Any] | None = None, schedule: str | None = None
    ) -> None:
        self._block.add(
            construct_id,
            "AWS::Events::Rule",
            events.CfnRuleProps(
                description=description,
                event_pattern=pattern,
                schedule_expression=schedule,
                state="ENABLED",
                targets=[events.CfnRule.TargetProperty(id="Queue", arn=self._queue.arn)],
            ),
        )

    def _stuck_rule(self) -> AlarmRule:
        return AlarmRule(
            id="WakeUpsFail",
            severity=Severity.CRITICAL,
            title=f"The rollout controller {self.controller_name} fails",
            advice=(
                f"Approved versions do not go live. Read the log {self._function.log_group_name}; when the cause is "
                f"repaired, delete the messages of queue {self._dead_letters.name}: the next clock tick does their work"
            ),
            measure=waiting_messages(self._dead_letters.name, "failed wake-ups"),
            threshold=0,
            missing_data=MissingData.NOT_BREACHING,
        )

    @property
    def queue(self) -> Queue:
        """The queue that wake-ups go into; a message of any content makes the controller look at everything."""
        return self._queue

    @property
    def dead_letters(self) -> Queue:
        """The queue of wake-ups that failed three times."""
        return self._dead_letters

    @cached_property
    def function(self) -> lambda_.IFunction:
        """The function. By hand: `{"action": "reconcile"}`, or `{"action": "release", "model": …}` for a quarantine."""
        return lambda_.Function.from_function_name(self, "FunctionView", self.function_name)

    def grant_reconcile(self, grantee: IGrantable) -> Grant:
        """Allow waking it and releasing quarantined versions; the last step of a training pipeline may want to."""
        return self.function.grant_invoke(grantee)
