"""Rollouts: from an approved version to a live one, and back."""

from .controller import RolloutController
from .registration import RolloutRegistration

__all__ = ["RolloutController", "RolloutRegistration"]
