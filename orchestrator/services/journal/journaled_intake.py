"""Journaled intake: what is accepted is in the journal before the client hears of it (ADR 0041)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from prometheus_client import Counter

from orchestrator.domain.batch import NewBatch
from orchestrator.domain.errors import Category, DependencyError, Unavailable
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.journal import Change, Entry, KeptAnswer
from orchestrator.domain.task import JsonObject, NewTask, Priority, Task
from orchestrator.ports.intake import Intake, Receipt
from orchestrator.ports.journal import Journal
from orchestrator.ports.withdrawals import Withdrawals

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JournaledIntake:
    """`Intake` that raises `Unavailable` for what it cannot journal: a submit is withdrawn, a retry canceled."""

    intake: Intake
    withdrawals: Withdrawals
    journal: Journal
    failures: Counter

    def submit(self, task: NewTask) -> Receipt:
        task = replace(task, is_journaled=True)
        receipt = self.intake.submit(task)
        if receipt.replayed:
            return self._confirmed(receipt, task.project, key=task.idempotency_key or "")
        answer = _kept(task.idempotency_key, task.request_sha256, text=receipt.answer)
        return self._accepted(receipt, [Entry(task, receipt.created_at_ms, answer)])

    def submit_batch(self, batch: NewBatch) -> Receipt:
        tasks = tuple(replace(task, is_journaled=True) for task in batch.tasks)
        receipt = self.intake.submit_batch(replace(batch, tasks=tasks))
        if receipt.replayed:
            return self._confirmed(receipt, batch.project, key=batch.idempotency_key or "")
        answer = _kept(batch.idempotency_key, batch.request_sha256, text=receipt.answer)
        first, *others = (Entry(task, receipt.created_at_ms) for task in tasks)
        return self._accepted(receipt, [replace(first, answer=answer), *others])

    def replay(self, project: str, idempotency_key: str, *, request_sha256: str) -> Receipt | None:
        receipt = self.intake.replay(project, idempotency_key, request_sha256=request_sha256)
        return receipt and self._confirmed(receipt, project, key=idempotency_key)

    def cancel(self, project: str, task_id: str) -> Task:
        return self.intake.cancel(project, task_id)

    def change(
        self,
        project: str,
        task_id: str,
        *,
        priority: Priority | None = None,
        labels: JsonObject | None = None,
        expires_at_ms: int | None = None,
    ) -> Task:
        """What the journal did not take holds nevertheless; to say it again is harmless."""
        task = self.intake.change(project, task_id, priority=priority, labels=labels, expires_at_ms=expires_at_ms)
        if task.is_journaled:
            change = Change(task.priority, task.labels, task.expires_at_ms, task.changed_at_ms)
            self._note("change", lambda: self.journal.note_change(project, task_id, change=change))
        return task

    def delete(self, project: str, task_id: str) -> None:
        """What the journal did not take holds nevertheless; to say it again is harmless."""
        self.intake.delete(project, task_id)
        self._note("deletion", lambda: self.journal.note_deleted(project, task_id))

    def resubmit(self, project: str, task_id: str, *, generation: int, from_stage: FromStage | None = None) -> Task:
        task = self.intake.resubmit(project, task_id, generation=generation, from_stage=from_stage)
        if not task.is_journaled:
            return task
        try:
            self._note("retry", lambda: self.journal.note_retry(project, task_id, generation=task.generation))
        except Unavailable:
            self.intake.cancel(project, task_id)
            raise
        return task

    def _accepted(self, receipt: Receipt, entries: Sequence[Entry]) -> Receipt:
        try:
            self._note("submit", lambda: self.journal.write(entries))
        except Unavailable:
            if self.withdrawals.withdraw(entries):
                raise
        return receipt

    def _confirmed(self, receipt: Receipt, project: str, *, key: str) -> Receipt:
        """Whoever sent the first one may have died, or still be at it: a repeat does not rely on that."""
        if entries := self.withdrawals.unconfirmed(project, key):
            self._note("submit", lambda: self.journal.write(entries))
            self.withdrawals.confirm(entries[0].task.id)
        return receipt

    def _note(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except DependencyError as error:
            log.warning("journal.failed", what=what, error=str(error), code=error.code)
            self.failures.labels(what).inc()
            message = f"the journal could not be written; try the {what} again"
            raise Unavailable(message, service="journal", category=Category.STORAGE) from error


def _kept(key: str | None, request_sha256: str, *, text: str) -> KeptAnswer | None:
    return None if key is None else KeptAnswer(key, request_sha256, text)
