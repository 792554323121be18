"""Documents of pipelines to begin with, and what of them is in a template."""

from __future__ import annotations

import json
from typing import Any


def one_step(image: str, **changes: Any) -> dict[str, Any]:
    step = {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://the-bucket/models"},
            "RoleArn": "arn:aws:iam::222222222222:role/given",
        },
    }
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step | changes]}


def body(template: Any) -> Any:
    """The definition in a template, references resolved to their names."""
    found = template.only("SageMaker::Pipeline")["PipelineDefinition"]["PipelineDefinitionBody"]
    if isinstance(found, dict):
        parts = found["Fn::Join"][1]
        found = "".join(part if isinstance(part, str) else "-".join(map(str, part.popitem()[1])) for part in parts)
    return json.loads(found)


def policies(template: Any, beginning: str) -> dict[str, Any]:
    role = template.by_id(beginning, "IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
