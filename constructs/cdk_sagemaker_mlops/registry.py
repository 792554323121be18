"""Model package groups: the versions of one model, who may read, register and approve them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from . import _refs
from ._emptying import empty_before_deletion
from ._errors import Problems
from ._iam import WILDCARD_REASONS
from ._naming import NAME_PATTERN, NAME_RULE
from .registry_policy import PACKAGE_READ, group_policy
from .storage import ACCOUNT_PATTERN, ACCOUNT_RULE

if TYPE_CHECKING:
    from aws_cdk.aws_ecr import IRepository
    from aws_cdk.aws_events import IRuleTarget, Rule
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_s3 import IBucket

APPROVAL_STATUSES = ("Approved", "Rejected", "PendingManualApproval")

_GROUP_ARN = re.compile(r"arn:[^:]+:sagemaker:([^:]+):(\d{12}):model-package-group/([a-zA-Z0-9-]{1,63})")
_GROUP_READ = ["sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages"]


class ModelPackageGroupBase(Construct):
    """What owned and imported groups have in common.

    :ivar group_name: Name of the group.
    :ivar group_arn: ARN of the group.
    :ivar package_arns: ARN pattern of all its versions.
    :ivar account: Account that owns the group; None means the stack's own.
    :ivar artifacts: Buckets that hold the model artefacts of its versions.
    :ivar repositories: Repositories that hold their images.
    """

    group_name: str
    group_arn: str
    package_arns: str
    account: str | None
    region: str | None
    artifacts: tuple[IBucket, ...]
    repositories: tuple[IRepository, ...]

    def _identify(
        self,
        name: str,
        *,
        account: str | None,
        region: str | None,
        artifacts: Sequence[IBucket],
        repositories: Sequence[IRepository],
    ) -> None:
        self.group_name = name
        self.account = account
        self.region = region
        self.artifacts = tuple(artifacts)
        self.repositories = tuple(repositories)
        # SageMaker writes names in ARNs in lower case.
        lower = name if _refs.is_token(name) else name.lower()
        self.group_arn = _refs.arn("sagemaker", f"model-package-group/{lower}", in_account=account, in_region=region)
        self.package_arns = self.package_arn("*")

    def package_arn(self, version: int | str) -> str:
        """ARN of one version of the group.

        :param version: Version number, counted from 1.
        """
        lower = self.group_name if _refs.is_token(self.group_name) else self.group_name.lower()
        return _refs.arn(
            "sagemaker", f"model-package/{lower}/{version}", in_account=self.account, in_region=self.region
        )

    def grant_read(self, grantee: IGrantable) -> Grant:
        """Allow listing and describing the versions."""
        return self._grant(grantee, [*_GROUP_READ, *PACKAGE_READ])

    def grant_register(self, grantee: IGrantable) -> Grant:
        """Allow registering new versions, as a training pipeline does. They wait for approval; this does not
        approve.
        """
        return self._grant(grantee, [*_GROUP_READ, *PACKAGE_READ, "sagemaker:CreateModelPackage", "sagemaker:AddTags"])

    def grant_approve(self, grantee: IGrantable) -> Grant:
        """Allow approving and rejecting versions. Approval deploys: give it to few."""
        return self._grant(grantee, [*_GROUP_READ, *PACKAGE_READ, "sagemaker:UpdateModelPackage"])

    def grant_deploy(self, grantee: IGrantable) -> Grant:
        """Allow creating SageMaker models from the versions, which SageMaker authorises on the version's ARN too."""
        return self._grant(grantee, [*_GROUP_READ, *PACKAGE_READ, "sagemaker:CreateModel"])

    def _grant(self, grantee: IGrantable, actions: Sequence[str]) -> Grant:
        from aws_cdk.aws_iam import Grant

        return Grant.add_to_principal(
            grantee=grantee, actions=list(dict.fromkeys(actions)), resource_arns=[self.group_arn, self.package_arns]
        )

    def on_approval_change(
        self, construct_id: str, *targets: IRuleTarget, statuses: Sequence[str] = ("Approved", "Rejected")
    ) -> Rule:
        """Run targets when a version's approval status becomes one of `statuses`.

        SageMaker may send one change more than once: a target has to be idempotent. Events reach the bus of the
        account that owns the group; :class:`RegistryEvents` forwards them to other accounts.

        https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html

        :param construct_id: Id of the rule below this group.
        :param targets: What runs.
        :param statuses: Approved, Rejected, PendingManualApproval. Default: Approved and Rejected.
        """
        from aws_cdk.aws_events import EventPattern, Rule

        problems = Problems()
        for status in statuses:
            problems.one_of("statuses", status, APPROVAL_STATUSES)
        problems.require(bool(statuses), "statuses is empty, so the rule would never match; name at least one")
        problems.raise_if_any(self, construct_id)
        return Rule(
            self,
            construct_id,
            description=f"Approval of a version of {self.group_name} changed",
            # Not narrowed to UpdatedModelPackageFields: a version that is registered as approved has no such field.
            event_pattern=EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelPackageGroupName": [self.group_name], "ModelApprovalStatus": list(statuses)},
            ),
            targets=list(targets),
        )


class ModelPackageGroup(ModelPackageGroupBase):
    """A group of model versions in the SageMaker model registry.

    The name is fixed: SageMaker demands one, and a group with versions cannot be deleted, so it is also retained by
    default.

    :param name: Name of the group, 1 to 63 letters, digits and hyphens. A changed name makes a second group.
    :param consumer_accounts: Accounts that may read and deploy the versions. Default: - none.
    :param approver_accounts: Accounts that may read, approve and reject them. Default: - none.
    :param proposer_accounts: Accounts whose rollout controllers may propose versions for the next stage, and approve
        none. Default: - none.
    :param artifacts: Buckets that hold the versions' model artefacts; an endpoint that deploys from this group may read
        them. Default: - the bucket that SageMaker's tools use by default, `sagemaker-<region>-<account>`.
    :param repositories: Repositories that hold the versions' images. Default: - AWS's prebuilt images.
    :param retain: Keep the group when the stack is deleted. Otherwise its versions are deleted with it, but only with
        the whole stack: neither a changed setting nor a removed construct deletes a version. Default: True.
    :param log_retention_days: How long the log of the function that deletes the versions is kept. Default: 90
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        consumer_accounts: Sequence[str] = (),
        approver_accounts: Sequence[str] = (),
        proposer_accounts: Sequence[str] = (),
        artifacts: Sequence[IBucket] = (),
        repositories: Sequence[IRepository] = (),
        retain: bool = True,
        log_retention_days: int = 90,
    ) -> None:
        problems = Problems()
        problems.matches("name", name, NAME_PATTERN, NAME_RULE)
        for prop, numbers in (
            ("consumer_accounts", consumer_accounts),
            ("approver_accounts", approver_accounts),
            ("proposer_accounts", proposer_accounts),
        ):
            for number in numbers:
                problems.matches(prop, number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        self._identify(name, account=None, region=None, artifacts=artifacts, repositories=repositories)
        # No description: it cannot be changed without replacing the group, which its required name forbids.
        self.cfn_group = sagemaker.CfnModelPackageGroup(
            self,
            "Resource",
            model_package_group_name=name,
            model_package_group_policy=group_policy(
                self.group_arn,
                self.package_arns,
                consumers=list(dict.fromkeys(consumer_accounts)),
                approvers=list(dict.fromkeys(approver_accounts)),
                proposers=list(dict.fromkeys(proposer_accounts)),
            ),
        )
        if consumer_accounts or approver_accounts or proposer_accounts:
            reason = "accounts that may use the group may use each of its versions"
            sids = ["ReadVersions", "DeployVersions", "ApproveVersions"]
            sids += ["ProposeVersions"] if proposer_accounts else []
            self.cfn_group.add_metadata(WILDCARD_REASONS, dict.fromkeys(sids, reason))
        self.cfn_group.apply_removal_policy(cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY)
        if not retain:
            empty_before_deletion(
                self,
                self.cfn_group,
                name=name,
                group_arn=self.group_arn,
                package_arns=self.package_arns,
                log_retention_days=log_retention_days,
            )

    @staticmethod
    def from_model_package_group_name(
        scope: Construct,
        construct_id: str,
        name: str,
        *,
        artifacts: Sequence[IBucket] = (),
        repositories: Sequence[IRepository] = (),
    ) -> ModelPackageGroupBase:
        """Refer to a group of this account and region.

        :param name: Name of the group.
        :param artifacts: As in :class:`ModelPackageGroup`.
        :param repositories: As in :class:`ModelPackageGroup`.
        """
        problems = Problems()
        problems.matches("name", name, NAME_PATTERN, NAME_RULE)
        problems.raise_if_any(scope, construct_id)
        group = ModelPackageGroupBase(scope, construct_id)
        group._identify(name, account=None, region=None, artifacts=artifacts, repositories=repositories)
        return group

    @staticmethod
    def from_model_package_group_arn(
        scope: Construct,
        construct_id: str,
        arn: str,
        *,
        artifacts: Sequence[IBucket] = (),
        repositories: Sequence[IRepository] = (),
    ) -> ModelPackageGroupBase:
        """Refer to a group anywhere, e.g. in the account that trains and registers for all others.

        :param arn: ARN of the group, written out: account, region and name are read from it.
        :param artifacts: As in :class:`ModelPackageGroup`; its default is the default bucket of the group's account.
        :param repositories: As in :class:`ModelPackageGroup`.
        """
        match = _GROUP_ARN.fullmatch(arn)
        problems = Problems()
        problems.require(
            match is not None,
            f'arn is "{arn}", allowed are ARNs like '
            "arn:<partition>:sagemaker:<region>:<account>:model-package-group/<name>; for a group of this account use "
            "from_model_package_group_name",
        )
        problems.raise_if_any(scope, construct_id)
        assert match is not None  # noqa: S101  (said above, for the type checker)
        group = ModelPackageGroupBase(scope, construct_id)
        region, account, name = match.groups()
        group._identify(name, account=account, region=region, artifacts=artifacts, repositories=repositories)
        return group
