"""What a monitor needs to know of the endpoint that it watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cdk_sagemaker_mlops.alarming import Alarm
    from cdk_sagemaker_mlops.capture import DataCapture
    from cdk_sagemaker_mlops.registry import ModelPackageGroupBase


class MonitoredEndpoint(Protocol):
    """An endpoint of this library, or anything else that can say the same about itself.

    :ivar endpoint_name: The name, not a reference: alarms and monitors must not depend on the endpoint's existence.
    :ivar variant_names: Production variants.
    :ivar capture: What it records of its traffic; None without data capture.
    :ivar model_package_arn: The live version, usually a stack parameter; empty when it is no registry version.
    :ivar condition_id: Logical id of the condition under which the endpoint exists; None when it always does.
    :ivar parameter_prefix: What the stack parameters of this endpoint begin with, so that two fit into one stack.
    :ivar alarms: The endpoint's own alarms.
    :ivar follows: The group whose newest approved version is live; None for a fixed model.
    :ivar monitors: What watches it.
    """

    @property
    def stack(self) -> cdk.Stack: ...
    @property
    def endpoint_name(self) -> str: ...
    @property
    def variant_names(self) -> Sequence[str]: ...
    @property
    def capture(self) -> DataCapture | None: ...
    @property
    def model_package_arn(self) -> str: ...
    @property
    def condition_id(self) -> str | None: ...
    @property
    def parameter_prefix(self) -> str: ...
    @property
    def alarms(self) -> Sequence[Alarm]: ...
    @property
    def follows(self) -> ModelPackageGroupBase | None: ...
    @property
    def monitors(self) -> Sequence[object]: ...
    def add_monitor(self, monitor: Any) -> None: ...
