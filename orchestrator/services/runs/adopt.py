"""Adopt: a run goes on from what an earlier one has left, if it would make the same, and then infers nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from orchestrator.domain.task import Run
from orchestrator.pipelines.checkpoint import Checkpoint, Made, basis_of
from orchestrator.pipelines.spool import Spool
from orchestrator.ports.inference import Serving

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AdoptWork:
    """Nothing is listed or guessed: only what `advance` has committed is adopted, and of that no byte is missing.

    ``serving`` says what answers a run now, None when nothing does.
    """

    spool: Spool
    serving: Callable[[Run], Serving | None]

    def adopt(self, run: Run) -> Made | None:
        """What is done of the run's work, or None: then all of it is to be done."""
        if run.task.checkpoint is None:
            return None
        try:
            checkpoint = Checkpoint.parse(run.task.checkpoint)
        except (LookupError, TypeError):
            log.info("checkpoint.refused", reason="version")
            return None
        reason = self._reason_against(run, checkpoint)
        if reason:
            log.info("checkpoint.refused", reason=reason, maker=checkpoint.maker)
            return None
        folder = self.spool.folder_of(run.task.id, checkpoint.maker)
        return Made(checkpoint, folder, is_kept=folder.exists(), is_adopted=True)

    def _reason_against(self, run: Run, checkpoint: Checkpoint) -> str | None:
        if checkpoint.basis != basis_of(run.task):
            return "basis"
        if not self._is_same_model(run, checkpoint.serving):
            return "model"
        missing = (file for file in checkpoint.files if not file.key)
        if not all(self.spool.holds(run.task.id, checkpoint.maker, file=file) for file in missing):
            return "files"  # they lie on another node, or were swept
        return None

    def _is_same_model(self, run: Run, then: Serving) -> bool:
        """A model that does not serve now contradicts nothing, and what no model has answered depends on none."""
        now = self.serving(run) if then.version else None
        return now is None or now == then
