"""Execute: one run of one task, from its first beat to its one ending. Steps 6 to 11 of `docs/architecture.md`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from orchestrator.domain.breaker import DependencyOpen, label_of
from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, RunCanceled, StaleRun, Unavailable
from orchestrator.domain.retry import Again, decide, failure_of
from orchestrator.domain.task import Progress, Run
from orchestrator.pipelines.checkpoint import Checkpoint, Made
from orchestrator.pipelines.pipeline import Scratch
from orchestrator.pipelines.run_limits import RunLimits
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.pipelines.spool import Spool
from orchestrator.pipelines.stages import Stages
from orchestrator.ports.claims import Claims, Commit
from orchestrator.ports.clock import Clock
from orchestrator.telemetry import RunMetrics

log = structlog.get_logger()

INSIST_S = 0.5
LEAST_KEPT_S = 10.0


class FileStore(Protocol):
    """Stores what was made, and says after each file how far it has come (`services/runs/store_files.py`)."""

    def __call__(
        self, run: Run, made: Checkpoint, *, folder: Path, keep_going: Callable[[], None]
    ) -> Iterator[Checkpoint]: ...


@dataclass(frozen=True, slots=True)
class ExecuteRun:
    """Whatever happens to a run ends in exactly one commit, or in none when the task is no longer its own.

    ``adopt`` finds what an earlier run has made already (`runs/adopt.py`), ``make`` makes it (`runs/make.py`).
    """

    claims: Claims
    adopt: Callable[[Run], Made | None]
    make: Callable[[RunWatch, Scratch], Made]
    store: FileStore
    spool: Spool
    stages: Stages
    clock: Clock
    metrics: RunMetrics
    doubt: Callable[[Run], None]
    limits: RunLimits

    def execute(self, watch: RunWatch) -> None:
        """Run the task and commit how it ended. Raises nothing: every error becomes a commit or a log line."""
        run, task = watch.run, watch.run.task
        with structlog.contextvars.bound_contextvars(task_id=task.id, epoch=run.epoch, task_type=task.type):
            if not watch.await_first_beat(self.limits.first_beat_s):
                # Said aloud: the beat may be on its way still (a frozen store), and a lapse after it would be a crash.
                log.warning("run.unheard", outcome=self._end(watch, ("released", lambda: self.claims.release(run))))
                return
            log.info("run.started", project=task.project, generation=task.generation)
            begun_s = self.clock.monotonic_s()
            outcome = self._attempt(watch)
            took_s = self.clock.monotonic_s() - begun_s
            self.metrics.count_end(task.project, task.type, outcome=outcome)
            self.metrics.run_seconds.labels(task.type).observe(took_s)
            log.info("run.ended", outcome=outcome, took_s=round(took_s, 3))

    def _attempt(self, watch: RunWatch) -> str:
        """Do the work and commit the one ending; its word for logs and metrics."""
        try:
            commit = self._perform(watch)
            self._insist(watch, lambda: self.claims.finish(watch.run, commit, lines=watch.log.unheard()))
        except StaleRun:
            return self._drop()
        except RunCanceled:
            return self._drop() if watch.is_lost else self._end(watch, self._early_ending(watch))
        except OrchestratorError as error:
            cause = repr(error.__cause__)
            log.warning("run.error", code=error.code, category=error.category, error=str(error), cause=cause)
            return self._fail(watch, error)
        except Exception:
            log.exception("run.bug")
            return self._fail(watch, OrchestratorError("the task met a bug of this service"))
        return "succeeded"

    def _perform(self, watch: RunWatch) -> Commit:
        """What fails once the model has answered is tried again without it (ADR 0042)."""
        watch.cancel.raise_if_canceled()
        begun_s = self.clock.monotonic_s()
        with self.limits.scratch(watch.run) as scratch:
            made = self._adopt(watch) or self._make(watch, scratch)
            stored = self._store(watch, made)
        took_s = self.clock.monotonic_s() - begun_s
        return stored.commit(took_s=took_s, waited_s=watch.waited_s, is_adopted=made.is_adopted)

    def _adopt(self, watch: RunWatch) -> Made | None:
        made = self.adopt(watch.run)
        if made is not None:
            watch.log("run.adopted", run=made.checkpoint.maker)
        return made

    def _make(self, watch: RunWatch, scratch: Scratch) -> Made:
        made = self.make(watch, scratch)
        if made.is_kept:
            self._advance(watch, made, stage="infer")
        return made

    def _store(self, watch: RunWatch, made: Made) -> Checkpoint:
        """Everything as it now lies in storage. What was stored before a failure is not sent again."""
        if made.checkpoint.is_stored:
            return made.checkpoint
        watch.report(Progress(stage="store", fraction=1.0, total=len(made.checkpoint.files)))
        stored, keep_going = made.checkpoint, watch.cancel.raise_if_canceled
        try:
            with self.stages.stage(watch, "store"):
                for so_far in self.store(watch.run, stored, folder=made.folder, keep_going=keep_going):
                    stored = so_far
        except OrchestratorError:
            if made.is_kept and stored is not made.checkpoint:
                self._advance(watch, replace(made, checkpoint=stored), stage="infer")
            raise
        self._advance(watch, replace(made, checkpoint=stored, is_kept=False), stage="store")
        self.spool.drop(watch.run.task.id)
        return stored

    def _advance(self, watch: RunWatch, made: Made, *, stage: str) -> None:
        """Commit how far the work has come. To wait for its files pays for as long as making them has taken."""
        checkpoint, kept_for_s = made.checkpoint.render(), None
        if made.is_kept:
            kept_for_s = max(LEAST_KEPT_S, sum(made.checkpoint.seconds.values()))
        self._insist(watch, lambda: self.claims.advance(watch.run, stage, checkpoint=checkpoint, kept_for_s=kept_for_s))

    def give_up(self, watch: RunWatch) -> None:
        """Commit the ending of a run whose own thread does not come back; what that says later is stale.

        Raises:
            Unavailable, Overloaded: the store has not heard it.
        """
        outcome, commit = self._early_ending(watch)
        log.error("run.stuck", task_id=watch.run.task.id, epoch=watch.run.epoch, outcome=outcome)
        with suppress(StaleRun):
            commit()

    def _fail(self, watch: RunWatch, error: OrchestratorError) -> str:
        if error.category is Category.MODEL_UNAVAILABLE:
            self.doubt(watch.run)
        if isinstance(error, DependencyOpen):
            self.metrics.dependency_waits.labels(label_of(error.service)).inc()
        return self._end(watch, self._failure(watch, error))

    def _end(self, watch: RunWatch, ending: tuple[str, Callable[[], None]]) -> str:
        outcome, commit = ending
        try:
            self._insist(watch, commit)
        except StaleRun:
            return self._drop()
        if outcome == "canceled":
            self.spool.drop(watch.run.task.id)
        return outcome

    def _failure(self, watch: RunWatch, error: OrchestratorError) -> tuple[str, Callable[[], None]]:
        """Let the category decide: again after a while, or give up."""
        task, category = watch.run.task, error.category
        before = task.tries.get(category, 0) + task.waits.get(category, 0)
        decision = decide(category, before, jitter=self.clock.jitter())
        failure = failure_of(error)
        outcome = "again" if isinstance(decision, Again) else "failed"
        wait = {"again_in_s": round(decision.after_s, 1)} if isinstance(decision, Again) else {}
        watch.log("run.failed", level="warning", code=error.code, message=str(error), **wait)
        return outcome, lambda: self.claims.fail(
            watch.run, failure, decision=decision, lines=watch.log.unheard(), waited_s=watch.waited_s
        )

    def _early_ending(self, watch: RunWatch) -> tuple[str, Callable[[], None]]:
        """What ended the run asks for: acknowledge the stop, give the task back, or fail it for the time it took."""
        if watch.ending is Ending.TIMEOUT:
            return self._failure(watch, watch.timeout)
        if watch.ending is Ending.STOP:
            return "canceled", lambda: self.claims.stop(watch.run, lines=watch.log.unheard())
        return "released", lambda: self.claims.release(watch.run, lines=watch.log.unheard())  # stale when it is lost

    def _drop(self) -> str:
        """Another run owns the task: whatever this one did is void, and its artifacts are swept."""
        self.metrics.stale_writes.inc()
        return "stale"

    def _insist(self, watch: RunWatch, commit: Callable[[], None]) -> None:
        """Repeat the commit until the store has taken it or says that the run is stale; commits are safe to repeat.

        Once the run is lost, or the process must go, it is said a last time: if nobody hears it, the lease lapses.
        """
        while True:
            is_last = watch.ending in {Ending.LOST, Ending.RELEASE}
            try:
                return commit()
            except (Unavailable, Overloaded) as error:
                log.warning("commit.unheard", error=str(error), is_last=is_last)
                if is_last:
                    raise StaleRun from error
                self.clock.pause(INSIST_S)
