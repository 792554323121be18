"""The model that a run explains: read out of its archive, or asked through an endpoint of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from monitor.attribution_settings import AttributionSettings
from monitor.model_archive import UnexplainableModel, archive_of
from monitor.shadow_endpoint import ShadowEndpoint
from shared.clients import client, error_code
from shared.environment import ConfigurationError
from shared.log import Logger
from shared.s3 import S3Uri

if TYPE_CHECKING:
    from model_analyzer.attribution import Explainer
    from monitor.run import Run

log = Logger("monitor.model")


@dataclass(frozen=True)
class Shap:
    """`methods.shap` of the analysis config, and the names of features and labels."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    background: tuple[tuple[float, ...], ...]
    background_uri: S3Uri | None
    num_samples: int | None
    aggregation: Literal["mean_abs", "median", "mean_sq"]
    link: Literal["identity", "logit"]
    seed: int


@contextmanager
def explainer_of(
    settings: AttributionSettings, run: Run, shap: Shap, read: Callable[[S3Uri], bytes | None]
) -> Iterator[Explainer]:
    """What explains the live version; a shadow endpoint is gone when the context ends.

    Trees are explained exactly from the archive. Whatever the archive does not show is asked through a shadow endpoint,
    if the settings allow one. Raises :class:`UnexplainableModel`.
    """
    try:
        found = _from_archive(settings, run)
    except UnexplainableModel as reason:
        if settings.shadow_instance_type is None:
            raise UnexplainableModel(
                f"{reason}. Explain it through a shadow endpoint: give the monitor shadow_endpoint=ShadowEndpoint(...)"
            ) from reason
        log.info("the archive does not explain the model, a shadow endpoint does", reason=str(reason))
        background = _background(shap, read)
        shadow = ShadowEndpoint(client("sagemaker"), client("sagemaker-runtime"))
        with shadow.running(settings.name, settings.shadow_instance_type, run.scheduled) as predict:
            yield _kernel(predict, background, shap)
        return
    yield found


def _from_archive(settings: AttributionSettings, run: Run) -> Explainer:
    from model_analyzer import attribution

    uri = archive_of(settings, run, lambda: client("sagemaker"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (uri.key.rpartition("/")[2] or "model")
        try:
            client("s3").download_file(uri.bucket, uri.key, str(path))
        except client("s3").exceptions.ClientError as error:
            if error_code(error) in ("404", "NoSuchKey", "NotFound"):
                raise UnexplainableModel(f"the model's archive {uri} does not exist") from error
            raise
        try:
            found = attribution.load_model(path, allow_pickle=settings.allow_pickle)
        except attribution.ModelError as error:
            # The message begins with the temporary path, which says nothing to anybody.
            raise UnexplainableModel(f"the model in {uri} cannot be explained: {_without(error, path)}") from error
    log.info("model loaded", uri=str(uri), method=found.method, features=found.feature_count)
    return found


def _without(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _background(shap: Shap, read: Callable[[S3Uri], bytes | None]) -> Any:
    rows: Sequence[Sequence[float]] = shap.background
    if shap.background_uri is not None:
        content = read(shap.background_uri)
        if content is None:
            raise ConfigurationError(f"methods.shap.baseline {shap.background_uri} does not exist")
        try:
            lines = content.decode().splitlines()
            rows = [[float(cell) if cell.strip() else np.nan for cell in line.split(",")] for line in lines if line]
        except ValueError as error:
            raise ConfigurationError(
                f"methods.shap.baseline {shap.background_uri} is no CSV of numbers without a header: {error}"
            ) from error
    if not rows or len({len(row) for row in rows}) != 1:
        raise ConfigurationError(
            "methods.shap.baseline must hold one row or more, all of one length, for a model that is asked through a "
            "shadow endpoint: they stand for features that are not known"
        )
    return np.array(rows, float)


def _kernel(predict: Callable[[Any], Any], background: Any, shap: Shap) -> Explainer:
    from model_analyzer.attribution import KernelExplainer

    names = shap.features or None
    if names is not None and len(names) != background.shape[1]:
        raise ConfigurationError(
            f"headers name {len(names)} features, the rows of methods.shap.baseline have {background.shape[1]}"
        )
    return KernelExplainer(predict, background, shap.num_samples, shap.seed, shap.link, names)
