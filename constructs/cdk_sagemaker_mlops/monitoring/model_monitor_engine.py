"""The `model-monitor` engine: SageMaker's own job definitions and monitoring schedules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _paths, _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import add_service_role, same_account_only
from cdk_sagemaker_mlops.functions import AssetLocation, content_asset

from .engine import BoundEngine, Engine, EngineRequest, EngineTask
from .native_access import run_statements
from .native_announcer import add_announcer
from .native_definition import NativeDefinition, native_definition, native_problems
from .native_images import ANALYZER, merger_arn, native_image, own_image, region_problem
from .native_schedule import native_expression, native_schedule_problems

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops._block import Member
    from cdk_sagemaker_mlops.network import Network

_INPUT_PATH, _OUTPUT_PATH = "/opt/ml/processing/input/data", "/opt/ml/processing/output"
_KINDS = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}
_SCRIPTS = {"PREPROCESSOR_URI": "RecordPreprocessorSourceUri", "POSTPROCESSOR_URI": "PostAnalyticsProcessorSourceUri"}
#: Merging labels takes its part of the time: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-schedule.html
_SECONDS, _SECONDS_WITH_LABELS = 3600, 1800


@dataclass(frozen=True, kw_only=True)
class ModelMonitorEngine(Engine):
    """SageMaker Model Monitor and Clarify.

    AWS closed both to new customers on 30 July 2026; accounts that used them before keep them. The engine exists for
    those: job definitions, monitoring schedules, ground-truth merge and images are AWS's own, and so is the time that a
    run takes, some minutes on an instance for any amount of traffic. A function tells of each ended execution by the
    same event and metrics as the other engines.

    Job definitions cannot be changed: whatever changes in one, a rollout above all, makes another one under a generated
    name, and the schedule moves on to it. What Model Monitor has no words for is refused at synthesis.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-availability-change.html

    :param image: URI of an image of your own after Model Monitor's contract, in place of its analyzer (data and model
        quality). Default: - AWS's
    :param entrypoint: The image's command. Default: - its own
    :param arguments: What follows the command. Default: - nothing
    :param instance_type: Instances of a run. Default: ml.m5.xlarge
    :param instance_count: How many. Default: 1
    :param volume_gb: Disk of each, 1 to 16384 GB. Default: 20
    :param volume_key: Key of the disks. Default: - SageMaker's own
    :param max_runtime_seconds: Longest run. Default: 3600; with labels 1800, because merging them is a job of its own
    :param network: VPC of the instances. Default: - SageMaker's network
    :param network_isolation: Forbid the containers all network calls. Default: False
    :param encrypt_traffic: Encrypt traffic between instances. Default: False
    :param log_retention_days: How long the announcing function's log is kept. Default: 90
    """

    counts_labels = False
    needs_model = False

    image: str | None = None
    entrypoint: Sequence[str] = ()
    arguments: Sequence[str] = ()
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    volume_gb: int = 20
    volume_key: IKey | None = None
    max_runtime_seconds: int | None = None
    network: Network | None = None
    network_isolation: bool = False
    encrypt_traffic: bool = False
    log_retention_days: int = 90

    def problems(self, task: EngineTask) -> list[str]:
        """What Model Monitor cannot do of what is asked."""
        found = [*native_schedule_problems(task.schedule), *self._size_problems()]
        if task.monitoring_type not in _KINDS:
            found.append(f"the engine model-monitor knows no {task.monitoring_type}; use another engine")
        if task.source.type == "Dataset":
            found.append(
                "the engine model-monitor looks at endpoints and batch transform jobs only, not at datasets; use "
                "another engine"
            )
        if task.monitoring_type == "ModelExplainability" and task.source.endpoint is None:
            found.append(
                f"{task.source.subject} has no endpoint, and of such jobs Clarify needs the name of the model, which "
                "changes with every version; use another engine"
            )
        if task.monitoring_type in ("ModelBias", "ModelExplainability") and task.scripts.postprocessor is not None:
            found.append("scripts postprocessor cannot be used: Clarify runs no scripts; use another engine")
        if self.image is None and (self.entrypoint or self.arguments):
            found.append("engine entrypoint and arguments are for an image of your own; give image, or leave them out")
        if self.image is not None and native_definition(task.analysis, task.schedule.period_hours).image != ANALYZER:
            found.append(
                f"engine image cannot be used for {task.monitoring_type}: Clarify analyses it, and takes no other "
                "image; ContainerEngine(image=…) runs it"
            )
        if self.network is not None:
            found += [f"engine {problem}" for problem in self.network.problems()]
        return found + list(native_problems(task.analysis, task.schedule.period_hours))

    def _size_problems(self) -> list[str]:
        found = []
        if not self.instance_type.startswith("ml."):
            found.append(
                f'engine instance_type is "{self.instance_type}", allowed are those of SageMaker: ml.m5.xlarge'
            )
        for name, value, most in (
            ("instance_count", self.instance_count, 100),
            ("volume_gb", self.volume_gb, 16_384),
            ("max_runtime_seconds", self.max_runtime_seconds or 1, 86_400),
        ):
            if not 1 <= value <= most:
                found.append(f"engine {name} is {value}, allowed are 1 to {most}")
        return found

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines job definition, monitoring schedule, their role, and what tells of executions."""
        definition = native_definition(request.analysis, request.schedule.period_hours)
        problems = Problems()
        needed = {definition.image} if self.image is None else set()
        for kind in needed | ({ANALYZER} if request.analysis.needs_labels else set()):
            problem = region_problem(request.stack, kind)
            problems.require(problem is None, problem or "")
        problems.require(
            not request.baseline.settings,
            "baseline computes what versions lack (training_data), but the engine model-monitor needs the files when "
            "it is deployed; register versions with baselines, or use another engine",
        )
        problems.raise_if_any(request.block.scope)
        config = None if definition.config is None else _config_asset(request, definition.config)
        image = own_image(self.image) if self.image else native_image(request.stack, definition.image)
        repositories = [image.repository_arn] if image.repository_arn else []
        repositories += [merger_arn(request.stack)] if request.analysis.needs_labels else []
        key_arn = None if self.volume_key is None else _refs.key_arn(self.volume_key)
        statements = run_statements(request, repositories, config, key_arn)
        statements += self.network.statements() if self.network else []
        role = add_service_role(
            request.block,
            "RunRole",
            service="sagemaker.amazonaws.com",
            trust_conditions=same_account_only(),
            statements=statements,
            description=f"{request.monitoring_type} executions of {request.source.name}",
        )
        job = self._add_definition(request, definition, config, image.uri, role, key_arn)
        schedule = _add_schedule(request, definition, job)
        look, lost = add_announcer(request, role, _KINDS[request.monitoring_type], self.log_retention_days)
        return BoundEngine(
            name="model-monitor",
            role=role,
            rules=(lost,),
            conditional=(job, schedule, look),
            after_endpoint=(schedule,),
        )

    def _add_definition(
        self,
        request: EngineRequest,
        definition: NativeDefinition,
        config: AssetLocation | None,
        image_uri: str,
        role: Member,
        key_arn: str | None,
    ) -> Member:
        kind = request.monitoring_type
        app: dict[str, Any] = {
            "ImageUri": image_uri,
            **definition.app,
            **({"ContainerEntrypoint": list(self.entrypoint)} if self.entrypoint else {}),
            **({"ContainerArguments": list(self.arguments)} if self.arguments else {}),
            "Environment": {"publish_cloudwatch_metrics": "Enabled" if definition.publish else "Disabled"},
        }
        if request.model_package_arn:
            # What a run looked at is written into its own job, so that its event can say it after later rollouts.
            app["Environment"]["MODEL_PACKAGE_ARN"] = request.model_package_arn
        if kind == "ModelQuality" and request.baseline.statistics_uri:
            # The definition takes no statistics; the report of a run shows them.
            app["Environment"]["BASELINE_STATISTICS_URI"] = _if_given(request, "statistics", lambda uri: uri)
        if config is not None:
            app["ConfigUri"] = f"s3://{config.bucket_name}/{config.object_key}"
        scripts = request.scripts.settings(request.stack)
        app |= {member: scripts[name] for name, member in _SCRIPTS.items() if name in scripts}
        job_input: dict[str, Any] = request.source.native_input(_INPUT_PATH, definition.attributes)
        if request.analysis.needs_labels:
            job_input["GroundTruthS3Input"] = {"S3Uri": request.settings["GROUND_TRUTH_URI"]}
        output = {"S3Uri": request.reports.uri, "LocalPath": _OUTPUT_PATH, "S3UploadMode": "EndOfJob"}
        output_config: dict[str, Any] = {"MonitoringOutputs": [{"S3Output": output}]}
        if request.reports.key_arn:
            output_config["KmsKeyId"] = request.reports.key_arn
        longest = self.max_runtime_seconds or (_SECONDS_WITH_LABELS if request.analysis.needs_labels else _SECONDS)
        properties: dict[str, Any] = {
            f"{kind}AppSpecification": app,
            f"{kind}JobInput": job_input,
            f"{kind}JobOutputConfig": output_config,
            "JobResources": {"ClusterConfig": self._cluster(key_arn)},
            "RoleArn": role.att("Arn"),
            "StoppingCondition": {"MaxRuntimeInSeconds": longest},
        }
        baseline = _baseline(request)
        if baseline:
            properties[f"{kind}BaselineConfig"] = baseline
        network = self._network(request)
        if network:
            properties["NetworkConfig"] = network
        # Without a name: CloudFormation makes one up for each definition, so that the next one can be made before the
        # last one goes.
        return request.block.add("JobDefinition", f"AWS::SageMaker::{kind}JobDefinition", properties)

    def _cluster(self, key_arn: str | None) -> dict[str, Any]:
        cluster: dict[str, Any] = {
            "InstanceCount": self.instance_count,
            "InstanceType": self.instance_type,
            "VolumeSizeInGB": self.volume_gb,
        }
        return cluster | ({"VolumeKmsKeyId": key_arn} if key_arn else {})

    def _network(self, request: EngineRequest) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if self.encrypt_traffic:
            config["EnableInterContainerTrafficEncryption"] = True
        if self.network_isolation:
            config["EnableNetworkIsolation"] = True
        if self.network is not None:
            rendered = self.network.render(request.block.scope, instances_meet=self.instance_count > 1)
            config["VpcConfig"] = {"SecurityGroupIds": rendered.security_group_ids, "Subnets": rendered.subnets}
        return config


def _baseline(request: EngineRequest) -> dict[str, Any]:
    """The BaselineConfig; parts whose parameter is empty are left out at deployment."""
    baseline = request.baseline
    files = {"constraints": baseline.constraints_uri}
    if request.monitoring_type == "DataQuality":  # the other definitions take no statistics
        files["statistics"] = baseline.statistics_uri
    return {
        f"{kind.title()}Resource": _if_given(request, kind, lambda uri: {"S3Uri": uri})
        for kind, uri in files.items()
        if uri
    }


def _if_given(request: EngineRequest, kind: str, made_of: Callable[[str], Any]) -> Any:
    """Something made of a baseline file's URI; left out at deployment where its parameter is empty."""
    uri = {"constraints": request.baseline.constraints_uri, "statistics": request.baseline.statistics_uri}[kind]
    if kind not in request.baseline.parameters:
        return made_of(uri)
    path = _paths.child(_paths.below_stack(request.block.scope), f"Has{kind.title()}")
    condition = _paths.logical_id(path)
    request.block.condition(condition, {"Fn::Not": [{"Fn::Equals": [uri, ""]}]})
    return {"Fn::If": [condition, made_of(uri), {"Ref": "AWS::NoValue"}]}


def _add_schedule(request: EngineRequest, definition: NativeDefinition, job: Member) -> Member:
    # The ARN's last part is the definition's name; there is no other way to it.
    name = {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": job.logical_id}]}]}
    timing = {"ScheduleExpression": native_expression(request.schedule), **definition.schedule}
    return request.block.add(
        "MonitoringSchedule",
        "AWS::SageMaker::MonitoringSchedule",
        {
            # A fixed name is safe: nothing else replaces a schedule.
            "MonitoringScheduleName": request.schedule_name,
            "MonitoringScheduleConfig": {
                "MonitoringType": request.monitoring_type,
                "MonitoringJobDefinitionName": name,
                "ScheduleConfig": timing,
            },
        },
    )


def _config_asset(request: EngineRequest, config: dict[str, Any]) -> AssetLocation:
    """The analysis config as a file under its content's hash: another config is another object and definition."""
    text = json.dumps(config, indent=2, sort_keys=True)

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return content_asset(
        request.stack,
        identity=hashlib.sha256(text.encode()).hexdigest(),
        suffix=".json",
        display_name=f"analysis config of {request.schedule_name}",
        write=write,
    )
