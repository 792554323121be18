"""CDK constructs that put SageMaker models into production under watch."""
