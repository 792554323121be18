"""`python -m sagemaker_local`: run the embedded AWS until it is stopped.

Prints how to reach it. SIGTERM or SIGINT (Ctrl-C) stops it together with the processes that it started.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence

from .accounts import DEFAULT_ACCOUNT, SECRET, developer_key
from .server import LocalAws

_DEFAULT_PORT = 4580
_GUIDE = """\
The embedded AWS listens on {url}, on this machine only. State is kept in memory.
Permissions are not enforced: what works here may still lack a policy on AWS.

  export AWS_ENDPOINT_URL={url}
  export AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}
  export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN

  aws s3 ls
  cdk deploy --all        # no `cdk bootstrap` needed

The twelve digits of the access key choose the account. Time can be moved:
  curl -d '{{"advance_seconds": 3600}}' {url}/_local/clock

Stop with Ctrl-C.
"""


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_local",
        description="An embedded AWS for laptops and CI, on the loopback interface only.",
    )
    parser.add_argument(
        "--port", type=int, default=_DEFAULT_PORT, help="port on 127.0.0.1; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--account", default=DEFAULT_ACCOUNT, help="account of the credentials shown (default: %(default)s)"
    )
    parser.add_argument("--region", default="eu-west-1", help="region of the settings shown (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit status: 0, or 2 for arguments that cannot work."""
    options = _arguments(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("botocore", "boto3", "urllib3", "werkzeug", "moto"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asked_to_stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: asked_to_stop.append(number))
    try:
        key = developer_key(options.account)
    except ValueError as error:
        sys.stderr.write(f"--account: {error}\n")
        return 2
    aws = LocalAws()
    try:
        aws.start(options.port)
    except (OSError, ValueError, SystemExit) as error:
        reason = f"port {options.port} cannot be used" if isinstance(error, SystemExit) else str(error)
        sys.stderr.write(
            f"cannot start on 127.0.0.1:{options.port}: {reason}; choose another --port, or 0 for a free one\n"
        )
        return 2
    try:
        sys.stdout.write(_GUIDE.format(url=aws.url, key=key, secret=SECRET, region=options.region))
        sys.stdout.flush()
        # In slices: polars registers SIGINT anew when it is imported, in a way that no longer interrupts a wait.
        while not asked_to_stop:
            time.sleep(0.2)
    finally:
        aws.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
