"""Memory that a thread uses again and again: to get fresh memory costs several times what most passes over it cost."""

from __future__ import annotations

import threading
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

_MOST = 1 << 19
_T = TypeVar("_T", np.float64, np.uint64, np.int64)


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.arrays: dict[str, Floats] = {}


_scratch = _Scratch()


def scratch(purpose: str, size: int) -> Floats:
    """An array of doubles whose content is anything; it is the caller's until the thread asks for the purpose again."""
    if size > _MOST:
        return np.empty(size)
    array = _scratch.arrays.get(purpose)
    if array is None or array.size < size:
        array = _scratch.arrays[purpose] = np.empty(size)
    return array[:size]


def in_one_piece(series: pl.Series, kind: type[_T]) -> npt.NDArray[_T]:
    """The values of a series without nulls, copied only if they lie in several pieces."""
    if series.n_chunks() == 1:
        return series.to_numpy()
    values = scratch("pieces", series.len()).view(kind)
    start = 0
    for chunk in series.get_chunks():
        values[start : start + chunk.len()] = chunk.to_numpy()
        start += chunk.len()
    return values
