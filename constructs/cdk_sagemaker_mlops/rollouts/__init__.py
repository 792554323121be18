"""Rollouts: from an approved version to a live one, and back."""

from .controller import RolloutController
from .promotion import Promotion
from .registration import RolloutRegistration

__all__ = ["Promotion", "RolloutController", "RolloutRegistration"]
