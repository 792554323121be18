"""What a feature's values can be."""

from __future__ import annotations

from enum import StrEnum


class FeatureType(StrEnum):
    """What a feature's values are: 64-bit integers, double-precision numbers, or text."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
