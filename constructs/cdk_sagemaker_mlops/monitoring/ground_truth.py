"""Where labels lie and how late they come; where predictions stand in captured answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs

from .locations import Location

if TYPE_CHECKING:
    from aws_cdk.aws_s3 import IBucket

# ISO 8601 with the units of which whole hours are made.
_OFFSET = re.compile(r"-?P(?!$)(?:(\d{1,3})D)?(?:T(?!$)(?:(\d{1,4})H)?)?")
_MAX_WINDOW_HOURS = 744  # the longest that a run accepts: a month


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What turned out to be true: JSON lines below `<bucket>/<prefix>/yyyy/mm/dd/hh/`, the hour of their upload in UTC.

    `sagemaker_labels.GroundTruthClient` writes them. A run looks at traffic from `start_time_offset` to
    `end_time_offset` before its hour, and at the labels that were uploaded since then: with `-P8D` and `-P1D` a
    prediction has at least one day for its label.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html

    :param bucket: Bucket of the labels.
    :param prefix: Prefix in the bucket. Default: - the endpoint's name
    :param attribute: Which member of a JSON label is meant. Default: - labels are single values
    :param start_time_offset: Beginning of the window before the run's hour, ISO 8601 in days and hours: `-P8D`.
        Default: - the window are the hours since the run before, as if labels came at once
    :param end_time_offset: End of the window, likewise; both or neither.
    """

    bucket: IBucket
    prefix: str = ""
    attribute: str | None = None
    start_time_offset: str | None = None
    end_time_offset: str | None = None

    def location(self, name: str) -> Location:
        """The place of the labels."""
        return Location(self.bucket, self.prefix.strip("/") or name)

    @property
    def lag_hours(self) -> int:
        """Hours from the end of a window to the run that looks at it."""
        return _hours(self.end_time_offset) or 0

    def problems(self) -> list[str]:
        """What is wrong with them."""
        offsets = {"start_time_offset": self.start_time_offset, "end_time_offset": self.end_time_offset}
        given = {name: text for name, text in offsets.items() if text is not None}
        found = [
            f'{name} is "{text}", allowed are ISO 8601 durations of days and hours before the run, such as -P8D or '
            "-PT36H"
            for name, text in given.items()
            if _hours(text) is None
        ]
        if len(given) == 1:
            found.append(f"{next(iter(given))} stands alone; give start_time_offset and end_time_offset, or neither")
        start, end = (_hours(text) for text in offsets.values())
        if start is not None and end is not None and not 1 <= start - end <= _MAX_WINDOW_HOURS:
            found.append(
                f"the window from start_time_offset to end_time_offset has {start - end} hours, allowed are 1 to "
                f"{_MAX_WINDOW_HOURS}; the start lies farther back than the end"
            )
        return found

    def settings(self, name: str) -> dict[str, str]:
        """They as environment variables of the run."""
        values = {
            "GROUND_TRUTH_URI": self.location(name).uri,
            "GROUND_TRUTH_ATTRIBUTE": self.attribute,
            "START_TIME_OFFSET": self.start_time_offset,
            "END_TIME_OFFSET": self.end_time_offset,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Where predictions stand in captured answers. Columns are meant by name, or by position as text (`"0"`).

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_EndpointInput.html

    :param inference_attribute: Column of the predicted label or number. Default: - the probability decides; where there
        is none, the first column
    :param probability_attribute: Column of the probability of the positive label. Default: - the first column where the
        problem has a positive label and no `inference_attribute` is given
    :param probability_threshold: A probability above it is a positive prediction, 0 to 1. Default: - 0.5
    :param output_columns: Names of the columns of CSV answers. Default: - see the monitor
    """

    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold: float | None = None
    output_columns: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing says where predictions stand."""
        return self.inference_attribute is None and self.probability_attribute is None

    def problems(self) -> list[str]:
        """What is wrong with them."""
        found = []
        if self.probability_threshold is not None:
            if not 0 <= self.probability_threshold <= 1:
                found.append(f"probability_threshold is {self.probability_threshold:g}, allowed are 0 to 1")
            if self.probability_attribute is None and self.inference_attribute is not None:
                found.append(
                    "probability_threshold is about probabilities, inference_attribute about predicted labels; "
                    "give probability_attribute, or leave the threshold out"
                )
        if "" in self.output_columns or len(set(self.output_columns)) < len(self.output_columns):
            found.append("output_columns holds a name twice, or an empty one")
        return found

    def settings(self, *, probability: bool) -> dict[str, str]:
        """They as environment variables of the run.

        :param probability: Whether the first column is a probability where nothing says what it is.
        """
        first = "0" if self.is_open else None
        values = {
            "INFERENCE_ATTRIBUTE": self.inference_attribute or (None if probability else first),
            "PROBABILITY_ATTRIBUTE": self.probability_attribute or (first if probability else None),
            "PROBABILITY_THRESHOLD": None if self.probability_threshold is None else f"{self.probability_threshold:g}",
            "OUTPUT_COLUMNS": json.dumps(list(self.output_columns)) if self.output_columns else None,
        }
        return {name: value for name, value in values.items() if value is not None}


def _hours(text: str | None) -> int | None:
    """Hours of a duration, or None where it is none."""
    match = _OFFSET.fullmatch(text or "")
    if match is None or _refs.is_token(text):
        return None
    days, hours = match.groups()
    return 24 * int(days or 0) + int(hours or 0)
