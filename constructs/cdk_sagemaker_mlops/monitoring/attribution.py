"""Feature attribution: do the model's answers still depend on the features that they depended on?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.alarming import AlarmTarget

from .attribution_analysis import CLARIFYS_THRESHOLD, AttributionAnalysis
from .baseline import Baseline
from .engine import Engine
from .explanation import ShadowEndpoint, Shap
from .labelled import MetricAlarm
from .monitor import Monitor
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import MonitorInput

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket
    from constructs import Construct

    from .target import MonitoredEndpoint


class AttributionMonitor(Monitor):
    """Explains captured requests by SHAP values, ranks features by them and compares the ranking with the baseline's.

    A run loads the live version's archive: trees of XGBoost, LightGBM and scikit-learn are explained exactly; other
    models are asked through a shadow endpoint, if one is allowed. It writes `analysis.json`,
    `constraint_violations.json` and `report.html` below `<reports>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`, publishes
    Clarify's metrics and announces itself as an event `Monitoring Execution`. An agreement (nDCG) below the threshold
    is a violation. Labels are not needed.

    The libraries of boosting do not fit a Lambda: runs need a processing job.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html

    :param headers: Names of the features, the columns of CSV requests in their order. Default: - those that the model
        knows, else numbers of columns
    :param shap: How SHAP values are computed. Default: - see :class:`Shap`
    :param label_headers: Names of the model's answers. Default: label0, label1, …
    :param output_columns: Names of the columns of CSV answers. Default: one column
    :param drift_threshold: Smallest agreement with the baseline's ranking, above 0 to 1. Default: 0.9, as Clarify
        has it
    :param model_data_url: Archive of the model. Default: - the live version's, from the registry
    :param model_data_key: Key that encrypts that archive. Default: - none of the customer's
    :param allow_pickle: Load pickled models, such as scikit-learn's, which runs the code in them with the permissions
        of the run; for archives that you trust. Default: False
    :param max_rows: Rows that a run explains, drawn evenly. Default: 10000; through a shadow endpoint 100
    :param shadow_endpoint: Ask models that cannot be read through an endpoint of their own. Default: - runs fail for
        such models
    :param feature_alarms: Features whose global SHAP value has an alarm: `MetricAlarm(metric="age", threshold=0.5)`.
        Default: - none; one alarm watches all violations
    :param publish_metrics: Publish the values themselves, which CloudWatch bills. Default: True
    :param endpoint: What to watch. Default: - given by `endpoint.add_monitor(monitor)`
    :param input: What to watch instead of an endpoint's traffic. Default: - the endpoint
    :param reports: Bucket for reports. Default: - the capture bucket
    :param reports_prefix: Prefix in that bucket. Default: - none; `monitoring-reports` in the capture bucket
    :param baseline: What to compare with. Default: - the live version's, from the registry
    :param schedule: When to run. Default: daily
    :param engine: What runs it. Default: - see :class:`Engine`
    :param notifications: Who hears of its alarms. Default: - nobody; alarms are still to be seen
    :param alarms: Which other alarms it has. Default: - see :class:`MonitorAlarms`
    :param name: Name in reports, metrics and events. Default: - `<endpoint>-attribution`
    :param scripts: What is done with reports; a preprocessor is for data quality only. Default: - none
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        headers: Sequence[str] = (),
        shap: Shap | None = None,
        label_headers: Sequence[str] = (),
        output_columns: Sequence[str] = (),
        drift_threshold: float = CLARIFYS_THRESHOLD,
        model_data_url: str | None = None,
        model_data_key: IKey | None = None,
        allow_pickle: bool = False,
        max_rows: int | None = None,
        shadow_endpoint: ShadowEndpoint | None = None,
        feature_alarms: Sequence[MetricAlarm] = (),
        publish_metrics: bool = True,
        endpoint: MonitoredEndpoint | None = None,
        input: MonitorInput | None = None,
        reports: IBucket | None = None,
        reports_prefix: str = "",
        baseline: Baseline | None = None,
        schedule: MonitoringSchedule | None = None,
        engine: Engine | None = None,
        notifications: Sequence[AlarmTarget] = (),
        alarms: MonitorAlarms | None = None,
        name: str | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        alarms = alarms or MonitorAlarms()
        analysis = AttributionAnalysis(
            headers=tuple(headers),
            label_headers=tuple(label_headers),
            output_columns=tuple(output_columns),
            shap=shap or Shap(),
            drift_threshold=drift_threshold,
            model_data_url=model_data_url,
            model_data_key=model_data_key,
            allow_pickle=allow_pickle,
            max_rows=max_rows,
            shadow_endpoint=shadow_endpoint,
            feature_alarms=tuple(feature_alarms),
            datapoints=alarms.datapoints,
            publish_metrics=publish_metrics,
        )
        self._attribution = analysis
        super().__init__(
            scope,
            construct_id,
            analysis=analysis,
            endpoint=endpoint,
            input=input,
            reports=reports,
            reports_prefix=reports_prefix,
            baseline=baseline,
            schedule=schedule,
            engine=engine,
            notifications=notifications,
            alarms=alarms,
            name=name,
            scripts=scripts,
        )

    def metric_attribution(self, feature: str, label: str | None = None) -> cloudwatch.Metric:
        """Global SHAP value of a feature. Maximum over the schedule's period.

        :param feature: Its name in the report.
        :param label: Which of the model's answers. Default: - the first
        """
        return self._attribution.measure(self.view, feature, label or self._attribution.labels[0]).metric()

    def metric_agreement(self, label: str | None = None) -> cloudwatch.Metric:
        """Agreement (nDCG) of the ranking with the baseline's, 1 for the same. Minimum over the schedule's period.

        :param label: Which of the model's answers. Default: - the first
        """
        return self._attribution.agreement(self.view, label or self._attribution.labels[0]).metric()
