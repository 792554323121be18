"""Jobs that SageMaker Pipelines has no step for, waited for with callbacks."""
