"""Code of functions and jobs, and the wheels that they need, as the constructs deploy them."""

from .assets import AssetLocation, content_asset, function_asset, monitor_layer, monitor_layer_arn, wheels_asset
from .layer import RUNTIME, Architecture, bundle_layer, layer_hash
from .sources import DEPLOY, EMPTYING, MONITOR, FunctionCode, SourceError
from .wheels import PROCESSING_WHEELS, SPARK_WHEELS, WheelsError, WheelSet

__all__ = [
    "DEPLOY",
    "EMPTYING",
    "MONITOR",
    "PROCESSING_WHEELS",
    "RUNTIME",
    "SPARK_WHEELS",
    "Architecture",
    "AssetLocation",
    "FunctionCode",
    "SourceError",
    "WheelSet",
    "WheelsError",
    "bundle_layer",
    "content_asset",
    "function_asset",
    "layer_hash",
    "monitor_layer",
    "monitor_layer_arn",
    "wheels_asset",
]
