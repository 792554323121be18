"""A definition that the SageMaker SDK has built runs as it is: preparation, tuning, evaluation, gate, registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.oracles import OracleUnavailable, ask

PREPARE = """
import argparse, pathlib
import numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int)
rows = parser.parse_args().rows
rng = np.random.default_rng(0)
features = rng.normal(size=(rows, 3))
table = np.column_stack([(features[:, 0] > 0).astype(int), features])
for name, part in (("train", table[: rows // 2]), ("validation", table[rows // 2 :])):
    np.savetxt(pathlib.Path("/opt/ml/processing", name, "data.csv"), part, delimiter=",", fmt="%.5f")
"""
EVALUATE = """
import json, pathlib, tarfile
assert tarfile.open("/opt/ml/processing/model/model.tar.gz").getnames() == ["xgboost-model"]
rows = pathlib.Path("/opt/ml/processing/validation/data.csv").read_text().splitlines()
report = {"metrics": {"auc": {"value": 0.9 if len(rows) == 100 else 0.0}}}
pathlib.Path("/opt/ml/processing/evaluation/evaluation.json").write_text(json.dumps(report))
"""


@pytest.mark.oracle
def test_a_definition_of_the_sdk_runs_as_it_is(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text(PREPARE)
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    environ = lab.aws.environ(lab.account, lab.region)
    settings = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    question = {"bucket": lab.bucket, "role": lab.role, "folder": str(tmp_path)}
    try:
        text = ask("reference", "sdk_pipeline.py", question, SAGEMAKER_SUPPRESS_V2_WARNING="1", **settings)
    except OracleUnavailable as reason:
        pytest.skip(str(reason))
    lab.sm.create_pipeline(
        PipelineName="sdk", PipelineDefinition=text, ClientRequestToken="sdk-" + "0" * 32, RoleArn=lab.role
    )
    assert lab.sm.describe_pipeline(PipelineName="sdk")["PipelineDefinition"] == text
    status, steps = lab.run("sdk", {"Approval": "Approved"})
    assert status == "Succeeded", steps
    assert set(steps) == {"Prepare", "Tune", "Evaluate", "Gate", "Register-RegisterModel"}
    package = lab.sm.describe_model_package(
        ModelPackageName=steps["Register-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "Approved"
    tuning = lab.sm.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    )
    best = lab.sm.describe_training_job(TrainingJobName=tuning["BestTrainingJob"]["TrainingJobName"])
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == best["ModelArtifacts"]["S3ModelArtifacts"]
