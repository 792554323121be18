"""How one environment's things are called, and the ARN patterns that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from cdk_sagemaker_mlops import _refs

#: Tag on SageMaker resources whose names CloudFormation makes up; permissions of a rollout are tied to it.
CONTROLLER_TAG = "mlops:controller"
# CloudFormation cuts the stack's part of a generated role name so that logical id and random part fit into IAM's 64
# characters beside it, to about two dozen. How exactly is not documented, so a little less has to match.
_ROLE_NAME_STACK_PART = 20


@dataclass(frozen=True)
class ControllerNames:
    """Names that begin with the controller's.

    :param controller: Name of the controller, which is what its environment's stacks and endpoints begin with.
    :param stack_prefix: What names of its serving stacks begin with.
    """

    controller: str
    stack_prefix: str

    def stack_arns(self) -> str:
        """ARN pattern of the serving stacks."""
        return _refs.arn("cloudformation", f"stack/{self.stack_prefix}*/*")

    def stack_id_prefix(self) -> str:
        """What ids of the serving stacks begin with."""
        return _refs.arn("cloudformation", f"stack/{self.stack_prefix}")

    def endpoint_arns(self) -> str:
        """ARN pattern of the endpoints; SageMaker writes them in lower case."""
        return _refs.arn("sagemaker", f"endpoint/{self.controller.lower()}-*")

    def component_arns(self) -> str:
        """ARN pattern of the inference components, which are named after their endpoints."""
        return _refs.arn("sagemaker", f"inference-component/{self.controller.lower()}-*")

    def role_arns(self) -> str:
        """ARN pattern of roles that the serving stacks define under generated names."""
        return _refs.arn("iam", f"role/{self.stack_prefix[:_ROLE_NAME_STACK_PART]}*", in_region="")

    def schedule_arns(self) -> str:
        """ARN pattern of the monitors' schedules, which are named after their endpoints."""
        return _refs.arn("scheduler", f"schedule/default/{self.controller.lower()}-*")

    def alarm_arns(self) -> str:
        """ARN pattern of the serving stacks' alarms, which have generated names."""
        return _refs.arn("cloudwatch", f"alarm:{self.stack_prefix}*")

    def tracking_alarm_arns(self) -> list[str]:
        """ARN patterns of the alarms that scaling policies of endpoints and components bring along."""
        return [
            _refs.arn("cloudwatch", f"alarm:TargetTracking-{kind}/{self.controller.lower()}-*")
            for kind in ("endpoint", "inference-component")
        ]

    def dashboard_arns(self) -> str:
        """ARN pattern of the dashboards, which are named after their endpoints. Dashboards belong to no region."""
        return _refs.arn("cloudwatch", f"dashboard/{self.controller.lower()}-*", in_region="")

    def parameter_arns(self, kind: str) -> tuple[str, str]:
        """ARN of a path of parameters, and the pattern of the parameters below it."""
        path = _refs.arn("ssm", f"parameter/{self.controller}/{kind}")
        return path, f"{path}/*"
