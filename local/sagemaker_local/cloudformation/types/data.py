"""ECR, Glue, Athena, DynamoDB, Step Functions."""

from __future__ import annotations

from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json
from .coerce import call
from .rows import Row, Stabilise, Tagging


class Repository(Row):
    """An ECR repository with its policies."""

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._policies(work, created, {}, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        self._policies(work, existing, old, new)
        client = work.client("ecr")
        if old.get("ImageTagMutability") != new.get("ImageTagMutability"):
            mutability = new.get("ImageTagMutability", "MUTABLE")
            client.put_image_tag_mutability(repositoryName=existing.ref, imageTagMutability=mutability)
        return existing

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        return super().parameters(work, {k: v for k, v in properties.items() if k != "LifecyclePolicy"})

    def _policies(self, work: Work, repository: Created, old: Properties, new: Properties) -> None:
        client, name = work.client("ecr"), repository.ref
        text = new.get("RepositoryPolicyText")
        if text and text != old.get("RepositoryPolicyText"):
            client.set_repository_policy(repositoryName=name, policyText=as_json(text))
        rules = (new.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
        if rules and rules != (old.get("LifecyclePolicy") or {}).get("LifecyclePolicyText"):
            client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=rules)


class GlueInDatabase(Row):
    """A Glue table: the API wants the name inside its input."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        for name in ("DatabaseInput", "TableInput"):
            if name in params:
                params[name] = {"Name": work.generated_name(lower=True), **params[name]}
                params["Name"] = params[name]["Name"]
        return params


class WorkGroup(Row):
    """An Athena workgroup; an update wants the configuration under another name."""

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        if all(old.get(key) == new.get(key) for key in ("Description", "State", "WorkGroupConfiguration")):
            return existing
        configuration = dict(new.get("WorkGroupConfiguration") or {})
        result = configuration.pop("ResultConfiguration", None)
        params = {
            "WorkGroup": existing.ref,
            "Description": new.get("Description"),
            "State": new.get("State"),
            "ConfigurationUpdates": {**configuration, "ResultConfigurationUpdates": result},
        }
        call(work.client("athena"), "update_work_group", params)
        return existing

    def observe(
        self, work: Work, params: dict[str, Any], result: dict[str, Any], existing: Created | None = None
    ) -> Created:
        created = super().observe(work, params, result, existing)
        created.keys["Arn"] = f"arn:{work.partition}:athena:{work.region}:{work.account}:workgroup/{created.ref}"
        return created


class StateMachine(Row):
    """A Step Functions state machine, defined inline as text or as an object."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        definition = params.pop("DefinitionString", None) or as_json(params.pop("Definition", {}))
        for name, value in (params.pop("DefinitionSubstitutions", None) or {}).items():
            definition = definition.replace("${" + name + "}", str(value))
        return {**params, "definition": definition}


TYPES: dict[str, ResourceType] = {
    "AWS::ECR::Repository": Repository(
        "ecr",
        "create_repository",
        "delete_repository",
        ref="RepositoryName || repository.repositoryName",
        name="RepositoryName",
        lower_name=True,
        keys={"repositoryName": "repository.repositoryName"},
        attributes={"Arn": "repository.repositoryArn", "RepositoryUri": "repository.repositoryUri"},
        fixed={"force": True},
        tagging=Tagging("tag_resource", "untag_resource", "resourceArn", "Arn", keys="tagKeys", tags="tags"),
    ),
    "AWS::Glue::Database": GlueInDatabase(
        "glue", "create_database", "delete_database", updated_by="update_database", ref="Name", keys={"Name": "Name"}
    ),
    "AWS::Glue::Table": GlueInDatabase(
        "glue",
        "create_table",
        "delete_table",
        updated_by="update_table",
        ref="Name",
        keys={"DatabaseName": "DatabaseName", "Name": "Name"},
    ),
    "AWS::Athena::WorkGroup": WorkGroup(
        "athena",
        "create_work_group",
        "delete_work_group",
        ref="Name",
        name="Name",
        rename={"WorkGroupConfiguration": "Configuration"},
        keys={"WorkGroup": "Name"},
        fixed={"RecursiveDeleteOption": True},
        tagging=Tagging("tag_resource", "untag_resource", "ResourceARN", "Arn"),
    ),
    "AWS::DynamoDB::Table": Row(
        "dynamodb",
        "create_table",
        "delete_table",
        updated_by="update_table",
        described_by="describe_table",
        ref="TableDescription.TableName",
        name="TableName",
        longest_name=255,
        keys={"TableName": "TableDescription.TableName"},
        attributes={"Arn": "TableDescription.TableArn", "StreamArn": "TableDescription.LatestStreamArn"},
        stabilise=Stabilise("Table.TableStatus", ("ACTIVE",)),
        tagging=Tagging("tag_resource", "untag_resource", "ResourceArn", "Arn"),
    ),
    "AWS::StepFunctions::StateMachine": StateMachine(
        "stepfunctions",
        "create_state_machine",
        "delete_state_machine",
        updated_by="update_state_machine",
        ref="stateMachineArn",
        name="StateMachineName",
        longest_name=80,
        rename={"StateMachineName": "name"},
        keys={"stateMachineArn": "stateMachineArn"},
        attributes={"Arn": "stateMachineArn", "Name": "name"},
        tagging=Tagging("tag_resource", "untag_resource", "resourceArn", "Arn", keys="tagKeys", tags="tags"),
    ),
}
