"""Retraining on drift: evidence in, executions of the training pipeline out, within limits."""
