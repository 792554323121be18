"""QualityCheck and ClarifyCheck: compute a baseline and compare it with that of the latest approved version.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.pipelines.values import reader
from sagemaker_local.sagemaker.serving.containers import parse_s3_uri

from .base import Halt, Run
from .jobs import PROCESSING_STEP

Params = dict[str, Any]

MODEL_NAME = "model_name"
"""Variable that tells our image of Clarify which model to ask; how SageMaker tells its own is not public."""
_FOLDER = "/opt/ml/processing/baseline"
_VIOLATIONS = "constraint_violations.json"
_SECTIONS = {"DATA_BIAS": "pre_training_bias_metrics", "MODEL_BIAS": "post_training_bias_metrics"}


@dataclass(frozen=True)
class Check:
    """A kind of checks.

    Args:
        metadata: member of the step's Metadata.
        files: what the job leaves behind, by the role that it has in a baseline.
        baselines: where a version's DriftCheckBaselines have it, by CheckType: a member, and members of that.
        compare: compares after the job, where the job does not do that itself.
    """

    metadata: str
    files: dict[str, str]
    baselines: dict[str, tuple[str, dict[str, str]]]
    compare: Callable[[Run, str, str, str], None] | None = None

    def __call__(self, run: Run, arguments: Params) -> None:
        """Run the check.

        Raises:
            Halt: if there is nothing to compare with although there should be.
        """
        settings = run.step.settings
        kind = settings["CheckType"]
        if kind not in self.baselines:
            raise Halt(f"CheckType is {kind}; a {self.metadata} step has one of {', '.join(self.baselines)}")
        if settings.get("ModelName"):
            arguments = {
                **arguments,
                "Environment": {**(arguments.get("Environment") or {}), MODEL_NAME: settings["ModelName"]},
            }
        skip, renew = bool(settings.get("SkipCheck")), bool(settings.get("RegisterNewBaseline"))
        before = self._before(run, kind)
        if not skip:
            if before["Constraints"] is None:
                raise Halt(
                    f"there is no baseline of {kind} to compare with: no approved version of "
                    f"{settings.get('ModelPackageGroupName')} names one in DriftCheckBaselines, and none is supplied. "
                    "Set SkipCheck and RegisterNewBaseline for the first execution"
                )
            if self.compare is None:
                arguments = _with_baseline(arguments, before)
        elif not renew:
            run.succeed(_properties(before, {}, renew), {self.metadata: _metadata(settings, before, {}, None)})
            return
        output = arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
        found = {name: f"{output}/{file}" for name, file in self.files.items()}
        report = None if skip else f"{output}/{_VIOLATIONS}"

        def metadata(arn: str) -> Params:
            return {self.metadata: {**_metadata(settings, before, found, report), "CheckJobArn": arn}}

        def done(described: Params) -> None:
            if report is not None:
                if self.compare is not None:
                    self.compare(run, found["Constraints"], str(before["Constraints"]), report)
                violations = _read(run, report)["violations"]
                if violations and settings.get("FailOnViolation", True):
                    raise Halt(f"the check found {len(violations)} violations; see {report}")
            run.succeed({**described, **_properties(before, found, renew)})

        PROCESSING_STEP.start(run, arguments, metadata, done)

    def _before(self, run: Run, kind: str) -> dict[str, str | None]:
        """Return the baseline to compare with: the one that is supplied, or the latest approved version's."""
        settings = run.step.settings
        supplied = {name: settings.get(f"SuppliedBaseline{name}") for name in self.files}
        group = settings.get("ModelPackageGroupName")
        if any(supplied.values()) or not group:
            return supplied
        client = run.client("sagemaker")
        try:
            listed = client.list_model_packages(
                ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", MaxResults=1
            )["ModelPackageSummaryList"]
        except ClientError:
            return supplied  # a group that does not exist yet has no baseline
        if not listed:
            return supplied
        package = client.describe_model_package(ModelPackageName=listed[0]["ModelPackageArn"])
        member, names = self.baselines[kind]
        known = (package.get("DriftCheckBaselines") or {}).get(member) or {}
        return {name: (known.get(names.get(name, name)) or {}).get("S3Uri") for name in supplied}


def _compare_analyses(run: Run, current: str, baseline: str, report: str) -> None:
    """Compare two files of Clarify and write the violations, as SageMaker does after Clarify's job."""
    from model_analyzer import attribution, bias

    kind = run.step.settings["CheckType"]
    documents = [_read(run, uri) for uri in (current, baseline)]
    try:
        if kind in _SECTIONS:
            # Either stage has a baseline and a check of its own.
            parts = [{key: value for key, value in item.items() if key == _SECTIONS[kind]} for item in documents]
            text = bias.check(parts[0], parts[1]).to_json()
        else:
            text = attribution.check(documents[0], documents[1]).to_json()
    except ValueError as error:
        raise Halt(f"{current} cannot be compared with {baseline}: {error}") from error
    bucket, key = parse_s3_uri(report)
    run.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


QUALITY_CHECK = Check(
    "QualityCheck",
    {"Statistics": "statistics.json", "Constraints": "constraints.json"},
    {"DATA_QUALITY": ("ModelDataQuality", {}), "MODEL_QUALITY": ("ModelQuality", {})},
)
CLARIFY_CHECK = Check(
    "ClarifyCheck",
    {"Constraints": "analysis.json"},
    {
        "DATA_BIAS": ("Bias", {"Constraints": "PreTrainingConstraints"}),
        "MODEL_BIAS": ("Bias", {"Constraints": "PostTrainingConstraints"}),
        "MODEL_EXPLAINABILITY": ("Explainability", {}),
    },
    _compare_analyses,
)


def _with_baseline(arguments: Params, before: dict[str, str | None]) -> Params:
    """Return the job with the baseline as further inputs, where the analyzer looks for it."""
    inputs, environment = list(arguments.get("ProcessingInputs") or []), dict(arguments.get("Environment") or {})
    for name, folder in (("Constraints", "constraints"), ("Statistics", "stats")):
        uri = before.get(name)
        if uri is None:
            continue
        source = {
            "S3Uri": uri,
            "LocalPath": f"{_FOLDER}/{folder}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        }
        inputs.append({"InputName": f"baseline_{folder}", "S3Input": source})
        environment[f"baseline_{name.lower()}"] = f"{_FOLDER}/{folder}/{uri.rpartition('/')[2]}"
    return {**arguments, "ProcessingInputs": inputs, "Environment": environment}


def _read(run: Run, uri: str) -> Any:
    try:
        return json.loads(reader(run.client("s3"))(uri))
    except (ClientError, BotoCoreError, ValueError) as error:
        raise Halt(f"{uri} cannot be read: {error}") from error


def _properties(before: dict[str, str | None], found: dict[str, str], renew: bool) -> Params:
    """Return what a RegisterModel step refers to."""
    used = found if renew else before
    known = {f"CalculatedBaseline{name}": uri for name, uri in found.items()}
    known |= {f"BaselineUsedForDriftCheck{name}": uri for name, uri in used.items() if uri is not None}
    return known


def _metadata(settings: Params, before: dict[str, str | None], found: dict[str, str], report: str | None) -> Params:
    renew = bool(settings.get("RegisterNewBaseline"))
    known = {
        "CheckType": settings["CheckType"],
        "ModelPackageGroupName": settings.get("ModelPackageGroupName"),
        "SkipCheck": bool(settings.get("SkipCheck")),
        "RegisterNewBaseline": renew,
        "ViolationReport": report,
        **_properties(before, found, renew),
    }
    return {name: value for name, value in known.items() if value is not None}
