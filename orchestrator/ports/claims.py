"""How a worker owns a run. Every write is fenced by the run's token (epoch, run_id) and safe to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from orchestrator.domain.log_line import Said
from orchestrator.domain.part import Slice
from orchestrator.domain.retry import Decision
from orchestrator.domain.stored_result import find_stored
from orchestrator.domain.task import Artifact, Failure, JsonObject, Progress, Run, Task


class Verdict(StrEnum):
    """What a beat says to a run."""

    GO_ON = "go_on"
    STOP = "stop"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Claimed:
    """The runs handed out, oldest first, and whether the lane has more that could run now.

    ``yields`` says to make room instead: finish what runs, then claim one of the solo lane.
    """

    runs: tuple[Run, ...]
    more: bool
    yields: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """One run's sign of life; ``progress`` is None when nothing changed."""

    run: Run
    progress: Progress | None = None
    lines: Sequence[Said] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """What a successful run leaves behind. ``actual_s`` settles the predicted cost in the fair queue.

    A run that has adopted another's work teaches nothing of what such tasks cost.
    """

    outputs: tuple[Artifact, ...]
    result: JsonObject
    usage: JsonObject
    actual_s: float
    is_adopted: bool = False

    @property
    def stored_bytes(self) -> int:
        """What the project keeps of it."""
        pointer = find_stored(self.result)
        return sum(output.size_bytes for output in self.outputs) + (pointer.stored_bytes if pointer else 0)


class Claims(Protocol):
    """The life of a run, from claim to its one ending.

    What ends a run also takes its last lines, those that no beat has brought. A line that comes again is written once.
    """

    def claim(self, lane: str, owner: str, *, run_ids: Sequence[str], yield_after_s: float | None = None) -> Claimed:
        """Hand out at most one run per id of ``run_ids``, each of the project whose turn it is, its oldest rank first.

        Repeating a call with the same ids hands out the same runs again, never others. Tasks of the lane's solo lane
        that have waited for ``yield_after_s`` make it answer *yield*, to one owner for each of them.
        """
        ...

    def beat(self, beats: Sequence[Beat]) -> list[Verdict]:
        """Renew the leases and write progress, for all runs of a process at once; one verdict for each.

        A lapse before a run's first beat is a release, not a crash.
        """
        ...

    def advance(self, run: Run, stage: str, *, checkpoint: JsonObject, kept_for_s: float | None = None) -> None:
        """Commit that ``stage`` is done; a later run may adopt ``checkpoint``, in a later generation, too.

        ``kept_for_s`` says that this needs files on the run's own node: while that lives, other nodes leave the task to
        it for so long.

        Raises:
            StaleRun: another run owns the task.
        """
        ...

    def plan(self, run: Run, slices: Sequence[Slice], *, lines: Sequence[Said] = ()) -> None:
        """Cut the task into parts: they do the work from now on, and the run ends well.

        Each is claimed like a task, and ranks behind its task by what the parts before it cost. What an earlier plan
        has made of the same input, and is done, stays. When all are done the task is queued again, at its own rank,
        to join them. One that fails for good fails the task. At the task's end, whichever that is, what is not done
        ends with it: who runs it hears that it is lost.

        Raises:
            StaleRun: another run owns the task.
            ValueError: no parts, more than `MOST_PARTS`, or parts of a part.
        """
        ...

    def parts(self, run: Run) -> tuple[Task, ...]:
        """The records of the parts into which its task was cut, in their order; none of one that was not."""
        ...

    def finish(self, run: Run, commit: Commit, *, lines: Sequence[Said] = ()) -> None:
        """Commit success. It wins over a cancel that was requested but not yet acknowledged.

        Raises:
            StaleRun: another run owns the task; nothing of ``commit`` became visible.
        """
        ...

    def fail(
        self, run: Run, failure: Failure, *, decision: Decision, lines: Sequence[Said] = (), waited_s: float = 0.0
    ) -> None:
        """Commit failure: queue again after the decided wait, or end the task as failed.

        Nobody pays for ``waited_s`` of its time, in which it waited for room. A task whose cancel was requested ends as
        canceled instead.

        Raises:
            StaleRun: another run owns the task.
        """
        ...

    def release(self, run: Run, *, lines: Sequence[Said] = ()) -> None:
        """Give the run back unharmed: the task is ready again at its old rank and no attempt is counted.

        A task whose cancel was requested ends as canceled instead.

        Raises:
            StaleRun: another run owns the task.
        """
        ...

    def stop(self, run: Run, *, lines: Sequence[Said] = ()) -> None:
        """Acknowledge a cancel: the task ends as canceled.

        Raises:
            StaleRun: another run owns the task.
        """
        ...
