"""CDK constructs that put SageMaker models into production under watch."""

from ._errors import ConstructError
from .capture import CaptureContent, DataCapture
from .endpoint import Endpoint
from .endpoint_alarms import EndpointAlarms
from .endpoint_base import EndpointBase, EndpointMonitor
from .model import Model
from .network import Network
from .registry import ModelPackageGroup, ModelPackageGroupBase
from .rollout import Rollout, RolloutStrategy
from .scaling import Scaling
from .storage import Retention, Storage
from .variant import Variant

__all__ = [
    "CaptureContent",
    "ConstructError",
    "DataCapture",
    "Endpoint",
    "EndpointAlarms",
    "EndpointBase",
    "EndpointMonitor",
    "Model",
    "ModelPackageGroup",
    "ModelPackageGroupBase",
    "Network",
    "Retention",
    "Rollout",
    "RolloutStrategy",
    "Scaling",
    "Storage",
    "Variant",
]
