"""Times every request to a model, from its submit to its answer, by the model: of releases there are ever more."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Histogram

from orchestrator.domain.errors import OrchestratorError, RunEnded
from orchestrator.domain.model import Release
from orchestrator.pipelines.watched_engine import Waiting, Watch
from orchestrator.ports.inference import Inference


def timing(seconds: Histogram) -> Watch:
    """``seconds`` has the labels model and outcome."""

    def watch(model: str) -> Waiting:
        begun_s = perf_counter()

        @contextmanager
        def waiting(_inference: Inference) -> Iterator[None]:
            outcome = "ok"
            try:
                yield
            except RunEnded:
                outcome = "canceled"
                raise
            except OrchestratorError as error:
                outcome = error.category.value
                raise
            finally:
                seconds.labels(Release.parse(model).model, outcome).observe(perf_counter() - begun_s)

        return waiting

    return watch
