"""CDK constructs that put SageMaker models into production under watch."""

from ._errors import ConstructError
from ._props import check_props
from .alarm_targets import ActionTarget, FunctionTarget, OpsItemTarget
from .alarming import Alarm, AlarmActions, AlarmTarget, Concern, MissingData, Severity
from .asynchronous import AsyncInference
from .batch_transform import BatchTransform
from .capture import CaptureContent, DataCapture
from .component_endpoint import ComponentEndpoint
from .components import Component, CopyScaling
from .dashboard import EndpointDashboard
from .endpoint import Endpoint
from .endpoint_alarms import EndpointAlarms
from .endpoint_base import EndpointBase, EndpointMonitor
from .endpoint_record import EndpointRecord, EndpointRecordError, RecordedVariant
from .feature_store import (
    Feature,
    FeatureDatabase,
    FeatureGroup,
    FeatureGroupAlarms,
    FeatureGroupBase,
    FeatureStorage,
    FeatureStoreWorkgroup,
    FeatureType,
    OfflineLocation,
    OfflineStore,
    OnlineStore,
    SchemaRecord,
    SharedAccess,
    StorageType,
    TableFormat,
    Throughput,
    TimeToLive,
)
from .functions import Architecture
from .http_api import InferenceApi
from .incidents import Incident, ModelIncidents
from .insights import InsightsPage, InsightsReport, InsightsRule, InsightsSchedule
from .managed_instances import ManagedInstances
from .model import Model
from .monitoring import (
    AttributionMonitor,
    AutoEngine,
    Baseline,
    BatchTransformInput,
    BiasMonitor,
    ContainerEngine,
    DataQualityMonitor,
    DatasetFormat,
    DatasetInput,
    EndpointInput,
    Engine,
    Facet,
    Labels,
    LambdaEngine,
    MetricAlarm,
    ModelMonitorEngine,
    ModelQualityMonitor,
    Monitor,
    MonitorAlarms,
    MonitoringSchedule,
    MonitorInput,
    Predictions,
    ProblemType,
    ProcessingEngine,
    Scripts,
    ShadowEndpoint,
    Shap,
    SparkEngine,
    TrainingData,
)
from .network import Network
from .notifications import Notifications, TopicTarget
from .registry import ModelPackageGroup, ModelPackageGroupBase
from .registry_events import RegistryEvents
from .rollout import Rollout, RolloutStrategy
from .rollouts import Promotion, RolloutAlarms, RolloutController, RolloutRegistration
from .scaling import Scaling
from .scheduled_capacity import ScheduledCapacity
from .serverless import ProvisionedScaling, Serverless
from .serving_mode import ServingMode
from .storage import Retention, Storage
from .training import (
    PipelineDefinition,
    RetrainOnDrift,
    TabularPipeline,
    TrainingPipeline,
    TrainingPipelineBase,
    TrainingSchedule,
)
from .transform_job import SplitType, TransformCapture, TransformInput, TransformOutput
from .transform_settings import TransformSettings
from .variant import Shadow, Variant
from .vpc_endpoints import VpcEndpoints

__all__ = [
    "ActionTarget",
    "Alarm",
    "AlarmActions",
    "AlarmTarget",
    "Architecture",
    "AsyncInference",
    "AttributionMonitor",
    "AutoEngine",
    "Baseline",
    "BatchTransform",
    "BatchTransformInput",
    "BiasMonitor",
    "CaptureContent",
    "Component",
    "ComponentEndpoint",
    "Concern",
    "ConstructError",
    "ContainerEngine",
    "CopyScaling",
    "DataCapture",
    "DataQualityMonitor",
    "DatasetFormat",
    "DatasetInput",
    "Endpoint",
    "EndpointAlarms",
    "EndpointBase",
    "EndpointDashboard",
    "EndpointInput",
    "EndpointMonitor",
    "EndpointRecord",
    "EndpointRecordError",
    "Engine",
    "Facet",
    "Feature",
    "FeatureDatabase",
    "FeatureGroup",
    "FeatureGroupAlarms",
    "FeatureGroupBase",
    "FeatureStorage",
    "FeatureStoreWorkgroup",
    "FeatureType",
    "FunctionTarget",
    "Incident",
    "InferenceApi",
    "InsightsPage",
    "InsightsReport",
    "InsightsRule",
    "InsightsSchedule",
    "Labels",
    "LambdaEngine",
    "ManagedInstances",
    "MetricAlarm",
    "MissingData",
    "Model",
    "ModelIncidents",
    "ModelMonitorEngine",
    "ModelPackageGroup",
    "ModelPackageGroupBase",
    "ModelQualityMonitor",
    "Monitor",
    "MonitorAlarms",
    "MonitorInput",
    "MonitoringSchedule",
    "Network",
    "Notifications",
    "OfflineLocation",
    "OfflineStore",
    "OnlineStore",
    "OpsItemTarget",
    "PipelineDefinition",
    "Predictions",
    "ProblemType",
    "ProcessingEngine",
    "Promotion",
    "ProvisionedScaling",
    "RecordedVariant",
    "RegistryEvents",
    "Retention",
    "RetrainOnDrift",
    "Rollout",
    "RolloutAlarms",
    "RolloutController",
    "RolloutRegistration",
    "RolloutStrategy",
    "Scaling",
    "ScheduledCapacity",
    "SchemaRecord",
    "Scripts",
    "Serverless",
    "ServingMode",
    "Severity",
    "Shadow",
    "ShadowEndpoint",
    "Shap",
    "SharedAccess",
    "SparkEngine",
    "SplitType",
    "Storage",
    "StorageType",
    "TableFormat",
    "TabularPipeline",
    "Throughput",
    "TimeToLive",
    "TopicTarget",
    "TrainingData",
    "TrainingPipeline",
    "TrainingPipelineBase",
    "TrainingSchedule",
    "TransformCapture",
    "TransformInput",
    "TransformOutput",
    "TransformSettings",
    "Variant",
    "VpcEndpoints",
]

check_props(globals())
