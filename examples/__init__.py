"""Runnable examples of this package."""
