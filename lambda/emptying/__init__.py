"""Custom resource that deletes a group's model versions when its stack is deleted, as SageMaker demands."""
