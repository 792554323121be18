"""Reading what SageMaker writes: captured traffic, batch transform captures, CSV, JSON lines, Parquet.

Readers yield polars frames batch by batch, in bounded memory, and never stop at a broken line: what does not fit is
counted and sampled in an `InputReport`.
"""

from ._capture import Window, read_capture, read_envelopes
from ._report import InputReport, Problem
from ._scripts import ScriptError, load_preprocessor, run_postprocessor
from ._sources import Source
from ._tables import TableFormat, read_table

__all__ = [
    "InputReport",
    "Problem",
    "ScriptError",
    "Source",
    "TableFormat",
    "Window",
    "load_preprocessor",
    "read_capture",
    "read_envelopes",
    "read_table",
    "run_postprocessor",
]
