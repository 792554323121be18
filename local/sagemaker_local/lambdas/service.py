"""Invoking functions: processes, logs, metrics, concurrency, asynchronous retries and destinations."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sagemaker_local import metrics, moto_state
from sagemaker_local.accounts import Principal
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import deliveries
from sagemaker_local.moto_state import FunctionView

from .asynchronous import Asynchronous
from .images import Images
from .logs import LogWriter
from .outcome import Outcome
from .process import Crashed, Pool, TimedOut, Worker

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
StandIn = Callable[[FunctionView, Any], Any]


class Functions:
    """The functions of one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._pool = Pool(aws.pause_scale)
        self._folder = tempfile.TemporaryDirectory(prefix="sagemaker-local-", ignore_cleanup_errors=True)
        self.settings: dict[tuple[str, str, str], Json] = {}
        """LoggingConfig and DeadLetterConfig by account, region and name; moto does not keep them."""
        self._images = Images(aws, Path(self._folder.name), self.settings)
        self._logs = LogWriter(aws)
        self._running: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._stand_ins: list[tuple[Callable[[FunctionView], bool], StandIn]] = []
        self.asynchronous = Asynchronous(aws, self.settings, self.invoke)

    def stand_in(self, fits: Callable[[FunctionView], bool], run: StandIn) -> None:
        """Let `run(function, event)` answer for functions that cannot run here, for example those written for Node."""
        self._stand_ins.append((fits, run))

    def invoke(self, view: FunctionView, event: Any, *, request_id: str | None = None) -> Outcome:
        """Run a function once and wait for the end.

        Raises:
            AwsError: TooManyRequestsException if the reserved concurrency is used up.
        """
        request_id = request_id or str(uuid.uuid4())
        key = (view.account, view.region, view.name)
        with self._lock:
            if view.reserved_concurrency is not None and self._running[key] >= view.reserved_concurrency:
                raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
            self._running[key] += 1
        try:
            return self._run(view, event, request_id)
        finally:
            with self._lock:
                self._running[key] -= 1

    def invoke_later(self, arn: str, event: Any) -> None:
        """Run a function in the background, as an event invocation: two retries, then its failure destination."""
        account, region = arn.split(":")[4], arn.split(":")[3]
        self.asynchronous.accept(moto_state.function(account, region, arn), event, str(uuid.uuid4()))

    def forget(self, account: str, region: str, name: str) -> None:
        """End the warm processes of a function that was changed or deleted."""
        self._pool.forget(f"{account}/{region}/{name}/")

    def close(self) -> None:
        """End every process and remove the unpacked code."""
        self._pool.close()
        self._folder.cleanup()

    def _run(self, view: FunctionView, event: Any, request_id: str) -> Outcome:
        for fits, run in self._stand_ins:
            if fits(view):
                return self._finished(view, request_id, {"result": json.dumps(run(view, event))}, [], 0.0)
        if view.package_type != "Zip" or not view.runtime.startswith("python"):
            what = view.runtime or f"package type {view.package_type}"
            message = f"the embedded AWS runs Python functions from zips only; {view.name} has {what}"
            failure = {"errorType": "Runtime.Unsupported", "errorMessage": message}
            return self._finished(view, request_id, {"error": failure}, [message], 0.0)
        principal = self._aws.accounts.acting_as(view.role)
        image, notes = self._images.of(view, principal)
        worker = self._pool.take(image)
        started = time.monotonic()
        lines = [f"[local] {note}" for note in notes] if worker.cold else []
        lines.append(f"START RequestId: {request_id} Version: {view.version}")
        reply, lost = self._answer(view, worker, event, request_id, principal)
        seconds = time.monotonic() - started - (worker.init_seconds if worker.cold else 0.0)
        lines += worker.log_text().splitlines()
        init = f"\tInit Duration: {worker.init_seconds * 1000:.2f} ms" if worker.cold else ""
        worker.cold = False
        if lost:
            lines.append(lost)
            self._pool.drop(worker)
        elif worker.init_error is not None:
            self._pool.drop(worker)
        else:
            self._pool.give_back(worker)
        lines += [f"END RequestId: {request_id}", _report(view, request_id, seconds, reply, init)]
        return self._finished(view, request_id, reply, lines, seconds)

    def _answer(
        self, view: FunctionView, worker: Worker, event: Any, request_id: str, principal: Principal
    ) -> tuple[Json, str]:
        """Return the process's answer, and a log line if the process is lost."""
        request = {
            "event": event,
            "request_id": request_id,
            "arn": view.arn,
            # How far the clock of the embedded AWS is ahead; the function's own clock is left alone.
            "clock_offset": round((self._aws.clock.now() - self._aws.real_now()).total_seconds()),
            "trace_id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        try:
            if worker.cold:
                worker.load()
                if worker.init_error is not None:
                    return {"error": {**worker.init_error, "requestId": request_id}}, ""
            return worker.call(request, view.timeout), ""
        except TimedOut:
            text = f"Task timed out after {view.timeout:.2f} seconds"
            failure = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {text}"}
            stamp = self._aws.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            return {"error": failure}, f"{stamp}Z {request_id} {text}"
        except Crashed as crash:
            kind = "Runtime.ExitError"
            text = f"RequestId: {request_id} Error: Runtime exited with error: {crash}"
            return {"error": {"errorType": kind, "errorMessage": text}}, f"{text} {kind}"

    def _finished(self, view: FunctionView, request_id: str, reply: Json, lines: list[str], seconds: float) -> Outcome:
        now = self._aws.clock.now()
        principal = self._aws.accounts.acting_as(view.role)
        group, stream = self._images.log_names(view)
        self._logs.write(principal, view.region, group, stream, lines, now)
        metrics.publish_embedded(self._aws, view.account, view.region, lines)
        failed = reply.get("error")
        dimensions = {"FunctionName": view.name}
        for name, value, unit in (
            ("Invocations", 1.0, "Count"),
            ("Errors", 1.0 if failed else 0.0, "Count"),
            ("Duration", seconds * 1000, "Milliseconds"),
        ):
            metrics.publish(
                self._aws, view.account, view.region, "AWS/Lambda", name, value, dimensions=dimensions, unit=unit
            )
        payload = json.dumps(failed) if failed else reply["result"]
        return Outcome(request_id, payload, "Unhandled" if failed else None, "\n".join(lines) + "\n", view.version)


def _report(view: FunctionView, request_id: str, seconds: float, reply: Json, init: str) -> str:
    milliseconds = seconds * 1000
    return (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {int(milliseconds) + 1} ms"
        f"\tMemory Size: {view.memory} MB\tMax Memory Used: {reply.get('memory', 0)} MB{init}\t"
    )


_functions: WeakKeyDictionary[LocalAws, Functions] = WeakKeyDictionary()


def start(aws: LocalAws) -> Functions:
    """Make the functions of an embedded AWS that is starting."""
    functions = _functions[aws] = Functions(aws)
    deliveries.of(aws)
    aws.on_stop(functions.close)
    aws.on_stop(moto_state.redirect_function_calls(functions.invoke_later))
    return functions


def of(aws: LocalAws) -> Functions:
    """Return the functions of a running embedded AWS."""
    return _functions[aws]
