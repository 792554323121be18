"""Models and endpoint configurations: AWS's rules and error texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., str]


def variant(model: str, **more: Any) -> dict[str, Any]:
    return {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large", **more}


def test_model_data_must_exist(lab: Any, refused: Refused) -> None:
    container = {"Image": lab.image, "ModelDataUrl": "s3://models/nowhere.tar.gz"}
    message = refused("create_model", ModelName="m", ExecutionRoleArn=lab.role, PrimaryContainer=container)
    assert message == "Could not find model data at s3://models/nowhere.tar.gz."


def test_model_names_are_unique(lab: Any, up: str, refused: Refused) -> None:
    container = {"Image": lab.image}
    message = refused("create_model", ModelName=up, ExecutionRoleArn=lab.role, PrimaryContainer=container)
    assert message == (f'Cannot create already existing model "arn:aws:sagemaker:eu-west-1:111111111111:model/{up}".')


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "One of PrimaryContainer or Containers must be specified"),
        ({"PrimaryContainer": {"Image": "x"}, "Containers": [{"Image": "x"}]}, "Not both"),
        ({"PrimaryContainer": {"Environment": {"A": "b"}}}, "either Image or ModelPackageName"),
        ({"PrimaryContainer": {"Image": "x", "ModelPackageName": "group/1"}}, "cannot be specified together"),
        ({"PrimaryContainer": {"ModelPackageName": "nothing/1"}}, "does not exist"),
    ],
)
def test_contradicting_containers(refused: Refused, lab: Any, params: dict[str, Any], expected: str) -> None:
    assert expected in refused("create_model", ModelName="m", ExecutionRoleArn=lab.role, **params)


def test_missing_models_and_configurations(refused: Refused) -> None:
    base = "arn:aws:sagemaker:eu-west-1:111111111111"
    assert refused("describe_model", ModelName="no") == f'Could not find model "{base}:model/no".'
    assert refused("delete_model", ModelName="no") == f'Could not find model "{base}:model/no".'
    expected = f'Could not find endpoint configuration "{base}:endpoint-config/no".'
    assert refused("describe_endpoint_config", EndpointConfigName="no") == expected
    assert refused("create_endpoint", EndpointName="e", EndpointConfigName="no") == expected


def test_several_violations_are_told_together(refused: Refused, up: str) -> None:
    wrong = variant(up, VariantName="under_score", InstanceType="ml.huge")
    message = refused("create_endpoint_config", EndpointConfigName="x" * 64, ProductionVariants=[wrong])
    # A name of 64 characters breaks the pattern as well as the length.
    assert message.startswith("4 validation errors detected: ")
    assert "at 'endpointConfigName' failed to satisfy constraint: Member must have length" in message
    assert "at 'productionVariants.1.member.variantName'" in message
    assert "Value 'ml.huge' at 'productionVariants.1.member.instanceType'" in message
    assert "Member must satisfy enum value set: [" in message


def serverless(most: int, *, provisioned: int | None = None, memory: int = 2048) -> dict[str, int]:
    config = {"MemorySizeInMB": memory, "MaxConcurrency": most}
    return config if provisioned is None else config | {"ProvisionedConcurrency": provisioned}


@pytest.mark.parametrize(
    ("variants", "more", "expected"),
    [
        ([{"ModelName": "no-such-model"}], {}, 'Could not find model "arn:aws:sagemaker:'),
        ([{}, {}], {}, "must be unique in an endpoint configuration: AllTraffic"),
        ([{"InstanceType": None}], {}, "must have either InstanceType or ServerlessConfig"),
        (
            [{"InstanceType": "ml.g4dn.xlarge"}],
            {"KmsKeyId": "11111111-1111-1111-1111-111111111111"},
            "local storage: ml.g4dn.xlarge",
        ),
        (
            [{"InstanceType": None, "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 2}}],
            {"DataCaptureConfig": True},
            "not supported for serverless variants",
        ),
        ([{"ModelName": None}], {}, "hosts inference components, which need an ExecutionRoleArn"),
        ([{"InstanceType": None, "ServerlessConfig": serverless(2, provisioned=3)}], {}, "less than or equal to MaxC"),
        ([{"InstanceType": None, "ServerlessConfig": serverless(2, memory=1500)}], {}, "must be a multiple of 1024"),
        (
            [{"InstanceType": None, "ServerlessConfig": serverless(2)}, {"VariantName": "other"}],
            {},
            "serverless variant can have only one variant",
        ),
        (
            [{"InstanceType": None, "ServerlessConfig": serverless(2)}],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://models/async"}}},
            "neither with serverless and shadow variants",
        ),
        (
            [{}],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://models/a"}}, "DataCaptureConfig": True},
            "not supported for asynchronous endpoints",
        ),
        (
            [{}, {"VariantName": "other"}],
            {"ShadowProductionVariants": [{"VariantName": "shadow"}]},
            "exactly one production variant and one shadow variant",
        ),
    ],
)
def test_rules_of_endpoint_configurations(
    lab: Any, up: str, refused: Refused, variants: list[dict[str, Any]], more: dict[str, Any], expected: str
) -> None:
    def full(changes: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in variant(up, **changes).items() if value is not None}

    if "ShadowProductionVariants" in more:
        more = {"ShadowProductionVariants": [full(changes) for changes in more["ShadowProductionVariants"]]}
    if "DataCaptureConfig" in more:
        more = more | {
            "DataCaptureConfig": {
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": "s3://models/capture",
                "CaptureOptions": [{"CaptureMode": "Input"}],
            }
        }
    message = refused(
        "create_endpoint_config",
        EndpointConfigName=lab.name("config"),
        ProductionVariants=[full(changes) for changes in variants],
        **more,
    )
    assert expected in message


def test_defaults_of_variants(lab: Any, up: str) -> None:
    name = lab.name("config")
    lab.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(up)])
    described = lab.sm.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]
    assert (described["InitialVariantWeight"], described["InitialInstanceCount"]) == (1.0, 1)


def test_lists_filter_by_name(lab: Any, up: str) -> None:
    names = [item["ModelName"] for item in lab.sm.list_models(NameContains=up.upper())["Models"]]
    assert names == [up]
