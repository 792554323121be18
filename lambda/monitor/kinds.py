"""The types of monitoring: which settings and which analysis belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitor.analysis import Analysis
from monitor.attribution_settings import AttributionSettings
from monitor.data_quality import DataQuality
from monitor.model_attribution import ModelAttribution
from monitor.model_bias import ModelBias
from monitor.model_quality import ModelQuality
from monitor.settings import BiasSettings, DataQualitySettings, ModelQualitySettings, Settings
from shared.environment import Environment

_ANALYSES: Mapping[type[Settings], Callable[[Any], Analysis[Any]]] = {
    DataQualitySettings: DataQuality,
    ModelQualitySettings: ModelQuality,
    BiasSettings: ModelBias,
    AttributionSettings: ModelAttribution,
}


def settings_of(variables: Mapping[str, str] | None = None) -> Settings:
    """The settings of the process's environment; raises ConfigurationError naming every mistake."""
    environment = Environment(variables)
    kinds = {kind.monitoring_type: kind for kind in _ANALYSES}
    chosen = environment.choice("MONITORING_TYPE", tuple(kinds), DataQualitySettings.monitoring_type)
    settings = kinds.get(chosen, DataQualitySettings).of(environment)
    environment.check()
    return settings


def analysis_of(settings: Settings) -> Analysis[Any]:
    """The analysis that the settings are for."""
    return _ANALYSES[type(settings)](settings)
