"""Settings of the function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from retrain.decide import Limits
from shared.environment import Environment


@dataclass(frozen=True)
class Settings:
    """The environment variables, typed."""

    controller_name: str
    environment: str
    model: str
    endpoint_name: str
    monitors: tuple[str, ...]
    pipeline_name: str
    group: str
    limits: Limits
    reason_parameters: tuple[str, ...]
    topic_arn: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Settings:
        """Read them from the process's environment; raises ConfigurationError naming every mistake."""
        environment = Environment(variables)
        hours = environment.integer("COOLDOWN_HOURS", 24, minimum=0, maximum=24 * 90)
        limits = {
            "weekly": environment.integer("WEEKLY_BUDGET", 2, minimum=1, maximum=100),
            "fruitless": environment.integer("MAX_FRUITLESS", 3, minimum=1, maximum=20),
            "confirmations": environment.integer("CONFIRMATIONS", 1, minimum=1, maximum=168),
        }
        settings = cls(
            controller_name=environment.text("CONTROLLER_NAME"),
            environment=environment.text("ENVIRONMENT"),
            model=environment.text("MODEL"),
            endpoint_name=environment.text("ENDPOINT_NAME"),
            monitors=environment.names("MONITORS"),
            pipeline_name=environment.text("PIPELINE_NAME"),
            group=environment.text("MODEL_PACKAGE_GROUP"),
            limits=Limits(cooldown=timedelta(hours=hours or 0), **limits),
            reason_parameters=environment.names("REASON_PARAMETERS"),
            topic_arn=environment.optional_text("TOPIC_ARN"),
        )
        environment.check()
        return settings
