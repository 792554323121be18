"""QualityCheck and ClarifyCheck steps: the four combinations of checking and renewing the baseline."""

from __future__ import annotations

import json
from typing import Any

import pytest

CLARIFY = "131013547314.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing:1.0"
ANALYZER = "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
MODEL = """
    def model_fn(folder):
        return None
    def transform_fn(model, body, content_type, accept):
        return "\\n".join(line.split(",")[0] for line in body.splitlines()), "text/csv"
"""


def _check(lab: Any, data: str, *, skip: bool, renew: bool, **more: Any) -> dict[str, Any]:
    place = {"Std:Join": {"On": "/", "Values": [lab.uri("checks"), {"Get": "Execution.PipelineExecutionId"}]}}
    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "AppSpecification": {"ImageUri": ANALYZER},
        "RoleArn": lab.role,
        "ProcessingInputs": [
            {
                "InputName": "baseline_dataset_input",
                "S3Input": {
                    "S3Uri": data,
                    "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "quality_check_output",
                    "S3Output": {"S3Uri": place, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        "Environment": {
            "dataset_format": json.dumps({"csv": {"header": True}}),
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
    }
    return {
        "Name": "Check",
        "Type": "QualityCheck",
        "Arguments": arguments,
        "CheckType": "DATA_QUALITY",
        "ModelPackageGroupName": "checked",
        "SkipCheck": skip,
        "FailOnViolation": True,
        "RegisterNewBaseline": renew,
        **more,
    }


def _register(lab: Any) -> dict[str, Any]:
    def used(name: str) -> dict[str, Any]:
        return {
            "ContentType": "application/json",
            "S3Uri": {"Get": f"Steps.Check.BaselineUsedForDriftCheck{name}"},
        }

    arguments = {
        "ModelPackageGroupName": "checked",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [{"Image": lab.image, "ModelDataUrl": lab.uri("model.tar.gz")}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "DriftCheckBaselines": {
            "ModelDataQuality": {"Statistics": used("Statistics"), "Constraints": used("Constraints")}
        },
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def _baseline(lab: Any, steps: dict[str, Any]) -> str:
    arn = steps["Register"]["Metadata"]["RegisterModel"]["Arn"]
    package = lab.sm.describe_model_package(ModelPackageName=arn)
    return str(package["DriftCheckBaselines"]["ModelDataQuality"]["Constraints"]["S3Uri"])


@pytest.mark.timeout(120)
def test_the_baseline_follows_the_latest_approved_version(lab: Any) -> None:
    good = lab.put("checked/good/data.csv", "age,city\n" + "\n".join(f"{20 + n % 40},Bonn" for n in range(60)) + "\n")
    bad = lab.put("checked/bad/data.csv", "age,city\n" + "\n".join("old,Bonn" for _ in range(60)) + "\n")
    status, steps = lab.run(lab.create([_check(lab, good, skip=False, renew=False)]))
    assert status == "Failed"
    assert "Set SkipCheck and RegisterNewBaseline for the first execution" in steps["Check"]["FailureReason"]
    status, steps = lab.run(lab.create([_check(lab, good, skip=True, renew=True), _register(lab)]))
    assert status == "Succeeded", steps
    first = _baseline(lab, steps)
    assert first == steps["Check"]["Metadata"]["QualityCheck"]["CalculatedBaselineConstraints"]
    assert "ViolationReport" not in steps["Check"]["Metadata"]["QualityCheck"]
    status, steps = lab.run(lab.create([_check(lab, good, skip=False, renew=False), _register(lab)]))
    assert status == "Succeeded", steps
    assert _baseline(lab, steps) == first
    status, steps = lab.run(lab.create([_check(lab, bad, skip=False, renew=True), _register(lab)]))
    assert (status, list(steps)) == ("Failed", ["Check"])
    report = steps["Check"]["Metadata"]["QualityCheck"]["ViolationReport"]
    assert steps["Check"]["FailureReason"].endswith(f"violations; see {report}")
    status, steps = lab.run(
        lab.create([_check(lab, bad, skip=False, renew=True, FailOnViolation=False), _register(lab)])
    )
    assert status == "Succeeded" and _baseline(lab, steps) != first
    second = _baseline(lab, steps)
    status, steps = lab.run(lab.create([_check(lab, good, skip=True, renew=False), _register(lab)]))
    assert status == "Succeeded" and _baseline(lab, steps) == second
    assert "CheckJobArn" not in steps["Check"]["Metadata"]["QualityCheck"]


def _clarify(lab: Any, kind: str, name: str, data: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    check = _check(lab, data, skip=False, renew=False)
    lab.put(f"clarify/{name}/analysis_config.json", json.dumps(config))
    arguments = check["Arguments"]
    arguments["AppSpecification"] = {"ImageUri": CLARIFY}
    del arguments["Environment"]
    [dataset] = arguments["ProcessingInputs"]
    dataset["S3Input"]["LocalPath"] = "/opt/ml/processing/input/data"
    settings = {**dataset["S3Input"], "S3Uri": lab.uri(f"clarify/{name}/analysis_config.json")}
    settings["LocalPath"] = "/opt/ml/processing/input/config"
    arguments["ProcessingInputs"].append({"InputName": "analysis_config", "S3Input": settings})
    return {**check, "Type": "ClarifyCheck", "CheckType": kind, **more}


@pytest.mark.timeout(120)
def test_clarify_checks_bias_of_the_data_and_of_the_model(lab: Any) -> None:
    rows = [f"{n % 2},{n % 3},{int(n % 3 == 0 or n % 2 == 0)}" for n in range(60)]
    fair = lab.put("clarify/fair/data.csv", "\n".join(rows) + "\n")
    worse = lab.put("clarify/worse/data.csv", "\n".join(f"{n % 2},{n % 3},{n % 2}" for n in range(60)) + "\n")
    config: dict[str, Any] = {
        "dataset_type": "text/csv",
        "headers": ["group", "kind", "label"],
        "label": "label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "group", "value_or_threshold": [0]}],
        "methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "report"}},
    }
    first = {"SkipCheck": True, "RegisterNewBaseline": True}
    status, steps = lab.run(lab.create([_clarify(lab, "DATA_BIAS", "data", fair, config, **first)]))
    assert status == "Succeeded", steps
    baseline = steps["Check"]["Metadata"]["ClarifyCheck"]["CalculatedBaselineConstraints"]
    supplied = {"SuppliedBaselineConstraints": baseline}
    status, steps = lab.run(lab.create([_clarify(lab, "DATA_BIAS", "data", worse, config, **supplied)]))
    assert status == "Failed"
    report = steps["Check"]["Metadata"]["ClarifyCheck"]["ViolationReport"]
    assert steps["Check"]["FailureReason"].endswith(f"violations; see {report}")
    violations = json.loads(lab.text(report.removeprefix(f"s3://{lab.bucket}/")))["violations"]
    assert {item["constraint_check_type"] for item in violations} == {"bias_drift_check"}
    config["methods"] = {"post_training_bias": {"methods": "all"}}
    config |= {"predictor": {"model_name": "biased", "instance_type": "ml.m5.large"}, "probability_threshold": 0.5}
    lab.sm.create_model(
        ModelName="biased",
        ExecutionRoleArn=lab.role,
        PrimaryContainer={"Image": lab.image, "ModelDataUrl": lab.archive("biased", MODEL)},
    )
    status, steps = lab.run(lab.create([_clarify(lab, "MODEL_BIAS", "model", fair, config, **first)]))
    assert status == "Succeeded", steps
    found = steps["Check"]["Metadata"]["ClarifyCheck"]["CalculatedBaselineConstraints"]
    analysis = json.loads(lab.text(found.removeprefix(f"s3://{lab.bucket}/")))
    [facet] = analysis["post_training_bias_metrics"]["facets"]["group"]
    values = {item["name"]: item["value"] for item in facet["metrics"]}
    assert values["DPPL"] == 1.0  # the model says yes to one group only
