"""Processing steps: a script in scikit-learn's, XGBoost's, Spark's or anybody's image; Data Wrangler flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cdk_sagemaker_mlops.training.values import ExecutionVariable, Join, JsonGet

from .base import Compute, Step, StepContext, Text

#: Where jobs find and leave files.
ROOT = "/opt/ml/processing"


@dataclass(frozen=True, kw_only=True)
class PropertyFile:
    """A JSON file of an output whose values conditions may read.

    :param name: Name for :class:`JsonGet`.
    :param output: Name of the output.
    :param path: Path of the file within it.
    """

    name: str
    output: str
    path: str


@dataclass(frozen=True, kw_only=True)
class ProcessingStep(Step):
    """Runs a script, or an image's own program, over files of S3.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html

    :param image: Image; :class:`Images` knows SageMaker's.
    :param code: The script: a local path, or an S3 URI. Default: - the image's own program
    :param command: What runs the script. Default: python3
    :param args: Arguments of the script.
    :param inputs: S3 prefixes or objects by name; each appears as `/opt/ml/processing/input/<name>`.
    :param outputs: Folders by name, `/opt/ml/processing/<name>`; with the S3 prefix that they are written to, or None
        for one below the pipeline's artifacts that is new in each execution.
    :param property_files: JSON files of outputs that conditions read.
    :param environment: Environment variables.
    :param compute: What it runs on.
    :param role_arn: Role of the job. Default: - the pipeline's role for jobs
    """

    type: ClassVar[str] = "Processing"

    image: Text
    code: str | Path | None = None
    command: Sequence[str] = ("python3",)
    args: Sequence[Text] = ()
    inputs: Mapping[str, Text] = field(default_factory=dict)
    outputs: Mapping[str, Text | None] = field(default_factory=dict)
    property_files: Sequence[PropertyFile] = ()
    environment: Mapping[str, Text] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)
    role_arn: Text | None = None

    def output_uri(self, name: str) -> Text:
        """Where an output is, for the inputs of later steps."""
        return self.property(f"ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")

    def value(self, property_file: str, path: str) -> JsonGet:
        """A value of a property file, for conditions."""
        return JsonGet(self.name, property_file, path)

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        inputs = [job_input(name, uri, f"{ROOT}/input/{name}") for name, uri in self.inputs.items()]
        entrypoint: list[Text] | None = None
        if self.code is not None:
            uri = _code_uri(self.code, context)
            inputs.append(job_input("code", uri, f"{ROOT}/input/code"))
            entrypoint = [*self.command, f"{ROOT}/input/code/{uri.rsplit('/', 1)[-1]}"]
        return {
            "ProcessingResources": {"ClusterConfig": self.compute.cluster(context)},
            "AppSpecification": {
                "ImageUri": self.image,
                "ContainerEntrypoint": entrypoint,
                "ContainerArguments": list(self.args) or None,
            },
            "RoleArn": self.role_arn or context.role_arn,
            "ProcessingInputs": inputs or None,
            "ProcessingOutputConfig": self._outputs(context),
            "Environment": dict(self.environment) or None,
            "StoppingCondition": {"MaxRuntimeInSeconds": self.compute.max_minutes * 60},
            "NetworkConfig": network_config(context),
        }

    def _outputs(self, context: StepContext) -> dict[str, Any] | None:
        if not self.outputs:
            return None
        return {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        "S3Uri": uri or run_uri(context, self.name, name),
                        "LocalPath": f"{ROOT}/{name}",
                        "S3UploadMode": "EndOfJob",
                    },
                    "AppManaged": False,
                }
                for name, uri in self.outputs.items()
            ],
            "KmsKeyId": context.output_key_arn,
        }

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        if not self.property_files:
            return {}
        return {
            "PropertyFiles": [
                {"PropertyFileName": file.name, "OutputName": file.output, "FilePath": file.path}
                for file in self.property_files
            ]
        }


@dataclass(frozen=True, kw_only=True)
class SparkStep(ProcessingStep):
    """A PySpark script in SageMaker's Spark image.

    https://docs.aws.amazon.com/sagemaker/latest/dg/use-spark-processing-container.html

    :param spark_events: S3 prefix for Spark's event log. Default: - none is kept
    """

    command: Sequence[str] = ("smspark-submit",)
    spark_events: str | None = None

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        arguments = dict(super().arguments(context))
        if self.spark_events:
            specification = dict(arguments["AppSpecification"])
            command = list(specification["ContainerEntrypoint"])
            local = f"{ROOT}/spark-events"
            specification["ContainerEntrypoint"] = [command[0], "--local-spark-event-logs-dir", local, *command[1:]]
            outputs = dict(arguments["ProcessingOutputConfig"] or {"Outputs": []})
            continuous = {"S3Uri": self.spark_events, "LocalPath": local, "S3UploadMode": "Continuous"}
            outputs["Outputs"] = [*outputs["Outputs"], {"OutputName": "spark-events", "S3Output": continuous}]
            arguments |= {"AppSpecification": specification, "ProcessingOutputConfig": outputs}
        return arguments


@dataclass(frozen=True, kw_only=True)
class DataWranglerStep(ProcessingStep):
    """Runs a Data Wrangler flow and writes the output of one of its nodes.

    https://docs.aws.amazon.com/sagemaker/latest/dg/data-wrangler-data-export.html

    :param flow: The `.flow` file: a local path, or an S3 URI.
    :param node: Id of the node's output: `<node id>.default`.
    :param destination: S3 prefix that the output is written to. Default: - below the pipeline's artifacts
    """

    flow: str | Path
    node: str
    destination: Text | None = None

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        arguments = dict(super().arguments(context))
        flow = job_input("flow", _code_uri(self.flow, context), f"{ROOT}/flow")
        output = {
            "OutputName": self.node,
            "S3Output": {
                "S3Uri": self.destination or run_uri(context, self.name, "output"),
                "LocalPath": f"{ROOT}/output",
                "S3UploadMode": "EndOfJob",
            },
            "AppManaged": False,
        }
        return arguments | {
            "ProcessingInputs": [flow, *(arguments["ProcessingInputs"] or [])],
            "ProcessingOutputConfig": {"Outputs": [output], "KmsKeyId": context.output_key_arn},
        }


def run_uri(context: StepContext, *parts: str) -> Join:
    """A prefix below the pipeline's artifacts that no other execution writes to."""
    return Join([context.artifacts_uri, ExecutionVariable.EXECUTION_ID, *parts], on="/")


def job_input(name: str, uri: Text, local_path: str) -> dict[str, Any]:
    """A place in S3 as a folder of the job."""
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": local_path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _code_uri(code: str | Path, context: StepContext) -> str:
    if isinstance(code, str) and code.startswith("s3://"):
        return code
    return context.upload(Path(code))


def network_config(context: StepContext) -> dict[str, Any] | None:
    """Where the job runs and what it may reach."""
    network = context.network
    if network is None:
        return None
    return {
        "EnableNetworkIsolation": network.isolated,
        "EnableInterContainerTrafficEncryption": network.encrypt_traffic,
        "VpcConfig": network.vpc,
    }
