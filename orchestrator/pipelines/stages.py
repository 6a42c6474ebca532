"""The stages of a run: how long each takes, and its end when it takes longer than it may."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.pipelines.run_limits import StageBudgets
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.pipelines.watched_engine import Told
from orchestrator.ports.clock import Clock
from orchestrator.telemetry import RunMetrics


@dataclass(frozen=True, slots=True)
class Stages:
    """Tells the client's log, the metrics and the beat thread, which ends a run that is late."""

    budgets: StageBudgets
    clock: Clock
    metrics: RunMetrics

    @contextmanager
    def stage(self, watch: RunWatch, stage: str) -> Iterator[Told]:
        """One stage of the run. What the block adds to the yielded facts is told with its end."""
        task_type, begun_s, told = watch.run.task.type, self.clock.monotonic_s(), Told()
        watch.allow(self.budgets.budget(stage, task_type, begun_s=begun_s))
        try:
            with self.metrics.timed_stage(task_type, stage):
                yield told
            told |= {"stage": stage, "took_s": round(self.clock.monotonic_s() - begun_s, 3)}
            watch.log("stage.ended", level="info", **told)
        finally:
            watch.took_s[stage] = round(self.clock.monotonic_s() - begun_s, 3)
            watch.allow(None)
