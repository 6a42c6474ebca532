"""Execute: one run of one task, from its first beat to its one ending. Steps 6 to 11 of `docs/architecture.md`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from orchestrator.domain.errors import (
    Category,
    OrchestratorError,
    Overloaded,
    RunCanceled,
    StaleRun,
    Unavailable,
    UnsupportedMedia,
)
from orchestrator.domain.media import MediaKind
from orchestrator.domain.media_input import FetchedInput
from orchestrator.domain.retry import Again, decide, failure_of
from orchestrator.domain.task import Artifact, JsonObject, Progress, Run
from orchestrator.pipelines.checkpoint import parse_checkpoint, render_checkpoint
from orchestrator.pipelines.noted_engine import NotedEngine, Told
from orchestrator.pipelines.pipeline import Outcome, Workbench
from orchestrator.pipelines.registry import find_pipeline
from orchestrator.pipelines.run_limits import RunLimits
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.ports.claims import Claims, Commit
from orchestrator.ports.clock import Clock
from orchestrator.ports.codec import MediaCodec, PictureCodec
from orchestrator.ports.inference import InferenceEngine
from orchestrator.telemetry import RunMetrics

log = structlog.get_logger()

INSIST_S = 0.5


class InputFetch(Protocol):
    """Brings the input to the run (`services/fetch_input.py`)."""

    def __call__(
        self, wanted: JsonObject, destination: Path, *, accepts: frozenset[MediaKind], keep_going: Callable[[], None]
    ) -> FetchedInput: ...


class OutcomeStore(Protocol):
    """Keeps what the run has made (`services/store_outcome.py`)."""

    def __call__(
        self, run: Run, outcome: Outcome, *, fetched: FetchedInput | None, keep_going: Callable[[], None]
    ) -> tuple[Artifact, ...]: ...


@dataclass(frozen=True, slots=True)
class ExecuteRun:
    """Whatever happens to a run ends in exactly one commit, or in none when the task is no longer its own."""

    claims: Claims
    fetch_input: InputFetch
    store: OutcomeStore
    engine: InferenceEngine
    pictures: PictureCodec
    media: MediaCodec
    clock: Clock
    metrics: RunMetrics
    ensure: Callable[[str], None]
    doubt: Callable[[str], None]
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
        watch.cancel.raise_if_canceled()
        if watch.run.task.checkpoint is not None:
            watch.log("run.adopted")  # an earlier run stored everything and was cut off before its finish
            return parse_checkpoint(watch.run.task.checkpoint)
        begun_s = self.clock.monotonic_s()
        with self.limits.scratch(watch.run) as scratch:
            bench = Workbench(
                scratch=scratch,
                engine=self.engine,
                pictures=self.pictures,
                media=self.media,
                cancel=watch.cancel,
                report=watch.report,
                infer_timeout_s=self.limits.infer_timeout_s,
                log=watch.log,
            )
            bench = self._with_input(watch, bench)
            outcome = self._infer(watch, bench)
            outputs = self._store(watch, outcome, fetched=bench.fetched)
        took_s = self.clock.monotonic_s() - begun_s
        commit = Commit(outputs, outcome.result, {**outcome.usage, "run_s": round(took_s, 3)}, actual_s=took_s)
        if outputs:
            self._insist(watch, lambda: self.claims.advance(watch.run, "store", checkpoint=render_checkpoint(commit)))
        return commit

    def _with_input(self, watch: RunWatch, bench: Workbench) -> Workbench:
        """Fetch what was named at submit, and look at it before any GPU time is spent."""
        wanted, accepts = watch.run.task.input, find_pipeline(watch.run.task.type).accepts
        if not wanted:
            return bench
        source, keep_going = bench.scratch / "source", watch.cancel.raise_if_canceled
        watch.report(Progress(stage="fetch"))
        with self._stage(watch, "fetch"):
            fetched = self.fetch_input(wanted, source, accepts=accepts, keep_going=keep_going)
        keep_going()
        watch.report(Progress(stage="probe"))
        codec = self.pictures if MediaKind.PICTURE in fetched.format.kinds else self.media
        with self._stage(watch, "probe"):
            info = codec.probe(source)
        watch.log("input.probed", kind=info.kind, width=info.width, height=info.height, duration_s=info.duration_s)
        if info.kind not in accepts:
            raise UnsupportedMedia(f"the input is {info.kind}, which this task type does not take")
        return replace(bench, source=source, info=info, fetched=fetched)

    def _infer(self, watch: RunWatch, bench: Workbench) -> Outcome:
        pipeline = find_pipeline(watch.run.task.type)
        params = pipeline.params.model_validate(watch.run.task.params)
        with self._stage(watch, "infer") as told:
            self.ensure(pipeline.model)
            watch.cancel.raise_if_canceled()
            outcome = pipeline.run(params, replace(bench, engine=NotedEngine(bench.engine, told)))
        watch.cancel.raise_if_canceled()
        return outcome

    def _store(self, watch: RunWatch, outcome: Outcome, *, fetched: FetchedInput | None) -> tuple[Artifact, ...]:
        if not outcome.artifacts:
            return ()
        watch.report(Progress(stage="store", fraction=1.0, total=len(outcome.artifacts)))
        with self._stage(watch, "store"):
            return self.store(watch.run, outcome, fetched=fetched, keep_going=watch.cancel.raise_if_canceled)

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
            self.doubt(watch.run.task.model)
        return self._end(watch, self._failure(watch, error))

    def _end(self, watch: RunWatch, ending: tuple[str, Callable[[], None]]) -> str:
        outcome, commit = ending
        try:
            self._insist(watch, commit)
        except StaleRun:
            return self._drop()
        return outcome

    def _failure(self, watch: RunWatch, error: OrchestratorError) -> tuple[str, Callable[[], None]]:
        """Let the category decide: again after a while, or give up."""
        tries = watch.run.task.tries.get(error.category, 0)
        decision = decide(error.category, tries, jitter=self.clock.jitter())
        failure = failure_of(error)
        outcome = "again" if isinstance(decision, Again) else "failed"
        wait = {"again_in_s": round(decision.after_s, 1)} if isinstance(decision, Again) else {}
        watch.log("run.failed", level="warning", code=error.code, message=str(error), **wait)
        return outcome, lambda: self.claims.fail(watch.run, failure, decision=decision, lines=watch.log.unheard())

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

    @contextmanager
    def _stage(self, watch: RunWatch, stage: str) -> Iterator[Told]:
        """Time the stage, and let the beat thread end the run when it takes longer than it may."""
        task_type, begun_s, told = watch.run.task.type, self.clock.monotonic_s(), Told()
        watch.allow(self.limits.stages.budget(stage, task_type, begun_s=begun_s))
        try:
            with self.metrics.timed_stage(task_type, stage):
                yield told
            told |= {"stage": stage, "took_s": round(self.clock.monotonic_s() - begun_s, 3)}
            watch.log("stage.ended", level="info", **told)
        finally:
            watch.allow(None)
