"""Scheduled batch transform: a model scores what lies in S3, without an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from constructs import Construct

from . import _paths, _refs
from ._block import Block
from ._endpoint_config import add_model
from ._endpoint_rules import default_name
from ._execution_role import observability_statements
from ._iam import Statement, add_service_role, grant
from ._naming import fit
from ._transform_rules import JOB_NAME_LIMIT, check_transform
from ._transform_schedule import RUN, add_transform_schedule
from ._version_parameters import VersionParameters
from .alarming import add_alarms
from .transform_job import TransformCapture, TransformInput, TransformOutput
from .transform_settings import TransformSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sagemaker as sagemaker
    from aws_cdk.aws_iam import Grant, IGrantable, IRole
    from aws_cdk.aws_kms import IKey

    from ._block import Member
    from .alarming import Alarm, AlarmTarget
    from .endpoint_base import EndpointBase
    from .model import Model
    from .network import Network

_LOG_GROUP = "/aws/sagemaker/TransformJobs"


class BatchTransform(Construct):
    """A model and a schedule on which it scores all objects below a prefix.

    CloudFormation has no type for transform jobs, because a job is an act and no thing. EventBridge Scheduler starts
    them: its target calls CreateTransformJob itself, with a job name and an output folder that no run had before. No
    function stands between. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html

    Delivery by Scheduler is "at least once": in rare cases a run is started twice, in two folders. Starts that are
    refused four times in an hour (quota, permission) end in the dead-letter queue, which has an alarm; what becomes of
    a job that started is announced by SageMaker's event `SageMaker Transform Job State Change`.

    With `Model.latest_approved` the version is a stack parameter. A rollout controller looks after endpoints: give
    `beside` to score with the version that an endpoint of this stack serves, and rollouts carry the jobs along; without
    it set the parameter yourself.

    :param model: The model.
    :param input: What is read.
    :param output: What is written.
    :param settings: How a job goes about it. Default: - one `ml.m5.large`.
    :param schedule: `cron(...)` with six fields, `rate(...)` or `at(...)`. Default: - none; start jobs with
        `job_request` yourself.
    :param timezone: Time zone of the schedule. Default: UTC.
    :param capture: Record what was read and written, for monitors. Default: - nothing.
    :param name: First part of the jobs' names, at most 26 characters. Default: - stack name and path, cut with a hash.
    :param beside: An endpoint that follows the same group.
    :param encryption_key: Key of the instances' volumes. Default: - SageMaker's own.
    :param network: VPC of the instances. Default: - SageMaker's network.
    :param network_isolation: Forbid the container all network calls. Default: False.
    :param execution_role: An existing role, which then needs all permissions itself. Default: - a role with what is
        used.
    :param notifications: Who hears when a run could not be started. Default: - nobody.
    :param parameter_prefix: As of :class:`Endpoint`. Default: - none.
    :raises ConstructError: What SageMaker would refuse, all of it together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: Model,
        input: TransformInput,
        output: TransformOutput,
        settings: TransformSettings | None = None,
        schedule: str | None = None,
        timezone: str = "UTC",
        capture: TransformCapture | None = None,
        name: str | None = None,
        beside: EndpointBase | None = None,
        encryption_key: IKey | None = None,
        network: Network | None = None,
        network_isolation: bool = False,
        execution_role: IRole | None = None,
        notifications: Sequence[AlarmTarget] = (),
        parameter_prefix: str = "",
    ) -> None:
        self.job_name_prefix = name or fit(default_name(scope, construct_id), JOB_NAME_LIMIT)
        self._input, self._output, self.capture = input, output, capture
        self._settings = settings or TransformSettings()
        self._model_source = model
        check_transform(
            scope,
            construct_id,
            name=self.job_name_prefix,
            model=model,
            parts={"input": input, "output": output, "capture": capture, "network": network},
            settings=self._settings,
            encrypted=encryption_key is not None,
            split=input.split,
            timing=None if schedule is None else (schedule, timezone),
            beside=beside,
        )
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._volume_key = None if encryption_key is None else _refs.key_arn(encryption_key)
        self._block = Block(self)
        self._package_arn, condition = "", None
        self._parameters: VersionParameters | None = None
        if model.follows is not None and beside is not None:
            self._package_arn = beside.model_package_arn
        elif model.follows is not None:
            self._parameters = VersionParameters(
                self._block, endpoint_name=self.job_name_prefix, prefix=parameter_prefix
            )
            self._package_arn, condition = self._parameters.package_arn, self._parameters.condition_id
        self._given_role_arn = "" if execution_role is None else execution_role.role_arn
        self._role = self._add_role(network) if execution_role is None else None
        self._model = add_model(
            self._block,
            "Model",
            model,
            package_arn=self._package_arn,
            role_arn=self._given_role_arn if self._role is None else self._role.att("Arn"),
            vpc_config=network.render(self) if network else None,
            network_isolation=network_isolation,
            condition=condition,
        )
        conditional = [self._model]
        self.alarms: tuple[Alarm, ...] = ()
        if schedule is not None:
            parts = add_transform_schedule(
                self._block,
                name=fit(f"{beside.endpoint_name if beside else self.job_name_prefix}-{construct_id}", 64),
                jobs=self.job_name_prefix,
                job_arns=self._job_arns,
                request=self._request(RUN),
                timing=(schedule, timezone),
                volume_key=self._volume_key,
                condition=condition,
            )
            conditional.append(parts.schedule)
            self.alarms = add_alarms(self._block, [parts.not_started], notifications, name_prefix=self.job_name_prefix)
        self._block.define()
        if beside is not None and model.follows is not None:
            beside.add_companion(self)
            for member in conditional:
                member.resource.add_override("Condition", beside.version_condition_id)

    @property
    def rollout_parameters(self) -> dict[str, str]:
        """Ids of the stack parameters for the version; empty when the model is fixed or comes with an endpoint."""
        return dict(self._parameters.names) if self._parameters else {}

    @property
    def cfn_model(self) -> sagemaker.CfnModel:
        """The model's L1 construct."""
        return cast("sagemaker.CfnModel", self._model.resource)

    @property
    def job_request(self) -> dict[str, Any]:
        """A request to CreateTransformJob, but for the job's name and with the output folder `manual`, for whoever
        starts jobs besides the schedule.
        """
        return self._request("manual")

    def grant_start(self, grantee: IGrantable) -> Grant:
        """Allow starting, watching and stopping jobs whose names begin with `job_name_prefix`."""
        return grant(
            grantee,
            [
                Statement(
                    sid="TransformJobs",
                    actions=[
                        "sagemaker:CreateTransformJob",
                        "sagemaker:DescribeTransformJob",
                        "sagemaker:StopTransformJob",
                    ],
                    resources=[self._job_arns],
                    reason="every job has a name of its own",
                )
            ],
        )

    @property
    def requests(self) -> TransformInput:
        """What jobs read."""
        return self._input

    @property
    def answers(self) -> TransformOutput:
        """What jobs write."""
        return self._output

    @property
    def model_package_arn(self) -> str:
        """The version that jobs score with; empty for a fixed model."""
        return self._package_arn

    @property
    def _job_arns(self) -> str:
        return _refs.arn("sagemaker", f"transform-job/{self.job_name_prefix.lower()}-*")

    def _request(self, run: str) -> dict[str, Any]:
        return {
            "ModelName": self._model.att("ModelName"),
            "TransformInput": self._input.render(),
            "TransformOutput": self._output.render(run),
            **({"DataCaptureConfig": self.capture.render()} if self.capture else {}),
            **self._settings.render(self._volume_key),
        }

    def _add_role(self, network: Network | None) -> Member:
        streams = _refs.arn("logs", f"log-group:{_LOG_GROUP}:*")
        keys = [self._input.key, self._output.key, self.capture.key if self.capture else None]
        arns = list(dict.fromkeys(_refs.key_arn(key) for key in keys if key))
        statements = [
            *self._model_source.bind(self._package_arn).statements,
            *observability_statements(_LOG_GROUP, streams),
            *self._input.statements(),
            *self._output.statements(),
            *(self.capture.statements() if self.capture else ()),
            *(network.statements() if network else ()),
        ]
        if arns:
            statements.append(
                Statement(sid="CryptRecords", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=arns)
            )
        return add_service_role(
            self._block,
            "Role",
            service="sagemaker.amazonaws.com",
            statements=statements,
            description=f"What transform jobs {self.job_name_prefix}-* may do",
        )
