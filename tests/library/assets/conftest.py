"""A cache of its own, so that no test downloads or leaves anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk_sagemaker_mlops.functions.cache import CACHE_VARIABLE


@pytest.fixture(autouse=True)
def layer_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder
