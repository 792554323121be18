"""What a pipeline's role needs, step by step: a table from the steps' types to the calls that SageMaker makes.

Pipelines call the same APIs as a person would, with the pipeline's role; the jobs themselves run with the roles that
the steps name, which the pipeline's role has to be allowed to pass.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement, pass_role

from .validation import Found, steps_of

_JOB_NAMES = "SageMaker makes the names of a pipeline's jobs up from the execution's id and the step's name"


@dataclass(frozen=True)
class Calls:
    """What steps of one type call.

    :param actions: Actions of SageMaker, without the service's prefix.
    :param resources: Patterns of what they are called on, without the ARN's beginning.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]


def _job(kind: str, resource: str) -> Calls:
    return Calls((f"Create{kind}", f"Describe{kind}", f"Stop{kind}", "AddTags", "ListTags"), (f"{resource}/*",))


_PROCESSING = _job("ProcessingJob", "processing-job")

#: Types of steps that call SageMaker's own API.
TABLE: Mapping[str, Calls] = {
    "Processing": _PROCESSING,
    "Training": _job("TrainingJob", "training-job"),
    "Transform": _job("TransformJob", "transform-job"),
    "Tuning": Calls(
        (
            *_job("HyperParameterTuningJob", "").actions,
            "DescribeTrainingJob",
            "ListTrainingJobsForHyperParameterTuningJob",
        ),
        ("hyper-parameter-tuning-job/*", "training-job/*"),
    ),
    "AutoML": Calls((*_job("AutoMLJob", "").actions, "ListCandidatesForAutoMLJob"), ("automl-job/*",)),
    "Model": Calls(("CreateModel", "DescribeModel", "AddTags", "ListTags"), ("model/*",)),
    "QualityCheck": _PROCESSING,
    "ClarifyCheck": _PROCESSING,
    "EndpointConfig": Calls(("CreateEndpointConfig", "DescribeEndpointConfig", "AddTags"), ("endpoint-config/*",)),
    "Endpoint": Calls(
        ("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "AddTags"), ("endpoint/*", "endpoint-config/*")
    ),
    "InferenceComponent": Calls(
        ("CreateInferenceComponent", "DescribeInferenceComponent", "AddTags"),
        ("inference-component/*", "endpoint/*", "model/*"),
    ),
    "Lineage": Calls(
        ("AddAssociation", "AddTags", "CreateAction", "CreateArtifact", "CreateContext"),
        ("action/*", "artifact/*", "context/*"),
    ),
}
#: Types of steps that call nothing, or what is computed from their own fields below.
OTHERS = ("Callback", "Condition", "EMR", "Fail", "Lambda", "RegisterModel")

#: What a run that is logged needs. https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html
_MLFLOW = (
    "CreateExperiment",
    "CreateRun",
    "GetExperiment",
    "GetExperimentByName",
    "GetRun",
    "LogBatch",
    "LogInputs",
    "LogMetric",
    "LogModel",
    "LogParam",
    "SearchExperiments",
    "SearchRuns",
    "SetExperimentTag",
    "SetTag",
    "UpdateRun",
)
_ROLE_KEYS = ("ExecutionRoleArn", "RoleArn")
_QUEUE_URL = re.compile(r"https://sqs\.([a-z0-9-]+)\.[a-z.]+/(\d{12})/([\w.-]+)")


def unknown_types(document: Mapping[str, Any]) -> list[str]:
    """Types of steps that the table does not know, so that no role can be computed."""
    return sorted({step.type for step in steps_of(document)} - {*TABLE, *OTHERS, ""})


def pipeline_statements(document: Mapping[str, Any]) -> list[Statement]:
    """The policy of a pipeline's role, from its definition."""
    found = steps_of(document)
    return [
        *_own_calls(found),
        *_register(found),
        *_functions(found),
        *_callbacks(found),
        *_emr(found),
        *_roles(found),
        *mlflow_statements(document),
    ]


def _own_calls(found: list[Found]) -> Iterator[Statement]:
    for kind in dict.fromkeys(step.type for step in found if step.type in TABLE):
        calls = TABLE[kind]
        yield Statement(
            sid=f"Run{kind}",
            actions=[f"sagemaker:{action}" for action in calls.actions],
            resources=[_refs.arn("sagemaker", resource) for resource in calls.resources],
            reason=_JOB_NAMES,
        )


def _register(found: list[Found]) -> Iterator[Statement]:
    """Registering a version, and reading the latest approved one's baselines for SageMaker's own checks."""
    for sid, types, actions in (
        (
            "RegisterVersions",
            ("RegisterModel",),
            ["AddTags", "CreateModelPackage", "DescribeModelPackage", "DescribeModelPackageGroup", "ListModelPackages"],
        ),
        ("ReadBaselines", ("QualityCheck", "ClarifyCheck"), ["DescribeModelPackage", "ListModelPackages"]),
    ):
        groups = [group for step in found if step.type in types for group in _group(step)]
        if groups:
            yield Statement(
                sid=sid,
                actions=[f"sagemaker:{action}" for action in actions],
                resources=[
                    _refs.arn("sagemaker", resource)
                    for group in dict.fromkeys(groups)
                    for resource in (f"model-package-group/{group}", f"model-package/{group}/*")
                ],
                reason="versions of a group are counted up"
                + ("; its name is only known when the pipeline runs" if "*" in groups else ""),
            )


def _group(step: Found) -> list[str]:
    name = (step.document.get("Arguments") or {}).get("ModelPackageGroupName") or step.document.get(
        "ModelPackageGroupName"
    )
    if isinstance(name, str):
        # A group of another account is given by its ARN; a name in an ARN is written in lower case.
        short = name if _refs.is_token(name) else name.rsplit("/", 1)[-1].lower()
        return [short]
    return ["*"] if name else []


def _functions(found: list[Found]) -> Iterator[Statement]:
    arns = [
        step.document["FunctionArn"] for step in found if step.type == "Lambda" and step.document.get("FunctionArn")
    ]
    if arns:
        yield Statement(sid="CallFunctions", actions=["lambda:InvokeFunction"], resources=list(dict.fromkeys(arns)))


def _callbacks(found: list[Found]) -> Iterator[Statement]:
    arns = []
    for step in found:
        match = _QUEUE_URL.fullmatch(str(step.document.get("SqsQueueUrl", ""))) if step.type == "Callback" else None
        if match:
            region, account, name = match.groups()
            arns.append(_refs.arn("sqs", name, in_region=region, in_account=account))
    if arns:
        yield Statement(sid="SendCallbacks", actions=["sqs:SendMessage"], resources=arns)


def _emr(found: list[Found]) -> Iterator[Statement]:
    if not any(step.type == "EMR" for step in found):
        return
    yield Statement(
        sid="RunOnClusters",
        actions=[
            "elasticmapreduce:AddJobFlowSteps",
            "elasticmapreduce:CancelSteps",
            "elasticmapreduce:DescribeCluster",
            "elasticmapreduce:DescribeStep",
        ],
        resources=[_refs.arn("elasticmapreduce", "cluster/*")],
        reason="clusters have made-up ids, which may be a parameter of the execution",
    )
    yield Statement(
        sid="WatchClusters",
        actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"],
        resources=[_refs.arn("events", "rule/SageMakerPipelineExecutionEMR*")],
        reason="SageMaker waits for EMR's steps with rules of its own, which have this prefix",
    )
    made = [
        step.document["Arguments"]["ClusterConfig"] for step in found if step.type == "EMR" and _makes_cluster(step)
    ]
    if not made:
        return
    yield Statement(
        sid="MakeClusters",
        actions=["elasticmapreduce:RunJobFlow"],
        resources=["*"],
        reason="elasticmapreduce:RunJobFlow knows no resources",
    )
    yield Statement(
        sid="EndClusters",
        actions=["elasticmapreduce:ListSteps", "elasticmapreduce:TerminateJobFlows"],
        resources=[_refs.arn("elasticmapreduce", "cluster/*")],
        reason="clusters have made-up ids",
    )
    for sid, service, keys in (
        ("PassClusterRoles", "elasticmapreduce.amazonaws.com", ("AutoScalingRole", "ServiceRole")),
        ("PassInstanceRoles", "ec2.amazonaws.com", ("JobFlowRole",)),
    ):
        # Names or ARNs; an instance profile has its role's name unless somebody made it otherwise.
        names = dict.fromkeys(config[key] for config in made for key in keys if isinstance(config.get(key), str))
        if names:
            yield pass_role(sid, [_role_of(name) for name in names], service)


def _makes_cluster(step: Found) -> bool:
    return bool((step.document.get("Arguments") or {}).get("ClusterConfig"))


def _role_of(name: str) -> str:
    return name if name.startswith("arn:") or _refs.is_token(name) else _refs.arn("iam", f"role/{name}", in_region="")


def mlflow_statements(document: Mapping[str, Any]) -> list[Statement]:
    """Logging to the MLflow that the definition names: for whole executions, or for single jobs."""
    arns = dict.fromkeys(_mlflow_arns(document))
    if not arns:
        return []
    statements = [
        Statement(sid="LogToMlflow", actions=[f"sagemaker-mlflow:{c}" for c in _MLFLOW], resources=list(arns))
    ]
    apps = [arn for arn in arns if ":mlflow-app/" in arn or _refs.is_token(arn)]
    if apps:
        statements.append(Statement(sid="CallMlflow", actions=["sagemaker:CallMlflowAppApi"], resources=apps))
    return statements


def _mlflow_arns(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "MlflowResourceArn" and isinstance(inner, str):
                yield inner
            else:
                yield from _mlflow_arns(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _mlflow_arns(inner)


def _roles(found: list[Found]) -> Iterator[Statement]:
    """Roles that jobs run with. A role that is a parameter is only known when the pipeline runs, and is refused."""
    roles = [role for step in found for role in _role_values(step.document.get("Arguments"), step.type == "Condition")]
    arns = list(dict.fromkeys(role for role in roles if isinstance(role, str)))
    if arns:
        yield pass_role("PassJobRoles", arns)


def unknown_roles(document: Mapping[str, Any]) -> list[str]:
    """Steps whose role is a value of the execution, which no policy can name."""
    return [
        step.name
        for step in steps_of(document)
        if any(
            not isinstance(role, str) for role in _role_values(step.document.get("Arguments"), step.type == "Condition")
        )
    ]


def _role_values(value: Any, is_condition: bool = False) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if is_condition and key in ("IfSteps", "ElseSteps"):
                continue
            if key in _ROLE_KEYS and inner:
                yield inner
            else:
                yield from _role_values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _role_values(inner)
