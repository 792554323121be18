"""Code that the Lambda functions share."""
