"""Archives in place of the locked wheels: functions and jobs find the analyzer's packages where these tests do."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.functions.cache import CACHE_VARIABLE
from cdk_sagemaker_mlops.functions.layer import cached_layer
from cdk_sagemaker_mlops.functions.wheels import JOB_WHEELS


@contextmanager
def stand_ins(folder: Path) -> Iterator[None]:
    """Synthesis takes them, and nothing is fetched."""
    cache = folder / "cache"
    cache.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(cache))
        archives = [cached_layer(mlops.Architecture.ARM_64), *(wheels.cached() for wheels in JOB_WHEELS.values())]
        for archive in archives:
            with zipfile.ZipFile(archive, "w") as layer:
                for name in ("numpy", "polars", "polars_runtime_32"):
                    about = f"python/{name}-{metadata.version(name)}.dist-info"
                    layer.writestr(f"{about}/WHEEL", "Tag: cp313-cp313-manylinux_2_28_aarch64\n")
                    layer.writestr(f"{about}/METADATA", f"Name: {name}\n")
        yield
