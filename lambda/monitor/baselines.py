"""Baselines that are computed from a version's training data, where its registry entry names none.

Level-triggered: every run looks whether the version's own place has a baseline, and makes one if it has not. What is
there is never overwritten: the files are put only where nothing is, the one that makes a baseline complete last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monitor.analysis import Analysis, BaselineError
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage, StoredFile
from shared.log import Logger
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

#: Where a version names its training data, by type or for all types: CustomerMetadataProperties of its registry entry.
PROPERTY = "monitoring-dataset"

log = Logger("monitor.baselines")


class Baselines:
    """Completes runs that have no baseline. ``sagemaker`` makes the service's client, which is rarely needed."""

    def __init__(
        self,
        settings: Settings,
        analysis: Analysis[Any],
        storage: Storage,
        sagemaker: Callable[[], Any],
    ) -> None:
        self._settings = settings
        self._wanted = settings.training_data
        self._analysis = analysis
        self._storage = storage
        self._sagemaker = sagemaker

    def completed(self, run: Run, check_time: Callable[[], None]) -> Run:
        """The run with the version's own baseline, computed now if need be and possible."""
        if self._wanted is None or not run.baseline_missing or not run.model_package_arn:
            return run
        group, version = run.model_package_arn.rpartition(":model-package/")[2].split("/")
        place = self._wanted.place / group / version / self._settings.monitoring_type
        names = self._analysis.baseline_files
        if not self._complete(place, names) and not self._make(run, place, names, check_time):
            return run
        return replace(
            run,
            constraints=place / names[-1],
            statistics=place / names[0] if len(names) > 1 else None,
            baseline_missing=False,
        )

    def _complete(self, place: S3Uri, names: tuple[str, ...]) -> bool:
        return self._storage.read(place / names[-1]) is not None

    def _make(self, run: Run, place: S3Uri, names: tuple[str, ...], check_time: Callable[[], None]) -> bool:
        source = self._source(run)
        if source is None:
            log.warning("the version names no training data", model_package_arn=run.model_package_arn)
            return False
        files = self._storage.at(source)
        if not files:
            raise BaselineError(f"there is no training data at {source}, from which the baseline is to be computed")
        log.info("computing a baseline", training_data=str(source), objects=len(files), place=str(place))
        try:
            documents = self._analysis.baseline(
                self._frames(files, check_time), run, self._storage.read, self._tolerance
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BaselineError(f"no baseline can be computed from {source}: {error}") from error
        origin = {"trainingData": str(source), "modelPackageArn": run.model_package_arn}
        self._storage.claim(place / "origin.json", json.dumps(origin, indent=2))
        # The last of the named ones makes the baseline complete; what lies beside them comes first.
        for name in [*(name for name in documents if name not in names), *names]:
            self._storage.claim(place / name, documents[name])
        return True

    @property
    def _tolerance(self) -> float:
        return self._wanted.tolerance if self._wanted else 0.0

    def _source(self, run: Run) -> S3Uri | None:
        assert self._wanted is not None  # noqa: S101  (nothing is made without)
        if self._wanted.uri is not None:
            return self._wanted.uri
        described = self._sagemaker().describe_model_package(ModelPackageName=run.model_package_arn)
        properties = described.get("CustomerMetadataProperties") or {}
        text = properties.get(f"{PROPERTY}-{self._settings.monitoring_type}") or properties.get(PROPERTY)
        return S3Uri.parse(text) if text else None

    def _frames(self, files: list[StoredFile], check_time: Callable[[], None]) -> Iterator[polars.DataFrame]:
        """The training data; labels under the name that joined traffic has them under, or left out."""
        from model_analyzer import inputs

        assert self._wanted is not None  # noqa: S101  (nothing is made without)
        label, header = self._wanted.label, self._wanted.header
        needs_label = self._analysis.ground_truth is not None
        fetched = self._storage.fetch(files, check_time)
        for frame in inputs.read_table(fetched, format=self._wanted.format, header=header):
            if needs_label and label not in frame.columns:
                raise ValueError(f"it has no column of labels {label!r}, only {', '.join(frame.columns)}")
            if label not in frame.columns:
                yield frame
            elif needs_label:
                yield frame.rename({label: inputs.GROUND_TRUTH})
            else:
                yield frame.drop(label)
