"""The embedded AWS as a fixture."""

pytest_plugins = ["sagemaker_local.pytest_plugin"]
