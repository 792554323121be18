"""A model that goes live when a version is approved, comes back when one fails, and is watched every hour."""

import aws_cdk as cdk

import cdk_sagemaker_mlops as mlops


def define(app: cdk.App) -> cdk.Stack:
    """Define the whole of it: one stack."""
    stack = cdk.Stack(app, "shop-churn")
    storage = mlops.Storage(stack, "Storage")
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn", artifacts=[storage.models])
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="shop-churn",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=storage.capture),
    )
    endpoint.add_monitor(mlops.DataQualityMonitor(stack, "DataQuality", reports=storage.reports))
    mlops.RolloutController(stack, "Controller", name="shop", stack_prefix="shop-churn")
    mlops.RolloutRegistration(stack, "Registration", controller_name="shop", model="churn", endpoint=endpoint)
    return stack


if __name__ == "__main__":
    app = cdk.App()
    define(app)
    app.synth()
