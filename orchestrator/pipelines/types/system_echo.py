"""`system.echo`: pass a tensor through Triton's `echo` model. For probes, canaries and load tests."""

from typing import Any

import numpy as np
from pydantic import Field

from orchestrator.domain.errors import Category, Refused
from orchestrator.domain.media import MediaKind
from orchestrator.domain.task import Progress
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import Outcome, Params, Workbench


class EchoParams(Params):
    """What to send, how long to take, and how to fail."""

    size_bytes: int = Field(1024, ge=1, le=16 * 1024**2, description="Bytes sent through the model.")
    delay_ms: int = Field(0, ge=0, le=600_000, description="Pause before the model is asked.")
    answer: bool = Field(default=False, description="Put what came back into the result, as hexadecimal digits.")
    fail: Category | None = Field(None, description="Fail with this category instead of succeeding.")


class SystemEcho:
    """Proves that a task passes through every part of the node."""

    name = "system.echo"
    summary = "Pass bytes through the inference server, for probes and load tests."
    lane = "io"
    model = "echo"
    accepts: frozenset[MediaKind] = frozenset()
    params = EchoParams
    predicted_s = 0.01

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - the registry holds all types
        asked: EchoParams = params
        bench.report(Progress(stage="infer", total=1))
        bench.cancel.wait(asked.delay_ms / 1000)
        if asked.fail is not None:
            raise Refused("the task asked to fail", service="echo", category=asked.fail, code="echo_failed")
        sent = np.resize(np.arange(256, dtype=np.uint8), (1, asked.size_bytes))
        route = ModelRoute(bench.engine, self.model, ("output",), 1, bench.infer_timeout_s, bench.cancel)
        ((_, outputs),) = infer_in_order(route, [Request("echo", {"input": sent})])
        if not np.array_equal(outputs["output"], sent):
            raise Refused("the echo differs from what was sent", service="triton", category=Category.INTERNAL)
        answer = {"bytes": outputs["output"].tobytes().hex()} if asked.answer else {}
        return Outcome(result={"size_bytes": asked.size_bytes, **answer}, usage={"inferences": 1})
