"""One embedded AWS for all tests of pipelines."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from local_support.lab import ACCOUNT, SKLEARN, Lab, archive

from sagemaker_local import pipelines as local_pipelines
from sagemaker_local.messaging import deliveries
from sagemaker_local.pipelines.substitutes import Substitutes
from sagemaker_local.server import LocalAws

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class PipelineLab(Lab):
    """Definitions in short."""

    role, bucket, image = f"arn:aws:iam::{ACCOUNT}:role/pipeline", "pipes", SKLEARN

    @property
    def substitutes(self) -> Substitutes:
        return local_pipelines.of(self.aws).substitutes

    def archive(self, name: str, script: str) -> str:
        """Upload a model archive with an inference script; return its URI."""
        return self.put(f"{name}/model.tar.gz", archive({"code/inference.py": textwrap.dedent(script).encode()}))

    def function(self, name: str, code: str) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", textwrap.dedent(code))
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
        created = self.client("lambda").create_function(
            FunctionName=name,
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()},
            Runtime="python3.13",
            Timeout=20,
        )
        return str(created["FunctionArn"])

    # -- definitions ------------------------------------------------------------------------------------------------

    def definition(self, steps: list[dict[str, Any]], parameters: list[dict[str, Any]] | None = None) -> str:
        document = {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": steps}
        return json.dumps(document, indent=1)

    def create(self, steps: list[dict[str, Any]], parameters: list[dict[str, Any]] | None = None) -> str:
        name = f"pipeline-{uuid4().hex[:8]}"
        self.sm.create_pipeline(
            PipelineName=name,
            PipelineDefinition=self.definition(steps, parameters),
            ClientRequestToken=uuid4().hex,
            RoleArn=self.role,
        )
        return name

    def start(self, name: str, parameters: dict[str, str] | None = None, **more: Any) -> str:
        given = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
        return str(
            self.sm.start_pipeline_execution(PipelineName=name, PipelineParameters=given, **more)[
                "PipelineExecutionArn"
            ]
        )

    def ended(self, arn: str) -> dict[str, Any]:
        def check() -> Any:
            found = self.sm.describe_pipeline_execution(PipelineExecutionArn=arn)
            return found if found["PipelineExecutionStatus"] in ("Succeeded", "Failed", "Stopped") else None

        return self.eventually(check)

    def run(self, name: str, parameters: dict[str, str] | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
        """Run a pipeline; return status and steps by name."""
        arn = self.start(name, parameters, **more)
        return self.ended(arn)["PipelineExecutionStatus"], self.steps(arn)

    def steps(self, arn: str) -> dict[str, Any]:
        listed = self.sm.list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=100, SortOrder="Ascending")
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}

    def processing(
        self, name: str, script: str, arguments: list[Any] | None = None, fixed: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Return a processing step whose output folder `out` is uploaded, to a new place unless it is `fixed`."""
        execution = "always" if fixed else {"Get": "Execution.PipelineExecutionId"}
        place = {"Std:Join": {"On": "/", "Values": [self.uri("runs"), execution, name]}}
        code = self.put(f"code/{name}-{zlib.crc32(script.encode())}/app.py", script)
        entrypoint = {"ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/app.py"]}
        return {
            "Name": name,
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {
                    "ImageUri": self.image,
                    **entrypoint,
                    **({"ContainerArguments": arguments} if arguments else {}),
                },
                "RoleArn": self.role,
                "ProcessingInputs": [
                    {
                        "InputName": "code",
                        "S3Input": {
                            "S3Uri": code,
                            "LocalPath": "/opt/ml/processing/input/code",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                        },
                    }
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "out",
                            "S3Output": {
                                "S3Uri": place,
                                "LocalPath": "/opt/ml/processing/out",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
            },
            **more,
        }


@pytest.fixture(scope="module")
def lab() -> Iterator[PipelineLab]:
    features = ("lambdas", "events", "alarms", "scheduling", "cloudformation", "sagemaker", "jobs", "pipelines")
    with LocalAws(features=features) as aws:
        yield PipelineLab(aws)
        deliveries.of(aws).settle(10)
