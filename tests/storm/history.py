"""What clients did and saw, operation by operation, in the manner of Jepsen: invoked, then ok, fail or info."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How an operation completed: it happened, it certainly did not, or nobody knows."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Kind(StrEnum):
    """What a client can do."""

    SUBMIT = "submit"
    GET = "get"
    LIST = "list"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Seen:
    """A task as an answer showed it. ``content`` is its result and outputs; ``epoch`` the last of its attempts."""

    task_id: str
    generation: int
    status: str
    epoch: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``about`` is the Idempotency-Key of a submit, the task's id otherwise; times are monotonic."""

    kind: Kind
    about: str
    invoked_s: float
    completed_s: float
    outcome: Outcome
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a task's own story, as the service keeps it."""

    generation: int
    seq: int
    type: str
    at_ms: int = 0
    epoch: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything there is to judge: the operations of all clients, and afterwards the story of every task."""

    ops: Sequence[Op] = ()
    stories: Mapping[str, Sequence[Told]] = field(default_factory=dict)

    @property
    def acked(self) -> frozenset[str]:
        """The tasks of every submit that was answered with ok."""
        return frozenset(seen.task_id for op in self.ops if is_acked(op) for seen in op.seen)

    def by_task(self) -> Mapping[str, Sequence[tuple[Op, Seen]]]:
        """Every sight of each task, in the order of invocation."""
        found: dict[str, list[tuple[Op, Seen]]] = defaultdict(list)
        for op in sorted(self.ops, key=lambda op: op.invoked_s):
            for seen in op.seen:
                found[seen.task_id].append((op, seen))
        return found


def is_acked(op: Op) -> bool:
    return op.kind is Kind.SUBMIT and op.outcome is Outcome.OK


@dataclass(slots=True)
class Recorder:
    """Collects the operations of many clients."""

    _ops: list[Op] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, op: Op) -> None:
        with self._lock:
            self._ops.append(op)

    def complete(
        self, kind: Kind, about: str, *, invoked_s: float, outcome: Outcome, seen: Iterable[Seen] = ()
    ) -> None:
        """Note an operation that completes now."""
        self.note(Op(kind, about, invoked_s, time.monotonic(), outcome, tuple(seen)))

    def history(self, stories: Mapping[str, Sequence[Told]]) -> History:
        with self._lock:
            return History(tuple(self._ops), stories)
