"""Settings of the function, from its environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from insights.own_rules import OwnRule
from shared.environment import Environment
from shared.s3 import S3Uri

MAX_DAYS = 60


@dataclass(frozen=True)
class Settings:
    """What the report is about and where it goes.

    ``controller`` names the rollout controller whose registrations list the models; ``days`` is how far back to look.
    """

    controller: str
    environment: str
    reports: S3Uri
    output: S3Uri
    days: int
    topic_arn: str | None
    kms_key_arn: str | None
    own_rules: tuple[OwnRule, ...]

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Settings:
        """Read and check; raises ConfigurationError that names every mistake."""
        environment = Environment(variables)
        settings = cls(
            controller=environment.text("CONTROLLER_NAME"),
            environment=environment.text("ENVIRONMENT"),
            reports=environment.s3_uri("REPORTS_URI"),
            output=environment.s3_uri("OUTPUT_URI"),
            days=environment.integer("DAYS", 7, minimum=1, maximum=MAX_DAYS),
            topic_arn=environment.optional_text("TOPIC_ARN"),
            kms_key_arn=environment.optional_text("KMS_KEY_ARN"),
            own_rules=environment.parsed("OWN_RULES", _own_rules, "must be a JSON list of rules")
            if environment.optional_text("OWN_RULES")
            else (),
        )
        environment.check()
        return settings


def _own_rules(text: str) -> tuple[OwnRule, ...]:
    return tuple(OwnRule(**item) for item in json.loads(text))
