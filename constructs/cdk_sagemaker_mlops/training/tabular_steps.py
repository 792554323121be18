"""The steps of the ready pipeline, put together."""

from __future__ import annotations

from dataclasses import dataclass

from . import steps as st
from .reasons import NO_REASON, REASON_PARAMETERS
from .steps.base import Text
from .tabular_checks import CHECK_OUTPUTS, model_monitor_gates
from .tabular_code import processing_code
from .tabular_gates import Gated, Trained, analyzer_gates, file_of
from .tabular_jobs import SERVING, Assembly, processing, training
from .tabular_options import MODEL_MONITOR
from .values import ExecutionVariable, Join, PipelineParameter

#: What is compared with the minimum and with the live version, by problem: section and metric of evaluation.json.
_REPORTED = {
    "binary-classification": ("binary_classification_metrics", "auc", ">="),
    "multiclass-classification": ("multiclass_classification_metrics", "accuracy", ">="),
    "regression": ("regression_metrics", "rmse", "<="),
}


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """Steps and parameters of a pipeline."""

    steps: list[st.Step]
    parameters: list[PipelineParameter]


def assemble(given: Assembly) -> Assembled:
    """All steps, with the parameters that they use."""
    options = given.options
    parameters = [
        PipelineParameter("ModelApprovalStatus", options.approval, allowed=("Approved", "PendingManualApproval")),
        *(PipelineParameter(name, NO_REASON) for name in REASON_PARAMETERS),
    ]
    if options.approval == "Rejected":
        parameters[0] = PipelineParameter("ModelApprovalStatus", options.approval)
    data = PipelineParameter("InputData", options.data) if options.data is not None else None
    minimum = PipelineParameter("MinimumMetric", float(options.minimum)) if options.minimum is not None else None
    code = given.context.upload_zip(processing_code(given.configuration, with_analyzer=False), "training steps")
    prepare = processing(
        given,
        "Prepare",
        code,
        inputs={"data": data} if data else {},
        outputs=dict.fromkeys(("train", "validation", "test", "baseline", "preparation")),
    )
    train, model_uri = training(given, prepare)
    evaluate = _evaluate(given, code, prepare, train, model_uri)
    trained = Trained(prepare=prepare, evaluate=evaluate, model_uri=model_uri)
    make_gates = model_monitor_gates if options.gate_engine == MODEL_MONITOR else analyzer_gates
    gated = make_gates(given, trained)
    register = _register(given, model_uri, gated, parameters)
    return Assembled(
        steps=[prepare, train, evaluate, *gated.steps, *_decide(given, evaluate, gated.gate, minimum, register)],
        parameters=[
            *parameters,
            *(parameter for parameter in (data, minimum) if parameter is not None),
            *gated.parameters,
        ],
    )


def _evaluate(
    given: Assembly, code: str, prepare: st.ProcessingStep, train: st.Step, model_uri: Text
) -> st.ProcessingStep:
    inputs = {"model": model_uri, "test": prepare.output_uri("test")}
    outputs = ["evaluation", "predictions"]
    # The report says what training cost.
    tuned = isinstance(train, st.TuningStep)
    environment: dict[str, Text] = {
        "TUNED_JOB_NAME" if tuned else "TRAINED_JOB_NAME": train.property(
            "HyperParameterTuningJobName" if tuned else "TrainingJobName"
        )
    }
    if given.options.gate_engine == MODEL_MONITOR:
        inputs["training"] = prepare.output_uri("baseline")
        outputs += [name for name in CHECK_OUTPUTS if name != "bias" or given.options.facet]
        environment["EXPLAINING_INSTANCE_TYPE"] = given.options.preparation.instance_type
    return processing(
        given,
        "Evaluate",
        code,
        inputs=inputs,
        outputs=dict.fromkeys(outputs),
        files=(st.PropertyFile(name="Evaluation", output="evaluation", path="evaluation.json"),),
        environment=environment,
    )


def _register(given: Assembly, model_uri: Text, gated: Gated, parameters: list[PipelineParameter]) -> st.RegisterStep:
    by_name = {parameter.name: parameter for parameter in parameters}
    return st.RegisterStep(
        name="Register",
        group=given.options.group.group_name,
        containers=[
            st.ModelContainer(
                image=given.image,
                model_uri=model_uri,
                environment=SERVING,
            )
        ],
        approval=by_name["ModelApprovalStatus"],
        metrics=gated.metrics,
        baselines=gated.baselines,
        generated_by=ExecutionVariable.EXECUTION_ARN,
        properties={name: by_name[name] for name in REASON_PARAMETERS},
    )


def _decide(
    given: Assembly,
    evaluate: st.ProcessingStep,
    gates: st.ProcessingStep | None,
    minimum: PipelineParameter | None,
    register: st.RegisterStep,
) -> list[st.Step]:
    """One condition in the other, so that each has a failure of its own that says why."""
    options = given.options
    then: list[st.Step] = [register]
    if options.deploy is not None:
        then.append(
            st.LambdaStep(
                name="Deploy",
                function=options.deploy,
                inputs={"action": "reconcile", "modelPackageArn": register.property("ModelPackageArn")},
                depends_on=[register],
            )
        )
    section, metric, comparison = _REPORTED[options.problem]
    evaluation = file_of(evaluate, "evaluation", "evaluation.json")
    if options.better_than_live:
        then = [
            st.ConditionStep(
                name="CheckAgainstLive",
                conditions=[st.Condition(evaluate.value("Evaluation", "comparison.better"), "==", 1)],
                then=then,
                otherwise=[
                    st.FailStep(
                        name="NotBetter",
                        message=Join(
                            ["The new version is not better than the live one; see comparison in ", evaluation]
                        ),
                    )
                ],
            )
        ]
    if minimum is not None:
        value = evaluate.value("Evaluation", f"{section}.{metric}.value")
        limit = "at least" if comparison == ">=" else "at most"
        then = [
            st.ConditionStep(
                name="CheckMetric",
                conditions=[st.Condition(value, comparison, minimum)],
                then=then,
                otherwise=[
                    st.FailStep(
                        name="NotGoodEnough",
                        message=Join([f"The {metric} has to be {limit} ", minimum, "; see ", evaluation]),
                    )
                ],
            )
        ]
    if gates is None:
        return then
    decision = st.ConditionStep(
        name="CheckGates",
        conditions=[st.Condition(gates.value("Gates", "passed"), "==", 1)],
        then=then,
        otherwise=[
            st.FailStep(
                name="GatesFailed",
                message=Join(["A gate found violations; see ", file_of(gates, "gates", "gates.json")]),
            )
        ],
    )
    return [decision]
