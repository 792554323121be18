"""Processing jobs.

See https://docs.aws.amazon.com/sagemaker/latest/dg/processing-job.html and build-your-own-processing-container.html
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import invalid
from sagemaker_local.sagemaker.service import Scope, register

from . import instances as machines
from .images import CONTRACTS, Launch, repository
from .instances import Instance
from .objects import Upload, download, select
from .operations import Operations
from .opt_ml import ROOT
from .service import Jobs
from .state import PROCESSING, Job, Outcome

Params = dict[str, Any]

_DEFAULT_SECONDS = 86_400
_CONTINUOUS_SECONDS = 1.0


def install(jobs: Jobs) -> None:
    """Answer the operations on processing jobs."""
    processing = Processing(jobs)
    register(
        jobs.sagemaker,
        {
            "CreateProcessingJob": processing.create,
            "DescribeProcessingJob": processing.describe,
            "ListProcessingJobs": processing.list_jobs,
            "StopProcessingJob": processing.stop,
            "DeleteProcessingJob": processing.delete,
        },
    )


class Processing(Operations):
    """The processing jobs of one embedded AWS."""

    kind = PROCESSING

    def create(self, scope: Scope, params: Params) -> Params:
        """CreateProcessingJob. What cannot be run here is refused now, by name."""
        _check(params)
        launch = _launch(params["AppSpecification"])
        job = self._jobs.create(scope, PROCESSING, params, lambda job: self._run(job, launch))
        return {"ProcessingJobArn": job.arn}

    def _described(self, job: Job) -> Params:
        return {
            **self._jobs.described(job),
            "ProcessingStartTime": job.started,
            "ProcessingEndTime": job.ended,
            "ExitMessage": job.message,
        }

    def _summary(self, job: Job) -> Params:
        return {
            "ProcessingJobName": job.name,
            "ProcessingJobArn": job.arn,
            "CreationTime": job.created,
            "ProcessingEndTime": job.ended,
            "LastModifiedTime": job.modified,
            "ProcessingJobStatus": job.status,
            "FailureReason": job.reason,
            "ExitMessage": job.message,
        }

    def _run(self, job: Job, launch: Launch) -> Outcome:
        scratch = Path(tempfile.mkdtemp(prefix="sagemaker-processing-"))
        try:
            return self._run_in(job, launch, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _run_in(self, job: Job, launch: Launch, scratch: Path) -> Outcome:
        cluster = job.definition["ProcessingResources"]["ClusterConfig"]
        everyone = machines.make(scratch, int(cluster.get("InstanceCount") or 1))
        s3 = self._jobs.client(job, "s3")
        for number, instance in enumerate(everyone):
            self._prepare(job, instance, everyone, number, s3)
            instance.command = launch.command
            instance.environment = machines.environment(
                self._jobs, job, {**launch.environment, **(job.definition.get("Environment") or {})}
            )
        running = everyone[:1] if launch.leader_only else everyone
        outputs = _Outputs(job, running, s3)
        limit = (job.definition.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", _DEFAULT_SECONDS)
        with outputs:
            machines.run(self._jobs, job, running, float(limit))
        outcome = _outcome(job, running)
        if outcome.status == "Completed":
            outputs.send_all()
        return outcome

    def _prepare(self, job: Job, instance: Instance, everyone: list[Instance], number: int, s3: Any) -> None:
        for item in job.definition.get("ProcessingInputs") or []:
            source = item["S3Input"]
            shares = len(everyone) if source.get("S3DataDistributionType") == "ShardedByS3Key" else 1
            objects = select(
                s3, source["S3Uri"], source["S3DataType"], share=number if shares > 1 else 0, shares=shares
            )
            download(s3, objects, instance.local(source["LocalPath"]))
        for item in _outputs(job.definition):
            instance.local(item["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        hosts = [other.host for other in everyone]
        instance.put_json(f"{ROOT}/config/resourceconfig.json", {"current_host": instance.host, "hosts": hosts})
        instance.put_json(
            f"{ROOT}/config/processingjobconfig.json",
            {"ProcessingJobArn": job.arn, "ProcessingJobName": job.name, **job.definition},
        )


class _Outputs:
    """The outputs of a job. Those that are continuous are uploaded while it runs, even if it fails in the end."""

    def __init__(self, job: Job, instances: list[Instance], s3: Any) -> None:
        key = (job.definition.get("ProcessingOutputConfig") or {}).get("KmsKeyId")
        self._uploads: list[tuple[bool, Upload]] = []
        for item in _outputs(job.definition):
            place = item["S3Output"]
            for instance in instances:
                upload = Upload(s3, instance.local(place["LocalPath"]), place["S3Uri"], key)
                self._uploads.append((place["S3UploadMode"] == "Continuous", upload))
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> _Outputs:
        if any(continuous for continuous, _ in self._uploads):
            self._thread = threading.Thread(target=self._follow, name="sagemaker-outputs", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._send_continuous()

    def send_all(self) -> None:
        """Upload every output.

        Raises:
            AwsError: if S3 refuses one.
        """
        for _, upload in self._uploads:
            upload.send()

    def _follow(self) -> None:
        while not self._over.wait(_CONTINUOUS_SECONDS):
            with suppress(AwsError):  # the last upload tells
                self._send_continuous()

    def _send_continuous(self) -> None:
        for continuous, upload in self._uploads:
            if continuous:
                upload.send()


def _outputs(definition: Params) -> list[Params]:
    return list((definition.get("ProcessingOutputConfig") or {}).get("Outputs") or [])


def _launch(app: Params) -> Launch:
    entrypoint, arguments = app.get("ContainerEntrypoint") or [], app.get("ContainerArguments") or []
    contract = CONTRACTS.get(repository(app["ImageUri"]))
    if contract is not None and (not entrypoint or not _is_plain(entrypoint[0])):
        return contract(entrypoint, arguments)
    if not entrypoint:
        known = ", ".join(sorted(CONTRACTS))
        raise invalid(
            f"The embedded AWS cannot run the image {app['ImageUri']} by its own entrypoint, since it pulls no images: "
            f"give the job a ContainerEntrypoint such as python3, or use an image whose entrypoint is known: {known}."
        )
    try:
        return Launch(machines.command_of([*entrypoint, *arguments]), {})
    except FileNotFoundError as error:
        raise invalid(f"The embedded AWS cannot run {app['ImageUri']}: {error}.") from error


def _is_plain(command: str) -> bool:
    try:
        machines.command_of([command])
    except FileNotFoundError:
        return False
    return True


def _check(params: Params) -> None:
    """Refuse what a processing job of SageMaker or of ours cannot have, everything at once."""
    problems: list[str] = []
    names: list[str] = []
    for item in params.get("ProcessingInputs") or []:
        name, source = item["InputName"], item.get("S3Input")
        names.append(name)
        if source is None:
            kind = next((key for key in item.get("DatasetDefinition") or {} if key.endswith("DatasetDefinition")), None)
            problems.append(
                f"input {name} has no S3Input" + (f"; {kind} is not supported by the embedded AWS" if kind else "")
            )
            continue
        problems += _check_path(f"input {name}", source.get("LocalPath"))
        if source.get("S3InputMode", "File") != "File":
            problems.append(f"input {name} has S3InputMode {source['S3InputMode']}; the embedded AWS supports File")
        if source.get("S3CompressionType", "None") != "None":
            problems.append(f"input {name} has S3CompressionType Gzip, which needs S3InputMode Pipe")
    for item in _outputs(params):
        name = item["OutputName"]
        names.append(name)
        if item.get("S3Output") is None:
            problems.append(f"output {name} has no S3Output; FeatureStoreOutput is not supported by the embedded AWS")
            continue
        problems += _check_path(f"output {name}", item["S3Output"].get("LocalPath"))
    problems += [f"the name {name} is used twice" for name in sorted(set(names)) if names.count(name) > 1]
    if not params["ProcessingResources"]["ClusterConfig"].get("InstanceType"):
        problems.append("ProcessingResources.ClusterConfig has no InstanceType")
    if problems:
        raise invalid(f"Invalid processing job {params['ProcessingJobName']}: {'; '.join(problems)}.")


def _check_path(what: str, path: str | None) -> list[str]:
    if not path:
        return [f"{what} has no LocalPath"]
    if not path.startswith(f"{ROOT}/") or ".." in Path(path).parts:
        return [f"{what} has LocalPath {path}; it must be below {ROOT}/processing"]
    return []


def _outcome(job: Job, instances: list[Instance]) -> Outcome:
    message = next((text for item in instances if (text := item.text(f"{ROOT}/output/message"))), None)
    endings = [instance.ending for instance in instances if instance.ending is not None]
    if job.stopping.is_set():
        return Outcome("Stopped", message=message)
    if any(ending.timed_out for ending in endings):
        seconds = (job.definition.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", _DEFAULT_SECONDS)
        return Outcome("Stopped", message=message or f"The job ran longer than MaxRuntimeInSeconds ({seconds}).")
    # The others were ended because of the one that failed by itself.
    failed = next((ending for ending in endings if ending.code != 0 and not ending.stopped), None)
    if failed is None:
        return Outcome("Completed", message=message)
    code = failed.code if failed.code >= 0 else 128 - failed.code
    what = message or "See job logs for more information"
    return Outcome("Failed", f"AlgorithmError: {what}, exit code: {code}", message)
