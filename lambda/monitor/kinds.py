"""Which analysis belongs to which settings."""

from __future__ import annotations

from typing import Any

from monitor.analysis import Analysis
from monitor.attribution_settings import AttributionSettings
from monitor.data_quality import DataQuality
from monitor.model_attribution import ModelAttribution
from monitor.model_bias import ModelBias
from monitor.model_quality import ModelQuality
from monitor.settings import BiasSettings, DataQualitySettings, ModelQualitySettings, Settings


def analysis_of(settings: Settings) -> Analysis[Any]:
    """The analysis that the settings are for."""
    match settings:
        case DataQualitySettings():
            return DataQuality(settings)
        case ModelQualitySettings():
            return ModelQuality(settings)
        case BiasSettings():
            return ModelBias(settings)
        case AttributionSettings():
            return ModelAttribution(settings)
    raise TypeError(f"there is no analysis for {type(settings).__name__}")
