"""What a container of the user's own is given and told: Model Monitor's contract with containers, and Clarify's.

An image that serves there serves here. In the job's environment it finds

- `dataset_source`: folder of the window's files; of batch transform jobs the folders `output` and `input` in it
- `dataset_format`, `monitoring_input_type`: how the files are written, and what they are
- `ground_truth_source`: folder of the window's label files, for types that compare with labels
- `analysis_config`: Clarify's file, for bias and attribution
- `baseline_constraints`, `baseline_statistics`: files of the baseline, where there is one
- `output_path`: where it leaves its files
- `start_time`, `end_time`, `metric_time`: the window, and the date of its metrics
- `sagemaker_monitoring_schedule_name`, `sagemaker_endpoint_name`
- `analysis_type`, `problem_type`, `positive_label`, `inference_attribute`, `probability_attribute`,
  `probability_threshold_attribute`, `ground_truth_attribute`, `exclude_features_attribute`

and, for settings that Model Monitor has no words for, `include_features_attribute`, `comparison_threshold`,
`comparison_method`, `output_columns`, `bias_tolerance`, `attribution_threshold`, `max_rows`, `model_source` (folder of
the model's archive), `shap_baseline` (file of rows), `generate_inference_id` (whether answers of transform jobs end
with id and time). Lists are separated by commas.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.attribution_settings import AttributionSettings
from monitor.run import Run
from monitor.settings import BiasSettings, DataQualitySettings, LabelledSettings, ModelQualitySettings, Settings
from monitor.window import timestamp
from shared.s3 import S3Uri

_ROOT = "/opt/ml/processing"
_INPUT = f"{_ROOT}/input"
_DATA, _LABELS = f"{_INPUT}/data", f"{_INPUT}/labels"
_BASELINE = f"{_ROOT}/baseline"
OUTPUT = f"{_ROOT}/output"
#: As Clarify calls it.
CONFIG_FILE = "analysis_config.json"
CONFIG_PATH = f"{_INPUT}/config/{CONFIG_FILE}"
_ANALYSIS_TYPES = {
    "ModelQuality": "MODEL_QUALITY",
    "ModelBias": "MODEL_BIAS",
    "ModelExplainability": "MODEL_EXPLAINABILITY",
}


@dataclass(frozen=True)
class Given:
    """An input of the job: objects of one bucket, below the folder in which the container finds them.

    ``cut`` is what is left out of their keys there.
    """

    name: str
    folder: str
    objects: tuple[S3Uri, ...]
    cut: str = ""

    @classmethod
    def single(cls, name: str, uri: S3Uri) -> Given:
        """One object, in a folder of the input's name."""
        return cls(name, f"{_INPUT}/{name}", (uri,), uri.key[: uri.key.rfind("/") + 1])

    @property
    def path(self) -> str:
        """Where the container finds the first of them."""
        return f"{self.folder}/{self.objects[0].key.removeprefix(self.cut)}"

    @property
    def manifest(self) -> list[Any]:
        """The list that SageMaker takes; raises ValueError for objects of several buckets, which no list can name.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html
        """
        buckets = dict.fromkeys(uri.bucket for uri in self.objects)
        if len(buckets) > 1:
            raise ValueError(f"the window's {self.name} lie in the buckets {', '.join(buckets)}; a container takes one")
        prefix = {"prefix": f"s3://{self.objects[0].bucket}/{self.cut}"}
        return [prefix, *(uri.key.removeprefix(self.cut) for uri in self.objects)]


def data_inputs(folders: Mapping[str, Sequence[S3Uri]]) -> list[Given]:
    """The window's files, by the folder below that of the data."""
    return [
        Given(f"data_{folder}" if folder else "data", f"{_DATA}/{folder}".rstrip("/"), tuple(objects))
        for folder, objects in folders.items()
    ]


def label_inputs(labels: Sequence[S3Uri]) -> list[Given]:
    """The window's label files."""
    return [Given("labels", _LABELS, tuple(labels))] if labels else []


def baseline_inputs(run: Run) -> list[dict[str, Any]]:
    """The files of the baseline, as a job's inputs."""
    return [
        job_input(f"baseline_{kind}", str(uri), f"{_BASELINE}/{kind}", "S3Prefix")
        for kind, uri in _baseline(run).items()
    ]


def job_input(name: str, uri: str, path: str, kind: str) -> dict[str, Any]:
    """An input of `CreateProcessingJob`."""
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": kind, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def told(settings: Settings, run: Run, given: Sequence[Given]) -> dict[str, str]:
    """The variables of the contract; ``given`` are the job's inputs besides the baseline."""
    inputs = {item.name: item for item in given}
    model, rows = inputs.get("model"), inputs.get("shap_baseline")
    variables = {
        "dataset_source": _DATA,
        **settings.source.contract,
        "ground_truth_source": _LABELS if "labels" in inputs else None,
        "analysis_config": CONFIG_PATH if has_config(settings) else None,
        "model_source": model.folder if model else None,
        "shap_baseline": rows.path if rows else None,
        "output_path": OUTPUT,
        "start_time": timestamp(run.window.start),
        "end_time": timestamp(run.window.end),
        "metric_time": timestamp(run.dated),
        "sagemaker_monitoring_schedule_name": settings.schedule_name,
        # It goes to a folder that only Model Monitor empties; here metrics are a file in `output_path`.
        "publish_cloudwatch_metrics": "Disabled",
        "analysis_type": _ANALYSIS_TYPES.get(settings.monitoring_type),
        **{f"baseline_{kind}": f"{_BASELINE}/{kind}/{_name(uri)}" for kind, uri in _baseline(run).items()},
        **_of_type(settings),
    }
    return {name: value for name, value in variables.items() if value}


def has_config(settings: Settings) -> bool:
    """Whether there is an analysis config, as Clarify has it."""
    return isinstance(settings, BiasSettings | AttributionSettings)


def _of_type(settings: Settings) -> dict[str, str | None]:
    match settings:
        case DataQualitySettings():
            threshold = settings.drift_threshold
            return {
                "exclude_features_attribute": ",".join((*settings.exclude_features, *settings.source.left_out)),
                "include_features_attribute": ",".join(settings.include_features),
                "comparison_threshold": None if threshold is None else f"{threshold:g}",
                "comparison_method": settings.comparison_method,
            }
        case ModelQualitySettings():
            own = {"problem_type": settings.problem_type, "positive_label": settings.positive_label}
            return _predictions(settings) | own
        case BiasSettings():
            return _predictions(settings) | {"bias_tolerance": f"{settings.tolerance:g}"}
        case AttributionSettings():
            return {
                "output_columns": ",".join(settings.output_columns),
                "attribution_threshold": f"{settings.threshold:g}",
                "max_rows": str(settings.max_rows or ""),
            }
    raise TypeError(f"containers are told nothing of {type(settings).__name__}")


def _predictions(settings: LabelledSettings) -> dict[str, str | None]:
    return {
        "inference_attribute": settings.inference,
        "probability_attribute": settings.probability,
        "probability_threshold_attribute": f"{settings.probability_threshold:g}",
        "ground_truth_attribute": settings.ground_truth_attribute,
        "output_columns": ",".join(settings.output_columns),
    }


def _baseline(run: Run) -> dict[str, S3Uri]:
    files = {"constraints": run.constraints, "statistics": run.statistics}
    return {kind: uri for kind, uri in files.items() if uri is not None}


def _name(uri: S3Uri) -> str:
    return uri.key.rpartition("/")[2]
