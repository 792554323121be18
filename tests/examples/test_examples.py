"""The examples work, and the README shows them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import aws_cdk as cdk
from aws_cdk.assertions import Template

from examples.import_constructs.app import ChurnStack

ROOT = Path(__file__).resolve().parents[2]


def test_the_imported_constructs_make_a_whole_watched_endpoint() -> None:
    template = Template.from_stack(ChurnStack(cdk.App(), "shop-churn"))

    template.resource_count_is("AWS::SageMaker::Endpoint", 1)
    template.resource_count_is("AWS::Scheduler::Schedule", 1)
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1)
    template.has_resource_properties("AWS::SSM::Parameter", {"Name": "/shop/serving/churn"})
    assert "ModelPackageArn" in template.to_json()["Parameters"]


def test_the_readme_shows_the_example_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text()
    source = (ROOT / "examples" / "import_constructs" / "app.py").read_text()

    shown = re.search(r"<!-- import-example -->\n```python\n(.*?)```", readme, re.DOTALL)
    assert shown, "the README has no import example"
    body = source[source.index("class ChurnStack") : source.index('if __name__ == "__main__"')].strip()
    assert (
        shown.group(1).strip()
        == f"import aws_cdk as cdk\nfrom constructs import Construct\n\nimport cdk_sagemaker_mlops as mlops\n\n\n{body}"
    )


def test_every_command_of_the_readme_is_a_target_or_an_option_that_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    used = set(re.findall(r"`?make ([a-z-]+)`?", readme))
    assert used <= targets
