"""HTML pages of runs, self-contained and without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._attribution import attribution_html
    from ._bias import bias_html
    from ._data_quality import data_quality_html
    from ._model_quality import model_quality_html

__all__ = ["attribution_html", "bias_html", "data_quality_html", "model_quality_html"]


def __getattr__(name: str) -> Any:
    """The pages, imported when they are drawn, so that `report.drawing` needs the standard library only."""
    import importlib

    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}._{name.removesuffix('_html')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
