"""How all models are doing: the insights report. Changes with code; knows no model by name."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .foundation import FoundationStack
from .monitors import QUEUE_IS_A_DEAD_LETTER_QUEUE
from .settings import Environment
from .settings.insights import InsightsSettings


class InsightsStack(EnvironmentStack):
    """The insights report of one environment.

    :param insights: When it is written and what rules are added.
    :param foundation: Where reports lie and who gets the digest.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        insights: InsightsSettings,
        foundation: FoundationStack,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: insights report",
        )
        storage = foundation.storage
        self.report = mlops.InsightsReport(
            self,
            "Report",
            controller_name=self.prefix,
            environment=environment_name,
            reports=storage.reports,
            artifacts=[storage.models, storage.baselines],
            schedule=(
                mlops.InsightsSchedule.daily() if insights.schedule == "daily" else mlops.InsightsSchedule.weekly()
            ),
            rules=[
                mlops.InsightsRule(
                    name=name,
                    fact=rule.fact,
                    step=rule.step,
                    above=rule.above,
                    below=rule.below,
                    urgency=rule.urgency,
                    models=rule.models,
                )
                for name, rule in insights.rules.items()
            ],
            notifications=foundation.notifications,
            log_retention_days=settings.log_retention_days,
        )
        acknowledge(self.report, RUNTIME_IS_PINNED | QUEUE_IS_A_DEAD_LETTER_QUEUE)
        # For people: `aws lambda invoke` writes the report now.
        cdk.CfnOutput(self, "InsightsFunctionName", value=self.report.function_name)
