"""Feature groups that live for years: typed definitions, safe evolution, access, alarms."""

from .database import FeatureDatabase, FeatureDatabaseBase
from .evolution import Evolution, compare
from .feature_type import FeatureType
from .features import Feature
from .group import FeatureGroup
from .group_alarms import FeatureGroupAlarms
from .group_base import FeatureGroupBase
from .offline_location import OfflineLocation
from .record import RecordError, SchemaRecord
from .sharing import SharedAccess
from .storage import FeatureStorage
from .stores import OfflineStore, OnlineStore, StorageType, TableFormat, Throughput, TimeToLive
from .workgroup import FeatureStoreWorkgroup

__all__ = [
    "Evolution",
    "Feature",
    "FeatureDatabase",
    "FeatureDatabaseBase",
    "FeatureGroup",
    "FeatureGroupAlarms",
    "FeatureGroupBase",
    "FeatureStorage",
    "FeatureStoreWorkgroup",
    "FeatureType",
    "OfflineLocation",
    "OfflineStore",
    "OnlineStore",
    "RecordError",
    "SchemaRecord",
    "SharedAccess",
    "StorageType",
    "TableFormat",
    "Throughput",
    "TimeToLive",
    "compare",
]
