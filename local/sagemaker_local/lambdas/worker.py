"""The runtime inside a function's process: loads the handler once, then answers one event after another.

Runs by itself with `python -I -S`, so it imports the standard library only. Requests come as JSON lines on one pipe,
answers leave on another; what the function prints goes to stdout and stderr, which are its log.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from typing import Any


class Context:
    """The context object of a handler, as https://docs.aws.amazon.com/lambda/latest/dg/python-context.html has it."""

    identity = None
    client_context: Any = None

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.invoked_function_arn: str = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + request["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the real milliseconds until the process is ended."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: str) -> None:
        sys.stdout.write(str(message))


class LogHandler(logging.Handler):
    """Writes records as Lambda's own handler does: tab-separated text or one JSON object per line."""

    request_id = ""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        text = record.getMessage()
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        if not self._as_json:
            line = f"[{record.levelname}]\t{moment}\t{self.request_id}\t{text}"
            sys.stdout.write(line + (f"\n{trace}" if trace else "\n"))
            return
        document = {
            "timestamp": moment,
            "level": record.levelname,
            "message": text,
            "logger": record.name,
            "requestId": self.request_id,
        }
        if record.exc_info and record.exc_info[0] is not None:
            document |= {"errorType": record.exc_info[0].__name__, "stackTrace": trace}
        sys.stdout.write(json.dumps(document) + "\n")


def _error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.abspath(__file__)  # noqa: PTH100 - before the function's own path is set up
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_list([frame for frame in frames if frame.filename != here]),
    }


def _load(handler: str) -> Any:
    module_name, _, attribute = handler.replace("/", ".").rpartition(".")
    return getattr(importlib.import_module(module_name), attribute)


def _requests(stream: Any) -> queue.SimpleQueue[dict[str, Any]]:
    """Read requests in a thread that ends the process, and all it started, once the server is gone."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            requests.put(json.loads(line))
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _scale_pauses(scale: float) -> None:
    """Let `time.sleep` last a share of what it was asked for, in the function and in the libraries that it uses."""
    if scale == 1.0:
        return
    sleep = time.sleep

    def pause(seconds: float, /) -> None:
        sleep(seconds * scale)

    time.sleep = pause  # type: ignore[assignment]


def main() -> None:
    """Serve events until the server closes the pipe."""
    sys.path[:0] = json.loads(os.environ.pop("SAGEMAKER_LOCAL_PATHS"))
    _scale_pauses(float(os.environ.pop("SAGEMAKER_LOCAL_PAUSE_SCALE")))
    requests = _requests(os.fdopen(int(os.environ.pop("SAGEMAKER_LOCAL_REQUESTS")), encoding="utf-8"))
    replies = os.fdopen(int(os.environ.pop("SAGEMAKER_LOCAL_REPLIES")), "w", encoding="utf-8")
    log_handler = LogHandler(os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON")
    logging.getLogger().addHandler(log_handler)
    logging.getLogger().setLevel(os.environ.get("AWS_LAMBDA_LOG_LEVEL") or logging.WARNING)

    # It would report for every client that the endpoint is not AWS's.
    logging.getLogger("botocore.configprovider").setLevel(logging.WARNING)

    def answer(document: dict[str, Any]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # Linux counts in KiB, macOS in bytes.
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        document["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
        replies.write(json.dumps(document) + "\n")
        replies.flush()

    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:  # noqa: BLE001 - whatever the module does at import, the caller hears of it
        failure = _error(error)
        if isinstance(error, ImportError):
            failure["errorType"] = "Runtime.ImportModuleError"
            failure["errorMessage"] = f"Unable to import module '{os.environ['_HANDLER'].rpartition('.')[0]}': {error}"
        elif isinstance(error, AttributeError):
            failure["errorType"] = "Runtime.HandlerNotFound"
        answer({"init_error": failure})
        return
    answer({"ready": True})
    while True:
        request = requests.get()
        log_handler.request_id = request["request_id"]
        os.environ["_X_AMZN_TRACE_ID"] = request["trace_id"]
        os.environ["SAGEMAKER_LOCAL_CLOCK_OFFSET_SECONDS"] = str(request["clock_offset"])
        try:
            result = json.dumps(handler(request["event"], Context(request)))
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a handler is an error of the function as well
            failure = _error(error)
            if isinstance(error, TypeError) and "JSON serializable" in str(error):
                failure["errorType"] = "Runtime.MarshalError"
                failure["errorMessage"] = f"Unable to marshal response: {error}"
            heading = f"[ERROR] {failure['errorType']}: {failure['errorMessage']}"
            sys.stdout.write("\n".join([heading, *failure["stackTrace"]]) + "\n")
            answer({"error": failure})
        else:
            answer({"result": result})


if __name__ == "__main__":
    main()
