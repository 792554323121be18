"""What every type of analysis has in common: what goes in, what comes out, and what can be wrong with the data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from botocore.exceptions import ClientError

from monitor.run import Run
from monitor.sources import InputSource, RecordFunction
from monitor.storage import CaptureFile, Storage, StoredFile
from monitor.window import timestamp
from shared.clients import error_code
from shared.metrics import StatisticSet
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

    from model_analyzer.inputs import InputReport

Prepared = TypeVar("Prepared")
Summary = TypeVar("Summary")

#: Who may not list a bucket is refused what is not there.
_REFUSED = frozenset({"AccessDenied", "403"})

PAGE = "report.html"
VIOLATIONS = "constraint_violations.json"


class BaselineError(ValueError):
    """The baseline exists but cannot be used; names the file and what is wrong with it."""


class UnreadableCaptures(ValueError):
    """Traffic was captured, but not one record of it can be read; shows why, with a sample."""


@dataclass(frozen=True)
class Finding:
    """A violation. ``subject`` says what is wrong, by the names of the event's fields: ``{"feature": "age"}``.

    ``severity`` puts the worst first; numbers are None where the check has none.
    """

    subject: Mapping[str, str]
    check: str
    value: float | None
    threshold: float | None
    severity: float

    def to_json(self) -> dict[str, Any]:
        """The finding as events show it; JSON has no infinity, which becomes text as in the analyses' files."""
        return {**self.subject, "check": self.check, "value": _plain(self.value), "threshold": _plain(self.threshold)}


@dataclass(frozen=True)
class Point:
    """A value of the analysis' own metrics; ``dimensions`` come on top of endpoint and schedule."""

    name: str
    value: float | StatisticSet
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelCounts:
    """What became of labels and of the captures that they are for; `JoinReport` of the analyzer says what each is."""

    matched: int
    unlabelled: int
    late: int
    duplicates: int
    conflicting: int
    without_capture: int
    broken: int
    unusable: int
    median_delay_hours: int | None
    longest_delay_hours: int | None

    def to_json(self) -> dict[str, int | None]:
        """The counts as events show them."""
        return {
            "matched": self.matched,
            "unlabelled": self.unlabelled,
            "late": self.late,
            "duplicates": self.duplicates,
            "conflicting": self.conflicting,
            "withoutCapture": self.without_capture,
            "broken": self.broken,
            "unusable": self.unusable,
            "medianDelayHours": self.median_delay_hours,
            "longestDelayHours": self.longest_delay_hours,
        }


@dataclass(frozen=True)
class NoData:
    """There was nothing to analyse: no production traffic, or not one label for it."""

    reason: Literal["NoCaptures", "NoLabels"]
    records: int = 0
    broken: int = 0
    labels: LabelCounts | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    ``records`` counts captured requests, ``broken`` those that cannot be read. ``documents`` are the report's files by
    name. ``unchecked`` are metrics of the baseline that have no value in this window.
    """

    records: int
    broken: int
    documents: Mapping[str, str]
    findings: tuple[Finding, ...]
    points: tuple[Point, ...]
    labels: LabelCounts | None = None
    unchecked: tuple[str, ...] = ()

    def worst(self, limit: int = 5) -> list[dict[str, Any]]:
        """The worst findings, as events show them."""
        ordered = sorted(self.findings, key=lambda item: (-item.severity, tuple(item.subject.values()), item.check))
        return [item.to_json() for item in ordered[:limit]]


class Spread(Protocol):
    """Summarises files on several machines, in their order."""

    def __call__(
        self,
        files: Sequence[StoredFile],
        of_files: Callable[[Storage, Sequence[StoredFile], InputReport], Summary],
        merge: Callable[[Summary, Summary], Summary],
        report: InputReport,
    ) -> Summary:
        """The summary of all files; ``of_files`` makes that of some, wherever it runs, and counts."""
        ...


@dataclass(frozen=True)
class Traffic:
    """What a run has to read: the input's files, and label files for the types that compare with labels.

    ``preprocessor`` turns records into rows, in place of how they are usually read. ``spread`` reads on other machines,
    where the run has them, what ``listed`` names. ``read`` brings an object of S3, None where there is none.
    """

    run: Run
    source: InputSource
    captures: Iterable[CaptureFile]
    labels: Iterable[CaptureFile] = ()
    preprocessor: RecordFunction | None = None
    listed: Sequence[StoredFile] = ()
    spread: Spread | None = None
    read: Callable[[S3Uri], bytes | None] = lambda _: None

    @property
    def name(self) -> str:
        """What is watched."""
        return self.source.name

    @property
    def subtitle(self) -> str:
        """The line below the report's heading."""
        return f"{timestamp(self.run.window.start)} to {timestamp(self.run.window.end)}"

    def beside_baseline(self, name: str) -> bytes | None:
        """A file in the folder of the baseline's statistics; None where there is none, or none that may be read."""
        statistics = self.run.statistics
        if statistics is None:
            return None
        try:
            return self.read(S3Uri(statistics.bucket, statistics.key.rpartition("/")[0]) / name)
        except ClientError as error:
            if error_code(error) in _REFUSED:
                return None
            raise

    def frames(self, *, columns: Sequence[str] | None, report: InputReport) -> Iterator[polars.DataFrame]:
        """The input's rows in batches; ``columns`` are names by position for data without names."""
        return self.source.frames(self.captures, columns=columns, report=report, preprocessor=self.preprocessor)

    def summarize(
        self,
        of_frames: Callable[[Iterable[polars.DataFrame]], Summary],
        merge: Callable[[Summary, Summary], Summary],
        *,
        columns: Sequence[str] | None,
        report: InputReport,
    ) -> Summary:
        """A summary of the input's rows that can be made of parts: in one pass here, or on every machine that is."""
        if self.spread is None:
            return of_frames(self.frames(columns=columns, report=report))
        source, preprocessor = self.source, self.preprocessor

        def of_files(storage: Storage, listed: Sequence[StoredFile], counts: InputReport) -> Summary:
            files = source.open(storage, listed, lambda: None)
            return of_frames(source.frames(files, columns=columns, report=counts, preprocessor=preprocessor))

        return self.spread(self.listed, of_files, merge, report)


class Analysis(ABC, Generic[Prepared]):
    """One type of analysis.

    The analyzer and polars are imported inside the methods that use them, because they cost most of a cold start.
    """

    #: CloudWatch namespace of its own metrics, Model Monitor's.
    namespace: ClassVar[str]
    #: The report's main file.
    document: ClassVar[str] = "statistics.json"
    #: Files of a baseline; the last one makes it complete.
    baseline_files: ClassVar[tuple[str, ...]] = ("statistics.json", "constraints.json")
    #: The event's field with the worst findings.
    worst_field: ClassVar[Literal["worstFeatures", "worstMetrics"]]

    @property
    def ground_truth(self) -> S3Uri | None:
        """Where labels lie; None for a type that needs none."""
        return None

    @abstractmethod
    def prepare(
        self, constraints: bytes | None, statistics: bytes | None, read: Callable[[S3Uri], bytes | None]
    ) -> Prepared:
        """Parse the baseline's files, and what else ``read`` has to bring; raises :class:`BaselineError`."""

    @abstractmethod
    def analyse(self, traffic: Traffic, prepared: Prepared) -> Outcome | NoData:
        """Read, measure, compare. Bounded memory: batches of captures pass one by one through mergeable summaries.

        Raises :class:`UnreadableCaptures` and its like when there is data of which nothing can be used.
        """

    @abstractmethod
    def points_of(self, document: bytes, prepared: Prepared) -> Iterator[Point]:
        """The metrics that a run publishes, out of the report's main file as another program wrote it.

        Raises ValueError and its like for a file of another form.
        """

    @abstractmethod
    def baseline(
        self,
        frames: Iterator[polars.DataFrame],
        run: Run,
        read: Callable[[S3Uri], bytes | None],
        tolerance: float,
    ) -> Mapping[str, str]:
        """Files of a baseline, computed from a version's training data in batches.

        Columns are those of captured traffic, the output's first; labels are in the column `ground_truth`.
        ``tolerance`` is how much worse than there a metric of quality may be. Raises ValueError when the data does not
        fit.
        """


def unreadable(read: InputReport, what: str) -> str:
    """A sentence on data of which nothing can be read, with the reasons and a sample."""
    reasons = ", ".join(f"{reason} ({count})" for reason, count in read.broken.most_common(3))
    sample = read.samples[0] if read.samples else None
    where = f"; for example {sample.source} line {sample.line}: {sample.text!r}" if sample else ""
    return f"none of {read.broken_lines} {what} can be read: {reasons}{where}"


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
