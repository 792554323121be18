"""The grammar of pipeline definitions as a JSON schema: what a step of each type may hold beside its arguments.

Written from the facts of the schema that AWS publishes and of what the SageMaker SDK emits; the published one
(github.com/aws-sagemaker-mlops/sagemaker-model-building-pipeline-definition-JSON-schema) is older than property files,
lists of exception types, nested conditions and approval statuses, and refuses definitions of the SDK. Arguments are
requests of SageMaker's API, which botocore's service model checks.
"""

from __future__ import annotations

from typing import Any

import jsonschema

NAME = {"type": "string", "pattern": r"^[A-Za-z0-9\-_]{1,64}$"}
TEXT = {"type": "string", "maxLength": 4096}
#: A reference: a parameter, a variable of the execution, a property of a step.
GET = {
    "type": "object",
    "properties": {"Get": {"type": "string", "pattern": r"^(Parameters|Execution|Steps|MLFlow)\."}},
    "required": ["Get"],
    "additionalProperties": False,
}


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _function(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return _object({name: body}, (name,))


JOIN = _function(
    "Std:Join", _object({"On": {"type": "string"}, "Values": {"type": "array", "minItems": 1}}, ("Values",))
)
JSON_GET = _function(
    "Std:JsonGet",
    {
        "oneOf": [
            _object(
                {"PropertyFile": {"$ref": "#/definitions/get"}, "Path": {"type": "string", "minLength": 1}},
                ("PropertyFile", "Path"),
            ),
            _object(
                {"S3Uri": {"$ref": "#/definitions/value"}, "Path": {"type": "string", "minLength": 1}},
                ("S3Uri", "Path"),
            ),
        ]
    },
)
VALUE = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"$ref": "#/definitions/get"},
        {"$ref": "#/definitions/join"},
        {"$ref": "#/definitions/json_get"},
    ]
}
COMPARISON = _object(
    {
        "Type": {"enum": ["Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"]},
        "LeftValue": {"$ref": "#/definitions/value"},
        "RightValue": {"$ref": "#/definitions/value"},
    },
    ("Type", "LeftValue", "RightValue"),
)
CONDITION = {
    "oneOf": [
        COMPARISON,
        _object(
            {
                "Type": {"const": "In"},
                "QueryValue": {"$ref": "#/definitions/value"},
                "Values": {"type": "array", "items": {"$ref": "#/definitions/value"}, "minItems": 1},
            },
            ("Type", "QueryValue", "Values"),
        ),
        _object({"Type": {"const": "Not"}, "Condition": {"$ref": "#/definitions/condition"}}, ("Type", "Condition")),
        _object(
            {
                "Type": {"const": "Or"},
                "Conditions": {"type": "array", "items": {"$ref": "#/definitions/condition"}, "minItems": 1},
            },
            ("Type", "Conditions"),
        ),
    ]
}
RETRY = _object(
    {
        "ExceptionType": {
            "type": "array",
            "minItems": 1,
            "items": {
                "enum": [
                    "Step.SERVICE_FAULT",
                    "Step.THROTTLING",
                    "SageMaker.JOB_INTERNAL_ERROR",
                    "SageMaker.CAPACITY_ERROR",
                    "SageMaker.RESOURCE_LIMIT",
                    "EMR.RESOURCE_LIMIT",
                ]
            },
        },
        "IntervalSeconds": {"type": "integer", "minimum": 1, "maximum": 43200},
        "BackoffRate": {"type": "number", "minimum": 0},
        "MaxAttempts": {"type": "integer", "minimum": 1, "maximum": 20},
        "ExpireAfterMin": {"type": "integer", "minimum": 1, "maximum": 14400},
    },
    ("ExceptionType",),
)
CACHE = _object({"Enabled": {"type": "boolean"}, "ExpireAfter": {"type": "string", "minLength": 2}}, ("Enabled",))
FILES = {
    "type": "array",
    "items": _object(
        dict.fromkeys(("PropertyFileName", "OutputName", "FilePath"), TEXT),
        ("PropertyFileName", "OutputName", "FilePath"),
    ),
}
OUTPUTS = {
    "type": "array",
    "items": _object(
        {"OutputName": TEXT, "OutputType": {"enum": ["String", "Integer", "Boolean", "Float"]}},
        ("OutputName", "OutputType"),
    ),
}
SUPPLIED = {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/value"}]}
CHECK: dict[str, Any] = {
    "ModelPackageGroupName": VALUE,
    **{key: {"anyOf": [{"type": "boolean"}, GET]} for key in ("SkipCheck", "FailOnViolation", "RegisterNewBaseline")},
    "SuppliedBaselineConstraints": SUPPLIED,
}
_RETRIED = {"RetryPolicies": {"type": "array", "items": RETRY}}
_CACHED = {"CacheConfig": CACHE}
_JOB: dict[str, Any] = {**_RETRIED, **_CACHED}
#: What steps of a type hold beside what all have: members, and which of them there have to be.
STEPS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "Processing": ({**_JOB, "PropertyFiles": FILES}, ("Arguments",)),
    "Training": (_JOB, ("Arguments",)),
    "Tuning": (_JOB, ("Arguments",)),
    "Transform": (_JOB, ("Arguments",)),
    "AutoML": (_JOB, ("Arguments",)),
    "EMR": (_JOB, ("Arguments",)),
    "Model": (_RETRIED, ("Arguments",)),
    "RegisterModel": (_RETRIED, ("Arguments",)),
    "Lineage": ({}, ("Arguments",)),
    "Fail": ({}, ("Arguments",)),
    "Condition": ({}, ("Arguments",)),
    "Lambda": ({"FunctionArn": VALUE, "OutputParameters": OUTPUTS, **_CACHED}, ("FunctionArn",)),
    "Callback": ({"SqsQueueUrl": VALUE, "OutputParameters": OUTPUTS, **_CACHED}, ("SqsQueueUrl",)),
    "QualityCheck": (
        {
            **CHECK,
            **_CACHED,
            "CheckType": {"enum": ["DATA_QUALITY", "MODEL_QUALITY"]},
            "SuppliedBaselineStatistics": SUPPLIED,
        },
        ("Arguments", "CheckType", "ModelPackageGroupName"),
    ),
    "ClarifyCheck": (
        {
            **CHECK,
            **_CACHED,
            "CheckType": {"enum": ["DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"]},
            "ModelName": VALUE,
        },
        ("Arguments", "CheckType", "ModelPackageGroupName"),
    ),
}
_BRANCH = {"type": "array", "items": {"$ref": "#/definitions/step"}}
_ARGUMENTS: dict[str, Any] = {
    "Condition": _object(
        {
            "Conditions": {"type": "array", "items": {"$ref": "#/definitions/condition"}, "minItems": 1},
            "IfSteps": _BRANCH,
            "ElseSteps": _BRANCH,
        },
        ("Conditions",),
    ),
    "Fail": _object({"ErrorMessage": VALUE}, ("ErrorMessage",)),
}


def _step(kind: str) -> dict[str, Any]:
    members, needed = STEPS[kind]
    common = {
        "Name": NAME,
        "Type": {"const": kind},
        "DependsOn": {"type": "array", "items": NAME},
        "DisplayName": {"type": "string", "maxLength": 256},
        "Description": {"type": "string", "maxLength": 3072},
        "Arguments": _ARGUMENTS.get(kind, {"type": "object"}),
    }
    return _object({**common, **members}, ("Name", "Type", *needed))


_PARAMETERS = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}
SCHEMA: dict[str, Any] = {
    "definitions": {
        "get": GET,
        "join": JOIN,
        "json_get": JSON_GET,
        "value": VALUE,
        "condition": CONDITION,
        # By type, so that what is said is about this type and not about all of them.
        "step": {
            "type": "object",
            "properties": {"Type": {"enum": sorted(STEPS)}},
            "required": ["Type"],
            "allOf": [{"if": {"properties": {"Type": {"const": kind}}}, "then": _step(kind)} for kind in sorted(STEPS)],
        },
    },
    **_object(
        {
            "Version": {"const": "2020-12-01"},
            "Metadata": {"type": "object"},
            "PipelineExperimentConfig": {"type": ["object", "null"]},
            "MlflowConfig": _object({"MlflowResourceArn": TEXT, "MlflowExperimentName": TEXT}, ("MlflowResourceArn",)),
            "Parameters": {
                "type": "array",
                "maxItems": 200,
                "items": {
                    "oneOf": [
                        _object(
                            {
                                "Name": {"type": "string", "pattern": r"^[A-Za-z0-9\-_]{1,256}$"},
                                "Type": {"const": kind},
                                "DefaultValue": {"type": of},
                                "EnumValues": {"type": "array", "items": {"type": of}, "minItems": 1},
                            },
                            ("Name", "Type"),
                        )
                        for kind, of in _PARAMETERS.items()
                    ]
                },
            },
            "Steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/step"}},
        },
        ("Version", "Steps"),
    ),
}


def problems(document: Any) -> list[str]:
    """What the grammar does not allow of a definition."""
    validator = jsonschema.Draft7Validator(SCHEMA)
    return [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(document)]
