"""What is deployed, read from the AWS APIs and nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from examples.walkthrough import dashboard
from examples.walkthrough.embedded import EmbeddedAws

DATA_METRICS = "aws/sagemaker/Endpoints/data-metrics"


class Deployed:
    """One model's serving stack and what belongs to it."""

    def __init__(self, aws: EmbeddedAws, *, prefix: str, model: str) -> None:
        self.prefix = prefix
        self.model = model
        self.endpoint = f"{prefix}-{model}"
        self.monitor = f"{self.endpoint}-data-quality"
        self.serving_stack = f"{prefix}-Serving-{model}"
        self._cloudformation = aws.client("cloudformation")
        self._cloudwatch = aws.client("cloudwatch")
        self._s3 = aws.client("s3")
        self._sagemaker = aws.client("sagemaker")

    def stacks(self) -> dict[str, str]:
        """The statuses of this environment's stacks by name."""
        pages = self._cloudformation.get_paginator("describe_stacks").paginate()
        stacks = (stack for page in pages for stack in page["Stacks"])
        return {s["StackName"]: s["StackStatus"] for s in stacks if s["StackName"].startswith(self.prefix)}

    def bucket(self, kind: str) -> str:
        """The generated name of the bucket for `kind` (Models, Capture, Baselines, Reports)."""
        return self.output("Foundation", f"{kind}BucketName")

    def output(self, stack: str, key: str) -> str:
        """An output of one of this environment's stacks."""
        outputs = self._cloudformation.describe_stacks(StackName=f"{self.prefix}-{stack}")["Stacks"][0]["Outputs"]
        return next(str(out["OutputValue"]) for out in outputs if out["OutputKey"] == key)

    def parameters(self) -> dict[str, str]:
        """The serving stack's parameters; the live model version is one of them."""
        stack = self._cloudformation.describe_stacks(StackName=self.serving_stack)["Stacks"][0]
        return {p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])}

    def serving_status(self) -> str:
        """The serving stack's status."""
        return self.stacks()[self.serving_stack]

    def endpoint_status(self) -> str:
        """The endpoint's status, empty while there is none."""
        found = self._sagemaker.list_endpoints(NameContains=self.endpoint)["Endpoints"]
        return next((str(e["EndpointStatus"]) for e in found if e["EndpointName"] == self.endpoint), "")

    def live_version(self) -> str:
        """The model package that really serves, read from the endpoint itself; empty while there is none."""
        if not self.endpoint_status():
            return ""
        endpoint = self._sagemaker.describe_endpoint(EndpointName=self.endpoint)
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = self._sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        return str(containers[0].get("ModelPackageName", ""))

    def is_live(self, package: str) -> bool:
        """Whether the endpoint serves `package` and the stack has settled on it."""
        return (
            self.serving_status() == "UPDATE_COMPLETE"
            and self.parameters().get("ModelPackageArn") == package
            and self.endpoint_status() == "InService"
            and self.live_version() == package
        )

    def upload(self, kind: str, key: str, body: bytes | Path) -> str:
        """Put an object into the bucket for `kind`; return its URI."""
        bucket = self.bucket(kind)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body if isinstance(body, bytes) else body.read_bytes())
        return f"s3://{bucket}/{key}"

    def report(self, run: datetime, name: str) -> dict[str, Any] | None:
        """One file of the monitor's report of the run in the hour of `run`, None while there is none."""
        body = self.report_file(run, name)
        return None if body is None else dict(json.loads(body))

    def report_file(self, run: datetime, name: str) -> bytes | None:
        """The same, as bytes."""
        return self._object(self.bucket("Reports"), f"{self.endpoint}/{self.monitor}/{run:%Y/%m/%d/%H}/{name}")

    def features_report(self, group: str, run: datetime, name: str) -> bytes | None:
        """One file of the report about a feature group, None while there is none."""
        bucket = self.output("FeatureStore", "OfflineBucketName")
        return self._object(bucket, f"monitoring-reports/{group}-data-quality/{run:%Y/%m/%d/%H}/{name}")

    def accept_features(self, group: str, run: datetime) -> None:
        """Make what a run about a feature group found the group's baseline."""
        bucket = self.output("FeatureStore", "OfflineBucketName")
        for name in ("constraints.json", "statistics.json"):
            body = self.features_report(group, run, name)
            self._s3.put_object(Bucket=bucket, Key=f"monitoring-baselines/{group}/{name}", Body=body)

    def _object(self, bucket: str, suffix: str) -> bytes | None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(suffix)]
        return bytes(self._s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()) if keys else None

    def drift(self, feature: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The published drift of one feature: (start of the window, distance), oldest first."""
        answer = self._cloudwatch.get_metric_statistics(
            Namespace=DATA_METRICS,
            MetricName=f"feature_baseline_drift_{feature}",
            Dimensions=[
                {"Name": "Endpoint", "Value": self.endpoint},
                {"Name": "MonitoringSchedule", "Value": self.monitor},
            ],
            StartTime=start - timedelta(hours=1),
            EndTime=end + timedelta(hours=1),
            Period=3600,
            Statistics=["Maximum"],
        )
        return sorted((point["Timestamp"], float(point["Maximum"])) for point in answer["Datapoints"])

    def alarms(self) -> dict[str, dict[str, Any]]:
        """The alarms of the serving stack by logical id."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.serving_stack)
        resources = [r for page in pages for r in page["StackResourceSummaries"]]
        ids = {
            r["PhysicalResourceId"]: r["LogicalResourceId"]
            for r in resources
            if r["ResourceType"] == "AWS::CloudWatch::Alarm" and r.get("PhysicalResourceId")
        }
        found = [
            a for page in self._cloudwatch.get_paginator("describe_alarms").paginate() for a in page["MetricAlarms"]
        ]
        return {ids[a["AlarmName"]]: a for a in found if a["AlarmName"] in ids}

    def alarms_in(self, state: str) -> set[str]:
        """The logical ids of the serving stack's alarms in one state (OK, ALARM, INSUFFICIENT_DATA)."""
        return {name for name, alarm in self.alarms().items() if alarm["StateValue"] == state}

    def dashboard(self, start: datetime, end: datetime) -> list[dashboard.Widget]:
        """The model's dashboard as it was deployed, with its numbers."""
        return dashboard.read(self._cloudwatch, self.endpoint, start, end)

    def alarm_history(self) -> list[dict[str, Any]]:
        """Every state change of the serving stack's alarms, oldest first."""
        names = {alarm["AlarmName"]: logical for logical, alarm in self.alarms().items()}
        items = self._cloudwatch.describe_alarm_history(HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
        return [
            {"alarm": names[i["AlarmName"]], "at": i["Timestamp"], "what": i["HistorySummary"]}
            for i in items["AlarmHistoryItems"]
            if i["AlarmName"] in names
        ]
