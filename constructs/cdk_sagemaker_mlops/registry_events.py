"""Events about model versions, from the account that owns the registry to the accounts that deploy from it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_events as events
from constructs import Construct

from . import _paths, _refs
from ._block import Block
from ._errors import Problems
from ._iam import Statement, add_service_role
from .registry import ModelPackageGroupBase
from .storage import ACCOUNT_PATTERN, ACCOUNT_RULE

#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_MOST_TARGETS = 5


class RegistryEvents(Construct):
    """Forwards state changes of versions to the default event buses of other accounts, in the same region.

    SageMaker puts its events on the bus of the account that owns the group. With these an approval wakes the rollout
    controller of another account at once; without, its next regular look finds it. The other account has to let the
    events in: `RolloutController(registry_accounts=[...])` there.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html

    :param groups: Groups whose versions it is about.
    :param accounts: Accounts that get the events.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, groups: Sequence[ModelPackageGroupBase], accounts: Sequence[str]
    ) -> None:
        problems = Problems()
        problems.require(bool(groups), "groups is empty, so there is nothing to forward; name at least one group")
        problems.require(bool(accounts), "accounts is empty, so nobody gets the events; name at least one account")
        for number in accounts:
            problems.matches("accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        buses = [_refs.arn("events", "event-bus/default", in_account=number) for number in dict.fromkeys(accounts)]
        block = Block(self)
        role = add_service_role(
            block,
            "Role",
            service="events.amazonaws.com",
            description="Forwards events about model versions to the accounts that deploy them",
            statements=[Statement(sid="Forward", actions=["events:PutEvents"], resources=buses)],
        )
        for count, first in enumerate(range(0, len(buses), _MOST_TARGETS)):
            block.add(
                f"Rule{count or ''}",
                "AWS::Events::Rule",
                events.CfnRuleProps(
                    description="Versions for other accounts",
                    event_pattern={
                        "source": ["aws.sagemaker"],
                        "detail-type": ["SageMaker Model Package State Change"],
                        "detail": {"ModelPackageGroupName": [group.group_name for group in groups]},
                    },
                    state="ENABLED",
                    targets=[
                        events.CfnRule.TargetProperty(id=f"Bus{index}", arn=bus, role_arn=role.att("Arn"))
                        for index, bus in enumerate(buses[first : first + _MOST_TARGETS])
                    ],
                ),
            )
        block.define()
