"""Stacks over their life: creation, updates, replacement, rollback, deletion, exports, nesting."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from sagemaker_local.cloudformation.types import TYPES, Created, ResourceType, Work

TRUST = {"Version": "2012-10-17", "Statement": []}


def base() -> dict[str, Any]:
    return {
        "Parameters": {"Text": {"Type": "String", "Default": "one"}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}},
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"DisplayName": {"Fn::Sub": "${Text} ${Queue.QueueName}"}},
            },
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}, "Text": {"Value": {"Ref": "Text"}}},
    }


class Slow(ResourceType):
    """A resource that takes until it is released, or fails."""

    def __init__(self) -> None:
        self.release = False
        self.fail_updates_to: str | None = None
        self.log: list[tuple[str, Any]] = []

    def create(self, work: Work, properties: dict[str, Any]) -> Created:
        work.wait(lambda: self.release)
        self.log.append(("create", properties))
        return Created("slow")

    def update(self, work: Work, existing: Created, old: dict[str, Any], new: dict[str, Any]) -> Created:
        self.log.append(("update", new))
        if new.get("Name") == self.fail_updates_to:
            raise RuntimeError("no such thing")
        return existing

    def delete(self, work: Work, existing: Created, properties: dict[str, Any]) -> None:
        self.log.append(("delete", properties))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    resource = Slow()
    monkeypatch.setitem(TYPES, "Local::Test::Slow", resource)
    return resource


def test_a_stack_is_created_in_order_with_outputs_tags_and_events(bench: Any) -> None:
    stack = bench.create("create", base(), Tags=[{"Key": "team", "Value": "ml"}], ClientRequestToken="first-1")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["StackId"].startswith(f"arn:aws:cloudformation:{bench.region}:{bench.account}:stack/create/")
    physical = bench.physical("create")
    sns, sqs = bench.client("sns"), bench.client("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=physical["Queue"], AttributeNames=["All"])["Attributes"]
    assert queue["VisibilityTimeout"] == "30"
    assert bench.outputs("create") == {"Arn": queue["QueueArn"], "Text": "one"}
    assert sqs.list_queue_tags(QueueUrl=physical["Queue"])["Tags"] == {"team": "ml"}
    shown = sns.get_topic_attributes(TopicArn=physical["Topic"])["Attributes"]["DisplayName"]
    assert shown == f"one {queue['QueueArn'].rsplit(':', 1)[-1]}"
    assert bench.events("create", token="first-1") == [
        ("create", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_COMPLETE"),
        ("Topic", "CREATE_IN_PROGRESS"),
        ("Topic", "CREATE_COMPLETE"),
        ("create", "CREATE_COMPLETE"),
    ]


def test_an_update_touches_only_what_differs(bench: Any) -> None:
    bench.create("update", base())
    before = bench.physical("update")
    stack = bench.update("update", parameters={"Text": "two"}, ClientRequestToken="second-1")
    assert (stack["StackStatus"], bench.outputs("update")["Text"], bench.physical("update")) == (
        "UPDATE_COMPLETE",
        "two",
        before,
    )
    assert [event for event in bench.events("update", token="second-1") if event[0] != "update"] == [
        ("Topic", "UPDATE_IN_PROGRESS"),
        ("Topic", "UPDATE_COMPLETE"),
    ]


def test_added_and_removed_resources(bench: Any) -> None:
    bench.create("change", base())
    template = base()
    del template["Resources"]["Topic"]
    template["Resources"]["Parameter"] = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}
    old = bench.physical("change")["Topic"]
    assert bench.update("change", template)["StackStatus"] == "UPDATE_COMPLETE"
    assert set(bench.physical("change")) == {"Queue", "Parameter"}
    assert old not in [topic["TopicArn"] for topic in bench.client("sns").list_topics()["Topics"]]
    events = bench.events("change")
    assert events.index(("Parameter", "CREATE_COMPLETE")) < events.index(("Topic", "DELETE_IN_PROGRESS"))


def test_a_create_only_change_replaces_and_everything_that_refers_to_it_follows(bench: Any) -> None:
    bench.create("replace", base())
    before = bench.physical("replace")
    template = base()
    template["Resources"]["Queue"]["Properties"]["QueueName"] = "replaced"
    bench.update("replace", template)
    after = bench.physical("replace")
    assert after["Queue"].endswith("/replaced")
    assert after["Topic"] == before["Topic"]
    shown = bench.client("sns").get_topic_attributes(TopicArn=after["Topic"])["Attributes"]["DisplayName"]
    assert shown == "one replaced"
    assert before["Queue"] not in bench.client("sqs").list_queues()["QueueUrls"]
    events = bench.events("replace")
    assert events.index(("Topic", "UPDATE_COMPLETE")) < events.index(("Queue", "DELETE_IN_PROGRESS"))
    assert events.index(("replace", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")) < events.index(
        ("Queue", "DELETE_IN_PROGRESS")
    )


def test_a_failing_update_goes_back_in_reverse_with_the_reason(bench: Any) -> None:
    bench.client("ssm").put_parameter(Name="/taken", Value="x", Type="String")
    bench.create("rollback", base())
    before, outputs = bench.physical("rollback"), bench.outputs("rollback")
    template = base()
    template["Resources"]["Queue"]["Properties"] = {"QueueName": "rollback-new"}
    template["Resources"]["Added"] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "rollback-added"}}
    template["Resources"]["Bad"] = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": ["Topic", "Added"],
        "Properties": {"Name": "/taken", "Type": "String", "Value": "y"},
    }
    stack = bench.update("rollback", template, parameters={"Text": "two"}, ClientRequestToken="rollout-7")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (bench.physical("rollback"), bench.outputs("rollback")) == (before, outputs)
    assert stack["Parameters"] == [{"ParameterKey": "Text", "ParameterValue": "one"}]
    shown = bench.client("sns").get_topic_attributes(TopicArn=before["Topic"])["Attributes"]["DisplayName"]
    assert shown.startswith("one rollback-Queue-")
    urls = " ".join(bench.client("sqs").list_queues()["QueueUrls"])
    assert "rollback-new" not in urls
    assert "rollback-added" not in urls
    assert "already exists" in bench.reason("rollback", "Bad", "CREATE_FAILED")
    events = bench.events("rollback", token="rollout-7")
    assert [status for name, status in events if name == "rollback"] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert "failed to create: [Bad]" in bench.reason("rollback", "rollback", "UPDATE_ROLLBACK_IN_PROGRESS")
    # The same update without the mistake succeeds afterwards: nothing was left behind.
    del template["Resources"]["Bad"]
    assert bench.update("rollback", template)["StackStatus"] == "UPDATE_COMPLETE"


def test_an_in_place_update_that_fails_is_set_back(bench: Any, slow: Slow) -> None:
    slow.release, slow.fail_updates_to = True, "bad"
    template = {"Resources": {"Thing": {"Type": "Local::Test::Slow", "Properties": {"Name": "good"}}}}
    bench.create("set-back", template)
    changed = copy.deepcopy(template)
    changed["Resources"]["Thing"]["Properties"]["Name"] = "bad"
    assert bench.update("set-back", changed)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "no such thing" in bench.reason("set-back", "Thing", "UPDATE_FAILED")
    assert slow.log == [("create", {"Name": "good"}), ("update", {"Name": "bad"}), ("update", {"Name": "good"})]


def test_an_update_that_the_embedded_aws_cannot_do_is_refused_by_name_and_set_back(bench: Any) -> None:
    template = {"Resources": {"G": {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": "g", "Description": "a"}}}}
    bench.create("cannot", template)
    template["Resources"]["G"]["Properties"]["Description"] = "b"
    assert bench.update("cannot", template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "athena:UpdateWorkGroup" in bench.reason("cannot", "G", "UPDATE_FAILED")


def test_a_rollback_that_fails_says_so(bench: Any, slow: Slow) -> None:
    slow.release, slow.fail_updates_to = True, "one"
    template = base()
    template["Resources"]["Thing"] = {"Type": "Local::Test::Slow", "Properties": {"Name": {"Ref": "Text"}}}
    bench.create("stuck", template)
    template["Resources"]["Bad"] = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": "Thing",
        "Properties": {"Type": "String"},
    }
    stack = bench.update("stuck", template, parameters={"Text": "two"})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"


def test_a_failing_creation_is_deleted_again_or_kept_on_request(bench: Any) -> None:
    template = base()
    template["Resources"]["Bad"] = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": "Topic",
        "Properties": {"Type": "String"},
    }
    assert bench.create("failed", template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bench.physical("failed") == {}
    assert bench.create("kept", template, DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    assert set(bench.physical("kept")) == {"Queue", "Topic"}
    assert bench.delete("kept") == "DELETE_COMPLETE"


def test_policies_decide_what_survives(bench: Any) -> None:
    template = base()
    template["Resources"]["Queue"].update(DeletionPolicy="Retain", UpdateReplacePolicy="Retain")
    bench.create("keep", template)
    first = bench.physical("keep")["Queue"]
    template["Resources"]["Queue"]["Properties"]["QueueName"] = "keep-second"
    bench.update("keep", template)
    second = bench.physical("keep")["Queue"]
    assert bench.delete("keep") == "DELETE_COMPLETE"
    assert {first, second} <= set(bench.client("sqs").list_queues()["QueueUrls"])


def test_retain_except_on_create_survives_deletion_but_not_a_failed_creation(bench: Any) -> None:
    template = base()
    template["Resources"]["Queue"].update(DeletionPolicy="RetainExceptOnCreate")
    template["Resources"]["Queue"]["Properties"]["QueueName"] = "kept-unless-failed"
    failing = copy.deepcopy(template)
    failing["Resources"]["Bad"] = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": "Topic",
        "Properties": {"Type": "String"},
    }
    bench.create("except-failed", failing)
    assert "kept-unless-failed" not in " ".join(bench.client("sqs").list_queues().get("QueueUrls", []))
    bench.create("except", template)
    bench.delete("except")
    assert "kept-unless-failed" in " ".join(bench.client("sqs").list_queues()["QueueUrls"])


def test_exports_hold_their_stack(bench: Any) -> None:
    exporter = base()
    exporter["Outputs"]["Arn"]["Export"] = {"Name": "queue-arn"}
    bench.create("exporter", exporter)
    value = {"Fn::ImportValue": "queue-arn"}
    importer = {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}}
    bench.create("importer", importer)
    name = bench.physical("importer")["P"]
    assert bench.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == bench.outputs("exporter")["Arn"]
    assert bench.cloudformation.list_imports(ExportName="queue-arn")["Imports"] == ["importer"]
    # The exporter can neither be deleted nor change the value while it is used.
    bench.cloudformation.delete_stack(StackName="exporter")
    assert bench.stack("exporter")["StackStatus"] == "CREATE_COMPLETE"
    assert "Cannot delete export queue-arn as it is in use by importer" in bench.stack("exporter")["StackStatusReason"]
    exporter["Resources"]["Queue"]["Properties"]["QueueName"] = "other"
    assert bench.update("exporter", exporter)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Cannot update export queue-arn" in bench.reason("exporter", "exporter", "UPDATE_ROLLBACK_IN_PROGRESS")
    assert bench.delete("importer") == "DELETE_COMPLETE"
    assert bench.delete("exporter") == "DELETE_COMPLETE"


def test_an_export_that_does_not_exist_fails_the_creation(bench: Any, refusal: Any) -> None:
    value = {"Fn::ImportValue": "nobody-exports-this"}
    template = {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}}
    bench.create("orphan", template)
    assert "No export named nobody-exports-this found." in bench.reason("orphan", "P", "CREATE_FAILED")


def test_conditions_bring_resources_in_and_out(bench: Any) -> None:
    template = base()
    template["Conditions"] = {"Wanted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Text"}, "one"]}]}}
    template["Resources"]["Topic"]["Condition"] = "Wanted"
    template["Outputs"]["Topic"] = {"Condition": "Wanted", "Value": {"Ref": "Topic"}}
    bench.create("conditional", template)
    assert set(bench.physical("conditional")) == {"Queue"}
    bench.update("conditional", parameters={"Text": "two"})
    assert set(bench.physical("conditional")) == {"Queue", "Topic"}
    assert bench.outputs("conditional")["Topic"] == bench.physical("conditional")["Topic"]
    bench.update("conditional", parameters={"Text": "one"})
    assert set(bench.physical("conditional")) == {"Queue"}


def test_stored_values_reach_templates(bench: Any) -> None:
    bench.client("ssm").put_parameter(Name="/stored", Value="kept", Type="String")
    secret = json.dumps({"user": "me"})
    bench.client("secretsmanager").create_secret(Name="login", SecretString=secret)
    dynamic = "{{resolve:ssm:/stored}} {{resolve:secretsmanager:login:SecretString:user}}"
    template = {
        "Parameters": {"Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/stored"}},
        "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": dynamic}}},
        "Outputs": {"Stored": {"Value": {"Ref": "Stored"}}, "Both": {"Value": {"Fn::GetAtt": ["P", "Value"]}}},
    }
    stack = bench.create("stored", template)
    assert bench.outputs("stored") == {"Stored": "kept", "Both": "kept me"}
    assert stack["Parameters"][0]["ResolvedValue"] == "kept"


def test_nested_stacks_hand_values_in_and_out(bench: Any) -> None:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": bench.region})
    inner = base()
    s3.put_object(Bucket="templates", Key="v1.json", Body=json.dumps(inner))
    inner["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 40
    s3.put_object(Bucket="templates", Key="v2.json", Body=json.dumps(inner))
    inner["Resources"]["Bad"] = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}
    s3.put_object(Bucket="templates", Key="v3.json", Body=json.dumps(inner))

    def outer(version: str) -> dict[str, Any]:
        url = f"https://s3.{bench.region}.amazonaws.com/templates/{version}.json"
        properties = {"TemplateURL": url, "Parameters": {"Text": "from outside"}}
        return {
            "Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}},
            "Outputs": {"Text": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Text"]}}},
        }

    bench.create("outer", outer("v1"))
    assert bench.outputs("outer") == {"Text": "from outside"}
    nested = bench.physical("outer")["Inner"]
    assert bench.stack(nested)["ParentId"] == bench.stack("outer")["StackId"]
    assert bench.update("outer", outer("v2"))["StackStatus"] == "UPDATE_COMPLETE"
    queue = bench.physical(nested)["Queue"]
    sqs = bench.client("sqs")
    timeout = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert timeout == {"VisibilityTimeout": "40"}
    assert bench.update("outer", outer("v3"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "not successfully updated" in bench.reason("outer", "Inner", "UPDATE_FAILED")
    assert bench.delete("outer") == "DELETE_COMPLETE"
    assert bench.stack(nested)["StackStatus"] == "DELETE_COMPLETE"


def test_changed_stack_tags_reach_resources(bench: Any) -> None:
    bench.create("tags", base(), Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    bench.update("tags", Tags=[{"Key": "b", "Value": "3"}])
    queue = bench.physical("tags")["Queue"]
    assert bench.client("sqs").list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "3"}


def test_refusals_use_cloudformations_words(bench: Any, refusal: Any) -> None:
    cloudformation = bench.cloudformation
    bench.create("words", base())
    update = {"StackName": "words", "UsePreviousTemplate": True}
    kept = [{"ParameterKey": "Text", "UsePreviousValue": True}]
    assert refusal(cloudformation.update_stack, **update, Parameters=kept) == "No updates are to be performed."
    assert refusal(cloudformation.update_stack, StackName="none", TemplateBody="{}") == "Stack [none] does not exist"
    assert refusal(cloudformation.describe_stacks, StackName="none") == "Stack with id none does not exist"
    body = json.dumps(base())
    assert refusal(cloudformation.create_stack, StackName="words", TemplateBody=body) == "Stack [words] already exists"
    role = {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}}}
    message = refusal(cloudformation.create_stack, StackName="iam", TemplateBody=json.dumps(role))
    assert message == "Requires capabilities : [CAPABILITY_IAM]"
    role["Resources"]["R"]["Properties"]["RoleName"] = "named"
    message = refusal(
        cloudformation.create_stack, StackName="iam", TemplateBody=json.dumps(role), Capabilities=["CAPABILITY_IAM"]
    )
    assert message == "Requires capabilities : [CAPABILITY_NAMED_IAM]"
    strange = json.dumps({"Resources": {"A": {"Type": "AWS::Outer::Space"}, "B": {"Type": "AWS::Inner::Peace"}}})
    message = refusal(cloudformation.create_stack, StackName="strange", TemplateBody=strange)
    assert message == "Template format error: Unrecognized resource types: [AWS::Inner::Peace, AWS::Outer::Space]"


def test_a_misspelt_property_fails_by_name(bench: Any) -> None:
    bench.create("typo", {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeuot": 3}}}})
    assert "extraneous key [VisibilityTimeuot] is not permitted" in bench.reason("typo", "Q", "CREATE_FAILED")


def test_an_operation_runs_in_the_background_and_keeps_the_stack_busy(bench: Any, slow: Slow, refusal: Any) -> None:
    template = base()
    bench.create("busy", template)
    template["Resources"]["Thing"] = {"Type": "Local::Test::Slow"}
    started = time.monotonic()
    bench.cloudformation.update_stack(StackName="busy", TemplateBody=json.dumps(template))
    assert time.monotonic() - started < 2
    stack = bench.stack("busy")
    assert stack["StackStatus"] == "UPDATE_IN_PROGRESS"
    message = refusal(bench.cloudformation.update_stack, StackName="busy", UsePreviousTemplate=True)
    assert message == f"Stack:{stack['StackId']} is in UPDATE_IN_PROGRESS state and can not be updated."
    assert "while in status" in refusal(bench.cloudformation.delete_stack, StackName="busy")
    slow.release = True
    assert bench.settled("busy")["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_can_be_cancelled(bench: Any, slow: Slow) -> None:
    bench.create("cancel", base())
    template = base()
    template["Resources"]["Thing"] = {"Type": "Local::Test::Slow"}
    template["Resources"]["After"] = {"Type": "AWS::SQS::Queue", "DependsOn": "Thing"}
    bench.cloudformation.update_stack(StackName="cancel", TemplateBody=json.dumps(template))
    bench.cloudformation.cancel_update_stack(StackName="cancel")
    slow.release = True
    assert bench.settled("cancel")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert set(bench.physical("cancel")) == {"Queue", "Topic"}


def test_termination_protection(bench: Any, refusal: Any) -> None:
    bench.create("protected", base(), EnableTerminationProtection=True)
    assert "TerminationProtection is enabled" in refusal(bench.cloudformation.delete_stack, StackName="protected")
    bench.cloudformation.update_termination_protection(StackName="protected", EnableTerminationProtection=False)
    assert bench.delete("protected") == "DELETE_COMPLETE"


def test_calls_for_resources_are_made_by_the_stacks_role(bench: Any) -> None:
    role = f"arn:aws:iam::{bench.account}:role/deployer"
    template = base()
    template["Resources"]["Queue"]["Properties"]["QueueName"] = "by-role"
    bench.create("by-role", template, RoleARN=role)
    calls = bench.aws.recorder.select(service="sqs", operation="CreateQueue", caller=role)
    assert [call.params["QueueName"] for call in calls] == ["by-role"]
    # The role stays with the stack for later operations.
    bench.update("by-role", parameters={"Text": "two"})
    assert bench.aws.recorder.select(service="sns", operation="SetTopicAttributes", caller=role)


def test_long_histories_are_paged(bench: Any) -> None:
    queues = {f"Q{index}": {"Type": "AWS::SQS::Queue"} for index in range(60)}
    bench.create("long", {"Resources": queues})
    first = bench.cloudformation.describe_stack_events(StackName="long")
    assert (len(first["StackEvents"]), first["StackEvents"][0]["ResourceStatus"]) == (100, "CREATE_COMPLETE")
    rest = bench.cloudformation.describe_stack_events(StackName="long", NextToken=first["NextToken"])
    assert len(rest["StackEvents"]) == 22
    assert "NextToken" not in rest


def test_status_changes_reach_the_event_bus(bench: Any) -> None:
    events, sqs = bench.client("events"), bench.client("sqs")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    detail = {"status-details": {"status": ["UPDATE_COMPLETE"]}}
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": detail,
    }
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": arn}])
    stack = bench.create("announced", base())
    bench.update("announced", parameters={"Text": "two"}, ClientRequestToken="token-9")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    event = json.loads(messages[0]["Body"])
    assert event["resources"] == [stack["StackId"]]
    assert event["detail"]["stack-id"] == stack["StackId"]
    assert event["detail"]["client-request-token"] == "token-9"


def test_accounts_and_regions_are_apart(bench: Any, embedded: Any) -> None:
    bench.create("apart", base())
    for account, region in (("222222222222", "eu-west-1"), ("111111111111", "us-east-1")):
        client = embedded.client("cloudformation", account, region)
        assert "apart" not in [stack["StackName"] for stack in client.describe_stacks()["Stacks"]]
        client.create_stack(StackName="apart", TemplateBody=json.dumps(base()))
        assert account in client.describe_stacks(StackName="apart")["Stacks"][0]["StackId"]
