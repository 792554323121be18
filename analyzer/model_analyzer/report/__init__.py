"""HTML pages of runs, self-contained and without scripts."""

from ._data_quality import data_quality_html

__all__ = ["data_quality_html"]
