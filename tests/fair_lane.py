"""A lane whose projects never run out of work, for tests of who is served how much."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, count

from record_store import DONE, RecordStore, new_task

from orchestrator.domain.task import Run


@dataclass
class Lane:
    """A lane whose projects never run out of work, and what each of them has been served."""

    store: RecordStore
    served_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    names: Iterator[int] = field(default_factory=count)

    def submit(self, project: str, cost_s: float = 1.0, *, tasks: int = 1) -> None:
        for _ in range(tasks):
            name = f"{project}-{next(self.names):05}"
            self.store.submit(replace(new_task(name, project=project), predicted_s=cost_s))

    def fill(self, project: str, costs_s: Sequence[float]) -> None:
        tasks = (new_task(f"{project}-{next(self.names):05}", project=project) for _ in costs_s)
        self.store.fill(replace(task, predicted_s=cost) for task, cost in zip(tasks, costs_s, strict=True))

    def start(self) -> Run:
        run = self.store.claim_one()
        self.served_s[run.task.project] += run.task.predicted_s
        return run

    def end(self, run: Run, *, actual_s: float | None = None) -> None:
        took_s = run.task.predicted_s if actual_s is None else actual_s
        self.served_s[run.task.project] += took_s - run.task.predicted_s
        self.store.claims.finish(run, replace(DONE, actual_s=took_s))

    def serve(self, tasks: int) -> list[str]:
        """Whose turn it was, ``tasks`` times, one run after the other."""
        turns = []
        for _ in range(tasks):
            run = self.start()
            turns.append(run.task.project)
            self.end(run)
        return turns

    def gap_s(self, weights: Mapping[str, int]) -> float:
        """The largest lead of one project over another, by weight."""
        shares = [self.served_s[project] / weight for project, weight in weights.items()]
        return max(abs(one - other) for one, other in combinations(shares, 2))


def empty_lane(store: RecordStore, weights: Mapping[str, int] | None = None) -> Lane:
    """For tests that open it many times: hypothesis keeps one fixture for all its examples."""
    store.client.eval("redis.call('FLUSHALL')", 0)
    for project, weight in (weights or {}).items():
        store.client.eval(f"redis.call('HSET', 'orch:project:{project}', 'weight', {weight})", 0)
    return Lane(store)
