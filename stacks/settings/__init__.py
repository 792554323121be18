"""Environment files, read and checked: `environments/<name>.yaml` -> `Environment`."""

from .around import BatchSettings, FrontDoorSettings
from .attribution import AttributionSettings
from .baseline_data import BaselineDataSettings
from .containers import ContainerSettings, OtherModelSettings
from .endpoint import EndpointSettings
from .endpoint_parts import RolloutSettings, ScalingSettings, VariantSettings
from .engines import EngineSettings
from .environment import Environment, NotificationSettings
from .features import FeatureGroupSettings, FeatureStoreSettings
from .labelled import BiasSettings, LabelledSettings, ModelQualitySettings, MonitorsSettings
from .loader import load, load_all
from .model import ModelSettings
from .monitors import DataQualitySettings, MonitorSettings, monitoring_schedule
from .names import endpoint_name, feature_group_name, prefix
from .network import NetworkSettings, VpcEndpointSettings
from .problems import Problem, SettingsError
from .promotion import PromotionSettings
from .registry import RegistrySettings
from .serving import (
    AsynchronousSettings,
    ComponentSettings,
    CopyScalingSettings,
    ScheduledSettings,
    ServerlessSettings,
)
from .training import OnDriftSettings, TrainingSettings
from .training_events import in_own_bucket

__all__ = [
    "AsynchronousSettings",
    "AttributionSettings",
    "BaselineDataSettings",
    "BatchSettings",
    "BiasSettings",
    "ComponentSettings",
    "ContainerSettings",
    "CopyScalingSettings",
    "DataQualitySettings",
    "EndpointSettings",
    "EngineSettings",
    "Environment",
    "FeatureGroupSettings",
    "FeatureStoreSettings",
    "FrontDoorSettings",
    "LabelledSettings",
    "ModelQualitySettings",
    "ModelSettings",
    "MonitorSettings",
    "MonitorsSettings",
    "NetworkSettings",
    "NotificationSettings",
    "OnDriftSettings",
    "OtherModelSettings",
    "Problem",
    "PromotionSettings",
    "RegistrySettings",
    "RolloutSettings",
    "ScalingSettings",
    "ScheduledSettings",
    "ServerlessSettings",
    "SettingsError",
    "TrainingSettings",
    "VariantSettings",
    "VpcEndpointSettings",
    "endpoint_name",
    "feature_group_name",
    "in_own_bucket",
    "load",
    "load_all",
    "monitoring_schedule",
    "prefix",
]
