"""A SageMaker pipeline with everything around it: roles, triggers, alarms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths, _refs
from cdk_sagemaker_mlops._block import Block, Member
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import add_service_role, grant, merge, same_account_only
from cdk_sagemaker_mlops._refs import bucket_name
from cdk_sagemaker_mlops.alarming import Alarm, AlarmTarget, add_alarms
from cdk_sagemaker_mlops.functions import content_asset
from cdk_sagemaker_mlops.monitoring.locations import Location

from ._context import PipelineContext, network_problems, write_whole
from .alarms import PipelineAlarms, alarm_rules
from .definition import BoundDefinition, PipelineSource, SourceRequest
from .job_role import job_statements
from .permissions import pipeline_statements, unknown_roles, unknown_types
from .pipeline_base import NAME_RULE, PIPELINE_NAME, TrainingPipelineBase
from .triggers import TrainingSchedule, add_schedule, circle_problems, parameter_problems
from .validation import definition_problems

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

    from .steps import JobNetwork

#: A longer definition goes into a file in S3, if it is known at synthesis; templates are limited to 1 MB as a whole.
_INLINE_BYTES = 100 * 1024
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
_LARGEST_BYTES = 1_048_576
_LARGEST_INLINE_BYTES = 600 * 1024


class TrainingPipeline(TrainingPipelineBase):
    """A SageMaker pipeline: prepares data, trains, judges, registers.

    The definition is made and checked at synthesis, without network and without the SageMaker SDK (unless a pipeline
    object of the SDK is given). Two roles are computed from it: one that the pipeline starts jobs with, and one that
    jobs run with which name no role.

    :param definition: Where the definition comes from: :class:`PipelineDefinition`, or :class:`TabularPipeline`.
    :param artifacts: Bucket for what jobs hand on and leave: data sets, reports, model archives.
    :param artifacts_prefix: Prefix in the bucket. Default: `training/<name>`
    :param name: Name of the pipeline. Default: - stack and construct id
    :param inputs: Buckets that jobs may read besides: training data. Default: - places that the definition names
    :param role: Role of the pipeline. Default: - a new one with what the definition's steps need
    :param job_role: Role of jobs whose step names none. Default: - a new one with what these jobs need
    :param description: Default: - none
    :param schedule: When it is started. Default: - never by itself
    :param max_parallel_steps: Steps that run at a time. Default: - SageMaker's
    :param network: VPC of jobs. Default: - SageMaker's own network
    :param volume_key: Key of jobs' volumes. Default: - AWS's own
    :param alarms: What is an alarm. Default: - see :class:`PipelineAlarms`
    :param notifications: Who hears of alarms. Default: - nobody
    :ivar alarms: The alarms that it defined.
    :ivar document: The definition, as data.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        definition: PipelineSource,
        artifacts: IBucket,
        artifacts_prefix: str | None = None,
        name: str | None = None,
        inputs: Sequence[IBucket] = (),
        role: iam.IRole | None = None,
        job_role: iam.IRole | None = None,
        description: str | None = None,
        schedule: TrainingSchedule | None = None,
        max_parallel_steps: int | None = None,
        network: JobNetwork | None = None,
        volume_key: IKey | None = None,
        alarms: PipelineAlarms | None = None,
        notifications: Sequence[AlarmTarget] = (),
    ) -> None:
        stack = _paths.stack_of(scope)
        name = name or _naming.fit(
            f"{_refs.remembered(stack, 'stack name', lambda: stack.stack_name)}-{construct_id}", 256
        )
        options = alarms or PipelineAlarms()
        problems = Problems()
        problems.matches("name", name, PIPELINE_NAME, NAME_RULE)
        problems.between("max_parallel_steps", max_parallel_steps, 1, 10_000)
        problems.extend(options.problems())
        problems.extend(schedule.problems() if schedule else ())
        problems.extend(network_problems(network))
        problems.extend(definition.problems())
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._identify(name)
        self._artifacts = Location(artifacts, (artifacts_prefix or f"training/{name}").strip("/"))
        self._inputs = [Location(bucket) for bucket in inputs]
        self._given_role, self._given_job_role = role, job_role
        self._block = Block(self)
        key_arn = _refs.key_arn(volume_key) if volume_key else None
        self._context = PipelineContext(
            stack=stack,
            job_role=_role_arn(job_role) if job_role else self._future("JobRole"),
            artifacts_uri=self._artifacts.uri,
            network=network,
            volume_key_arn=key_arn,
            output_key_arn=self._artifacts.key_arn,
        )
        bound = self._bind(definition)
        self.document = bound.document
        if schedule is not None:
            problems.extend(self._parameter_problems(schedule.parameters), where="schedule: parameters")
            problems.raise_if_any(self)
        role_arn = _role_arn(role) if role else self._add_role(bound)
        if self._context.uses_role and job_role is None:
            self._add_job_role(bound)
        self._member = self._block.add(
            "Pipeline",
            "AWS::SageMaker::Pipeline",
            sagemaker.CfnPipelineProps(
                pipeline_name=name,
                pipeline_definition=self._render(bound),
                role_arn=role_arn,
                pipeline_description=description,
                parallelism_configuration={"MaxParallelExecutionSteps": max_parallel_steps}
                if max_parallel_steps
                else None,
            ),
        )
        if schedule is not None:
            add_schedule(self._block, schedule, self.pipeline_arn)
        self.alarms: tuple[Alarm, ...] = add_alarms(
            self._block, alarm_rules(name, options), notifications, name_prefix=name
        )
        self._block.define()

    @staticmethod
    def from_pipeline_name(scope: Construct, construct_id: str, name: str) -> TrainingPipelineBase:
        """Refer to a pipeline of this account and region.

        :param name: Name of the pipeline.
        """
        problems = Problems()
        problems.matches("name", name, PIPELINE_NAME, NAME_RULE)
        problems.raise_if_any(scope, construct_id)
        pipeline = TrainingPipelineBase(scope, construct_id)
        pipeline._identify(name)
        return pipeline

    def _future(self, construct_id: str) -> Member:
        """A member of the block that is added later, when it is known what it needs."""
        return Member(_paths.logical_id(_paths.child(_paths.below_stack(self), construct_id)), self._block)

    def _bind(self, definition: PipelineSource) -> BoundDefinition:
        problems = Problems()
        try:
            bound = definition.bind(SourceRequest(scope=self, context=self._context, name=self.pipeline_name))
        except FileNotFoundError as error:
            problems.add(str(error))
            problems.raise_if_any(self)
            raise
        problems.extend(definition_problems(bound.document))
        if self._given_role is None:
            for kind in unknown_types(bound.document):
                problems.add(f"it is not known what steps of type {kind} need, so no role can be computed; give role=…")
            for step in unknown_roles(bound.document):
                problems.add(
                    f"the role of step {step} is only known when the pipeline runs, so no policy can name it; give "
                    "role=…, or the step a fixed role"
                )
        problems.raise_if_any(self)
        return bound

    def _parameter_problems(self, parameters: Mapping[str, str]) -> Sequence[str]:
        return parameter_problems(parameters, self.document)

    def _circle_problems(self, bucket: IBucket, prefix: str) -> Sequence[str]:
        same = bucket_name(bucket) == bucket_name(self._artifacts.bucket)
        return circle_problems(prefix, f"{self._artifacts.prefix}/") if same else ()

    def _add_role(self, bound: BoundDefinition) -> str:
        statements = [*pipeline_statements(bound.document), *bound.statements]
        # Property files are read by the pipeline itself.
        statements += self._artifacts.read("PropertyFiles", "files of executions")
        if self._artifacts.key_arn:
            from cdk_sagemaker_mlops.monitoring.locations import decrypt

            statements += decrypt(self._artifacts.key_arn)
        role = add_service_role(
            self._block,
            "Role",
            service="sagemaker.amazonaws.com",
            description=f"Starts the jobs of training pipeline {self.pipeline_name}",
            statements=merge(statements),
            trust_conditions=same_account_only(),
        )
        return role.att("Arn")

    def _add_job_role(self, bound: BoundDefinition) -> None:
        statements = job_statements(
            bound.document,
            artifacts=self._artifacts,
            inputs=self._inputs,
            uploads=self._context.uploads,
            asset_key_arns=(),
            volume_key_arn=self._context.volume_key_arn,
            in_vpc=self._context.network is not None and bool(self._context.network.subnets),
        )
        add_service_role(
            self._block,
            "JobRole",
            service="sagemaker.amazonaws.com",
            description=f"Jobs of training pipeline {self.pipeline_name}",
            statements=merge([*statements, *bound.job_statements]),
        )

    def _render(self, bound: BoundDefinition) -> dict[str, Any]:
        """The definition as the resource takes it: in the template, or as a file in S3."""
        text = json.dumps(bound.document)
        size = len(text.encode())
        with_tokens = _refs.is_token(text)
        limit = _LARGEST_INLINE_BYTES if with_tokens else _LARGEST_BYTES
        if size > limit:
            problems = Problems()
            problems.add(
                f"the definition has {size / 1024:.0f} KB, allowed are {limit // 1024}"
                + (
                    " with values that only the deployment knows, which have to stand in the template; make them "
                    "pipeline parameters, or take them from the environment"
                    if with_tokens
                    else "; split the pipeline"
                )
            )
            problems.raise_if_any(self)
        if with_tokens or size <= _INLINE_BYTES:
            return {"PipelineDefinitionBody": text}
        location = content_asset(
            self._context.stack,
            identity=hashlib.sha256(text.encode()).hexdigest(),
            suffix=".json",
            display_name=f"{self.pipeline_name} definition",
            write=lambda target: write_whole(target, text.encode()),
        )
        place = {"Bucket": location.bucket_name, "Key": location.object_key}
        return {"PipelineDefinitionS3Location": place}

    @cached_property
    def role(self) -> iam.IRole:
        """The role that the pipeline starts jobs with."""
        return self._given_role or self._view("Role")

    @cached_property
    def job_role(self) -> iam.IRole:
        """The role of jobs whose step names none."""
        return self._given_job_role or self._view("JobRole")

    def _view(self, construct_id: str) -> iam.IRole:
        from aws_cdk import aws_iam as iam

        arn = self._future(construct_id).att("Arn")
        return iam.Role.from_role_arn(self, f"{construct_id}View", arn)

    @property
    def cfn_pipeline(self) -> sagemaker.CfnPipeline:
        """The L1 construct."""
        return self._member.resource  # type: ignore[return-value]  # the type is what the block was given

    @property
    def artifacts_uri(self) -> str:
        """Where jobs write."""
        return self._artifacts.uri

    def grant_read_artifacts(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow reading what jobs left: reports, data sets, model archives."""
        from cdk_sagemaker_mlops.monitoring.locations import decrypt

        return grant(
            grantee,
            [*self._artifacts.read("Artifacts", "files of executions"), *decrypt(self._artifacts.key_arn)],
        )


def _role_arn(role: iam.IRole) -> str:
    return _refs.remembered(role, "arn", lambda: role.role_arn)
