"""Make: the input of a run is fetched and looked at, its pipeline asks the model, and what comes of it is kept.

Steps 6 to 9 of `docs/architecture.md`.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import UnsupportedMedia
from orchestrator.domain.media import MediaInfo, MediaKind, size_of
from orchestrator.domain.media_format import MediaFormat
from orchestrator.domain.media_input import FetchedInput
from orchestrator.domain.signature import Signature
from orchestrator.domain.stored_result import CONTENT_TYPE, MOST_INLINE_BYTES, RESULT_NAME, StoredResult
from orchestrator.domain.task import Artifact, JsonObject, Progress, Run
from orchestrator.pipelines.budgeted_engine import BudgetedEngine
from orchestrator.pipelines.checkpoint import Checkpoint, Made, basis_of
from orchestrator.pipelines.patient_engine import Patience, PatientEngine
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome, Scratch, Workbench
from orchestrator.pipelines.placed_engine import PlacedEngine
from orchestrator.pipelines.registry import find_pipeline
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.pipelines.spool import Spool, sha256_of
from orchestrator.pipelines.stages import Stages
from orchestrator.pipelines.watched_engine import Told, WatchedEngine, noting, telling_of_want
from orchestrator.ports.codec import MediaCodec, PictureCodec
from orchestrator.ports.compression import Compression
from orchestrator.ports.inference import InferenceEngine, Serving


class InputFetch(Protocol):
    """Brings the input to the run (`services/runs/fetch_input.py`)."""

    def __call__(
        self, wanted: JsonObject, destination: Path, *, accepts: frozenset[MediaKind], keep_going: Callable[[], None]
    ) -> FetchedInput: ...


@dataclass(frozen=True, slots=True)
class MakeWork:
    """``ensure`` returns when the run's model can be asked, and says what will answer; ``describe`` what that takes.

    ``engine`` is that of an instance, of the first one when it is given no address. ``hold`` waits for memory and keeps
    it (`services/runs/reserve_memory.py`), ``crowd`` hears that it did not suffice.
    """

    fetch_input: InputFetch
    engine: Callable[[str], InferenceEngine]
    pictures: PictureCodec
    media: MediaCodec
    ensure: Callable[[Run], Serving]
    describe: Callable[[Run], Signature]
    hold: Callable[[RunWatch, str], AbstractContextManager[None]]
    crowd: Callable[[Run], None]
    stages: Stages
    spool: Spool
    compression: Compression
    infer_timeout_s: float

    def make(self, watch: RunWatch, scratch: Scratch) -> Made:
        """All of the run's work but the storing. Files are in its scratch folder, and in the spool if there is room.

        Raises:
            RunCanceled: the run must end.
            OrchestratorError: whatever the ports raise.
        """
        placement = watch.run.placement
        bench = Workbench(
            scratch=scratch,
            engine=self.engine(placement.instance if placement else ""),
            pictures=self.pictures,
            media=self.media,
            cancel=watch.cancel,
            report=watch.report,
            infer_timeout_s=self.infer_timeout_s,
            log=watch.log,
            signature=partial(self.describe, watch.run),
        )
        bench = self._with_input(watch, bench)
        outcome, serving = self._infer(watch, bench)
        outcome = self._with_small_result(outcome, scratch)
        return self._keep(watch, outcome, serving=serving, fetched=bench.fetched)

    def _with_input(self, watch: RunWatch, bench: Workbench) -> Workbench:
        """Fetch what was named at submit, and look at it before any GPU time is spent."""
        wanted, accepts = watch.run.task.input, find_pipeline(watch.run.task.type).accepts
        if not wanted:
            return bench
        source, keep_going = bench.scratch / "source", watch.cancel.raise_if_canceled
        watch.report(Progress(stage="fetch"))
        with self.stages.stage(watch, "fetch"):
            fetched = self.fetch_input(wanted, source, accepts=accepts, keep_going=keep_going)
        keep_going()
        watch.report(Progress(stage="probe"))
        with self.stages.stage(watch, "probe"):
            info = self._probe(source, fetched.format)
        watch.log("input.probed", kind=info.kind, width=info.width, height=info.height, duration_s=info.duration_s)
        if info.kind not in accepts:
            raise UnsupportedMedia(f"the input is {info.kind}, which this task type does not take")
        return replace(bench, source=source, info=info, fetched=fetched)

    def _probe(self, source: Path, known: MediaFormat) -> MediaInfo:
        if MediaKind.TENSORS in known.kinds:  # they say of themselves what they are, and are believed nothing else
            return MediaInfo(MediaKind.TENSORS, container=known.name)
        codec = self.pictures if MediaKind.PICTURE in known.kinds else self.media
        return codec.probe(source)

    def _infer(self, watch: RunWatch, bench: Workbench) -> tuple[Outcome, Serving]:
        """What the pipeline made, and what has answered it: a swap may have come between."""
        pipeline = find_pipeline(watch.run.task.type)
        params = pipeline.params.model_validate(watch.run.task.params)
        size = size_of(bench.info, bench.fetched.size_bytes if bench.fetched else 0)
        with self.hold(watch, size), self.stages.stage(watch, "infer") as told:
            serving = self.ensure(watch.run)
            watch.cancel.raise_if_canceled()
            outcome = pipeline.run(params, replace(bench, engine=self._engine(watch, bench.engine, told=told)))
        watch.cancel.raise_if_canceled()
        answered = str(told.get("version", ""))
        return outcome, serving if serving.version == answered else Serving(answered, release=serving.release)

    def _engine(self, watch: RunWatch, engine: InferenceEngine, *, told: Told) -> InferenceEngine:
        """Of its instance, as this one run may use it."""
        patient = PatientEngine(BudgetedEngine(engine, watch), Patience(watch, self.stages.clock))
        noted = WatchedEngine(patient, noting(told))
        heard, run = WatchedEngine(noted, telling_of_want(partial(self.crowd, watch.run))), watch.run
        return PlacedEngine(heard, run.task.model, run.placement.release) if run.placement else heard

    def _with_small_result(self, outcome: Outcome, scratch: Scratch) -> Outcome:
        """A result that is too large for a record becomes one of the files, and a pointer to that."""
        content = canonical_json(outcome.result)
        if len(content) <= MOST_INLINE_BYTES:
            return outcome
        path = scratch / RESULT_NAME
        path.write_bytes(self.compression.compress(content))
        pointer = StoredResult(hashlib.sha256(content).hexdigest(), len(content), path.stat().st_size)
        artifacts = (*outcome.artifacts, LocalArtifact(path, CONTENT_TYPE))
        return replace(outcome, result=pointer.render(), artifacts=artifacts)

    def _keep(self, watch: RunWatch, outcome: Outcome, *, serving: Serving, fetched: FetchedInput | None) -> Made:
        """From here on a later run need not infer again: before anything is stored, since that may fail."""
        run = watch.run
        checkpoint = Checkpoint(
            maker=run.token,
            basis=basis_of(run.task),
            serving=serving,
            files=tuple(map(_not_stored, outcome.artifacts)),
            result=outcome.result,
            usage=outcome.usage,
            source=fetched.facts if fetched else {},
            seconds=dict(watch.took_s),
        )
        if not outcome.artifacts:
            return Made(checkpoint, Path(), is_kept=False)
        paths = [artifact.path for artifact in outcome.artifacts]
        is_kept = self.spool.keep(run.task.id, run.token, files=paths)
        return Made(checkpoint, paths[0].parent, is_kept=is_kept)


def _not_stored(artifact: LocalArtifact) -> Artifact:
    path = artifact.path
    return Artifact(path.name, "", artifact.content_type, path.stat().st_size, sha256_of(path))
