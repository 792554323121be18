"""Settings of the rollout controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.environment import Environment


@dataclass(frozen=True)
class Settings:
    """The controller's environment variables, typed."""

    controller_name: str
    environment: str
    role_arn: str
    queue_url: str
    topic_arn: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Settings:
        """Read them from the process's environment; raises ConfigurationError naming every mistake."""
        environment = Environment(variables)
        settings = cls(
            controller_name=environment.text("CONTROLLER_NAME"),
            environment=environment.text("ENVIRONMENT"),
            role_arn=environment.text("CLOUDFORMATION_ROLE_ARN"),
            queue_url=environment.text("QUEUE_URL"),
            topic_arn=environment.optional_text("TOPIC_ARN"),
        )
        environment.check()
        return settings
