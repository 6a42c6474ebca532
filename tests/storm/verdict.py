"""The verdict over a storm: the service's own story of every task, held against the ledger."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from storm.history import Told
from storm.ledger import Commit, Execution, Ledger, Struck
from verdict import TERMINAL, Store

# What may take a run away: a crash needs a fault that hit its very task.
CRASHING = frozenset({"worker killed", "child killed", "child frozen"})
# What may make a worker give a run back, or never hear that it has one.
RELEASING = CRASHING | {
    "worker restarted",
    *("redis killed", "redis frozen", "connections killed"),
    *("redis silent", "connections reset", "claim reply lost"),
}
AFTERMATH_MS = 20_000
# By the reason why a task is queued again: the faults that explain it, and for how long they do afterwards.
EXPLAINED_BY = {
    "crashed": (CRASHING, 0),
    "released": (RELEASING, AFTERMATH_MS),
}
CRASHED_OUT = "crashed_repeatedly"
CRASHES_TO_GIVE_UP = 3

Stories = Mapping[str, Sequence[Told]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of everything that was accepted. ``unexplained`` lines are errors, one for each that is wrong."""

    accepted: int
    succeeded: int
    failed: int
    canceled: int
    lost: int
    doubled: int
    re_executed: int
    stale_refused: int
    faults: int
    worst_recovery_s: float
    unexplained: tuple[str, ...]

    def rows(self) -> list[tuple[str, float]]:
        """Each count with its name."""
        counts = [(name.replace("_", " "), getattr(self, name)) for name in self.__slots__ if name != "unexplained"]
        return [*counts, ("unexplained", len(self.unexplained))]

    def render(self) -> str:
        """A table for people."""
        return "\n".join([*(f"{name:<18}{value:>10}" for name, value in self.rows()), *self.unexplained])


def read_stories(store: Store, ids: Iterable[str]) -> dict[str, tuple[Told, ...]]:
    """What the service tells about each task; nothing, if it does not know it."""
    return {task_id: tuple(_parse_story(store, task_id)) for task_id in ids}


def render_kinds(faults: Sequence[Struck]) -> str:
    """How often each fault was injected, and how many runs it took away."""
    counts = Counter(fault.kind for fault in faults)
    hits = Counter({kind: sum(len(fault.hits) for fault in faults if fault.kind == kind) for kind in counts})
    return "\n".join(f"{count:>4} × {kind:<20}{hits[kind]:>5} runs hit" for kind, count in counts.most_common())


def render_faults(faults: Sequence[Struck]) -> str:
    """When what was done, and to how many runs."""
    begun_ms = min((fault.at_ms for fault in faults), default=0)
    return "\n".join(f"{(f.at_ms - begun_ms) / 1000:8.2f} s  {f.kind:<20}{len(f.hits):>4} runs hit" for f in faults)


def judge(ledger: Ledger, stories: Stories, *, stale_refused: int) -> Verdict:
    """Count, and find what no fault explains."""
    accepted, faults, executions = ledger.accepted(), ledger.faults(), ledger.executions()
    last = Counter(stories[task_id][-1].type if stories.get(task_id) else "lost" for task_id in accepted)
    recoveries = [recovery_s(story, faults, task_id=task_id) for task_id, story in stories.items()]
    return Verdict(
        accepted=len(accepted),
        succeeded=last["succeeded"],
        failed=last["failed"],
        canceled=last["canceled"],
        lost=sum(count for status, count in last.items() if status not in TERMINAL),
        doubled=len(doubled(stories, ledger.commits())),
        re_executed=sum(count - 1 for count in _executions_by_task(executions, stories).values()),
        stale_refused=stale_refused,
        faults=len(faults),
        worst_recovery_s=round(max(recoveries, default=0.0), 2),
        unexplained=(*unexplained_moves(stories, faults), *unexplained_executions(stories, executions)),
    )


def doubled(stories: Stories, commits: Sequence[Commit]) -> set[tuple[str, int]]:
    """Generations with two committed effects: in the story, or in what clients saw."""
    ends = Counter(
        (task_id, told.generation) for task_id, story in stories.items() for told in story if told.type in TERMINAL
    )
    seen: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    for commit in commits:
        seen[commit.task_id, commit.generation].add((commit.status, commit.content))
    return {key for key, count in ends.items() if count > 1} | {key for key, ways in seen.items() if len(ways) > 1}


def unexplained_moves(stories: Stories, faults: Sequence[Struck]) -> Iterator[str]:
    """Runs that were lost or given back, and tasks that were given up, without a fault that can have caused it."""
    for task_id, story in stories.items():
        begun_ms = 0
        for told in story:
            if told.type == "running":
                begun_ms = told.at_ms
            if not _is_explained(told, [fault for fault in faults if _may_hit(fault, task_id)], begun_ms=begun_ms):
                yield f"{task_id}: {told.type} ({told.reason}) at {told.at_ms}, running since {begun_ms}"


def unexplained_executions(stories: Stories, executions: Sequence[Execution]) -> Iterator[str]:
    """Work for a run that never was, work done twice for one run, and success without work."""
    times = Counter((execution.task_id, execution.epoch) for execution in executions)
    for (task_id, epoch), count in times.items():
        runs = {told.epoch for told in stories.get(task_id, ()) if told.type == "running"}
        if epoch not in runs:
            yield f"{task_id}: executed as epoch {epoch}, which never ran"
        if count > 1:
            yield f"{task_id}: epoch {epoch} was executed {count} times"
    done = {(execution.task_id, execution.epoch) for execution in executions if execution.ended_ms}
    for task_id, story in stories.items():
        for before, after in pairwise(told for told in story if told.type in {"running", "succeeded"}):
            if after.type == "succeeded" and (task_id, before.epoch) not in done:
                yield f"{task_id}: succeeded as epoch {before.epoch} without any work"


def recovery_s(story: Sequence[Told], faults: Sequence[Struck], *, task_id: str) -> float:
    """The longest time from a fault that took a run of the task away to the task's next run, or its end.

    Faults that follow set the clock back: a worker that is killed again starts again.
    """
    worst_ms = 0
    moves = [told for told in story if told.type in {"queued", "running", *TERMINAL}]
    for run, lost, again in zip(moves, moves[1:], moves[2:], strict=False):
        if run.type == "running" and lost.type == "queued" and lost.reason == "crashed":
            hits = [fault.at_ms for fault in faults if task_id in fault.hits and run.at_ms <= fault.at_ms <= lost.at_ms]
            since = [fault.at_ms for fault in faults if hits and hits[0] <= fault.at_ms <= again.at_ms]
            worst_ms = max(worst_ms, again.at_ms - max(since, default=again.at_ms))
    return worst_ms / 1000


def _is_explained(told: Told, faults: Sequence[Struck], *, begun_ms: int) -> bool:
    if told.type == "failed" and told.reason == CRASHED_OUT:
        return sum(fault.kind in CRASHING for fault in faults) >= CRASHES_TO_GIVE_UP
    if told.type == "failed":
        return told.reason == "echo_failed"
    if told.type != "queued" or told.reason in {"", "resubmitted"}:
        return True
    kinds, aftermath_ms = EXPLAINED_BY.get(told.reason, (frozenset(), 0))
    since_ms = begun_ms - aftermath_ms
    return any(fault.kind in kinds and since_ms <= fault.at_ms <= told.at_ms for fault in faults)


def _may_hit(fault: Struck, task_id: str) -> bool:
    """Faults that take runs away name them; the others hit whoever is there."""
    return task_id in fault.hits or fault.kind not in CRASHING


def _executions_by_task(executions: Sequence[Execution], stories: Stories) -> Mapping[tuple[str, int], int]:
    generations = {
        (task_id, told.epoch): told.generation
        for task_id, story in stories.items()
        for told in story
        if told.type == "running"
    }
    return Counter((e.task_id, generations.get((e.task_id, e.epoch), 0)) for e in executions)


def _parse_story(store: Store, task_id: str) -> Iterator[Told]:
    for entry_id, event in store.xrange(f"orch:events:{task_id}"):
        generation, _, seq = entry_id.partition("-")
        data = json.loads(event["data"])
        reason = data.get("reason") or data.get("code") or ""
        yield Told(int(generation), int(seq), event["type"], int(event["at_ms"]), data.get("epoch", 0), reason)
