"""The Glue database that holds the tables of feature groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems

from ._names import TABLE_PATTERN, TABLE_RULE

if TYPE_CHECKING:
    from aws_cdk.aws_glue import CfnDatabase


class FeatureDatabaseBase(Construct):
    """What owned and imported databases have in common.

    :ivar name: Name of the database.
    """

    name: str
    cfn_database: CfnDatabase | None = None


class FeatureDatabase(FeatureDatabaseBase):
    """A Glue database for the tables that Feature Store creates.

    :param name: 1 to 255 lower-case letters, digits and underscores. A changed name makes a second database.
    :param retain: Keep it, and so the tables' definitions, when the stack is deleted. Default: True.
    """

    def __init__(self, scope: Construct, construct_id: str, *, name: str, retain: bool = True) -> None:
        _check(scope, construct_id, name)
        super().__init__(scope, construct_id)
        # Imported only where a database is made: the module is a large one.
        from aws_cdk.aws_glue import CfnDatabase

        self.name = name
        self.cfn_database = CfnDatabase(
            self,
            "Resource",
            catalog_id=_refs.account(),
            database_input=CfnDatabase.DatabaseInputProperty(
                name=name, description="Tables of SageMaker Feature Store's offline stores"
            ),
        )
        self.cfn_database.apply_removal_policy(cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY)

    @staticmethod
    def from_database_name(scope: Construct, construct_id: str, name: str) -> FeatureDatabaseBase:
        """Refer to a database of this account and region, such as SageMaker's own `sagemaker_featurestore`."""
        _check(scope, construct_id, name)
        database = FeatureDatabaseBase(scope, construct_id)
        database.name = name
        return database


def _check(scope: Construct, construct_id: str, name: str) -> None:
    problems = Problems()
    problems.matches("name", name, TABLE_PATTERN, TABLE_RULE)
    problems.raise_if_any(scope, construct_id)
