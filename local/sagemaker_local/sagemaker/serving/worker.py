"""The process that runs a model archive's own inference code. It imports nothing of this project.

Started as a script with the model folder and the entry file as arguments. A message on the two pipes is two lengths, a
header of JSON and a body. The functions and their defaults are those of SageMaker's scikit-learn container: model_fn,
input_fn, predict_fn, output_fn, or transform_fn in place of the last three.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import os
import struct
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import IO, Any


class Unsupported(Exception):
    """A content type or accept type that the default functions do not know."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or return None at the end of the stream."""
    sizes = stream.read(8)
    if len(sizes) < 8:
        return None
    head, body = struct.unpack(">II", sizes)
    return json.loads(stream.read(head)), stream.read(body)


def send(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    head = json.dumps(header).encode()
    stream.write(struct.pack(">II", len(head), len(body)) + head + body)
    stream.flush()


def default_input(body: bytes, content_type: str) -> Any:
    """Decode CSV, JSON and NPY to an array, as the container does without an input_fn."""
    import numpy as np

    kind = content_type.split(";", 1)[0].strip().lower()
    if kind == "text/csv":
        return np.genfromtxt(io.StringIO(body.decode()), delimiter=",", dtype=float)
    if kind == "application/json":
        return np.array(json.loads(body))
    if kind == "application/x-npy":
        return np.load(io.BytesIO(body), allow_pickle=False)
    raise Unsupported(415, f"The model server does not support content type {kind}: give inference.py an input_fn")


def default_predict(data: Any, model: Any) -> Any:
    """Call the model's predict, as the container does without a predict_fn."""
    if getattr(data, "ndim", 2) == 1:
        data = data.reshape(1, -1)
    return model.predict(data)


def default_output(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Encode to JSON, CSV or NPY, as the container does without an output_fn."""
    import numpy as np

    array = np.asarray(prediction)
    if accept == "application/json":
        return json.dumps(array.tolist()).encode(), accept
    if accept == "text/csv":
        rows = array.reshape(-1, 1) if array.ndim < 2 else array
        return ("\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n").encode(), accept
    if accept == "application/x-npy":
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue(), accept
    raise Unsupported(406, f"The model server does not support accept type {accept}: give inference.py an output_fn")


def load(model_dir: str, entry: str) -> tuple[ModuleType, Any]:
    """Import the entry file and load the model with its model_fn."""
    sys.path.insert(0, str(Path(entry).parent))
    spec = importlib.util.spec_from_file_location(Path(entry).stem, entry)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {entry}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "model_fn"):
        raise NotImplementedError("Please provide a model_fn implementation in the inference script.")
    return module, module.model_fn(model_dir)


def answer(module: ModuleType, model: Any, header: dict[str, Any], body: bytes) -> tuple[bytes, str]:
    """Run one request through the script's functions, or the defaults for those that it lacks."""
    content_type = header["content_type"] or "application/json"
    accept = header["accept"].split(",", 1)[0].split(";", 1)[0].strip().lower()
    if accept in ("", "*/*"):
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json")
    # Containers hand text to the script's functions where the content type is text.
    is_text = content_type.startswith(("text/", "application/json"))
    payload: Any = body.decode() if is_text else body
    if hasattr(module, "transform_fn"):
        result = module.transform_fn(model, payload, content_type, accept)
    else:
        read = getattr(module, "input_fn", None)
        data = read(payload, content_type) if read else default_input(body, content_type)
        predict = getattr(module, "predict_fn", default_predict)
        write = getattr(module, "output_fn", default_output)
        result = write(predict(data, model), accept)
    if isinstance(result, tuple):
        return _bytes(result[0]), str(result[1])
    return _bytes(result), accept


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def serve(requests: IO[bytes], answers: IO[bytes], model_dir: str, entry: str) -> None:
    """Load the model, say whether that worked, then answer requests until the stream ends."""
    try:
        module, model = load(model_dir, entry)
    except BaseException as error:  # noqa: BLE001 - whatever foreign code raises is its answer
        send(answers, {"ready": False, "error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()})
        return
    send(answers, {"ready": True, "functions": [name for name, _ in inspect.getmembers(module, inspect.isfunction)]})
    while (message := receive(requests)) is not None:
        header, body = message
        try:
            payload, content_type = answer(module, model, header, body)
            send(answers, {"status": 200, "content_type": content_type}, payload)
        except Unsupported as error:
            send(answers, {"status": error.status, "content_type": "text/plain"}, str(error).encode())
        except Exception as error:  # noqa: BLE001 - whatever foreign code raises is its answer
            traceback.print_exc()
            reply = json.dumps({"code": 500, "type": type(error).__name__, "message": str(error)})
            send(answers, {"status": 500, "content_type": "application/json"}, reply.encode())


if __name__ == "__main__":
    # Prints of the script belong into the log, not between the messages.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, pipe, sys.argv[1], sys.argv[2])
