"""What every run is told and may do, whatever engine it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

from .baseline import BoundBaseline
from .engine import EngineTask
from .locations import Location, encrypt

if TYPE_CHECKING:
    import aws_cdk as cdk


def run_settings(task: EngineTask, stack: cdk.Stack, schedule_name: str, reports: Location) -> dict[str, str]:
    """The settings of a run as environment variables."""
    values = {
        "MONITORING_SCHEDULE_NAME": schedule_name,
        "MONITORING_TYPE": task.monitoring_type,
        "REPORTS_URI": reports.uri,
        "PERIOD_HOURS": str(task.schedule.period_hours),
    }
    if reports.key_arn:
        values["KMS_KEY_ARN"] = reports.key_arn
    own = task.analysis.settings(task.source.name)
    return task.source.settings() | values | own | task.scripts.settings(stack)


def run_statements(
    task: EngineTask, stack: cdk.Stack, written: Location, baseline: BoundBaseline, namespaces: Sequence[str]
) -> tuple[Statement, ...]:
    """What a run does: it reads, writes its report, publishes and announces itself."""
    return (
        *task.source.statements(),
        *written.write("Reports", "reports are filed by hour and"),
        *baseline.statements,
        *task.analysis.statements(task.source.name),
        *task.scripts.statements(stack),
        *task.analysis.input_statements(task.source),
        *encrypt(written.key_arn),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": list(namespaces)}},
            reason="metrics have no ARN; the condition allows the monitor's namespaces only",
        ),
        Statement(
            sid="AnnounceRuns",
            actions=["events:PutEvents"],
            resources=[_refs.arn("events", "event-bus/default")],
            conditions={"StringEquals": {"events:source": "sagemaker-mlops.monitoring"}},
        ),
    )
