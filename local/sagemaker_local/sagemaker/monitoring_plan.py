"""What an execution of a monitoring schedule looks at, and the processing jobs that it consists of.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .capture_format import CaptureSettings
from .faults import invalid
from .job_definitions import Kind, endpoint_of
from .state import Record, Store

Params = dict[str, Any]

HOUR = timedelta(hours=1)
MOST_INPUTS = 8
"""Inputs of data; a processing job takes ten, and two are the baseline's."""
_DURATION = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_CRON = re.compile(r"cron\(0 (\*|\d{1,2}|\d{1,2}/\d{1,2}) \? \* \* \*\)")
_INPUT, _BASELINE, _CODE, _OUTPUT = (f"/opt/ml/processing/{name}" for name in ("input", "baseline", "code", "output"))
_SLUGS = {
    "DataQuality": "model",
    "ModelQuality": "model-quality",
    "ModelBias": "model-bias",
    "ModelExplainability": "model-explainability",
}


def due_hours(expression: str) -> tuple[set[int], int]:
    """Hours of the day at which a schedule runs, and how many hours each run looks at.

    Raises:
        AwsError: the expression is none of a monitoring schedule's.
    """
    match = _CRON.fullmatch(expression)
    numbers = [int(number) for number in re.findall(r"\d+", match.group(1))] if match is not None else []
    if match is None or any(hour > 23 for hour in numbers[:1]) or any(not 1 <= rate <= 24 for rate in numbers[1:]):
        raise invalid(
            f"ScheduleExpression {expression} is not supported. It must be NOW, cron(0 * ? * * *), "
            "cron(0 [00-23] ? * * *) or cron(0 [00-23]/[01-24] ? * * *)."
        )
    if not numbers:
        return set(range(24)), 1
    if len(numbers) == 1:
        return {numbers[0]}, 24
    return set(range(numbers[0], 24, numbers[1])), numbers[1]


def duration(text: str) -> timedelta:
    """An offset such as -PT2H; a missing sign means the same, since offsets are subtracted.

    Raises:
        AwsError: it is no duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise invalid(f"{text} is not an ISO 8601 duration.")
    days, hours, minutes = (int(part or 0) for part in match.groups()[1:])
    return timedelta(days=days, hours=hours, minutes=minutes)


@dataclass(frozen=True)
class Execution:
    """One execution before it starts.

    Args:
        schedule: the schedule's name.
        kind: what it monitors.
        definition: the job definition.
        scheduled: the hour for which it was scheduled.
        config: ScheduleConfig.
    """

    schedule: str
    kind: Kind
    definition: Record
    scheduled: datetime
    config: Params

    def _part(self, name: str) -> Params:
        return dict(self.definition.definition.get(f"{self.kind.name}{name}") or {})

    @property
    def app(self) -> Params:
        """The AppSpecification."""
        return self._part("AppSpecification")

    @property
    def source(self) -> Params:
        """The EndpointInput or BatchTransformInput."""
        job_input = self._part("JobInput")
        return dict(job_input.get("EndpointInput") or job_input["BatchTransformInput"])

    @property
    def endpoint(self) -> str | None:
        """The monitored endpoint; None for batch transform."""
        return endpoint_of(self.definition.definition)

    @property
    def ground_truth(self) -> str | None:
        """Where labels lie, for the kinds that compare predictions with them."""
        place = self._part("JobInput").get("GroundTruthS3Input")
        return None if place is None else str(place["S3Uri"]).rstrip("/")

    @property
    def window(self) -> tuple[datetime, datetime]:
        """What it looks at."""
        source, config = self.source, self.config
        pairs = (
            (source.get("StartTimeOffset"), source.get("EndTimeOffset")),
            (config.get("DataAnalysisStartTime"), config.get("DataAnalysisEndTime")),
        )
        for start, end in pairs:
            if start or end:
                return self.scheduled - duration(start or "PT0H"), self.scheduled - duration(end or "PT0H")
        expression = config.get("ScheduleExpression")
        period = due_hours(expression)[1] if expression else 24
        return self.scheduled - period * HOUR, self.scheduled

    @property
    def output(self) -> Params:
        """The S3Output of the definition."""
        outputs = self._part("JobOutputConfig")["MonitoringOutputs"]
        return dict(outputs[0]["S3Output"])

    @property
    def suffix(self) -> str:
        """What the names of its jobs end with."""
        digest = hashlib.sha256(f"{self.definition.arn}/{self.schedule}/{self.scheduled}".encode()).hexdigest()
        return f"{self.scheduled:%Y%m%d%H%M}-{digest[:24]}"

    def report_uri(self) -> str:
        """Where its reports go."""
        folders = [self.output["S3Uri"].rstrip("/"), *([self.endpoint] if self.endpoint else []), self.schedule]
        return "/".join([*folders, f"{self.scheduled:%Y/%m/%d/%H}"])

    def merge_uri(self) -> str:
        """Where captures merged with labels go; those of batch transform jobs by run, since they have no hours."""
        merged = f"{self.output['S3Uri'].rstrip('/')}/merge"
        return merged if self.endpoint else f"{merged}/{self.schedule}/{self.scheduled:%Y/%m/%d/%H}"

    def captured_uri(self, store: Store) -> str | None:
        """Where the endpoint's captures lie; None if there is no such endpoint, or it captures nothing."""
        endpoint = store.endpoints.get((self.endpoint or "").lower())
        config = None if endpoint is None else store.configs.get(endpoint.config_name)
        capture = None if config is None else CaptureSettings.read(config.definition.get("DataCaptureConfig"))
        return None if endpoint is None or capture is None else f"{capture.destination}/{endpoint.name}"

    # -- jobs ------------------------------------------------------------------------------------------------------

    def merge_job(self, captured: list[Params], image: str) -> Params:
        """The request of the job that merges captures with labels."""
        start, end = self.window
        settings = {
            "dataset_source": self.source["LocalPath"],
            "ground_truth_source": "/opt/ml/processing/groundtruth",
            "output_path": _OUTPUT,
            "start_time": _text(start),
            "end_time": _text(end),
            "ground_truth_end_time": _text(self.scheduled),
            "monitoring_input_type": self._input_type,
        }
        labels = [
            prefix_input(
                f"groundtruth_{number}", f"{self.ground_truth}/{folder}", f"/opt/ml/processing/groundtruth/{folder}"
            )
            for number, folder in enumerate(folders_of(start, self.scheduled, MOST_INPUTS // 2))
        ]
        return self._job("groundtruth-merge", image, [*captured, *labels], self.merge_uri(), settings)

    def analysis_job(self, data: list[Params], *, merged: bool) -> Params:
        """The request of the job that analyses."""
        baseline, app = self._part("BaselineConfig"), self.app
        constraints = (baseline.get("ConstraintsResource") or {}).get("S3Uri")
        statistics = (baseline.get("StatisticsResource") or {}).get("S3Uri")
        inputs, settings = list(data), self._settings(merged)
        files = (
            ("baseline_constraints", "constraints", constraints, _BASELINE),
            ("baseline_statistics", "stats", statistics, _BASELINE),
            ("record_preprocessor_script", "preprocessing", app.get("RecordPreprocessorSourceUri"), _CODE),
            ("post_analytics_processor_script", "postprocessing", app.get("PostAnalyticsProcessorSourceUri"), _CODE),
            ("analysis_config", "config", app.get("ConfigUri"), _INPUT),
        )
        for setting, name, uri, place in files:
            if uri:
                inputs.append(prefix_input(name, uri, f"{place}/{name}"))
                settings[setting] = f"{place}/{name}/{uri.rpartition('/')[2]}"
        request = self._job(
            f"{_SLUGS[self.kind.monitoring_type]}-monitoring", app["ImageUri"], inputs, self.report_uri(), settings
        )
        for member in ("ContainerEntrypoint", "ContainerArguments"):
            if app.get(member):
                request["AppSpecification"][member] = app[member]
        return request

    @property
    def _input_type(self) -> str:
        return "ENDPOINT_INPUT" if self.endpoint else "BATCH_TRANSFORM_INPUT"

    def _settings(self, merged: bool) -> dict[str, str]:
        source, (start, end) = self.source, self.window
        form: Params = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
        if merged:
            form = {"sagemakerMergeJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
        elif self.endpoint is None:
            form = {name.lower(): options for name, options in source["DatasetFormat"].items()}
        settings = {
            **(self.app.get("Environment") or {}),
            "dataset_source": source["LocalPath"],
            "dataset_format": json.dumps(form),
            "output_path": _OUTPUT,
            "start_time": _text(start),
            "end_time": _text(end),
            "metric_time": _text(start),
            "sagemaker_monitoring_schedule_name": self.schedule,
            "monitoring_input_type": self._input_type,
        }
        settings.setdefault("publish_cloudwatch_metrics", "Enabled")
        if self.endpoint:
            settings["sagemaker_endpoint_name"] = self.endpoint
        if self.kind.monitoring_type == "ModelQuality":
            settings |= {"analysis_type": "MODEL_QUALITY", "problem_type": self.app.get("ProblemType", "")}
        attributes = {
            "inference_attribute": source.get("InferenceAttribute"),
            "probability_attribute": source.get("ProbabilityAttribute"),
            "probability_threshold_attribute": source.get("ProbabilityThresholdAttribute"),
            "exclude_features_attribute": source.get("ExcludeFeaturesAttribute"),
        }
        return settings | {name: str(value) for name, value in attributes.items() if value is not None}

    def _job(self, kind: str, image: str, inputs: list[Params], uri: str, settings: dict[str, str]) -> Params:
        definition = self.definition.definition
        output = {"S3Uri": uri, "LocalPath": _OUTPUT, "S3UploadMode": self.output.get("S3UploadMode", "Continuous")}
        outputs: Params = {"Outputs": [{"OutputName": "result", "S3Output": output}]}
        key = self._part("JobOutputConfig").get("KmsKeyId")
        request: Params = {
            "ProcessingJobName": f"{kind}-{self.suffix}"[:63],
            "AppSpecification": {"ImageUri": image},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": outputs | ({"KmsKeyId": key} if key else {}),
            "ProcessingResources": definition["JobResources"],
            "Environment": settings,
            "RoleArn": definition["RoleArn"],
        }
        for member in ("NetworkConfig", "StoppingCondition"):
            if definition.get(member):
                request[member] = definition[member]
        return request


def folders_of(start: datetime, end: datetime, most: int) -> Iterator[str]:
    """Hourly folders of a span; those of whole days where there would be too many; then of months."""
    for form in ("%Y/%m/%d/%H", "%Y/%m/%d", "%Y/%m", "%Y"):
        hours = (start + number * HOUR for number in range(int((end - start) / HOUR)))
        found = list(dict.fromkeys(hour.strftime(form) for hour in hours))
        if len(found) <= most or form == "%Y":
            yield from found
            return


def prefix_input(name: str, uri: str, path: str) -> Params:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
