"""From what AWS recorded to the facts of each model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from insights import registry
from insights.facts import Drift, EndpointFacts, ModelFacts, MonitorFacts, Series, Version, Violation
from insights.metrics import Metrics, Query, largest, total
from insights.registry import Registration
from insights.reports import Reports
from insights.settings import Settings
from shared.clients import error_text, says
from shared.log import Logger

_DRIFT = "feature_baseline_drift_"
_HOUR = 3600
#: Endings of monitors' names, for those that have published no numbers of their own yet.
_SLUGS = {
    "-data-quality": "DataQuality",
    "-model-quality": "ModelQuality",
    "-bias": "ModelBias",
    "-attribution": "ModelExplainability",
}

log = Logger("insights.collect")


class Collector:
    """Reads everything about the models of one controller; what cannot be read is named in the facts."""

    def __init__(self, settings: Settings, clients: Mapping[str, Any], since: datetime, until: datetime) -> None:
        self._settings, self._clients = settings, clients
        self._since, self._until = since, until
        self._reports = Reports(clients["s3"])
        self._metrics = Metrics(clients["cloudwatch"], since, until, _HOUR)

    def models(self) -> list[ModelFacts]:
        """Facts of all registered models, by name."""
        path = f"/{self._settings.controller}"
        registrations = dict(registry.tree(self._clients["ssm"], f"{path}/serving"))
        held = dict(registry.tree(self._clients["ssm"], f"{path}/quarantine"))
        return [
            self._model(Registration.parse(text), json.loads(held.get(name, "[]")))
            for name, text in sorted(registrations.items())
        ]

    def _model(self, registration: Registration, quarantine: list[dict[str, Any]]) -> ModelFacts:
        unread: list[str] = []
        versions = self._versions(registration, unread)
        arn = self._live(registration, unread)
        thresholds, alarms = self._alarms(registration.endpoint_name)
        return ModelFacts(
            name=registration.model,
            since=self._since,
            until=self._until,
            endpoint=self._endpoint(registration.endpoint_name, unread),
            live=next((version for version in versions if version.arn == arn), None),
            versions=versions,
            quarantine=tuple(quarantine),
            monitors=self._monitors(registration.endpoint_name, thresholds, unread),
            alarms=alarms,
            unread=tuple(unread),
        )

    def _versions(self, registration: Registration, unread: list[str]) -> tuple[Version, ...]:
        try:
            return registry.versions(self._clients["sagemaker"], registration.group, self._reports.read, unread)
        except ClientError as error:
            unread.append(f"model package group {registration.group}: {error_text(error)}")
            return ()

    def _live(self, registration: Registration, unread: list[str]) -> str:
        try:
            return registry.live_version(self._clients["cloudformation"], registration)
        except ClientError as error:
            unread.append(f"stack {registration.stack_name}: {error_text(error)}")
            return ""

    def _endpoint(self, name: str, unread: list[str]) -> EndpointFacts:
        try:
            document = self._clients["sagemaker"].describe_endpoint(EndpointName=name)
            config = self._clients["sagemaker"].describe_endpoint_config(
                EndpointConfigName=document["EndpointConfigName"]
            )
        except ClientError as error:
            # Before the first version there is none, and that is no gap in the report.
            if not says(error, "could not find", "not found", "does not exist"):
                unread.append(f"endpoint {name}: {error_text(error)}")
            return EndpointFacts(name)
        variants = [variant["VariantName"] for variant in document.get("ProductionVariants", [])]
        asked = {
            (metric, variant): Query(namespace, metric, (("EndpointName", name), ("VariantName", variant)), statistic)
            for variant in variants
            for namespace, metric, statistic in (
                ("AWS/SageMaker", "Invocations", "Sum"),
                ("AWS/SageMaker", "Invocation4XXErrors", "Sum"),
                ("AWS/SageMaker", "Invocation5XXErrors", "Sum"),
                ("AWS/SageMaker", "ModelLatency", "p90"),
                ("/aws/sagemaker/Endpoints", "CPUUtilization", "Average"),
                ("/aws/sagemaker/Endpoints", "MemoryUtilization", "Average"),
            )
        }
        answers = self._metrics.read(list(asked.values()))

        def of(metric: str) -> list[Series]:
            return [answers[asked[metric, variant]] for variant in variants]

        latency = largest(of("ModelLatency"), "ModelLatency p90")
        types = {item["InstanceType"] for item in config["ProductionVariants"] if item.get("InstanceType")}
        return EndpointFacts(
            name=name,
            status=document["EndpointStatus"],
            instance_type=", ".join(sorted(types)) or None,
            instances=sum(item.get("CurrentInstanceCount", 0) for item in document.get("ProductionVariants", [])),
            invocations=total(of("Invocations"), "Invocations"),
            client_errors=total(of("Invocation4XXErrors"), "Invocation4XXErrors"),
            server_errors=total(of("Invocation5XXErrors"), "Invocation5XXErrors"),
            # ModelLatency is in microseconds.
            latency_ms=Series(latency.name, tuple((moment, value / 1000) for moment, value in latency.points)),
            cpu=largest(of("CPUUtilization"), "CPUUtilization"),
            memory=largest(of("MemoryUtilization"), "MemoryUtilization"),
        )

    def _alarms(self, endpoint: str) -> tuple[dict[str, float], tuple[str, ...]]:
        """Drift thresholds by monitor, and the alarms that ring."""
        thresholds: dict[str, float] = {}
        ringing = []
        pages = self._clients["cloudwatch"].get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{endpoint}-")
        for page in pages:
            for alarm in page.get("MetricAlarms", []):
                if alarm["StateValue"] == "ALARM":
                    ringing.append(alarm["AlarmName"])
                if alarm.get("MetricName", "").startswith(_DRIFT):
                    of = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
                    thresholds[of.get("MonitoringSchedule", "")] = float(alarm["Threshold"])
        return thresholds, tuple(sorted(ringing))

    def _monitors(self, endpoint: str, thresholds: Mapping[str, float], unread: list[str]) -> tuple[MonitorFacts, ...]:
        runs, analyses = self._metrics.monitors(endpoint), self._metrics.analyses(endpoint)
        queries = [query for group in (*runs.values(), *analyses.values()) for query in group]
        answers = self._metrics.read(queries)
        kinds = dict(analyses.keys())
        found = []
        for schedule in sorted({*runs, *kinds}):
            slug = next((kind for ending, kind in _SLUGS.items() if schedule.endswith(ending)), "")
            kind = kinds.get(schedule, slug)
            own = [answers[query] for query in analyses.get((schedule, kind), ())]
            by_name = {query.name: answers[query] for query in runs.get(schedule, ())}
            found.append(self._monitor(endpoint, schedule, kind, by_name, own, thresholds, unread))
        return tuple(found)

    def _monitor(
        self,
        endpoint: str,
        schedule: str,
        kind: str,
        runs: Mapping[str, Series],
        own: list[Series],
        thresholds: Mapping[str, float],
        unread: list[str],
    ) -> MonitorFacts:
        folder = None
        violations: tuple[Violation, ...] = ()
        statistics: tuple[Mapping[str, Any], ...] = ()
        records: Mapping[str, Any] = {}
        attribution: Mapping[str, float] = {}
        before: Mapping[str, float] = {}
        try:
            folder = self._reports.latest(self._settings.reports / endpoint / schedule, self._since, self._until)
            if folder is not None:
                violations = self._reports.violations(folder)
                if kind == "DataQuality":
                    statistics, records = self._reports.statistics(folder), self._reports.records(folder)
                if kind == "ModelExplainability":
                    attribution = self._reports.attribution(folder)
                    first = self._reports.first(self._settings.reports / endpoint / schedule, self._since, self._until)
                    before = self._reports.attribution(first) if first and first != folder else {}
        except (ClientError, ValueError) as error:
            unread.append(f"reports of {schedule}: {error}")
        drifts = [
            Drift(series.name.removeprefix(_DRIFT), series.values[-1], series)
            for series in own
            if series.name.startswith(_DRIFT) and series
        ]

        def run(name: str) -> Series:
            return runs.get(name, Series(name))

        return MonitorFacts(
            schedule=schedule,
            kind=kind,
            completed=run("RunsCompleted"),
            failed=run("RunsFailed"),
            without_data=run("RunsWithoutData"),
            baseline_missing=run("BaselineMissing"),
            found=run("Violations"),
            labelled=run("LabelledRecords"),
            unlabelled=run("UnlabelledRecords"),
            late=run("LateLabels"),
            duplicate_labels=run("DuplicateLabels"),
            violations=violations,
            drifts=tuple(sorted(drifts, key=lambda drift: (-drift.latest, drift.feature))),
            threshold=thresholds.get(schedule, 0.1),
            metrics=tuple(series for series in own if series and not series.name.startswith("feature_")),
            statistics=statistics,
            records=records,
            attribution=attribution,
            attribution_before=before,
            published=len(runs) + len(own),
            report=str(folder / "report.html") if folder else None,
        )
