"""Names that are composed of several settings, and their limits."""

from __future__ import annotations

from collections.abc import Iterator

from .document import Document
from .problems import Problem

# The API's limit for endpoints: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
_LONGEST_ENDPOINT_NAME = 63
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html
_LONGEST_FEATURE_GROUP_NAME = 64

_WORDS = {"models": "model", "feature_groups": "group"}


def prefix(project: str, environment: str) -> str:
    """First part of every name in an environment, and the name of its rollout controller."""
    return f"{project}-{environment}"


def endpoint_name(project: str, environment: str, model: str) -> str:
    """Endpoints have explicit names: their alarms name the endpoint and the endpoint names its rollback alarms."""
    return f"{prefix(project, environment)}-{model}"


def feature_group_name(project: str, environment: str, group: str) -> str:
    """Feature groups are unique in account and region."""
    return f"{prefix(project, environment)}-{group}"


def name_problems(environment: str, found: Document) -> Iterator[Problem]:
    """Names that are too long once composed. Works on unvalidated data, so that these are reported with the rest."""
    project = found.data.get("project", "mlops")
    if not isinstance(project, str):
        return
    for kind, what, limit in (
        ("models", "endpoint", _LONGEST_ENDPOINT_NAME),
        ("feature_groups", "feature group", _LONGEST_FEATURE_GROUP_NAME),
    ):
        items = found.data.get(kind)
        for item, settings in items.items() if isinstance(items, dict) else ():
            if isinstance(settings, dict) and kind == "feature_groups" and settings.get("name"):
                continue
            name = f"{prefix(project, environment)}-{item}"
            if len(name) > limit:
                yield Problem(
                    found.line((kind, item)),
                    (kind, item),
                    f"the {what}'s name becomes too long",
                    given=f"{name} ({len(name)} characters)",
                    allowed=f"at most {limit} characters for <project>-<environment>-<{_WORDS[kind]}>",
                    hint=f"shorten one of the three by {len(name) - limit}",
                )
