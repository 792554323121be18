"""Code of the Lambda functions and the layer that the constructs deploy."""

from .assets import AssetLocation, content_asset, function_asset, monitor_layer, monitor_layer_arn
from .layer import RUNTIME, Architecture, LayerError, bundle_layer, layer_hash
from .sources import DEPLOY, EMPTYING, MONITOR, FunctionCode, SourceError

__all__ = [
    "DEPLOY",
    "EMPTYING",
    "MONITOR",
    "RUNTIME",
    "Architecture",
    "AssetLocation",
    "FunctionCode",
    "LayerError",
    "SourceError",
    "bundle_layer",
    "content_asset",
    "function_asset",
    "layer_hash",
    "monitor_layer",
    "monitor_layer_arn",
]
