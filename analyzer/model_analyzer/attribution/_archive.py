"""Models out of SageMaker's model archives. Nothing in an archive is executed unless the caller says that it may be."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ._explain import Explainer
from ._libraries import LightGBMExplainer, UnsupportedModel, XGBoostExplainer, of_function, of_sklearn

LARGEST_FILE_BYTES = 4 * 1024**3

_TEXT_OF_LIGHTGBM = b"tree\nversion="
_ZLIB = (b"\x78", b"\x1f\x8b")


class ModelError(Exception):
    """A model that cannot be loaded; the message says why and what to do."""


def load_model(
    path: Path | str,
    *,
    allow_pickle: bool = False,
    background: pl.DataFrame | None = None,
    features: Sequence[str] | None = None,
) -> Explainer:
    """An exact explainer of the model in an archive (`model.tar.gz`), a folder or a file.

    XGBoost models are read in XGBoost's own JSON and UBJSON formats, LightGBM models as text. Anything pickled (models
    of scikit-learn, old XGBoost ones) runs code when it is loaded, and is loaded only if the caller trusts its origin.

    Args:
        path: The archive, folder or file.
        allow_pickle: Whether pickled models may be loaded.
        background: Rows that stand for unknown features: a pickled model that is no tree (a pipeline, say, with its
            encoder) is explained by kernel SHAP with them. Default: such a model is refused.
        features: Columns of the background that the model takes, where it does not know their names. Default: all.

    Raises:
        ModelError: There is no model that can be loaded, or its library is not installed.
    """
    location = Path(path)
    if not location.exists():
        raise ModelError(f"{location}: no such file or folder")
    pickled: list[str] = []
    names: list[str] = []
    try:
        for name, data in _files(location):
            names.append(name)
            explainer = _native(name, data)
            if explainer is not None:
                return explainer
            if _is_pickle(name, data):
                if not allow_pickle:
                    pickled.append(name)
                    continue
                return _unpickled(name, data, background, features)
    except (tarfile.TarError, OSError) as error:
        raise ModelError(f"{location}: cannot be read: {error}") from error
    except UnsupportedModel as error:
        raise ModelError(f"{location}: {error}") from error
    if pickled:
        raise ModelError(
            f"{location}: {', '.join(pickled)} is pickled, and loading it runs the code in it: "
            "allow that only for archives that you trust"
        )
    raise ModelError(
        f"{location}: no model found among {', '.join(names[:10]) or 'no files'}; known are XGBoost (JSON, UBJSON), "
        "LightGBM (text) and, if allowed, pickled models of scikit-learn"
    )


def _files(location: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents, likely models first."""
    if location.is_dir():
        found = [file for file in location.rglob("*") if file.is_file()]
        for file in sorted(found, key=lambda f: _likelihood(f.name)):
            yield str(file.relative_to(location)), file.read_bytes()
        return
    if not tarfile.is_tarfile(location):
        yield location.name, location.read_bytes()
        return
    with tarfile.open(location) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        for member in sorted(members, key=lambda m: _likelihood(m.name)):
            if member.size > LARGEST_FILE_BYTES:
                raise ModelError(f"{location}: {member.name} is larger than {LARGEST_FILE_BYTES:,} bytes")
            stream = archive.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()


def _likelihood(name: str) -> tuple[int, str]:
    base = name.rpartition("/")[2].lower()
    return (0 if "model" in base else 1, name)


def _native(name: str, data: bytes) -> Explainer | None:
    if data.startswith(_TEXT_OF_LIGHTGBM):
        lightgbm = _library("lightgbm", name)
        return LightGBMExplainer(lightgbm.Booster(model_str=data.decode("utf-8"), params={"verbose": -1}))
    if _is_xgboost(data):
        xgboost = _library("xgboost", name)
        try:
            return XGBoostExplainer(xgboost.Booster(model_file=bytearray(data)))
        except xgboost.core.XGBoostError as error:
            raise ModelError(f"{name}: XGBoost cannot load it: {str(error).splitlines()[0]}") from error
    if data.startswith(b"binf"):
        raise ModelError(
            f"{name} is in XGBoost's old binary format: load it with an XGBoost before 3.1 and save it as JSON"
        )
    return None


def _is_xgboost(data: bytes) -> bool:
    head = data[:65536].lstrip()
    if not head.startswith(b"{"):
        return False
    if b'"learner"' in head:
        try:
            return "learner" in json.loads(data)
        except ValueError:
            return False
    # UBJSON writes keys as a length and the bare name.
    return head[1:2] in (b"L", b"i", b"U", b"l", b"I") and b"learner" in head


def _library(name: str, file: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"{file} is a model of {name}, which is not installed: pip install {name}") from error


def _is_pickle(name: str, data: bytes) -> bool:
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    return name.endswith((".joblib", ".pkl", ".pickle")) and data.startswith(_ZLIB)


def _unpickled(name: str, data: bytes, background: pl.DataFrame | None, features: Sequence[str] | None) -> Explainer:
    try:
        model = _loads(name, data)
    except ImportError as error:
        raise ModelError(f"{name} needs a package that is not installed: {error}") from error
    except Exception as error:  # a pickle may raise anything at all
        raise ModelError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
    if hasattr(model, "save_raw") or hasattr(model, "get_booster"):
        return XGBoostExplainer(model.get_booster() if hasattr(model, "get_booster") else model)
    if hasattr(model, "booster_") or hasattr(model, "model_to_string"):
        return LightGBMExplainer(model.booster_ if hasattr(model, "booster_") else model)
    try:
        return of_sklearn(model)
    except UnsupportedModel:
        if background is None or not hasattr(model, "predict"):
            raise
        return of_function(model, background, features)


def _loads(name: str, data: bytes) -> Any:
    if data.startswith(_ZLIB) or name.endswith(".joblib"):
        joblib = _library("joblib", name)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model"
            file.write_bytes(data)
            return joblib.load(file)
    return pickle.load(io.BytesIO(data))  # noqa: S301 - the caller has said that the archive is to be trusted
