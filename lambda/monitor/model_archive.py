"""Where the model lies that a run explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.attribution_settings import AttributionSettings
from monitor.run import Run
from shared.s3 import S3Uri

ARCHIVES = (".tar.gz", ".tgz", ".json", ".ubj", ".txt", ".joblib", ".pkl")


class UnexplainableModel(RuntimeError):
    """The live version cannot be explained; says why and what to do."""


def archive_of(settings: AttributionSettings, run: Run, sagemaker: Callable[[], Any]) -> S3Uri:
    """The model's archive: the monitor's own, else the live version's, as the registry names it.

    ``sagemaker`` makes the service's client. Raises :class:`UnexplainableModel`.
    """
    return settings.model_data or _registered(run.model_package_arn, sagemaker)


def _registered(package_arn: str, sagemaker: Callable[[], Any]) -> S3Uri:
    """The archive of a registered version."""
    if not package_arn:
        raise UnexplainableModel("the run names no model version and the monitor has no model_data_url")
    document = sagemaker().describe_model_package(ModelPackageName=package_arn)
    containers = document.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise UnexplainableModel(
            f"version {package_arn} has {len(containers)} containers; what one of them answers is no function of the "
            "request alone"
        )
    source = containers[0].get("ModelDataSource", {}).get("S3DataSource", {})
    text = str(containers[0].get("ModelDataUrl") or source.get("S3Uri") or "")
    if not text.endswith(ARCHIVES):
        raise UnexplainableModel(f"version {package_arn} has no model archive but {text or 'no model data at all'}")
    return S3Uri.parse(text)
