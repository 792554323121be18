"""Names that are composed of several settings, and their limits."""

from __future__ import annotations

from collections.abc import Iterator

from .document import Document
from .problems import Problem

# The API's limit for endpoints: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
_LONGEST_ENDPOINT_NAME = 63


def prefix(project: str, environment: str) -> str:
    """First part of every name in an environment, and the name of its rollout controller."""
    return f"{project}-{environment}"


def endpoint_name(project: str, environment: str, model: str) -> str:
    """Endpoints have explicit names: their alarms name the endpoint and the endpoint names its rollback alarms."""
    return f"{prefix(project, environment)}-{model}"


def name_problems(environment: str, found: Document) -> Iterator[Problem]:
    """Names that are too long once composed. Works on unvalidated data, so that these are reported with the rest."""
    project = found.data.get("project", "mlops")
    models = found.data.get("models")
    if not isinstance(project, str) or not isinstance(models, dict):
        return
    for model in models:
        name = endpoint_name(project, environment, model)
        if len(name) > _LONGEST_ENDPOINT_NAME:
            over = len(name) - _LONGEST_ENDPOINT_NAME
            yield Problem(
                found.line(("models", model)),
                ("models", model),
                "the endpoint's name becomes too long",
                given=f"{name} ({len(name)} characters)",
                allowed=f"at most {_LONGEST_ENDPOINT_NAME} characters for <project>-<environment>-<model>",
                hint=f"shorten one of the three by {over}",
            )
