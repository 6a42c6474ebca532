"""The checker of histories finds what it is there for: a sound history passes, and every rule has some that fail."""

from dataclasses import replace

import pytest
from storm.history import History, Kind, Op, Outcome, Seen, Told
from storm.rules import RULES, check

STORY = (
    Told(1, 1, "queued"),
    Told(1, 2, "running", epoch=1),
    Told(1, 3, "queued", reason="crashed"),
    Told(1, 4, "running", epoch=2),
    Told(1, 5, "canceling"),
    Told(1, 6, "canceled"),
    Told(2, 7, "queued"),
    Told(2, 8, "running", epoch=3),
    Told(2, 9, "progress"),
    Told(2, 10, "succeeded"),
)
CANCELED, DONE = Seen("t1", 1, "canceled", 2), Seen("t1", 2, "succeeded", 3, "made")


def op(at_s: float, kind: Kind, *seen: Seen, about: str = "t1", outcome: Outcome = Outcome.OK) -> Op:
    """An operation that takes half a second."""
    return Op(kind, about, at_s, at_s + 0.5, outcome, seen)


def submitted(at_s: float = 0, *, key: str = "k1", task_id: str = "t1") -> Op:
    return op(at_s, Kind.SUBMIT, Seen(task_id, 1, "queued"), about=key)


SOUND = (
    op(-1, Kind.SUBMIT, about="k1", outcome=Outcome.INFO),
    submitted(),
    submitted(1),
    op(2, Kind.GET, Seen("t1", 1, "running")),
    op(3, Kind.GET, Seen("t1", 1, "queued", 1)),
    op(4, Kind.CANCEL, Seen("t1", 1, "canceling", 1)),
    op(5, Kind.GET, outcome=Outcome.INFO),
    op(6, Kind.LIST, replace(CANCELED, epoch=0), about=""),
    op(7, Kind.GET, CANCELED),
    op(8, Kind.RETRY, Seen("t1", 2, "queued", 2)),
    op(9, Kind.GET, DONE),
    op(10, Kind.LIST, replace(DONE, epoch=0, content=""), about=""),
    op(11, Kind.GET, DONE),
)


def with_ops(*more: Op) -> History:
    return History((*SOUND, *more), {"t1": STORY})


def with_story(*story: Told) -> History:
    return History(SOUND, {"t1": story})


BAD: list[tuple[str, History]] = [
    ("equal_keys_get_equal_ids", with_ops(submitted(12, task_id="t2"))),
    ("equal_keys_get_equal_ids", with_ops(submitted(12, key="k2"))),
    ("acked_tasks_are_found", with_ops(op(12, Kind.GET, outcome=Outcome.FAIL))),
    ("acked_tasks_are_found", with_ops(op(12, Kind.LIST, Seen("t0", 1, "queued"), about=""))),
    ("acked_tasks_are_found", with_ops(op(12, Kind.LIST, about=""))),
    ("reads_never_go_back", with_ops(op(12, Kind.GET, Seen("t1", 2, "running", 3)))),
    ("reads_never_go_back", with_ops(op(12, Kind.GET, CANCELED))),
    ("reads_never_go_back", with_ops(op(4.6, Kind.GET, Seen("t1", 1, "running", 1)))),
    ("reads_never_go_back", with_ops(op(12, Kind.GET, replace(DONE, epoch=1)))),
    ("a_generation_ends_in_one_way", with_ops(op(11.2, Kind.GET, Seen("t1", 2, "failed", 3)))),
    ("a_generation_ends_in_one_way", with_story(*STORY[:-1], replace(STORY[-1], type="failed"))),
    ("every_generation_ends_once", with_ops(submitted(12, key="k2", task_id="t2"))),
    ("every_generation_ends_once", with_story(*STORY[:-1])),
    ("every_generation_ends_once", with_story(*STORY, Told(2, 11, "succeeded"))),
    ("every_generation_ends_once", with_story(*STORY, Told(2, 11, "progress"))),
    ("stories_have_no_gap", with_story(*STORY[:4], *STORY[5:])),
    ("stories_have_no_gap", with_story(*STORY[1:])),
    ("stories_have_no_gap", with_story(*STORY[:6], *(replace(told, generation=1) for told in STORY[7:]), STORY[6])),
    ("epochs_rise", with_story(*STORY[:3], replace(STORY[3], epoch=1), *STORY[4:])),
    ("epochs_rise", with_story(*STORY[:7], replace(STORY[7], epoch=2), *STORY[8:])),
    ("stories_move_by_the_table", with_story(STORY[0], Told(1, 2, "succeeded"))),
    ("stories_move_by_the_table", with_story(*STORY[:6], *(replace(told, generation=1) for told in STORY[6:]))),
    ("stories_move_by_the_table", with_story(*STORY, Told(3, 11, "queued"))),
    ("there_is_one_output_set", with_ops(op(12, Kind.GET, replace(DONE, content="made otherwise")))),
]


def test_a_sound_history_passes() -> None:
    assert check(with_ops()) == []


def test_reads_at_the_same_time_may_come_in_either_order() -> None:
    assert check(with_ops(op(8.9, Kind.GET, Seen("t1", 2, "running", 2)))) == []


@pytest.mark.parametrize(("rule", "history"), BAD)
def test_a_bad_history_is_found(rule: str, history: History) -> None:
    assert rule in {line.partition(":")[0] for line in check(history)}


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _ in BAD} == {rule.__name__ for rule in RULES}
