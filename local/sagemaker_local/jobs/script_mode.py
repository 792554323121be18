"""Script mode of SageMaker's framework images: a user's training script with SM_* variables and arguments.

See https://github.com/aws/sagemaker-training-toolkit (ENVIRONMENT_VARIABLES.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.serving.containers import parse_s3_uri

from .instances import Instance
from .objects import Object, download, unpack
from .opt_ml import ROOT
from .state import Job

_INSTALL_SECONDS = 600
_SERVICE = ("sagemaker_", "_tuning_objective_metric")
"""How hyperparameters begin that are SageMaker's."""


def decoded(hyperparameters: dict[str, str]) -> dict[str, Any]:
    """Return hyperparameters as values: the SDK sends them as JSON, everybody else as plain text."""
    return {name: _decode(value) for name, value in hyperparameters.items()}


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def program_of(definition: dict[str, Any]) -> str | None:
    """Return the training script that a job names, or None if it is not in script mode."""
    hyperparameters = decoded(definition.get("HyperParameters") or {})
    found = hyperparameters.get("sagemaker_program") or (definition.get("Environment") or {}).get("SAGEMAKER_PROGRAM")
    return str(found) if found else None


def fetch_code(job: Job, instance: Instance, s3: Any) -> None:
    """Put the script and what comes with it into /opt/ml/code.

    Raises:
        AwsError: if sagemaker_submit_directory is missing or cannot be unpacked.
    """
    code = instance.local(f"{ROOT}/code")
    uri = submit_directory(job.definition)
    if uri is None:
        # The code may be an input channel or a part of the image's contract; the script must lie in /opt/ml/code then.
        return
    if not uri.startswith("s3://"):
        raise AwsError("ValidationException", f"sagemaker_submit_directory must be an S3 URI, not {uri}")
    bucket, key = parse_s3_uri(uri)
    archive = code.parent / "sourcedir.tar.gz"
    download(s3, [Object(bucket, key, archive.name)], archive.parent)
    unpack(archive, code)
    archive.unlink()


def submit_directory(definition: dict[str, Any]) -> str | None:
    """Return where the code of a job in script mode lies."""
    hyperparameters = decoded(definition.get("HyperParameters") or {})
    found = hyperparameters.get("sagemaker_submit_directory") or (definition.get("Environment") or {}).get(
        "SAGEMAKER_SUBMIT_DIRECTORY"
    )
    return str(found) if found else None


def command(instance: Instance, program: str, arguments: list[str]) -> list[str]:
    """Return the command line of a training script.

    Raises:
        AwsError: if the script is not there.
    """
    script = instance.local(f"{ROOT}/code") / program
    if not script.is_file():
        there = ", ".join(sorted(path.name for path in instance.local(f"{ROOT}/code").iterdir())) or "nothing"
        raise AwsError("ValidationException", f"there is no {program} in the code of the job; it holds {there}")
    if script.suffix == ".sh":
        return ["bash", f"{ROOT}/code/{program}", *arguments]
    return [sys.executable, f"{ROOT}/code/{program}", *arguments]


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """Return hyperparameters as the arguments of a script, in the order of their names."""
    given: list[str] = []
    for name in sorted(hyperparameters):
        given += [f"-{name}" if len(name) == 1 else f"--{name}", _text(hyperparameters[name])]
    return given


def own(hyperparameters: dict[str, str]) -> dict[str, Any]:
    """Return the hyperparameters that are the script's, not SageMaker's."""
    return {name: value for name, value in decoded(hyperparameters).items() if not name.startswith(_SERVICE)}


def environment(job: Job, instance: Instance, hosts: list[str], program: str, processors: int) -> dict[str, str]:
    """Return the SM_* variables of an instance."""
    definition = job.definition
    hyperparameters = own(definition.get("HyperParameters") or {})
    channels = sorted(item["ChannelName"] for item in definition.get("InputDataConfig") or [])
    resources = definition["ResourceConfig"]
    settings: dict[str, Any] = {
        "HOSTS": hosts,
        "CURRENT_HOST": instance.host,
        "CURRENT_INSTANCE_TYPE": resources.get("InstanceType", ""),
        "CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "NETWORK_INTERFACE_NAME": "lo",
        "NUM_CPUS": processors,
        "NUM_GPUS": 0,
        "HPS": hyperparameters,
        "USER_ENTRY_POINT": program,
        "USER_ARGS": arguments(hyperparameters),
        "MODULE_NAME": Path(program).stem,
        "MODULE_DIR": submit_directory(definition) or f"{ROOT}/code",
        "LOG_LEVEL": _decode((definition.get("HyperParameters") or {}).get("sagemaker_container_log_level", "20")),
        "CHANNELS": channels,
        "INPUT_DIR": f"{ROOT}/input",
        "INPUT_CONFIG_DIR": f"{ROOT}/input/config",
        "INPUT_DATA_CONFIG": input_data_config(definition),
        "RESOURCE_CONFIG": resource_config(definition, instance, hosts),
        "MODEL_DIR": f"{ROOT}/model",
        "OUTPUT_DIR": f"{ROOT}/output",
        "OUTPUT_DATA_DIR": f"{ROOT}/output/data",
        "OUTPUT_INTERMEDIATE_DIR": f"{ROOT}/output/intermediate",
    }
    named = {f"SM_{name}": _text(value) for name, value in settings.items()}
    named |= {f"SM_CHANNEL_{name.upper().replace('-', '_')}": f"{ROOT}/input/data/{name}" for name in channels}
    named |= {f"SM_HP_{name.upper().replace('-', '_')}": _text(value) for name, value in hyperparameters.items()}
    named["SM_TRAINING_ENV"] = json.dumps({name.lower(): value for name, value in settings.items()})
    named["PYTHONPATH"] = f"{ROOT}/code"
    return named


def input_data_config(definition: dict[str, Any]) -> dict[str, Any]:
    """Return inputdataconfig.json."""
    return {
        item["ChannelName"]: {
            "TrainingInputMode": item.get("InputMode") or definition["AlgorithmSpecification"]["TrainingInputMode"],
            "S3DistributionType": (item["DataSource"].get("S3DataSource") or {}).get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": item.get("RecordWrapperType", "None"),
            **({"ContentType": item["ContentType"]} if item.get("ContentType") else {}),
        }
        for item in definition.get("InputDataConfig") or []
    }


def resource_config(definition: dict[str, Any], instance: Instance, hosts: list[str]) -> dict[str, Any]:
    """Return resourceconfig.json."""
    kind = definition["ResourceConfig"].get("InstanceType", "")
    group = "homogeneousCluster"
    return {
        "current_host": instance.host,
        "current_instance_type": kind,
        "current_group_name": group,
        "hosts": hosts,
        "instance_groups": [{"instance_group_name": group, "instance_type": kind, "hosts": hosts}],
        "network_interface_name": "lo",
    }


def install_requirements(instance: Instance, environment: dict[str, str]) -> list[str]:
    """Make the packages of the code's requirements.txt importable for this job only; return what the log says.

    What this interpreter has already is not fetched again, so that the usual job needs no network.

    Raises:
        AwsError: if pip cannot install something that is missing.
    """
    requirements = instance.local(f"{ROOT}/code/requirements.txt")
    if not requirements.is_file():
        return []
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    there = subprocess.run(
        [*pip, "--quiet", "--dry-run", "--no-index", "-r", str(requirements)],
        capture_output=True,
        check=False,
        timeout=_INSTALL_SECONDS,
    )
    if there.returncode == 0:
        return ["[local] requirements.txt: this interpreter has everything that it asks for"]
    packages = instance.folder / "packages"
    done = subprocess.run(
        [*pip, "--target", str(packages), "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise AwsError("ValidationException", f"InstallRequirementsError: pip cannot install the packages: {reason}")
    environment["PYTHONPATH"] = f"{environment['PYTHONPATH']}{os.pathsep}{ROOT}/packages"
    return done.stdout.splitlines()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, bool) else json.dumps(value)
