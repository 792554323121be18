"""Every way of serving from an environment file: what is deployed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nag
import pytest

from stacks.settings import SettingsError, load
from stacks.stage import EnvironmentStage

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"

ALL = f"""\
account: "111111111111"
region: eu-west-1
models:
  tested:                              # A/B with a challenger, an HTTP front door, nightly scoring
    registry: {{group: tested}}
    endpoint:
      instance_type: ml.m5.large
      volume_gb: 20
      startup_seconds: 300
      variants:
        champion: {{weight: 9, scaling: {{min: 2, max: 4, concurrency_per_instance: 5}}}}
        challenger: {{weight: 1, version: 7}}
      front_door: {{vpc_endpoint_ids: [vpce-0a1b2c3d4e5f60718], rate_per_second: 20, account_logging_role: true}}
    batch: {{schedule: "cron(0 3 * * ? *)", input_bucket: the-data, input_prefix: in, output_bucket: the-data}}
  shadowed:
    registry: {{group: shadowed}}
    endpoint:
      instance_type: ml.m5.large
      shadow: {{version: 8, sampling_percentage: 10}}
    monitors:
      data_quality: {{schedule: hourly}}
  idle:
    registry: {{group: idle}}
    endpoint: {{serverless: {{memory_mb: 4096, max_concurrency: 10, scaling: {{max: 5}}}}}}
  queued:
    registry: {{group: queued}}
    endpoint:
      instance_type: ml.m5.large
      asynchronous: {{error_topic_arn: "arn:aws:sns:eu-west-1:111111111111:bad"}}
      scaling: {{min: 0, max: 4, backlog_per_instance: 5}}
  many:
    container: {{image: "{IMAGE}", models: s3://the-models/tenants/, cache_models: false}}
    endpoint: {{instance_type: ml.m5.large, execution_role_arn: "arn:aws:iam::111111111111:role/mine"}}
  steps:
    pipeline:
      - {{image: "{IMAGE}", model_data: s3://the-models/prepare/}}
      - {{image: "{IMAGE}", model_data: s3://the-models/churn/model.tar.gz}}
    endpoint:
      instance_type: ml.m5.large
      scaling:
        min: 1
        max: 4
        schedule:
          - {{at: "cron(0 7 ? * MON-FRI *)", min: 2, timezone: Europe/Berlin}}
          - {{at: "cron(0 19 ? * MON-FRI *)", min: 1, timezone: Europe/Berlin}}
  shared:
    registry: {{group: shared}}
    endpoint:
      instance_type: ml.m5.xlarge
      instances: {{min: 0, max: 4}}
      components:
        live: {{min_memory_mb: 1024, scaling: {{min: 0, max: 4, concurrency_per_copy: 2}}}}
        fixed:
          min_memory_mb: 512
          container: {{image: "{IMAGE}", model_data: s3://the-models/other/model.tar.gz}}
"""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """Properties by model and type, and what cdk-nag finds except wildcards, which the library gives reasons for."""
    folder = tmp_path_factory.mktemp("environment")
    (folder / "all.yaml").write_text(ALL, encoding="utf-8")
    app = nag.checked(tmp_path_factory.mktemp("assembly"), context=CONTEXT)
    EnvironmentStage(app, "all", load(folder / "all.yaml"))
    found = nag.findings(app)
    findings = [f"{rule} at {path}" for rule, path in found if not rule.startswith("AwsSolutions-IAM5[")]
    templates = {}
    for file in Path(app.outdir).glob("**/*Serving*.template.json"):
        resources = json.loads(file.read_text(encoding="utf-8"))["Resources"]
        model = file.name.split("Serving")[1].split(".")[0].split("-")[-1] or file.name
        templates[model] = resources
    return templates, findings


@pytest.fixture(scope="module")
def of(synthesized: tuple[dict[str, Any], list[str]]) -> Any:
    templates, _ = synthesized

    def properties(model: str, kind: str) -> dict[str, Any]:
        (resources,) = (value for key, value in templates.items() if key.lower().startswith(model))
        (found,) = (value for value in resources.values() if value["Type"] == f"AWS::{kind}")
        result: dict[str, Any] = found["Properties"]
        return result

    return properties


def test_nag_finds_nothing_in_any_mode(synthesized: tuple[dict[str, Any], list[str]]) -> None:
    templates, findings = synthesized
    assert len(templates) == 7 and findings == []


def test_variants_with_versions_timeouts_and_scaling(of: Any) -> None:
    champion, challenger = of("tested", "SageMaker::EndpointConfig")["ProductionVariants"]
    assert (champion["InitialVariantWeight"], challenger["InitialVariantWeight"]) == (9, 1)
    assert champion["ModelName"] != challenger["ModelName"]
    assert (champion["VolumeSizeInGB"], champion["ContainerStartupHealthCheckTimeoutInSeconds"]) == (20, 300)
    assert (champion["InitialInstanceCount"], challenger["InitialInstanceCount"]) == (2, 1)
    assert of("tested", "ApplicationAutoScaling::ScalableTarget")["MaxCapacity"] == 4


def test_what_stands_around_an_endpoint(of: Any) -> None:
    assert of("tested", "ApiGateway::RestApi")["EndpointConfiguration"]["Types"] == ["PRIVATE"]
    schedule = of("tested", "Scheduler::Schedule")
    assert schedule["Name"] == "mlops-all-tested-batch"
    assert "batch/mlops-all-tested" in json.dumps(schedule["Target"]["Input"])


def test_the_other_modes(of: Any) -> None:
    (shadow,) = of("shadowed", "SageMaker::EndpointConfig")["ShadowProductionVariants"]
    assert shadow["InitialVariantWeight"] == 0.1
    (serverless,) = of("idle", "SageMaker::EndpointConfig")["ProductionVariants"]
    assert serverless["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 10, "ProvisionedConcurrency": 1}
    assert "DataCaptureConfig" not in of("idle", "SageMaker::EndpointConfig")
    output = of("queued", "SageMaker::EndpointConfig")["AsyncInferenceConfig"]["OutputConfig"]
    assert "asynchronous/mlops-all-queued" in json.dumps(output["S3OutputPath"]) and "KmsKeyId" in output
    assert of("many", "SageMaker::Model")["PrimaryContainer"]["Mode"] == "MultiModel"
    assert of("many", "SageMaker::Model")["ExecutionRoleArn"] == "arn:aws:iam::111111111111:role/mine"
    assert "DataCaptureConfig" not in of("many", "SageMaker::EndpointConfig")
    assert len(of("steps", "SageMaker::Model")["Containers"]) == 2
    assert len(of("steps", "ApplicationAutoScaling::ScalableTarget")["ScheduledActions"]) == 2
    (variant,) = of("shared", "SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0


def test_every_endpoint_that_follows_a_registry_is_registered(synthesized: tuple[dict[str, Any], list[str]]) -> None:
    templates, _ = synthesized
    registered = {
        model
        for model, resources in templates.items()
        for value in resources.values()
        if value["Type"] == "AWS::SSM::Parameter" and "/serving/" in value["Properties"]["Name"]
    }
    assert len(registered) == 5


BASE = """\
account: "111111111111"
region: eu-west-1
models:
  churn:
    registry: {group: churn}
    endpoint:
"""

# What stands below `endpoint:`, and what the report says: key and rule.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "no instance type": ("      instance_count: 2\n", ["endpoint.instance_type: is missing"]),
    "two ways": (
        "      serverless: {}\n      asynchronous: {}\n",
        ["endpoint.asynchronous: an endpoint serves in one way, and serverless, asynchronous are given", "1 mistake"],
    ),
    "serverless with everything": (
        "      instance_type: ml.m5.large\n      serverless: {max_concurrency: 5}\n      capture: {content: csv}\n"
        "      rollout: {strategy: canary}\n      network_isolation: true\n"
        "      scaling: {min: 1, max: 2, invocations_per_instance: 5}\n",
        [
            "endpoint.instance_type: a serverless endpoint has no instances; remove instance_type",
            "endpoint.capture: SageMaker captures no traffic here",
            "endpoint.rollout: SageMaker exchanges serverless endpoints at once",
            "endpoint.network_isolation: serverless containers have no network isolation",
            "endpoint.scaling: scaling is about instances; each serverless endpoint has a scaling of its own",
            "5 mistakes in 1 environment file",
        ],
    ),
    "memory": ("      serverless: {memory_mb: 1000}\n", ["memory_mb", "allowed: 1024, 2048, 3072"]),
    "more warm than at once": (
        "      serverless: {max_concurrency: 5, provisioned_concurrency: 6}\n",
        ["provisioned_concurrency is 6, more than max_concurrency 5"],
    ),
    "zero in real time": (
        "      instance_type: ml.m5.large\n      scaling: {min: 0, max: 2, invocations_per_instance: 5}\n",
        ["endpoint.scaling: min is 0, and instances that answer at once cannot scale to zero"],
    ),
    "scaling by nothing": (
        "      instance_type: ml.m5.large\n      scaling: {min: 1, max: 2}\n",
        ["scaling.invocations_per_instance: missing; give invocations_per_instance, concurrency_per_instance"],
    ),
    "queue by invocations": (
        "      instance_type: ml.m5.large\n      asynchronous: {include_responses: true}\n",
        ["asynchronous.include_responses: there is no topic"],
    ),
    "shadow of nothing": (
        "      instance_type: ml.m5.large\n      shadow: {sampling_percentage: 5}\n",
        ["shadow.version: missing; say which model is on trial"],
    ),
    "shadow beside two": (
        "      instance_type: ml.m5.large\n      shadow: {version: 5}\n      variants: {a: {}, b: {}}\n",
        ["endpoint.shadow: a shadow stands beside one variant, there are 2"],
    ),
    "components by canary": (
        "      instance_type: ml.m5.large\n      components: {a: {min_memory_mb: 128}}\n"
        "      rollout: {strategy: canary}\n",
        ["endpoint.rollout: copies of a component are exchanged by rolling only, strategy is canary"],
    ),
    "components rolled one by one": (
        "      instance_type: ml.m5.large\n      components: {a: {min_memory_mb: 128}}\n"
        "      rollout: {strategy: rolling}\n",
        ["endpoint.rollout: rolling needs 2 copies of each component, a may have fewer"],
    ),
    "a clock of five fields": (
        "      instance_type: ml.m5.large\n"
        '      scaling: {min: 1, max: 2, schedule: [{at: "cron(0 7 * * *)", min: 1}]}\n',
        ["schedule[0].at: this value cannot be used", "cron with six fields"],
    ),
    "monitors of a serverless one": (
        "      serverless: {}\n    monitors:\n      data_quality: {}\n",
        ["data_quality reads captured traffic, and SageMaker captures none of serverless endpoints"],
    ),
    "batch without buckets": (
        "      serverless: {}\n    batch: {schedule: nightly}\n",
        ["batch.schedule: this value cannot be used", "batch.input_bucket: is missing"],
    ),
    "a version of no registry": (
        "      instance_type: ml.m5.large\n      variants: {a: {version: 1, container: {image: x}}}\n",
        ["container.image"],
    ),
}


@pytest.mark.parametrize(("below", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(tmp_path: Path, below: str, words: list[str]) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text(BASE + below, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    report = str(caught.value)
    assert words, report
    for word in words:
        assert word in report, report


def test_serverless_does_not_fit_into_a_vpc(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    network = "network: {vpc_id: vpc-0a1b2c3d, subnet_ids: [subnet-0a1b2c3d]}\n"
    file.write_text(network + BASE + "      serverless: {}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="churn is serverless, which runs outside of any VPC"):
        load(file)
