"""Who hears of alarms besides topics: incident tools, functions, and whatever else CloudWatch can call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs import Construct

from . import _paths, _refs
from ._errors import ConstructError
from .alarming import AlarmActions, Severity

if TYPE_CHECKING:
    from aws_cdk.aws_lambda import IFunction

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
_CALLABLE = re.compile(r"arn:[a-z-]+:(sns|lambda|ssm|ssm-incidents|aiops):.+")
_ALARMS_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class ActionTarget:
    """ARNs that CloudWatch calls when an alarm begins and ends: topics, functions, response plans.

    An action of the CDK's own is one of these, too: `ActionTarget(alarm=[action.bind(scope, alarm).alarm_action_arn])`.

    :param alarm: What is called when it begins.
    :param ok: What is called when it ends. Default: - nothing
    :param severities: For which alarms. Default: all
    """

    alarm: Sequence[str]
    ok: Sequence[str] = ()
    severities: Sequence[Severity] = tuple(Severity)

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """The ARNs, for the severities that are wanted."""
        wrong = [arn for arn in (*self.alarm, *self.ok) if not (_refs.is_token(arn) or _CALLABLE.fullmatch(arn))]
        if wrong:
            raise ConstructError(
                scope.node.path,
                [
                    f'an alarm cannot call "{arn}", allowed are ARNs of topics (sns), functions (lambda), OpsItems '
                    "(ssm) and response plans (ssm-incidents)"
                    for arn in wrong
                ],
            )
        if severity not in self.severities:
            return AlarmActions()
        return AlarmActions(alarm=tuple(self.alarm), ok=tuple(self.ok))


@dataclass(frozen=True, kw_only=True)
class OpsItemTarget:
    """Opens an OpsItem in Systems Manager OpsCenter.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/OpsCenter-create-OpsItems-from-CloudWatch-Alarms.html

    :param severity: Its severity for critical alarms, 1 (highest) to 4; for warnings one less. Default: 2
    :param category: Availability, Cost, Performance, Recovery or Security. Default: Availability
    :param severities: For which alarms. Default: all
    """

    severity: int = 2
    category: str = "Availability"
    severities: Sequence[Severity] = tuple(Severity)

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """The address of OpsCenter, for the severities that are wanted."""
        problems = []
        if not 1 <= self.severity <= 4:
            problems.append(f"OpsItemTarget severity is {self.severity}, allowed are 1 to 4")
        known = ("Availability", "Cost", "Performance", "Recovery", "Security")
        if self.category not in known:
            problems.append(f'OpsItemTarget category is "{self.category}", allowed are {", ".join(known)}')
        if problems:
            raise ConstructError(scope.node.path, problems)
        if severity not in self.severities:
            return AlarmActions()
        level = self.severity if severity is Severity.CRITICAL else min(4, self.severity + 1)
        return AlarmActions(alarm=(_refs.arn("ssm", f"opsitem:{level}#CATEGORY={self.category}"),))


@dataclass(frozen=True, kw_only=True)
class FunctionTarget:
    """Calls a function, for example one that starts a retraining, with CloudWatch's event about the alarm.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html

    :param function: The function, of this account and region.
    :param severities: For which alarms. Default: all
    """

    function: IFunction
    severities: Sequence[Severity] = tuple(Severity)

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """The function's ARN, once alarms may call it."""
        if severity not in self.severities:
            return AlarmActions()
        arn = _refs.remembered(self.function, "arn", lambda: self.function.function_arn)
        # Alarms of this account, whichever they are: one permission for all of a stack.
        stack = _paths.stack_of(scope)
        _refs.remembered(stack, f"alarms call {arn}", lambda: self._allow(scope, arn))
        return AlarmActions(alarm=(arn,))

    def _allow(self, scope: Construct, arn: str) -> str:
        from aws_cdk.aws_lambda import CfnPermission

        CfnPermission(
            scope,
            "AlarmsCallFunction",
            action="lambda:InvokeFunction",
            function_name=arn,
            principal=_ALARMS_PRINCIPAL,
            source_account=_refs.account(),
        )
        return arn
