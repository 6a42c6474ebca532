"""The table of a swap's moves: every pair of steps, the weights of each step, and where a fault leads."""

import itertools
import json

import pytest

from orchestrator.domain.swap import MOVES, OVER, SETTLED, Fault, Step, Swap, Turn
from orchestrator.domain.traffic import Traffic

PATH = (Step.FETCHING, Step.CHECKING, Step.LOADING, Step.WARMING, Step.JUDGING, Step.SHIFTING, Step.WATCHING, Step.DONE)
BACK = (Step.ROLLING_BACK, Step.ROLLED_BACK, Step.REFUSED)
SWAP = Swap("swap_1", "echo", old="echo@1", new="echo@2", by="key_1", canary=10, watch_s=60)


def at(*steps: Step) -> Swap:
    """The swap after these steps."""
    swap = SWAP
    for step in steps:
        swap = swap.take(Turn(step))
    return swap


@pytest.mark.parametrize(("step", "to"), list(itertools.product(Step, Step)))
def test_a_swap_goes_where_the_table_says_and_nowhere_else(step: Step, to: Step) -> None:
    swap = Swap.parse({**SWAP.render(), "step": step})
    if to in MOVES[step]:
        assert swap.take(Turn(to)).step is to
    else:
        with pytest.raises(ValueError, match="does not go"):
            swap.take(Turn(to))


def test_every_step_has_its_row_and_only_an_end_has_no_way_on() -> None:
    assert set(MOVES) == set(Step)
    assert {step for step, moves in MOVES.items() if not moves} == OVER


def test_every_step_can_be_reached_and_every_one_leads_to_an_end() -> None:
    def reached(start: Step) -> set[Step]:
        seen, ahead = {start}, [start]
        while ahead:
            ahead = [to for step in ahead for to in MOVES[step] if to not in seen]
            seen.update(ahead)
        return seen

    assert reached(Step.FETCHING) == set(Step)
    assert all(reached(step) & OVER for step in Step)


@pytest.mark.parametrize("step", [step for step in Step if step not in SETTLED | {Step.ROLLING_BACK}])
def test_from_each_step_before_the_end_a_fault_leads_back(step: Step) -> None:
    swap = Swap.parse({**SWAP.render(), "step": step})
    ended = swap.take(swap.fail(Fault.SLOW, "twice as slow", figures={"ms": 8.0}))
    early = step in {Step.FETCHING, Step.CHECKING}
    assert ended.step is (Step.REFUSED if early else Step.ROLLING_BACK)
    assert (ended.fault, ended.reason, ended.figures) == (Fault.SLOW, "twice as slow", {"ms": 8.0})
    assert ended.weights() == {"echo@1": 100}


def test_the_first_release_has_nothing_until_it_is_judged_and_leaves_nothing_behind() -> None:
    first = Swap("swap_1", "echo", old="echo", new="echo@1", by="key_1", is_first=True)
    weights = [Swap.parse({**first.render(), "step": step}).weights() for step in PATH]
    assert weights == [{"echo@1": 0}] * PATH.index(Step.SHIFTING) + [{"echo@1": 100}] * 3
    back = {step: Swap.parse({**first.render(), "step": step}).weights() for step in BACK}
    assert back == {Step.ROLLING_BACK: {"echo@1": 0}, Step.ROLLED_BACK: {}, Step.REFUSED: {}}


@pytest.mark.parametrize("steps", [PATH[1:count] for count in range(2, len(PATH) + 1)])
def test_the_old_release_has_everything_until_the_new_one_is_judged(steps: tuple[Step, ...]) -> None:
    expected = {
        Step.SHIFTING: {"echo@1": 90, "echo@2": 10},
        Step.WATCHING: {"echo@2": 100},
        Step.DONE: {"echo@2": 100},
    }.get(steps[-1], {"echo@1": 100})
    assert at(*steps).weights() == expected


def test_what_both_do_not_fit_into_is_held_back_until_the_new_one_is_judged() -> None:
    before = (Step.CHECKING, Step.HANDING_OVER, Step.LOADING, Step.WARMING, Step.JUDGING)
    for count in range(2, len(before) + 1):
        assert at(*before[:count]).weights() == {"echo@2": 0}
    assert at(*before, Step.WATCHING).weights() == {"echo@2": 100}
    assert at(*before, Step.ROLLING_BACK).weights() == {"echo@1": 100}


def test_only_a_release_that_has_served_is_rolled_back() -> None:
    assert not at(Step.CHECKING, Step.LOADING, Step.ROLLING_BACK).has_shifted
    assert at(*PATH[1:], Step.ROLLING_BACK).has_shifted


def test_a_record_survives_json() -> None:
    swap = at(*PATH[1:-1])
    swap = swap.take(Turn(Step.ROLLING_BACK, "it fails", Fault.FAILS, {"errors": 0.5}, Traffic(9, 1, 0.2)))
    assert Swap.parse(json.loads(json.dumps(swap.render()))) == swap
