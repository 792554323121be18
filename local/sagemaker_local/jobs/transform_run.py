"""What a transform job does: load the model, send it every record, write the answers, capture both."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.fleet_loading import start
from sagemaker_local.sagemaker.serving.containers import Container, Loaded, parse_s3_uri
from sagemaker_local.sagemaker.serving.predictor import LoadError, Request

from . import transform_records as records
from .logs import JobLog
from .objects import Object, select
from .service import Jobs
from .state import Job, Outcome

_DEFAULT_MEGABYTES = 6


class Failed(Exception):
    """The model refused a payload; the message is the FailureReason."""


class TransformRun:
    """One transform job.

    Args:
        jobs: the jobs of the embedded AWS.
        job: the job.
        containers: of the model.
    """

    def __init__(self, jobs: Jobs, job: Job, containers: list[Container]) -> None:
        self._jobs = jobs
        self._job = job
        self._definition = job.definition
        extra = job.definition.get("Environment") or {}
        self._containers = [dataclasses.replace(item, environment={**item.environment, **extra}) for item in containers]
        self._s3 = jobs.client(job, "s3")
        self._input: dict[str, Any] = self._definition["TransformInput"]
        self._output: dict[str, Any] = self._definition["TransformOutput"]
        self._processing: dict[str, Any] = self._definition.get("DataProcessing") or {}
        self._capture: dict[str, Any] = self._definition.get("DataCaptureConfig") or {}
        self._type = self._input.get("ContentType") or ""
        self._accept = self._output.get("Accept") or "*/*"
        self._now = jobs.aws.clock.now

    def run(self) -> Outcome:
        """Run the job to its end."""
        stamp = int(self._now().timestamp())
        log = JobLog(
            self._jobs.client(self._job, "logs"),
            self._job.kind.log_group,
            f"{self._job.name}/i-{self._job.arn[-8:].strip('-')}-{stamp}",
            self._now,
        )
        try:
            return self._run(log.write)
        finally:
            log.close()

    def _run(self, log: Callable[[str], None]) -> Outcome:
        source = self._input["DataSource"]["S3DataSource"]
        objects = select(self._s3, source["S3Uri"], source["S3DataType"])
        store = self._jobs.sagemaker.store(self._job.account, self._job.region)
        begun = self._now()
        try:
            model = start(self._jobs.sagemaker, store, self._containers, self._job.role or None, log)
        except LoadError as error:
            log(str(error))
            return Outcome("Failed", f"AlgorithmError: {error.public or 'See job logs for more information'}")
        written: list[str] = []
        try:
            for item in objects:
                if self._job.stopping.is_set():
                    return Outcome("Stopped")
                self._write(f"{item.path}.out", self._transformed(model, item, log))
                written.append(f"{item.path}.out")
        except Failed as error:
            return Outcome("Failed", str(error))
        finally:
            model.close()
        if self._capture:
            hour = f"{begun:%Y/%m/%d/%H}"
            first = objects[0]
            prefix = f"s3://{first.bucket}/{first.key[: len(first.key) - len(first.path)]}"
            self._put_manifest("input", hour, prefix, [item.path for item in objects])
            self._put_manifest("output", hour, f"{self._output['S3OutputPath'].rstrip('/')}/", written)
        return Outcome("Completed")

    def _transformed(self, model: Loaded, item: Object, log: Callable[[str], None]) -> str:
        try:
            body = self._s3.get_object(Bucket=item.bucket, Key=item.key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise AwsError("ValidationException", f"Cannot read s3://{item.bucket}/{item.key}: {error}") from error
        most = self._definition.get("MaxPayloadInMB")
        limit = int(_DEFAULT_MEGABYTES if most is None else most) << 20
        answers: list[str] = []
        if self._input.get("SplitType", "None") == "Line":
            lines = [line for line in body.decode().splitlines() if line.strip()]
            multiple = self._definition.get("BatchStrategy", "MultiRecord") == "MultiRecord"
            for batch in records.batches(lines, multiple, limit):
                answers += self._answered(model, batch, item, log)
        else:
            if len(body) > limit > 0:
                raise Failed(f"ClientError: {item.path} of {len(body)} bytes exceeds MaxPayloadInMB")
            answers += self._answered(model, [body.decode()], item, log)
        if self._output.get("AssembleWith", "None") == "Line":
            return "".join(f"{answer}\n" for answer in answers)
        return "".join(answers)

    def _answered(self, model: Loaded, batch: list[str], item: Object, log: Callable[[str], None]) -> list[str]:
        """Send records together and return what is written for them."""
        form = records.Format.of(self._type)
        path = self._processing.get("InputFilter", "$")
        sent = [form.write(records.apply(path, form.read(text))) for text in batch] if path != "$" else batch
        answer = model.predict(Request("\n".join(sent).encode(), self._type, self._accept))
        if answer.status >= 300:
            log(f"{item.path}: Bad HTTP status received from algorithm: {answer.status}")
            log(answer.body[:1000].decode(errors="replace"))
            kind = "ClientError" if answer.status < 500 else "AlgorithmError"
            raise Failed(f"{kind}: See job logs for more information")
        text = answer.body.decode()
        if not self._per_record:
            return [text.removesuffix("\n") if self._output.get("AssembleWith") == "Line" else text]
        outputs = text.splitlines() if len(batch) > 1 else [text.strip()]
        if len(outputs) != len(batch):
            raise Failed(f"ClientError: the model gave {len(outputs)} lines for {len(batch)} records; they do not join")
        answered = records.Format.of(answer.content_type)
        return [
            self._finished(form.read(source), answered.read(output), form, answered)
            for source, output in zip(batch, outputs, strict=True)
        ]

    @property
    def _per_record(self) -> bool:
        """Whether something is done with every single answer."""
        joins = self._processing.get("JoinSource", "None") == "Input"
        return joins or "OutputFilter" in self._processing or bool(self._capture.get("GenerateInferenceId"))

    def _finished(self, source: Any, output: Any, form: records.Format, answered: records.Format) -> str:
        if self._processing.get("JoinSource", "None") == "Input":
            record, written = records.join(source, output, form), form
        else:
            record, written = output, answered
        record = records.apply(self._processing.get("OutputFilter", "$"), record)
        if self._capture.get("GenerateInferenceId"):
            started = self._job.started or self._job.created
            record = records.identify(record, written, str(uuid.uuid4()), f"{started:%Y-%m-%dT%H:%M:%SZ}")
        return written.write(record)

    def _write(self, name: str, text: str) -> None:
        place = f"{self._output['S3OutputPath'].rstrip('/')}/{name}"
        self._put(place, text.encode(), self._output.get("KmsKeyId"))

    def _put_manifest(self, side: str, hour: str, prefix: str, names: list[str]) -> None:
        place = f"{self._capture['DestinationS3Uri'].rstrip('/')}/{side}/{hour}/{uuid.uuid4()}.json"
        self._put(place, json.dumps([{"prefix": prefix}, *names]).encode(), self._capture.get("KmsKeyId"))

    def _put(self, uri: str, data: bytes, kms: str | None) -> None:
        bucket, key = parse_s3_uri(uri)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms} if kms else {}
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=data, **extra)
        except (ClientError, BotoCoreError) as error:
            raise AwsError("ValidationException", f"Cannot write {uri}: {error}") from error
