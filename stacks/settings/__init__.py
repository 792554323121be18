"""Environment files, read and checked: `environments/<name>.yaml` -> `Environment`."""

from .endpoint import EndpointSettings, RolloutSettings, ScalingSettings
from .environment import Environment, ModelSettings, NetworkSettings, NotificationSettings, RegistrySettings
from .features import FeatureGroupSettings, FeatureStoreSettings
from .labelled import BiasSettings, LabelledSettings, ModelQualitySettings, MonitorsSettings
from .loader import load, load_all
from .monitors import DataQualitySettings, MonitorSettings, monitoring_schedule
from .names import endpoint_name, feature_group_name, prefix
from .problems import Problem, SettingsError

__all__ = [
    "BiasSettings",
    "DataQualitySettings",
    "EndpointSettings",
    "Environment",
    "FeatureGroupSettings",
    "FeatureStoreSettings",
    "LabelledSettings",
    "ModelQualitySettings",
    "ModelSettings",
    "MonitorSettings",
    "MonitorsSettings",
    "NetworkSettings",
    "NotificationSettings",
    "Problem",
    "RegistrySettings",
    "RolloutSettings",
    "ScalingSettings",
    "SettingsError",
    "endpoint_name",
    "feature_group_name",
    "load",
    "load_all",
    "monitoring_schedule",
    "prefix",
]
