"""SageMaker's built-in XGBoost container: content types, errors and output format of its algorithm mode.

Models are read from XGBoost's own JSON and UBJSON formats only. Pickled boosters, which old containers wrote, are
refused: reading one runs whatever code it contains.

See https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .predictor import Answer, LoadError, Request

_CSV = "text/csv"
_LIBSVM = ("text/libsvm", "text/x-libsvm")
_JSON_LINES = "application/jsonlines"
_JSON = "application/json"
_LINES_SINCE = (1, 5)
"""First version that answers one prediction a line; older ones separate predictions with commas."""


class UnreadablePayload(Exception):
    """A request body that the container cannot parse."""


class XGBoostPredictor:
    """A booster behind the container's interface.

    Args:
        model_dir: the unpacked model archive.
        image: the container image; its tag tells the version.
        environment: the container's environment variables.

    Raises:
        LoadError: if there is no model that XGBoost reads.
    """

    def __init__(self, model_dir: Path, image: str, environment: dict[str, str]) -> None:
        try:
            import xgboost
        except ImportError as error:
            message = f"serving {image} here needs the Python package xgboost (or xgboost-cpu): {error}"
            raise LoadError(message, public=message) from error
        self._xgboost = xgboost
        path = _model_file(model_dir)
        self._booster = xgboost.Booster()
        try:
            self._booster.load_model(bytearray(path.read_bytes()))
        except xgboost.core.XGBoostError as error:
            first = str(error).splitlines()[0]
            raise LoadError(
                f"Unable to load model: {path.name} is neither UBJSON nor JSON of XGBoost: {first}"
            ) from error
        self._booster.set_param({"nthread": 1})
        best = self._booster.attr("best_iteration")
        self._trees = (0, int(best) + 1) if best is not None else (0, 0)
        self._one_per_line = _version(image) >= _LINES_SINCE
        self._default_accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", _CSV)

    def predict(self, request: Request) -> Answer:
        """Answer as the container does: 415 for what it cannot parse, 406 for what it cannot write, 400 for bad rows.

        A row that is shorter than the model's features is filled with missing values; a longer one is refused.
        """
        if not request.body:
            return Answer(b"", "text/plain", 204)
        try:
            rows = parse(request.body, request.content_type)
        except UnreadablePayload as error:
            return _refuse(415, str(error))
        accept = request.accept.split(";", 1)[0].strip().lower()
        accept = self._default_accept if accept in ("", "*/*") else accept
        if accept not in (_CSV, _JSON, _JSON_LINES):
            supported = [_JSON, _JSON_LINES, _CSV]
            return _refuse(
                406, f"Accept type {accept} is not supported. Please use supported accept types: {supported}."
            )
        try:
            data = self._xgboost.DMatrix(rows, nthread=1)
            scores = self._booster.predict(data, validate_features=False, iteration_range=self._trees)
        except (self._xgboost.core.XGBoostError, ValueError) as error:
            return _refuse(400, f"Unable to evaluate payload provided: {str(error).splitlines()[0]}")
        return self._write(scores.tolist(), accept)

    def close(self) -> None:
        """Nothing to stop: the booster lives in this process."""

    def _write(self, scores: list[Any], accept: str) -> Answer:
        if accept == _JSON:
            text = json.dumps({"predictions": [{"score": score} for score in scores]})
            return Answer(text.encode(), accept)
        if accept == _JSON_LINES:
            text = "\n".join(json.dumps({"score": score}) for score in scores)
            return Answer(text.encode(), accept)
        values = [str(score) for score in scores]
        text = "".join(f"{value}\n" for value in values) if self._one_per_line else ",".join(values)
        return Answer(text.encode(), "text/csv; charset=utf-8")


def parse(body: bytes, content_type: str) -> NDArray[np.float32]:
    """Return the rows of a request as a matrix; empty CSV fields and absent libsvm features are NaN.

    Raises:
        UnreadablePayload: with the container's message, if the type or the content does not fit.
    """
    kind = (content_type or _CSV).split(";", 1)[0].strip().lower()
    if kind not in (_CSV, *_LIBSVM):
        raise UnreadablePayload(f"Content-type {kind} not supported. Supported content-type is text/csv, text/libsvm")
    name, read = ("csv", _csv) if kind == _CSV else ("libsvm", _libsvm)
    try:
        return read(body.decode().strip())
    except (ValueError, IndexError) as error:
        raise UnreadablePayload(
            f"Loading {name} data failed with Exception, please ensure data is in {name} format:\n"
            f" {type(error)}\n {error}"
        ) from error


def _csv(text: str) -> NDArray[np.float32]:
    rows = [[float(field) if field.strip() else np.nan for field in line.split(",")] for line in text.splitlines()]
    return np.array(rows, dtype=np.float32)


def _libsvm(text: str) -> NDArray[np.float32]:
    lines = [[item.split(":", 1) for item in line.split() if ":" in item] for line in text.splitlines()]
    width = max((int(index) for line in lines for index, _ in line), default=-1) + 1
    matrix = np.full((len(lines), width), np.nan, dtype=np.float32)
    for row, line in enumerate(lines):
        for index, value in line:
            matrix[row, int(index)] = float(value)
    return matrix


def _model_file(model_dir: Path) -> Path:
    named = model_dir / "xgboost-model"
    if named.is_file():
        return named
    files = sorted(path for path in model_dir.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise LoadError("Unable to load model: the model archive holds no file")
    return files[0]


def _version(image: str) -> tuple[int, int]:
    match = re.search(r":(?:latest-)?(\d+)\.(\d+)", image)
    return (int(match.group(1)), int(match.group(2))) if match else _LINES_SINCE


def _refuse(status: int, message: str) -> Answer:
    return Answer(message.encode(), "text/plain", status)
