"""What the keeper does to the store: mend, sweep and measure. Every call may run anywhere, any number of times."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.ids import task_prefix
from orchestrator.domain.owner import Owner
from orchestrator.domain.task import Task


@dataclass(frozen=True, slots=True)
class Mended:
    """What a duty found: runs that lapsed, never beat, or crashed too often; waits that ended, tasks that expired;
    deliveries whose sender is dead.
    """

    lapsed: int
    released: int
    crashed_out: int
    due: int = 0
    expired: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class Find:
    """A fault in the store: ``fault`` at an entry of ``index`` about ``subject``, mostly a task's id.

    ``missing`` and ``score``: a record demands the entry, in that order; ``stray``: the record demands no such entry;
    ``orphan``: there is no record; ``misplaced``: status and place contradict; ``drift``: a sum is not that of its
    parts; ``broken``: cannot be mended.
    """

    fault: str
    index: str
    subject: str


@dataclass(frozen=True, slots=True)
class Audited:
    """One step of the audit's walk. ``has_come_round`` says that everything was looked at since the last time."""

    looked: int
    has_come_round: bool
    finds: tuple[Find, ...]


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """A lane's queue. ``paused`` of the ready tasks wait for somebody, or for a dependency that is away;
    ``oldest_wait_s`` is that of the others, or zero.

    ``at_quota`` counts projects that wait for their own runs to end; ``predicted_s`` is the work in the queue, and
    ``pace`` how much of it is done in a second, None as long as nobody knows. Without a worker it is not ``is_served``.
    """

    lane: str
    ready: int
    oldest_wait_s: float
    at_quota: int = 0
    predicted_s: float = 0.0
    pace: float | None = None
    paused: int = 0
    is_served: bool = True


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """All queues at one moment."""

    lanes: tuple[LaneLoad, ...]
    running: int
    delayed: int


@dataclass(frozen=True, slots=True)
class Swept:
    """A task whose retention is over."""

    task_id: str
    project: str
    is_journaled: bool = False

    @property
    def prefix(self) -> str:
        """Its artifacts lie there."""
        return task_prefix(self.project, self.task_id)


@dataclass(frozen=True, slots=True)
class EndedOffer:
    """An upload that can no longer arrive. What does not last without a task is waste now, whether it came or not."""

    key: str
    is_lasting: bool


class Upkeep(Protocol):
    """Duties over the store."""

    def reconcile(self, *, limit: int) -> Mended:
        """Recover lapsed leases, wake what is due, end what came too late; at most ``limit`` of each.

        When nothing has got through to the store for two seconds, or for a third of the lease if that is longer (no
        tick of this and no beat), then no lease lapses for one lease length: a pause must not end every healthy run.
        """
        ...

    def owners(self, node: str) -> tuple[Owner, ...]:
        """The worker processes of ``node`` that hold runs, or deliveries that they send."""
        ...

    def reap(self, owner: Owner) -> Mended:
        """``owner`` is known to be dead: end all its runs now, exactly as the lapse of their leases would.

        Others may claim at once what it was sending.
        """
        ...

    def reap_silent(self, *, silent_s: float, limit: int) -> Mended:
        """End at most ``limit`` runs that have not beaten for ``silent_s`` on nodes without a sign of life.

        A node that still signs, or a run that still beats, is left to its lease; so is every run after a gap.
        """
        ...

    def audit(self, *, limit: int) -> Audited:
        """Walk on through all records and index entries, about ``limit`` of them, and mend what contradicts a record.

        Any number of callers share one walk, which outlives them. What a newer version wrote is left alone.
        """
        ...

    def load(self) -> QueueLoad:
        """How much waits where."""
        ...

    def condemn(self, *, limit: int) -> tuple[Swept, ...]:
        """Terminal tasks whose retention is over, oldest first. No client can retry them now; `purge` ends them.

        One that is neither purged nor put off is named again by the next call.
        """
        ...

    def purge(self, task_id: str) -> None:
        """Forget a condemned task: record, attempts, events, idempotency key. Any other is left alone.

        One that a client has deleted is condemned once more a day later: a run that had lost it may have written on.
        """
        ...

    def strays(self, *, limit: int) -> tuple[Task, ...]:
        """Tasks that ended a day ago or earlier, after a run that did not succeed, and were not looked at since.

        One that is not named to `end_strays` is named again by the next call.
        """
        ...

    def end_strays(self, task_id: str, *, again_in_s: float | None = None) -> None:
        """It was looked at, for good or until then."""
        ...

    def put_off(self, task_id: str) -> None:
        """A condemned task cannot be swept now: name it again in ten seconds, then after pauses that double."""
        ...

    def expired_uploads(self, *, limit: int) -> tuple[str, ...]:
        """Keys of uploads that no task has used within the retention."""
        ...

    def track_upload(self, key: str) -> None:
        """Name the upload again after another retention."""
        ...

    def forget_upload(self, key: str) -> None:
        """The object of the upload is gone: its bytes count no longer."""
        ...

    def ended_offers(self, *, limit: int) -> tuple[EndedOffer, ...]:
        """Offers by which nothing can arrive any more, oldest first, of uploads that no task has used."""
        ...

    def end_offer(self, key: str, *, has_arrived: bool) -> None:
        """What has arrived goes on counting; what has not counts no longer."""
        ...

    def take_duty(self, duty: str, holder: str, *, ttl_s: float) -> bool:
        """Whether ``holder`` may run ``duty`` now: one holder at a time, until ``ttl_s`` after its last call."""
        ...

    def leave_duty(self, duty: str, holder: str) -> None:
        """Give ``duty`` up, so that another keeper need not wait for the lease to end."""
        ...
