"""Data quality as Model Monitor computed it: statistics, suggested constraints, checks against a baseline.

Beside its files, `records` says what whole records tell: repeated ones, and columns that say the same.

profile = data_quality.profile_all(inputs.read_table("train.csv"))
baseline, constraints = data_quality.statistics(profile), data_quality.suggest(profile)
...
violations = data_quality.check(data_quality.profile_all(frames), constraints, baseline)
"""

from ._check import Distance, Violation, Violations, check, compare
from ._constraints import Constraints, FeatureConstraints, MonitoringConfig, suggest
from ._feature import FeatureProfile
from ._kll import Ranks
from ._profile import Profile, merge, profile, profile_all
from ._records import records
from ._statistics import FeatureStatistics, Statistics, statistics

__all__ = [
    "Constraints",
    "Distance",
    "FeatureConstraints",
    "FeatureProfile",
    "FeatureStatistics",
    "MonitoringConfig",
    "Profile",
    "Ranks",
    "Statistics",
    "Violation",
    "Violations",
    "check",
    "compare",
    "merge",
    "profile",
    "profile_all",
    "records",
    "statistics",
    "suggest",
]
