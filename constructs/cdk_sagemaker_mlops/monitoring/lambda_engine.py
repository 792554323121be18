"""The `lambda` engine: EventBridge Scheduler invokes a function that analyses the window by itself."""

from __future__ import annotations

from dataclasses import dataclass

from cdk_sagemaker_mlops.functions import Architecture, monitor_layer_arn

from .engine import BoundEngine, Engine, EngineRequest, EngineTask
from .scheduled_function import add_scheduled_function

MAX_TIMEOUT_SECONDS = 900
#: What a function can analyse: everything else needs libraries that do not fit into its 250 MB.
ANALYSES = ("DataQuality", "ModelQuality", "ModelBias")


@dataclass(frozen=True, kw_only=True)
class LambdaEngine(Engine):
    """The analyzer in a Lambda function.

    A run is idempotent, so whatever fails is tried again: delivery by Scheduler, the run by Lambda, each twice. What
    still fails goes into a dead-letter queue with an alarm, event and window included, from where it can be run again.

    :param memory_mb: Memory, which on Lambda also buys processor time. Default: 1769, one whole processor
    :param timeout_seconds: Longest run. Default: 900, Lambda's limit
    :param architecture: Processor. Default: ARM_64, a fifth cheaper per second
    :param log_retention_days: How long logs are kept. Default: 90
    :param layer_arn: ARN of an existing layer with the analyzer's wheels, for accounts that publish it centrally.
        Default: - a layer in the stack, from the wheels that this library locks
    """

    memory_mb: int = 1769
    timeout_seconds: int = MAX_TIMEOUT_SECONDS
    architecture: Architecture = Architecture.ARM_64
    log_retention_days: int = 90
    layer_arn: str | None = None

    def problems(self, task: EngineTask) -> list[str]:
        """What Lambda would refuse, or has no room for."""
        found = self.function_problems()
        if task.monitoring_type not in ANALYSES:
            found.append(
                f"the engine is lambda, which runs {', '.join(ANALYSES)}; the libraries that {task.monitoring_type} "
                "needs do not fit into a function, choose auto or processing"
            )
        return found

    def function_problems(self) -> list[str]:
        """What Lambda would refuse."""
        found = []
        if not 512 <= self.memory_mb <= 10_240:
            found.append(
                f"engine memory_mb is {self.memory_mb}, allowed are 512 to 10240; polars alone needs about 300"
            )
        if not 30 <= self.timeout_seconds <= MAX_TIMEOUT_SECONDS:
            found.append(f"engine timeout_seconds is {self.timeout_seconds}, allowed are 30 to {MAX_TIMEOUT_SECONDS}")
        return found

    def layers(self, request: EngineRequest) -> list[str]:
        """ARNs of the function's layers."""
        return [self.layer_arn or monitor_layer_arn(request.stack, self.architecture)]

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines function, schedule, dead-letter queue and their roles."""
        added = add_scheduled_function(
            request,
            statements=request.statements,
            environment=request.settings,
            memory_mb=self.memory_mb,
            timeout_seconds=self.timeout_seconds,
            architecture=self.architecture,
            layers=self.layers(request),
            log_retention_days=self.log_retention_days,
        )
        return BoundEngine(
            name="lambda",
            role=added.function.role,
            log_group=added.function.log_group,
            rules=(added.lost_run,),
            conditional=(added.schedule,),
            function=added.function.function,
        )
