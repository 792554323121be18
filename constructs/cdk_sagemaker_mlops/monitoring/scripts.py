"""A monitor's own scripts, as Model Monitor takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions import content_asset

if TYPE_CHECKING:
    import aws_cdk as cdk


@dataclass(frozen=True, kw_only=True)
class Scripts:
    """What turns records into rows before they are analysed, and what is done with the report afterwards.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-pre-and-post-processing.html

    :param preprocessor: Python file with `preprocess_handler(inference_record)`, which returns a row as a dict, a list
        of rows, or `[]` for a record to be left out: a path, which becomes an asset, or an S3 URI. Data quality of
        captured records only. Default: - none
    :param postprocessor: Python file with `postprocess_handler()`, called once after an analysis, before the report is
        written; the environment variable `output_path` names the folder with its files. Default: - none
    """

    preprocessor: str | Path | None = None
    postprocessor: str | Path | None = None

    def problems(self, monitoring_type: str, input_type: str) -> list[str]:
        """What is wrong with them."""
        found = []
        for name, place in self._given():
            text = str(place)
            if text.startswith("s3://"):
                if not text.removeprefix("s3://").partition("/")[2] and not _refs.is_token(text):
                    found.append(f'scripts {name} is "{text}", allowed are URIs of objects: s3://bucket/key')
            elif not Path(place).is_file():
                found.append(f'scripts {name} is "{text}", which is no file; give a path from where the app runs')
        if self.preprocessor is not None and (monitoring_type, input_type == "Dataset") != ("DataQuality", False):
            found.append(
                "scripts preprocessor is for data quality of captured records; labels are joined before rows are made, "
                "and datasets have no records"
            )
        return found

    def settings(self, stack: cdk.Stack) -> dict[str, str]:
        """They as environment variables of the run."""
        return {f"{name.upper()}_URI": _uri(stack, place) for name, place in self._given()}

    def statements(self, stack: cdk.Stack) -> list[Statement]:
        """Reading them."""
        uris = list(self.settings(stack).values())
        if not uris:
            return []
        objects = [f"arn:{_refs.partition()}:s3:::{uri.removeprefix('s3://')}" for uri in uris]
        return [Statement(sid="ReadScripts", actions=["s3:GetObject"], resources=objects)]

    def _given(self) -> list[tuple[str, str | Path]]:
        named = {"preprocessor": self.preprocessor, "postprocessor": self.postprocessor}
        return [(name, place) for name, place in named.items() if place is not None]


def _uri(stack: cdk.Stack, place: str | Path) -> str:
    if str(place).startswith("s3://"):
        return str(place)
    content = Path(place).read_bytes()

    def write(target: Path) -> None:
        target.write_bytes(content)

    identity = hashlib.sha256(content).hexdigest()
    location = content_asset(stack, identity=identity, suffix=".py", display_name=Path(place).name, write=write)
    return f"s3://{location.bucket_name}/{location.object_key}"
