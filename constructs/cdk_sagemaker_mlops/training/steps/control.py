"""Steps that decide, call and end: condition, fail, Lambda, callback, EMR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.training.values import Property, Value

from .base import Step, StepContext, Text

if TYPE_CHECKING:
    from aws_cdk.aws_lambda import IFunction
    from aws_cdk.aws_sqs import IQueue

#: Comparisons as SageMaker calls them, by the signs that people write.
COMPARISONS = {
    "==": "Equals",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqualTo",
    "<": "LessThan",
    "<=": "LessThanOrEqualTo",
}


@dataclass(frozen=True)
class Condition:
    """A comparison; see the functions below for the other kinds.

    :param left: A value of the pipeline.
    :param comparison: One of == > >= < <=.
    :param right: A number, a text or a value of the pipeline.
    """

    left: Value
    comparison: str
    right: Any

    def to_json(self) -> dict[str, Any]:
        """The condition as the definition writes it."""
        return {"Type": COMPARISONS[self.comparison], "LeftValue": self.left, "RightValue": self.right}


@dataclass(frozen=True)
class IsOneOf:
    """Whether a value is one of some.

    :param value: A value of the pipeline.
    :param values: What it may be.
    """

    value: Value
    values: Sequence[Any]

    def to_json(self) -> dict[str, Any]:
        """The condition as the definition writes it."""
        return {"Type": "In", "QueryValue": self.value, "Values": list(self.values)}


@dataclass(frozen=True)
class Negation:
    """The opposite of a condition."""

    condition: AnyCondition

    def to_json(self) -> dict[str, Any]:
        """The condition as the definition writes it."""
        return {"Type": "Not", "Condition": self.condition.to_json()}


@dataclass(frozen=True)
class Either:
    """At least one of several conditions."""

    conditions: Sequence[AnyCondition]

    def to_json(self) -> dict[str, Any]:
        """The condition as the definition writes it."""
        return {"Type": "Or", "Conditions": [condition.to_json() for condition in self.conditions]}


AnyCondition = Condition | IsOneOf | Negation | Either


@dataclass(frozen=True, kw_only=True)
class ConditionStep(Step):
    """Goes on with some steps or with others.

    :param conditions: All have to hold.
    :param then: Steps if they do.
    :param otherwise: Steps if they do not. Default: - none, and the execution ends well
    """

    type: ClassVar[str] = "Condition"

    conditions: Sequence[AnyCondition]
    then: Sequence[Step] = ()
    otherwise: Sequence[Step] = ()

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return {
            "Conditions": [condition.to_json() for condition in self.conditions],
            "IfSteps": [step.to_json(context) for step in self.then],
            "ElseSteps": [step.to_json(context) for step in self.otherwise],
        }

    def problems(self) -> Iterator[str]:
        for condition in _comparisons(self.conditions):
            if condition.comparison not in COMPARISONS:
                allowed = ", ".join(COMPARISONS)
                yield f'step {self.name}: comparison is "{condition.comparison}", allowed are {allowed}'
        for step in (*self.then, *self.otherwise):
            yield from step.problems()

    def statements(self) -> Sequence[Statement]:
        return [statement for step in (*self.then, *self.otherwise) for statement in step.statements()]


@dataclass(frozen=True, kw_only=True)
class FailStep(Step):
    """Ends the execution as failed; nothing may depend on it.

    :param message: Why, for people.
    """

    type: ClassVar[str] = "Fail"

    message: Text

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return {"ErrorMessage": self.message}


@dataclass(frozen=True, kw_only=True)
class LambdaStep(Step):
    """Calls a function, for at most ten minutes.

    :param function: The function, or its ARN.
    :param inputs: What it gets: flat, texts and numbers only.
    :param outputs: What it answers, by name with type (String, Integer, Float, Boolean).
    """

    type: ClassVar[str] = "Lambda"

    function: IFunction | str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def output(self, name: str) -> Property:
        """A value that the function answered."""
        return self.property(f"OutputParameters['{name}']")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return dict(self.inputs)

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        arn = self.function if isinstance(self.function, str) else self.function.function_arn
        return {"FunctionArn": arn, "OutputParameters": _outputs(self.outputs)}


@dataclass(frozen=True, kw_only=True)
class CallbackStep(Step):
    """Puts a message with a token into a queue and waits until somebody reports success or failure with it.

    Ground Truth labelling jobs, approvals by people and compilations by Neo are waited for like this: a function reads
    the queue, starts the work, and calls `SendPipelineExecutionStepSuccess` when it is done.

    :param queue: The queue.
    :param inputs: What the message holds.
    :param outputs: What comes back, by name with type (String, Integer, Float, Boolean).
    """

    type: ClassVar[str] = "Callback"

    queue: IQueue
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def output(self, name: str) -> Property:
        """A value that came back."""
        return self.property(f"OutputParameters['{name}']")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return dict(self.inputs)

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        return {"SqsQueueUrl": self.queue.queue_url, "OutputParameters": _outputs(self.outputs)}

    def statements(self) -> Sequence[Statement]:
        return [Statement(sid="SendCallbacks", actions=["sqs:SendMessage"], resources=[self.queue.queue_arn])]


@dataclass(frozen=True, kw_only=True)
class EmrStep(Step):
    """Runs a step on a cluster of EMR: on one that runs, or on one that lives for this step.

    https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-emr

    :param cluster_id: Id of a running cluster.
    :param cluster: Or what the new cluster is: the request of EMR's `RunJobFlow`, without name and steps.
    :param jar: Jar that the cluster runs, e.g. command-runner.jar.
    :param args: Its arguments.
    :param main_class: Default: - the jar's
    :param role_arn: Runtime role of the step, on a running cluster that knows such. Default: - the cluster's
    """

    type: ClassVar[str] = "EMR"

    cluster_id: Text | None = None
    cluster: Mapping[str, Any] | None = None
    jar: Text
    args: Sequence[Text] = ()
    main_class: str | None = None
    role_arn: Text | None = None

    def problems(self) -> Iterator[str]:
        if (self.cluster_id is None) == (self.cluster is None):
            yield f"step {self.name} needs one of cluster_id (a cluster that runs) and cluster (what a new one is)"
        if self.cluster is not None and "Instances" not in self.cluster:
            yield f"step {self.name}: cluster has no Instances, which EMR's RunJobFlow needs"
        if self.role_arn is not None and self.cluster_id is None:
            yield f"step {self.name} has a role_arn, which only a running cluster knows; remove it, or give cluster_id"

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        call = {"Jar": self.jar, "Args": list(self.args) or None, "MainClass": self.main_class}
        return {
            "ClusterId": self.cluster_id,
            "ClusterConfig": self.cluster,
            "StepConfig": {"HadoopJarStep": call},
            "ExecutionRoleArn": self.role_arn,
        }


def _comparisons(conditions: Sequence[AnyCondition]) -> Iterator[Condition]:
    for condition in conditions:
        match condition:
            case Condition():
                yield condition
            case Negation():
                yield from _comparisons([condition.condition])
            case Either():
                yield from _comparisons(condition.conditions)


def _outputs(outputs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"OutputName": name, "OutputType": kind} for name, kind in outputs.items()]
