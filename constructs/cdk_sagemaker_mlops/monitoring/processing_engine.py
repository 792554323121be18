"""The `processing` engine: the analyzer in a SageMaker processing job."""

from __future__ import annotations

from dataclasses import dataclass

from cdk_sagemaker_mlops._errors import ConstructError
from cdk_sagemaker_mlops.functions import PROCESSING_WHEELS

from .engine import EngineRequest
from .job import Program, own_program
from .job_engine import JobEngine

_IMAGE_VERSION = "1.4-2-py312"


@dataclass(frozen=True, kw_only=True)
class ProcessingEngine(JobEngine):
    """The analyzer in a processing job on one instance, for windows beyond a function. See :class:`JobEngine`.

    :param image: URI of an image with Python 3.12 and boto3, for regions that the table of SageMaker's images does not
        know, or an image of one's own. Another version of Python must bring numpy and polars. Default: - SageMaker's
        scikit-learn image
    """

    name = "processing"
    analyses = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")

    image: str | None = None

    def program(self, request: EngineRequest) -> Program:
        """What a job runs."""
        return own_program(
            request,
            self.machines(),
            image=self.image or _image(request),
            entrypoint=("python3", "-m", "monitor.job"),
            wheels=PROCESSING_WHEELS,
        )


def _image(request: EngineRequest) -> str:
    from cdk_sagemaker_mlops.training.images import Images

    try:
        return Images.sklearn(request.stack, _IMAGE_VERSION)
    except ConstructError as error:
        advice = "ProcessingEngine(image=…) takes it; Engine.LAMBDA needs none where windows fit into a function"
        raise ConstructError(error.path, [f"{problem}; {advice}" for problem in error.problems]) from error
