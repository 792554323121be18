"""What was deployed decides over what can be deployed next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import EndpointRecord, RecordedVariant, Scaling, Serverless, Variant

DEPLOYED = EndpointRecord(
    variants={"AllTraffic": RecordedVariant(instance_type="ml.m5.large", scales=True)}, accept="make record"
)
SCALING = Scaling(max_instances=2, invocations_per_instance=100)


@pytest.mark.parametrize(
    ("props", "words"),
    [
        (
            {"instance_type": "ml.c5.large", "scaling": SCALING},
            "its instance type from ml.m5.large to ml.c5.large meanwhile; deploy once without scaling",
        ),
        ({"instance_type": "ml.c5.large"}, "then with the new type and scaling. Where it was deployed otherwise"),
        ({"serverless": Serverless()}, "is deployed on instances and cannot become serverless; give the endpoint"),
    ],
    ids=["type while scaling", "type and scaling at once", "serverless"],
)
def test_refused(stack: cdk.Stack, image_model: mlops.Model, props: dict[str, Any], words: str) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, deployed=DEPLOYED, **props)
    assert words in str(caught.value) and "run: make record" in str(caught.value)


def test_names_of_variants_are_kept(stack: cdk.Stack, image_model: mlops.Model) -> None:
    variants = [Variant(model=image_model, name=name) for name in ("champion", "challenger")]
    with pytest.raises(mlops.ConstructError, match="variants are AllTraffic, the new ones challenger, champion"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", variants=variants, deployed=DEPLOYED)


def test_two_steps_are_the_way_to_another_type(stack: cdk.Stack, image_model: mlops.Model) -> None:
    def step(number: int, deployed: EndpointRecord, **props: Any) -> EndpointRecord:
        endpoint = mlops.Endpoint(
            stack, f"Step{number}", endpoint_name="churn", model=image_model, deployed=deployed, **props
        )
        return endpoint.record

    without = step(1, DEPLOYED, instance_type="ml.m5.large")
    after = step(2, without, instance_type="ml.c5.large", scaling=SCALING)
    assert after.variants == {"AllTraffic": RecordedVariant(instance_type="ml.c5.large", scales=True)}


def test_a_record_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prod" / "churn.json"
    DEPLOYED.write(file)
    assert EndpointRecord.read(file) == DEPLOYED
    for text in ("[]", '{"format": 1, "variants": {"a": {}}}', "no JSON", '{"format": 2}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(mlops.EndpointRecordError, match=r"churn\.json: "):
            EndpointRecord.read(file)
