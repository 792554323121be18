"""Settings of baselines that are computed: where they go, and from what."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.sources import TableFormat, read_format
from shared.environment import Environment
from shared.s3 import S3Uri


@dataclass(frozen=True)
class TrainingDataSettings:
    """Where computed baselines go, and what they are computed from.

    - `BASELINES_URI`: a version's go below `<BASELINES_URI>/<group>/<version>/<type>/`. Default: - none are computed
    - `TRAINING_DATA_URI`: an object, or a prefix of objects. Default: - what the version names under the property
      `monitoring-dataset-<type>` or `monitoring-dataset`
    - `TRAINING_DATA_FORMAT`: a dataset format of SageMaker's API. Default: {"csv": {"header": true}}
    - `TRAINING_DATA_LABEL`: the column of labels. Columns besides it are the output's, then the input's. Default: -
      none, as for data quality and attribution
    - `TRAINING_DATA_TOLERANCE`: how much worse than on the training data a metric of quality may be, a share of its
      value. Default: 0
    """

    place: S3Uri
    uri: S3Uri | None
    format: TableFormat
    header: bool
    label: str | None
    tolerance: float

    @staticmethod
    def of(environment: Environment) -> TrainingDataSettings | None:
        """Read them; None where nothing is to be computed. Mistakes are noted in ``environment``."""
        place = environment.optional_s3_uri("BASELINES_URI")
        if place is None:
            return None
        form, header = read_format(environment, ("csv", True), "TRAINING_DATA_FORMAT")
        return TrainingDataSettings(
            place=place,
            uri=environment.optional_s3_uri("TRAINING_DATA_URI"),
            format=form,
            header=header,
            label=environment.optional_text("TRAINING_DATA_LABEL"),
            tolerance=environment.optional_fraction("TRAINING_DATA_TOLERANCE") or 0.0,
        )
