"""One stack with everything that a watched endpoint needs: `cdk synth --app "python app.py"`."""

import aws_cdk as cdk
from constructs import Construct

import cdk_sagemaker_mlops as mlops


class ChurnStack(cdk.Stack):
    """The churn model: registry, endpoint, monitor, alarms, dashboard, and the controller that keeps it current."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        storage = mlops.Storage(self, "Storage")
        group = mlops.ModelPackageGroup(self, "Registry", name="churn", artifacts=[storage.models])
        people = mlops.Notifications(self, "People", emails=["ml-ops@example.com"])

        endpoint = mlops.Endpoint(
            self,
            "Endpoint",
            endpoint_name="shop-churn",
            model=mlops.Model.latest_approved(group),
            initial_instance_count=2,
            capture=mlops.DataCapture(bucket=storage.capture),
            rollout=mlops.Rollout.canary(percent=50, bake_minutes=10),
        )
        endpoint.add_monitor(
            mlops.DataQualityMonitor(
                self,
                "DataQuality",
                reports=storage.reports,
                baseline=mlops.Baseline.from_registry(bucket=storage.baselines),
                features=["age", "monthly_charge"],
            )
        )
        mlops.RolloutController(self, "Controller", name="shop", stack_prefix=construct_id, notifications=people)
        rollouts = mlops.RolloutRegistration(
            self, "Registration", controller_name="shop", model="churn", endpoint=endpoint
        )
        incidents = mlops.ModelIncidents(self, "Incidents", endpoint=endpoint, targets=[people], rollouts=rollouts)
        dashboard = mlops.EndpointDashboard(self, "Dashboard", endpoint=endpoint)
        dashboard.show(incidents)
        dashboard.annotate(rollouts.marks)


if __name__ == "__main__":
    app = cdk.App()
    ChurnStack(app, "shop-churn")
    app.synth()
