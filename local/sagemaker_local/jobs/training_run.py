"""What a training job does: fetch code and data, run, save checkpoints, and upload the model."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.serving.containers import parse_s3_uri

from . import algorithms, script_mode
from . import instances as machines
from .instances import Instance
from .objects import Upload, download, pack, put_file, select
from .opt_ml import ROOT
from .service import Jobs
from .spot import Spot
from .state import Job, Outcome
from .training_metrics import Listener, Metrics

_CHECKPOINT_SECONDS = 0.5
_MOST_DATA_POINTS = 500
_log = logging.getLogger(__name__)


class TrainingRun:
    """One training job from its first to its last instance.

    Args:
        jobs: the jobs of the embedded AWS.
        job: the job.
        spot: who says when instances are taken away.
        listener: told about every value of a metric.
    """

    def __init__(self, jobs: Jobs, job: Job, spot: Spot, listener: Listener | None = None) -> None:
        self._jobs = jobs
        self._job = job
        self._spot = spot
        self._definition = job.definition
        self._s3 = jobs.client(job, "s3")
        self._plan = algorithms.plan(job.definition)
        self._metrics = Metrics(self._plan.metrics, jobs.aws.clock.now, listener)
        self._used_seconds = 0.0
        self._tail: list[str] = []

    def run(self) -> Outcome:
        """Run the job to its end."""
        interrupted = self._spot.begin(self._job)
        try:
            while True:
                scratch = Path(tempfile.mkdtemp(prefix="sagemaker-training-"))
                try:
                    outcome = self._attempt(scratch, interrupted)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
                if outcome is not None:
                    return self._told(outcome)
                interrupted.clear()
                self._tail.clear()
        finally:
            self._spot.end(self._job)

    def _attempt(self, scratch: Path, interrupted: threading.Event) -> Outcome | None:
        """Run once on fresh instances; None if they were taken away."""
        self.enter("Starting", "Preparing the instances for training")
        cluster = machines.make(scratch, int(self._definition["ResourceConfig"].get("InstanceCount") or 1))
        self.enter("Downloading", "Downloading input data")
        notes = self._prepare(cluster)
        self.enter("Training", "Training image download completed. Training in progress.")
        limit = float((self._definition.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", 86_400))
        begun = time.monotonic()
        with self._checkpoints(cluster[0]):
            machines.run(
                self._jobs,
                self._job,
                cluster,
                max(limit - self._used_seconds, 0.1),
                on_line=self._read,
                interrupted=interrupted.is_set,
                before=tuple(notes),
            )
        self._used_seconds += time.monotonic() - begun
        endings = [instance.ending for instance in cluster if instance.ending is not None]
        failed = next((ending for ending in endings if ending.code != 0 and not ending.stopped), None)
        if interrupted.is_set() and not self._job.stopping.is_set() and any(item.stopped for item in endings):
            self.enter("Interrupted", "Training job interrupted: the instances were taken away")
            return None
        self._upload_output(cluster, scratch)
        if any(ending.timed_out for ending in endings):
            return self._stopped(cluster[0], scratch, "MaxRuntimeExceeded")
        if self._job.stopping.is_set():
            return self._stopped(cluster[0], scratch, "Stopped")
        if failed is not None:
            code = failed.code if failed.code >= 0 else 128 - failed.code
            return Outcome("Failed", f"AlgorithmError: {self._failure(cluster, code)}, exit code: {code}")
        self.enter("Uploading", "Uploading generated training model")
        return Outcome("Completed", details=self._upload_model(cluster[0], scratch))

    def _stopped(self, leader: Instance, scratch: Path, why: str) -> Outcome:
        self.enter("Uploading", "Uploading generated training model")
        self._job.details["SecondaryStatus"] = why
        return Outcome("Stopped", details=self._upload_model(leader, scratch))

    def _told(self, outcome: Outcome) -> Outcome:
        seconds = max(1, math.ceil(self._used_seconds))
        spot = self._definition.get("EnableManagedSpotTraining")
        billed = max(1, math.ceil(seconds * self._jobs.options.spot_price)) if spot else seconds
        details = {
            **outcome.details,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": billed,
            "FinalMetricDataList": self._metrics.final() or None,
        }
        self._publish_metrics()
        return Outcome(outcome.status, outcome.reason, details=details)

    def enter(self, status: str, message: str) -> None:
        """Begin a secondary status."""
        now = self._jobs.aws.clock.now()
        with self._job.lock:
            history: list[dict[str, Any]] = self._job.details.setdefault("SecondaryStatusTransitions", [])
            if history:
                history[-1].setdefault("EndTime", now)
            history.append({"Status": status, "StartTime": now, "StatusMessage": message})
            self._job.details["SecondaryStatus"] = status
            if status == "Training":
                self._job.details.setdefault("TrainingStartTime", now)
            self._job.modified = now

    def _prepare(self, cluster: list[Instance]) -> list[str]:
        hosts = [instance.host for instance in cluster]
        notes: list[str] = []
        for number, instance in enumerate(cluster):
            self._fetch_data(instance, number, len(cluster))
            config = f"{ROOT}/input/config"
            instance.put_json(f"{config}/hyperparameters.json", self._definition.get("HyperParameters") or {})
            instance.put_json(f"{config}/inputdataconfig.json", script_mode.input_data_config(self._definition))
            instance.put_json(
                f"{config}/resourceconfig.json", script_mode.resource_config(self._definition, instance, hosts)
            )
            (instance.folder / "output" / "data").mkdir(parents=True, exist_ok=True)
            more = {
                "TRAINING_JOB_NAME": self._job.name,
                "TRAINING_JOB_ARN": self._job.arn,
                **(self._definition.get("Environment") or {}),
            }
            own = self._definition.get("HyperParameters") or {}
            if self._plan.program is not None:
                script_mode.fetch_code(self._job, instance, self._s3)
                more |= script_mode.environment(
                    self._job, instance, hosts, self._plan.program, machines.threads_of(self._jobs)
                )
                notes = script_mode.install_requirements(instance, more)
                arguments = script_mode.arguments(script_mode.own(own))
                instance.command = script_mode.command(instance, self._plan.program, arguments)
            else:
                instance.command = self._plan.command
                more["SAGEMAKER_BASE_DIR"] = ROOT
            instance.environment = machines.environment(self._jobs, self._job, more)
        return notes

    def _fetch_data(self, instance: Instance, number: int, count: int) -> None:
        for channel in self._definition.get("InputDataConfig") or []:
            source = channel["DataSource"]["S3DataSource"]
            shares = count if source.get("S3DataDistributionType") == "ShardedByS3Key" else 1
            objects = select(
                self._s3, source["S3Uri"], source["S3DataType"], share=number if shares > 1 else 0, shares=shares
            )
            download(self._s3, objects, instance.local(f"{ROOT}/input/data/{channel['ChannelName']}"))

    @contextmanager
    def _checkpoints(self, leader: Instance) -> Iterator[None]:
        """Fetch what an interrupted attempt has saved, and save what this one writes while it runs."""
        config = self._definition.get("CheckpointConfig")
        if not config:
            # Without a configuration the folder is as volatile as the instance: there is nothing to go on from.
            shutil.rmtree(leader.folder / "checkpoints", ignore_errors=True)
            yield
            return
        folder = leader.local(config.get("LocalPath") or f"{ROOT}/checkpoints")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            download(self._s3, select(self._s3, config["S3Uri"], "S3Prefix"), folder)
        except AwsError as error:
            if "No S3 objects found" not in error.message:
                raise
        upload = Upload(self._s3, folder, config["S3Uri"])
        over = threading.Event()

        def follow() -> None:
            while not over.wait(_CHECKPOINT_SECONDS):
                with suppress(AwsError):  # the last upload tells
                    upload.send()

        thread = threading.Thread(target=follow, name="sagemaker-checkpoints", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            upload.send()

    def _read(self, line: str) -> None:
        self._metrics.read(line)
        self._spot.read(self._job, line)
        self._tail = [*self._tail[-30:], line]

    def _failure(self, cluster: list[Instance], code: int) -> str:
        """Return what /opt/ml/output/failure says, or what the script's last lines do."""
        told = next((text for item in cluster if (text := item.text(f"{ROOT}/output/failure"))), None)
        if told:
            return told
        if self._plan.program is None:
            return ""
        command = " ".join(["python3", self._plan.program, *cluster[0].command[2:]])
        last = next((line for line in reversed(self._tail) if line.strip()), "")
        return f'ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{last[:400]}"\nCommand "{command[:300]}"'

    def _upload_output(self, cluster: list[Instance], scratch: Path) -> None:
        folder = cluster[0].folder / "output" / "data"
        if any(folder.iterdir()):
            archive = scratch / "output.tar.gz"
            pack(folder, archive)
            self._put(archive, "output/output.tar.gz")

    def _upload_model(self, leader: Instance, scratch: Path) -> dict[str, Any]:
        folder = leader.folder / "model"
        config = self._definition["OutputDataConfig"]
        if config.get("CompressionType") == "NONE":
            place = f"{config['S3OutputPath'].rstrip('/')}/{self._job.name}/output/model/"
            Upload(self._s3, folder, place, config.get("KmsKeyId")).send()
            return {"ModelArtifacts": {"S3ModelArtifacts": place}}
        archive = scratch / "model.tar.gz"
        pack(folder, archive)
        return {"ModelArtifacts": {"S3ModelArtifacts": self._put(archive, "output/model.tar.gz")}}

    def _put(self, path: Path, name: str) -> str:
        config = self._definition["OutputDataConfig"]
        uri = f"{config['S3OutputPath'].rstrip('/')}/{self._job.name}/{name}"
        bucket, key = parse_s3_uri(uri)
        kms = config.get("KmsKeyId")
        put_file(self._s3, path, bucket, key, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms} if kms else {})
        return uri

    def _publish_metrics(self) -> None:
        points = self._metrics.points()[-_MOST_DATA_POINTS:]
        data = [
            {
                "MetricName": point.name,
                "Dimensions": [{"Name": "TrainingJobName", "Value": self._job.name}],
                "Timestamp": point.at,
                "Value": point.value,
            }
            for point in points
            if math.isfinite(point.value)
        ]
        if not data:
            return
        try:
            self._jobs.client(self._job, "cloudwatch").put_metric_data(
                Namespace="/aws/sagemaker/TrainingJobs", MetricData=data
            )
        except (ClientError, BotoCoreError) as error:
            _log.warning("cannot publish the metrics of %s: %s", self._job.name, error)
