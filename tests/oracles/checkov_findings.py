"""checkov: a list of template files in, `{"passed": count, "failed": [{file, rule, name, resource}]}` out."""

from __future__ import annotations

import json
import sys

from checkov.cloudformation.runner import Runner
from checkov.runner_filter import RunnerFilter

files = json.load(sys.stdin)
# `resource` is `<type>.<logical id>`.
report = Runner().run(root_folder=None, files=files, runner_filter=RunnerFilter(framework=["cloudformation"]))
failed = [
    {"file": check.file_abs_path, "rule": check.check_id, "name": check.check_name, "resource": check.resource}
    for check in report.failed_checks
]
print(json.dumps({"passed": len(report.passed_checks), "failed": failed}))
