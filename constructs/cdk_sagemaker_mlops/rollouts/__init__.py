"""Rollouts: from an approved version to a live one, and back."""

from .alarms import RolloutAlarms
from .controller import RolloutController
from .promotion import Promotion
from .registration import RolloutRegistration

__all__ = ["Promotion", "RolloutAlarms", "RolloutController", "RolloutRegistration"]
