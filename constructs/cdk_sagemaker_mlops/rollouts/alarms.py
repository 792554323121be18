"""Alarms on how versions go live."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity
from cdk_sagemaker_mlops.measures import Measure

MeasureOf = Callable[[str, str, str], Measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutAlarms:
    """Thresholds of the alarms on one model's rollouts; None leaves an alarm out.

    :param stuck_after_hours: Hours after which a version that should be live and is not is an alarm. Default: 6
    :param slow_after_hours: Hours from approval to live after which a version that did go live is an alarm. Default: 3
    :param rollouts_per_hour: Rollouts within an hour from which on something must be approving and rejecting by itself.
        Default: 6
    :param rolled_back: Whether there is an alarm for versions that were taken back. It calls nobody, because the
        controller has announced the version with the reason; it is there to be looked at. Default: True
    """

    stuck_after_hours: int | None = 6
    slow_after_hours: int | None = 3
    rollouts_per_hour: int | None = 6
    rolled_back: bool = True

    def problems(self) -> Iterable[str]:
        """Say what cannot be."""
        problems = Problems()
        problems.between("stuck_after_hours", self.stuck_after_hours, 1, 168, "hours")
        problems.between("slow_after_hours", self.slow_after_hours, 1, 168, "hours")
        problems.between("rollouts_per_hour", self.rollouts_per_hour, 1, 100)
        return problems.found()

    def rules(self, model: str, measure: MeasureOf) -> list[AlarmRule]:
        """The alarms that somebody is told of.

        :param model: Name of the model.
        :param measure: Makes a measure of a rollout metric by name, statistic and label.
        """
        rules = []
        if self.stuck_after_hours is not None:
            rules.append(_stuck(model, self.stuck_after_hours, measure))
        if self.slow_after_hours is not None:
            rules.append(
                AlarmRule(
                    id="Slow",
                    severity=Severity.WARNING,
                    title=f"A version of model {model} took more than {self.slow_after_hours} hours to go live",
                    advice="The events 'Model Rollout' say what it waited for: a busy stack, or a long bake",
                    measure=measure("ApprovalToLiveSeconds", "Maximum", "approval to live"),
                    threshold=self.slow_after_hours * 3600,
                    missing_data=MissingData.NOT_BREACHING,
                )
            )
        if self.rollouts_per_hour is not None:
            rules.append(
                AlarmRule(
                    id="TooMany",
                    severity=Severity.WARNING,
                    title=f"Model {model} was rolled out more than {self.rollouts_per_hour} times within an hour",
                    advice="Something approves or rejects versions by itself; freeze the model until it is found",
                    measure=measure("Rollouts", "Sum", "rolled out"),
                    threshold=self.rollouts_per_hour,
                    missing_data=MissingData.NOT_BREACHING,
                )
            )
        return rules

    def silent_rules(self, model: str, measure: MeasureOf) -> list[AlarmRule]:
        """The alarms that nobody is told of."""
        if not self.rolled_back:
            return []
        return [
            AlarmRule(
                id="RolledBack",
                severity=Severity.WARNING,
                title=f"A version of model {model} was taken back within the last hour",
                advice="The controller's announcement has the reason, and so has the quarantine",
                measure=measure("Rollbacks", "Sum", "rolled back"),
                threshold=0,
                missing_data=MissingData.NOT_BREACHING,
            )
        ]


def _stuck(model: str, hours: int, measure: MeasureOf) -> AlarmRule:
    return AlarmRule(
        id="Stuck",
        severity=Severity.WARNING,
        title=f"A change of model {model} is not live {hours} hours after it was decided",
        advice=(
            "Either the stack is busy or failed, or the change waits for a person: the last event 'Model Rollout' "
            "and the rollout controller's log say which"
        ),
        measure=measure("OldestUnconvergedSeconds", "Maximum", "not live for"),
        threshold=hours * 3600,
        missing_data=MissingData.NOT_BREACHING,
    )
