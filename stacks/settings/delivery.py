"""How the repository is delivered: `delivery.yaml` -> `Delivery`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from . import document
from .base import AccountId, BootstrapQualifier, PermissionsBoundary, Region, Settings, conflict
from .problems import PathKey, Problem, SettingsError, closest, render_value

_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


class DeliveredEnvironment(Settings):
    """One environment in the order of deployment."""

    name: Annotated[str, Field(pattern=_NAME, description="The environment's file below environments/, without .yaml")]
    approval: Annotated[bool, Field(description="Whether a person has to agree before. Default: false")] = False


class GitHubActionsSettings(Settings):
    """Roles for GitHub Actions."""

    provider_exists: Annotated[
        bool,
        Field(
            description="Whether the accounts have GitHub's identity provider already; there can be one. Default: false"
        ),
    ] = False
    owner_id: Annotated[
        int | None,
        Field(
            gt=0,
            description="Number of the repository's owner. Repositories made after 15 July 2026 carry it and "
            "repository_id in their tokens. Default: tokens with names alone",
        ),
    ] = None
    repository_id: Annotated[int | None, Field(gt=0, description="Number of the repository; see owner_id")] = None

    @model_validator(mode="after")
    def _ids_go_together(self) -> Self:
        if (self.owner_id is None) != (self.repository_id is None):
            missing = "owner_id" if self.owner_id is None else "repository_id"
            raise conflict(missing, "owner_id and repository_id go together; give both or none")
        return self


class CodePipelineSettings(Settings):
    """A pipeline in AWS CodePipeline."""

    account: Annotated[AccountId, Field(description="Account of the pipeline")]
    region: Annotated[Region, Field(description="Region of the pipeline")]
    connection_arn: Annotated[
        str,
        Field(
            pattern=r"^arn:[a-z-]+:code(connections|star-connections):[a-z0-9-]+:[0-9]{12}:connection/[-a-f0-9]{36}$",
            description="The connection to GitHub, made once in the console",
            json_schema_extra={"x-allowed": "arn:<partition>:codeconnections:<region>:<account>:connection/<id>"},
        ),
    ]
    bootstrap_qualifier: Annotated[
        BootstrapQualifier | None,
        Field(description="What `cdk bootstrap --qualifier` was given there. Default: the CDK's own"),
    ] = None
    permissions_boundary: Annotated[
        PermissionsBoundary | None, Field(description="Managed policy that bounds the pipeline's roles. Default: none")
    ] = None


class Delivery(Settings):
    """The whole file."""

    project: Annotated[str, Field(pattern=_NAME, max_length=20, description="Begins names of stacks and roles")] = (
        "mlops"
    )
    repository: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9])*/[A-Za-z0-9._-]+$",
            description="Repository on GitHub",
            json_schema_extra={"x-allowed": "owner/name"},
        ),
    ]
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$", description="What is deployed. Default: main")] = "main"
    environments: Annotated[tuple[DeliveredEnvironment, ...], Field(min_length=1)]
    github_actions: GitHubActionsSettings | None = None
    code_pipeline: CodePipelineSettings | None = None

    @model_validator(mode="after")
    def _environments_once(self) -> Self:
        names = [environment.name for environment in self.environments]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise conflict("environments", f"{', '.join(twice)} stands in it more than once")
        return self


def load_delivery(file: Path) -> Delivery:
    """Reads the file.

    Raises:
        SettingsError: with every mistake of the file.
    """
    found, problems = document.read(file)
    if found is not None:
        try:
            # As JSON, because strict validation takes JSON's lists for tuples and Python's not.
            delivery = Delivery.model_validate_json(json.dumps(found.data))
        except ValidationError as error:
            problems += [_problem(detail, found) for detail in error.errors(include_url=False)]
        else:
            if not problems:
                return delivery
    raise SettingsError({file: problems}, kind="delivery file")


def _problem(error: ErrorDetails, found: document.Document) -> Problem:
    path: PathKey = error["loc"]
    fields = _fields(path[:-1])
    match error["type"]:
        case "extra_forbidden":
            near = closest(str(path[-1]), fields)
            hint = f"did you mean {near}?" if near else None
            given = render_value(error["input"])
            return Problem(found.line(path), path, "unknown key", given=given, allowed=", ".join(fields), hint=hint)
        case "missing":
            return Problem(found.line(path), path, "is missing", allowed=fields.get(str(path[-1])))
        case "conflict":
            at = (*path, str(error["ctx"]["key"]))
            return Problem(found.line(at), at, str(error["ctx"]["message"]))
    allowed = fields.get(str(path[-1])) or error["msg"]
    given = render_value(error["input"])
    return Problem(found.line(path), path, "this value cannot be used", given=given, allowed=allowed)


def _fields(path: PathKey) -> dict[str, str | None]:
    """Keys of the mapping at a path, and what is allowed there."""
    models: dict[str, type[Settings]] = {
        "environments": DeliveredEnvironment,
        "github_actions": GitHubActionsSettings,
        "code_pipeline": CodePipelineSettings,
    }
    model = models[str(path[0])] if path else Delivery
    allowed: dict[str, str | None] = {}
    for name, described in model.model_fields.items():
        extra = described.json_schema_extra
        words = extra.get("x-allowed") if isinstance(extra, dict) else None
        allowed[name] = str(words) if words else described.description
    return allowed
