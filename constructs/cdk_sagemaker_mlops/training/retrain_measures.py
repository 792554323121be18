"""What the retraining function measures: charts of it, and what of it is an alarm."""

from __future__ import annotations

from dataclasses import dataclass

from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity
from cdk_sagemaker_mlops.measures import Measure, waiting_messages
from cdk_sagemaker_mlops.monitoring.analysis import Chart

from .retrain_permissions import RETRAINING_NAMESPACE


@dataclass(frozen=True)
class RetrainingMeasures:
    """The metrics of one model's retrainings.

    :param environment: Name of the environment in metrics.
    :param model: Name of the model.
    """

    environment: str
    model: str

    def of(self, name: str, statistic: str, label: str) -> Measure:
        """One of them, by the hour."""
        return Measure(
            namespace=RETRAINING_NAMESPACE,
            name=name,
            dimensions=(("Environment", self.environment), ("Model", self.model)),
            statistic=statistic,
            period_seconds=3600,
            label=label,
        )

    def charts(self) -> list[Chart]:
        """Retrainings and what became of them."""
        return [
            Chart(
                title="Retrainings",
                measures=(
                    self.of("Retrainings", "Sum", "started"),
                    self.of("FruitlessRetrainings", "Maximum", "in succession without a version"),
                    self.of("BudgetLeft", "Minimum", "left of the week's budget"),
                ),
            ),
            Chart(
                title="Hours",
                measures=(
                    self.of("DriftWaitingHours", "Maximum", "drift waits for retraining"),
                    self.of("RunningHours", "Maximum", "execution runs"),
                ),
            ),
        ]

    def alarm_rules(self, *, max_running_hours: float, log_group: str, dead_letters: str) -> list[AlarmRule]:
        """It stopped, an execution hangs, its wake-ups fail.

        :param max_running_hours: An execution that runs longer is an alarm.
        :param log_group: Log of the function.
        :param dead_letters: Name of the queue of wake-ups that failed.
        """
        invoke = 'aws lambda invoke --function-name <name> --payload \'{"action": "reset"}\' /dev/stdout'
        return [
            AlarmRule(
                id="Stopped",
                severity=Severity.CRITICAL,
                title=f"Retraining of model {self.model} does not help and was stopped",
                advice=(
                    "The model drifts, and new versions are not better: look at the training data and the labels. "
                    f"Let it go on with: {invoke}"
                ),
                measure=self.of("Stopped", "Maximum", "stopped"),
                threshold=0,
                missing_data=MissingData.NOT_BREACHING,
            ),
            AlarmRule(
                id="Hangs",
                severity=Severity.WARNING,
                title=f"Training of model {self.model} has been running for more than {max_running_hours:g} hours",
                advice="Look at the steps of the execution; stop it if it hangs, so that the next one can begin",
                measure=self.of("RunningHours", "Maximum", "running hours"),
                threshold=max_running_hours,
                missing_data=MissingData.NOT_BREACHING,
            ),
            AlarmRule(
                id="WakeUpsFail",
                severity=Severity.CRITICAL,
                title=f"Retraining of model {self.model} cannot be decided",
                advice=(
                    f"Read the log {log_group}; when the cause is repaired, delete the messages of "
                    f"queue {dead_letters}: the next look does their work"
                ),
                measure=waiting_messages(dead_letters, "failed wake-ups"),
                threshold=0,
                missing_data=MissingData.NOT_BREACHING,
            ),
        ]
