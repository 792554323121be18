"""QualityCheck: the analyzer computes a baseline of the data and compares it with that of the latest approved version.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.pipelines.values import reader

from .base import Halt, Run
from .jobs import PROCESSING_STEP

Params = dict[str, Any]

_BASELINES = {"DATA_QUALITY": "ModelDataQuality", "MODEL_QUALITY": "ModelQuality"}
_FOLDER = "/opt/ml/processing/baseline"


def quality_check(run: Run, arguments: Params) -> None:
    """Run the check.

    Raises:
        Halt: if there is nothing to compare with although there should be.
    """
    settings = run.step.settings
    kind = settings["CheckType"]
    if kind not in _BASELINES:
        raise Halt(f"CheckType is {kind}; a QualityCheck step has one of {', '.join(_BASELINES)}")
    skip, renew = bool(settings.get("SkipCheck")), bool(settings.get("RegisterNewBaseline"))
    before = _before(run, kind)
    if not skip:
        if before["Constraints"] is None:
            raise Halt(
                f"there is no baseline of {kind} to compare with: no approved version of "
                f"{settings.get('ModelPackageGroupName')} names one in DriftCheckBaselines, and none is supplied. Set "
                "SkipCheck and RegisterNewBaseline for the first execution"
            )
        arguments = _with_baseline(arguments, before)
    elif not renew:
        run.succeed(_properties(before, {}, renew), {"QualityCheck": _metadata(settings, before, {}, None)})
        return
    output = arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    found = {"Statistics": f"{output}/statistics.json", "Constraints": f"{output}/constraints.json"}
    report = None if skip else f"{output}/constraint_violations.json"

    def metadata(arn: str) -> Params:
        return {"QualityCheck": {**_metadata(settings, before, found, report), "CheckJobArn": arn}}

    def done(described: Params) -> None:
        violations = _violations(run, report) if report is not None else []
        if violations and settings.get("FailOnViolation", True):
            raise Halt(f"the check found {len(violations)} violations; see {report}")
        run.succeed({**described, **_properties(before, found, renew)})

    PROCESSING_STEP.start(run, arguments, metadata, done)


def _before(run: Run, kind: str) -> dict[str, str | None]:
    """Return the baseline to compare with: the one that is supplied, or the latest approved version's."""
    settings = run.step.settings
    supplied = {
        "Statistics": settings.get("SuppliedBaselineStatistics"),
        "Constraints": settings.get("SuppliedBaselineConstraints"),
    }
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
    known = (package.get("DriftCheckBaselines") or {}).get(_BASELINES[kind]) or {}
    return {name: (known.get(name) or {}).get("S3Uri") for name in supplied}


def _with_baseline(arguments: Params, before: dict[str, str | None]) -> Params:
    """Return the job with the baseline as further inputs, where the analyzer looks for it."""
    inputs, environment = list(arguments.get("ProcessingInputs") or []), dict(arguments.get("Environment") or {})
    for name, folder in (("Constraints", "constraints"), ("Statistics", "stats")):
        uri = before[name]
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


def _violations(run: Run, uri: str) -> list[Any]:
    try:
        return list(json.loads(reader(run.client("s3"))(uri))["violations"])
    except (ClientError, BotoCoreError, ValueError, KeyError) as error:
        raise Halt(f"the report {uri} cannot be read: {error}") from error


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
