"""Which role a workflow takes on: `python -m tools.delivery_role deploy|diff ENVIRONMENT >> $GITHUB_OUTPUT`.

Prints `role=<arn>`, `region=<region>` and `stacks=<pattern for cdk>`, from delivery.yaml and the environment's file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stacks.github_access import deploy_role_name, diff_role_name
from stacks.settings import SettingsError, load, prefix
from stacks.settings.delivery import load_delivery

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"deploy": deploy_role_name, "diff": diff_role_name}


def main() -> int:
    """Print the outputs; 2 with the mistakes on standard error if a file is wrong or names no such environment."""
    parser = argparse.ArgumentParser(prog="python -m tools.delivery_role", description=__doc__.partition("\n")[0])
    parser.add_argument("purpose", choices=sorted(NAMES))
    parser.add_argument("environment")
    arguments = parser.parse_args()
    try:
        delivery = load_delivery(ROOT / "delivery.yaml")
        known = [item.name for item in delivery.environments]
        if arguments.environment not in known:
            print(
                f"delivery.yaml has no environment {arguments.environment}; it has {', '.join(known)}", file=sys.stderr
            )
            return 2
        environment = load(ROOT / "environments" / f"{arguments.environment}.yaml")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    partition = "aws-cn" if environment.region.startswith("cn-") else "aws"
    role = f"arn:{partition}:iam::{environment.account}:role/{NAMES[arguments.purpose](delivery)}"
    print(f"role={role}\nregion={environment.region}\nstacks={prefix(environment.project, arguments.environment)}/*")
    return 0


if __name__ == "__main__":
    sys.exit(main())
