"""Change sets as the CDK's CLI uses them."""

from __future__ import annotations

import json
from typing import Any


def template(image: str = "one", tag: str = "a") -> dict[str, Any]:
    role = "arn:aws:iam::111111111111:role/x"
    variant = {
        "VariantName": "v",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    container = {"Image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{image}"}
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {"PrimaryContainer": container, "ExecutionRoleArn": role},
            },
            "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "t", "Value": tag}]}},
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
            },
        }
    }


def propose(
    bench: Any, stack: str, body: dict[str, Any], kind: str = "UPDATE", name: str = "cdk-deploy"
) -> dict[str, Any]:
    client = bench.cloudformation
    client.create_change_set(StackName=stack, ChangeSetName=name, ChangeSetType=kind, TemplateBody=json.dumps(body))
    found: dict[str, Any] = client.describe_change_set(StackName=stack, ChangeSetName=name)
    return found


def changes(change_set: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    entries = [change["ResourceChange"] for change in change_set["Changes"]]
    return {entry["LogicalResourceId"]: (entry["Action"], entry.get("Replacement")) for entry in entries}


def test_a_new_stack_waits_for_review_until_its_change_set_is_executed(bench: Any) -> None:
    change_set = propose(bench, "new", template(), "CREATE")
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert set(changes(change_set).values()) == {("Add", None)}
    assert bench.stack("new")["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert bench.cloudformation.get_template(StackName="new")["TemplateBody"] in ("", {})
    bench.cloudformation.execute_change_set(StackName="new", ChangeSetName="cdk-deploy", ClientRequestToken="token")
    assert bench.settled("new")["StackStatus"] == "CREATE_COMPLETE"
    assert bench.events("new", token="token")[-1] == ("new", "CREATE_COMPLETE")
    assert bench.stack("new")["ChangeSetId"] == change_set["ChangeSetId"]


def test_the_preview_says_what_is_replaced_and_why(bench: Any) -> None:
    bench.create("preview", template())
    change_set = propose(bench, "preview", template(image="two"))
    assert changes(change_set) == {
        "Model": ("Modify", "True"),
        "Config": ("Modify", "Conditional"),
        "Parameter": ("Modify", "False"),
    }
    details = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"]["Details"] for c in change_set["Changes"]}
    assert details["Model"][0]["Target"]["RequiresRecreation"] == "Always"
    assert details["Config"][0]["CausingEntity"] == "Model.ModelName"
    assert details["Config"][0]["Evaluation"] == "Dynamic"
    # Nothing has happened so far; executing does what was announced.
    before = bench.physical("preview")
    bench.cloudformation.execute_change_set(StackName="preview", ChangeSetName="cdk-deploy")
    after = bench.physical("preview")
    assert {name for name in after if after[name] != before[name]} == {"Model", "Config"}


def test_values_before_and_after_on_request(bench: Any) -> None:
    bench.create("values", template())
    propose(bench, "values", template(tag="b"))
    shown = bench.cloudformation.describe_change_set(
        StackName="values", ChangeSetName="cdk-deploy", IncludePropertyValues=True
    )
    target = shown["Changes"][0]["ResourceChange"]["Details"][0]["Target"]
    assert (json.loads(target["BeforeValue"])[0]["Value"], json.loads(target["AfterValue"])[0]["Value"]) == ("a", "b")


def test_a_change_set_without_changes_fails_in_cloudformations_words(bench: Any, refusal: Any) -> None:
    bench.create("same", template())
    change_set = propose(bench, "same", template())
    assert change_set["Status"] == "FAILED"
    assert change_set["StatusReason"].startswith("The submitted information didn't contain changes.")
    message = refusal(bench.cloudformation.execute_change_set, StackName="same", ChangeSetName="cdk-deploy")
    assert "cannot be executed in its current status of [FAILED]" in message


def test_a_template_that_cannot_be_evaluated_fails_its_change_set(bench: Any) -> None:
    bench.create("mistake", template())
    body = template()
    body["Resources"]["Queue"]["Properties"]["Nonsense"] = 1
    change_set = propose(bench, "mistake", body)
    assert change_set["Status"] == "FAILED"
    assert "extraneous key [Nonsense]" in change_set["StatusReason"]


def test_deleting_what_is_not_there_succeeds_and_describing_it_says_not_found(bench: Any) -> None:
    client = bench.cloudformation
    bench.create("lookup", template())
    client.delete_change_set(StackName="lookup", ChangeSetName="none")
    try:
        client.describe_change_set(StackName="lookup", ChangeSetName="none")
    except client.exceptions.ChangeSetNotFoundException as error:
        assert error.response["Error"]["Code"] == "ChangeSetNotFound"
    else:
        raise AssertionError("a change set that does not exist was described")


def test_executing_one_change_set_makes_the_others_stale(bench: Any, refusal: Any) -> None:
    bench.create("stale", template())
    propose(bench, "stale", template(tag="b"), name="first")
    propose(bench, "stale", template(tag="c"), name="second")
    listed = bench.cloudformation.list_change_sets(StackName="stale")["Summaries"]
    assert {item["ChangeSetName"] for item in listed} == {"first", "second"}
    bench.cloudformation.execute_change_set(StackName="stale", ChangeSetName="first")
    assert "does not exist" in refusal(
        bench.cloudformation.execute_change_set, StackName="stale", ChangeSetName="second"
    )


def test_summaries_of_templates(bench: Any) -> None:
    body = {**template(), "Parameters": {"P": {"Type": "String", "Default": "d", "NoEcho": True}}}
    summary = bench.cloudformation.get_template_summary(TemplateBody=json.dumps(body))
    assert summary["Parameters"][0]["DefaultValue"] == "d"
    assert "AWS::SageMaker::Model" in summary["ResourceTypes"]
    bench.create("hidden", body)
    assert bench.stack("hidden")["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "****"}]
