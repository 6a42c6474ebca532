"""Whose turn the state machine of `integration/test_claims_machine.py` expects it to be, kept in plain Python."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from claims_model import Known

from orchestrator.domain.lane import SOLO
from orchestrator.domain.task import NewTask, Status

PARKED = 1e15


@dataclass
class Turn:
    """The fair queue of a lane as a claim finds it: tags and clock are read from the store, the choice is made here.

    ``kept`` are tags of those that are parked or not in the turn; ``rooms`` is how many more of a project may run;
    of what is ``paused`` nothing may.
    """

    lane: str
    tags: dict[str, float]
    kept: Mapping[str, float]
    clock: float
    weights: Mapping[str, int]
    held_back: Collection[str]
    rooms: dict[str, int]
    paused: Collection[str] = ()

    def hand_out(self, tasks: Iterable[Known], *, count: int, now_ms: int) -> tuple[list[Known], bool]:
        """The tasks that a claim must hand out, in order, and whether there are more. Late ones expire on the way."""
        known_tasks = list(tasks)
        waiting = self._by_project(known_tasks)
        self._unpark(now_ms)
        found: list[Known] = []
        while len(found) < count and (project := self._next(waiting)):
            known = waiting[project].pop(0)
            if known.is_late(now_ms):
                known.ended(Status.FAILED, "expire", is_own=True)
                waiting = self._by_project(task for task in known_tasks if task not in found)  # another may take over
            else:
                found.append(known)
                if project in self.rooms:
                    self.rooms[project] -= 1
                self.tags[project] += known.new.predicted_s / self.weights.get(project, 1)
        return found, self._next(waiting) is not None

    def away(self, tasks: Iterable[Known], *, in_turn: bool = False) -> set[str]:
        """The models that are away and that a task waits for here which nobody has paused.

        ``in_turn``: of those projects alone that a claim which has found no more has come by.
        """
        return {
            known.new.model
            for known in tasks
            if known.is_ready and known.waits_in == self.lane
            if known.new.model in self.held_back and not self._is_paused(known.new)
            if not in_turn or (self.tags[known.new.project] < PARKED and self.rooms.get(known.new.project, 1))
        }

    def _by_project(self, tasks: Iterable[Known]) -> Mapping[str, list[Known]]:
        """All that may run, the oldest rank first."""
        waiting: dict[str, list[Known]] = defaultdict(list)
        for known in sorted(tasks, key=lambda known: (known.rank, known.new.id)):
            if known.is_ready and known.waits_in == self.lane and self._may_run(known.new):
                waiting[known.new.project].append(known)
        return waiting

    def _may_run(self, new: NewTask) -> bool:
        return new.model not in self.held_back and not self._is_paused(new)

    def _is_paused(self, new: NewTask) -> bool:
        lane = self.lane.removesuffix(SOLO)
        names = {f"lane:{lane}", f"project:{new.project}", f"type:{new.type}", f"model:{new.model}"}
        return bool(names & set(self.paused))

    def _unpark(self, now_ms: int) -> None:
        for project, tag in self.tags.items():
            if PARKED <= tag <= PARKED + now_ms:
                self.tags[project] = max(self.clock, self.kept.get(project, 0))

    def _next(self, waiting: Mapping[str, list[Known]]) -> str | None:
        """The project with the smallest tag of those below their quota; every one with ready work has a tag."""
        tags = {
            project: self.tags[project] for project, tasks in waiting.items() if tasks and self.rooms.get(project, 1)
        }
        return min((project for project, tag in tags.items() if tag < PARKED), key=lambda p: (tags[p], p), default=None)
