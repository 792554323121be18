"""What SageMaker does not combine, by the way in which an endpoint serves.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-deploy-feature-matrix.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ._instances import is_inferentia1
from .serving_mode import ServingMode

if TYPE_CHECKING:
    from ._endpoint_plan import EndpointPlan
    from ._errors import Problems


def check_mode(problems: Problems, plan: EndpointPlan) -> None:
    """Record what the endpoint's mode rules out."""
    if any(variant.serverless for variant in plan.variants):
        _check_serverless(problems, plan)
    if plan.asynchronous is not None:
        problems.extend(plan.asynchronous.problems(), where="asynchronous")
        _check_asynchronous(problems, plan)
    if plan.shadow is not None:
        _check_shadow(problems, plan)
    _check_capture(problems, plan)
    _check_guardrails(problems, plan)


def _refuse(problems: Problems, subject: str) -> Callable[[bool, str, str], None]:
    """Recorder of sentences that begin with the same subject."""

    def refuse(combined: bool, what: str, way_out: str) -> None:
        problems.require(not combined, f"{subject} {what}; {way_out}")

    return refuse


def _check_serverless(problems: Problems, plan: EndpointPlan) -> None:
    refuse = _refuse(problems, "a serverless variant")
    refuse(
        len(plan.variants) > 1,
        f"is alone on its endpoint, {len(plan.variants)} variants are given",
        "use one, or variants on instances",
    )
    refuse(
        plan.network is not None,
        "runs in SageMaker's network only, but network is given",
        "remove network, or serve on instances",
    )
    refuse(plan.network_isolation, "has no network isolation", "remove network_isolation, or serve on instances")
    refuse(plan.asynchronous is not None, "answers at once", "remove asynchronous, or serverless")
    for variant in plan.variants:
        model = variant.model
        refuse(model.loads_many, "cannot host a multi-model container", "serve it on instances")
        refuse(model.steps > 1, "cannot host a pipeline of containers", "serve it on instances, or build one image")


def _check_asynchronous(problems: Problems, plan: EndpointPlan) -> None:
    refuse = _refuse(problems, "an asynchronous endpoint")
    refuse(
        len(plan.variants) > 1,
        f"has one variant, {len(plan.variants)} are given",
        "use one, or an endpoint for each",
    )
    for variant in plan.variants:
        model = variant.model
        refuse(model.loads_many, "cannot host a multi-model container", "serve it from a real-time endpoint")
        refuse(model.steps > 1, "cannot host a pipeline of containers", "build one image, or serve in real time")


def _check_shadow(problems: Problems, plan: EndpointPlan) -> None:
    refuse = _refuse(problems, "a shadow")
    refuse(
        len(plan.variants) > 1,
        f"stands beside one production variant, {len(plan.variants)} are given",
        "remove the shadow, or all variants but one",
    )
    refuse(
        plan.mode is not ServingMode.REAL_TIME,
        f"stands beside a real-time variant only, the endpoint is {plan.mode}",
        "remove the shadow",
    )
    for fleet in plan.fleets:
        model = fleet.model
        refuse(model.loads_many, "cannot be tried with a multi-model container", "remove the shadow")
        refuse(model.steps > 1, "cannot be tried with a pipeline of containers", "remove the shadow")
        refuse(is_inferentia1(fleet.host_type), "cannot be tried on Inf1 instances", "take another type")
    if plan.variants and plan.mode is ServingMode.REAL_TIME:
        problems.extend(plan.shadow.problems(plan.variants[0]) if plan.shadow else (), where="shadow")


def _check_capture(problems: Problems, plan: EndpointPlan) -> None:
    if plan.capture is None:
        return
    problems.extend(plan.capture.problems(), where="capture")
    problems.require(
        plan.mode.captures,
        f"capture is given, but SageMaker records no traffic of {plan.mode} endpoints; remove capture, or serve in "
        "real time",
    )
    problems.require(
        not any(variant.model.loads_many for variant in plan.variants),
        "capture is given, but SageMaker does not support it for multi-model containers: records do not say which "
        "model answered. Remove capture, or serve each model that is monitored from an endpoint of its own",
    )


def _check_guardrails(problems: Problems, plan: EndpointPlan) -> None:
    if plan.guarded:
        if plan.variants:
            own = sum(len(plan.alarms.rollback_rules(traffic, "")) for traffic in plan.traffic)
            problems.extend(
                plan.rollout.problems(
                    instances=min(variant.fewest_instances for variant in plan.variants),
                    variants=len(plan.fleets),
                    own_alarms=own,
                ),
                where="rollout",
            )
        return
    subject = "serverless variants" if plan.mode is ServingMode.SERVERLESS else "Inf1 instances"
    problems.require(
        plan.given_rollout is None,
        f"rollout is given, but SageMaker exchanges {subject} at once and watches no alarms meanwhile; remove rollout, "
        "and test a version before it is approved",
    )
