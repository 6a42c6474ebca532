"""What no history may show, one rule each: a rule yields a line for every place where it is broken."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from storm.history import History, Kind, Outcome, Seen, Told, is_acked

from orchestrator.domain.task import MOVES, TERMINAL, Move

Rule = Callable[[History], Iterator[str]]

EVENTS_KEPT = 512  # a longer story has lost its beginning (places.lua)
CANCELING = "canceling"
# In no storm does a task follow another of the same content, and end by what that one has done.
MOVES_BY_NAME = {(start.value, end.value): moves - {Move.SHARE} for (start, end), moves in MOVES.items()}
STATUSES = frozenset(status for pair in MOVES_BY_NAME for status in pair)


def check(history: History) -> list[str]:
    """Everything that is wrong with the history."""
    return [f"{rule.__name__}: {line}" for rule in RULES for line in rule(history)]


def equal_keys_get_equal_ids(history: History) -> Iterator[str]:
    """However often a submit is repeated with its key, it is one task; and no two keys share one."""
    ids, keys = defaultdict(set), defaultdict(set)
    for op in filter(is_acked, history.ops):
        for seen in op.seen:
            ids[op.about].add(seen.task_id)
            keys[seen.task_id].add(op.about)
    yield from (f"key {key} made {sorted(made)}" for key, made in ids.items() if len(made) > 1)
    yield from (f"{task_id} answers to {sorted(asked)}" for task_id, asked in keys.items() if len(asked) > 1)


def acked_tasks_are_found(history: History) -> Iterator[str]:
    """Whoever looks after the ok finds the task: by its id, and in a list that reaches back to it."""
    acked_s: dict[str, float] = {}
    for op in filter(is_acked, history.ops):
        for seen in op.seen:
            acked_s[seen.task_id] = min(op.completed_s, acked_s.get(seen.task_id, op.completed_s))
    for op in history.ops:
        if op.kind is Kind.GET and op.outcome is Outcome.FAIL and acked_s.get(op.about, op.invoked_s) < op.invoked_s:
            yield f"{op.about} was not found"
        if op.kind is Kind.LIST and op.outcome is Outcome.OK:
            listed = [seen.task_id for seen in op.seen]
            due = {
                task_id
                for task_id, at_s in acked_s.items()
                if at_s < op.invoked_s and task_id >= min(listed, default="")
            }
            yield from (f"{task_id} is missing in a list" for task_id in sorted(due.difference(listed)))


def reads_never_go_back(history: History) -> Iterator[str]:
    """Of two operations, one completed before the other was invoked, the later sees what may follow the earlier.

    A submit is no look: however late it is repeated, it tells how the task was recorded (ADR 0030).
    """
    for task_id, sights in history.by_task().items():
        for i, (earlier, before) in enumerate(sights):
            for later, after in sights[i + 1 :]:
                is_later_look = later.kind is not Kind.SUBMIT and earlier.completed_s < later.invoked_s
                if is_later_look and not may_follow(before, after):
                    yield f"{task_id} was {_render(before)}, then {_render(after)}"


def a_generation_ends_in_one_way(history: History) -> Iterator[str]:
    """All clients see the same end of a generation, which is the one that the story tells."""
    ends: dict[tuple[str, int], set[str]] = defaultdict(set)
    for task_id, sights in history.by_task().items():
        for _, seen in sights:
            if seen.status in TERMINAL:
                ends[task_id, seen.generation].add(seen.status)
    for task_id, story in history.stories.items():
        for told in story:
            if told.type in TERMINAL:
                ends[task_id, told.generation].add(told.type)
    yield from (
        f"{task_id} generation {n} ended as {sorted(ways)}" for (task_id, n), ways in ends.items() if len(ways) > 1
    )


def every_generation_ends_once(history: History) -> Iterator[str]:
    """Each acked task has a story in which every generation has one end, and nothing comes after it."""
    for task_id in sorted(history.acked):
        story = history.stories.get(task_id, ())
        if not story:
            yield f"{task_id} has no story"
        for generation, lines in _by_generation(story).items():
            ends = [told.type for told in lines if told.type in TERMINAL]
            if len(ends) != 1 or lines[-1].type not in TERMINAL:
                yield f"{task_id} generation {generation}: {[told.type for told in lines]}"


def stories_have_no_gap(history: History) -> Iterator[str]:
    """(generation, seq) orders the events of a task: seq counts from one without a gap, generations never fall."""
    for task_id, story in history.stories.items():
        if story and story[0].seq != 1 and len(story) < EVENTS_KEPT:
            yield f"{task_id} begins with seq {story[0].seq}"
        for before, after in pairwise(story):
            if after.seq != before.seq + 1 or not 0 <= after.generation - before.generation <= 1:
                yield f"{task_id}: {after.generation}-{after.seq} after {before.generation}-{before.seq}"


def epochs_rise(history: History) -> Iterator[str]:
    """Every run of a task has a larger epoch than all before it, whatever the generation."""
    for task_id, story in history.stories.items():
        epochs = [told.epoch for told in story if told.type == "running"]
        yield from (f"{task_id}: epoch {after} after {before}" for before, after in pairwise(epochs) if after <= before)


def stories_move_by_the_table(history: History) -> Iterator[str]:
    """From each status to the next there is a move, and only a client's retry begins a generation."""
    for task_id, story in history.stories.items():
        moves = [told for told in story if told.type in STATUSES]
        for before, after in pairwise(moves):
            found = MOVES_BY_NAME.get((before.type, after.type), frozenset())
            if not found or (Move.RESUBMIT in found) != (after.generation > before.generation):
                yield f"{task_id}: {before.generation}/{before.type} to {after.generation}/{after.type}"


def there_is_one_output_set(history: History) -> Iterator[str]:
    """What a succeeded generation made is the same in every answer."""
    contents: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for task_id, sights in history.by_task().items():
        for op, seen in sights:
            if seen.status == "succeeded" and op.kind is not Kind.LIST:  # lists show no outputs
                contents[task_id, seen.generation][seen.content] += 1
    yield from (
        f"{task_id} generation {n} made {sorted(made)}" for (task_id, n), made in contents.items() if len(made) > 1
    )


RULES: Sequence[Rule] = (
    equal_keys_get_equal_ids,
    acked_tasks_are_found,
    reads_never_go_back,
    a_generation_ends_in_one_way,
    every_generation_ends_once,
    stories_have_no_gap,
    epochs_rise,
    stories_move_by_the_table,
    there_is_one_output_set,
)


def may_follow(before: Seen, after: Seen) -> bool:
    """Whether a client may see ``after`` later than ``before``; a list shows no attempts, so epoch 0 says nothing."""
    if after.generation != before.generation:
        return after.generation > before.generation
    fell = 0 < after.epoch < before.epoch
    return after.status in REACHABLE[before.status] and not fell


def _reachable() -> Mapping[str, frozenset[str]]:
    """The closure of the table of moves within one generation. A cancel that was asked for is never forgotten."""
    steps = {status: set[str]() for status in STATUSES}
    for (start, end), moves in MOVES_BY_NAME.items():
        if moves != {Move.RESUBMIT}:
            steps[start].add(end)
    steps["running"].add(CANCELING)
    steps[CANCELING] = {"succeeded", "canceled"}
    found = {status: {status} for status in steps}
    for _ in steps:
        for reached in found.values():
            reached.update(*(steps[status] for status in tuple(reached)))
    return {status: frozenset(reached) for status, reached in found.items()}


REACHABLE = _reachable()


def _by_generation(story: Sequence[Told]) -> Mapping[int, Sequence[Told]]:
    found: dict[int, list[Told]] = defaultdict(list)
    for told in story:
        found[told.generation].append(told)
    return found


def _render(seen: Seen) -> str:
    return f"{seen.generation}/{seen.status} (epoch {seen.epoch})"
