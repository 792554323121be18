"""Reading what SageMaker writes: captured traffic, batch transform captures, CSV, JSON lines, Parquet.

Readers yield polars frames batch by batch, in bounded memory, and never stop at a broken line: what does not fit is
counted and sampled in an `InputReport`.
"""

from ._attributes import INFERENCE, PROBABILITY, Attributes, PathError
from ._capture import SUFFIXES as CAPTURE_SUFFIXES
from ._capture import Window, read_capture, read_envelopes
from ._ground_truth import Labels, read_ground_truth
from ._join import GROUND_TRUTH, RECORD, JoinReport, read_joined
from ._offsets import offset_window, parse_duration
from ._report import InputReport, Problem
from ._scripts import ScriptError, load_preprocessor, run_postprocessor
from ._sources import Source
from ._tables import TableFormat, read_table
from ._transform import manifest_entries, read_transform

__all__ = [
    "CAPTURE_SUFFIXES",
    "GROUND_TRUTH",
    "INFERENCE",
    "PROBABILITY",
    "RECORD",
    "Attributes",
    "InputReport",
    "JoinReport",
    "Labels",
    "PathError",
    "Problem",
    "ScriptError",
    "Source",
    "TableFormat",
    "Window",
    "load_preprocessor",
    "manifest_entries",
    "offset_window",
    "parse_duration",
    "read_capture",
    "read_envelopes",
    "read_ground_truth",
    "read_joined",
    "read_table",
    "read_transform",
    "run_postprocessor",
]
