"""Tags of workgroups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from .service import Athena

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]


def install(athena: Athena) -> None:
    """Answer the operations on tags."""

    def find(context: Context, params: Params) -> dict[str, str]:
        found = athena.store(context).tags.get(params["ResourceARN"])
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Athena Resource, {params['ResourceARN']} Does Not Exist")
        return found

    def tag(context: Context, params: Params) -> Params:
        """TagResource."""
        find(context, params).update({item["Key"]: item["Value"] for item in params["Tags"]})
        return {}

    def untag(context: Context, params: Params) -> Params:
        """UntagResource."""
        tags = find(context, params)
        for key in params["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags(context: Context, params: Params) -> Params:
        """ListTagsForResource, in one page."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in find(context, params).items()]}

    athena.register({"TagResource": tag, "UntagResource": untag, "ListTagsForResource": list_tags})
