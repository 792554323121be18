"""The insights report: what a model's owner asks once a week, answered from what the environment recorded."""
