"""The table of moves as a whole. That the scripts keep it is shown by `integration/test_moves.py`."""

from itertools import product

import pytest

from orchestrator.domain.task import MOVES, TERMINAL, Move, Status, allows

PAIRS = list(product(Status, Move))


@pytest.mark.parametrize(("status", "move"), PAIRS)
def test_a_move_is_allowed_exactly_when_the_table_has_it(status: Status, move: Move) -> None:
    in_table = any(start is status and move in moves for (start, _), moves in MOVES.items())
    assert allows(status, move) is in_table


def test_a_client_retry_is_the_only_way_out_of_an_end() -> None:
    ways_out = {move for (start, _), moves in MOVES.items() if start in TERMINAL for move in moves}
    assert ways_out == {Move.RESUBMIT}


def test_success_is_final() -> None:
    assert not [end for start, end in MOVES if start is Status.SUCCEEDED]


def test_only_a_claim_starts_a_run_and_only_a_finish_or_that_of_a_leader_succeeds() -> None:
    assert {move for (_, end), moves in MOVES.items() if end is Status.RUNNING for move in moves} == {Move.CLAIM}
    succeeding = {move for (_, end), moves in MOVES.items() if end is Status.SUCCEEDED for move in moves}
    assert succeeding == {Move.FINISH, Move.SHARE}


def test_every_move_leads_somewhere_else() -> None:
    assert {move for moves in MOVES.values() for move in moves} == set(Move)
    assert all(start is not end for start, end in MOVES)


def test_terminal_are_exactly_the_three_ends() -> None:
    assert {status for status in Status if status.is_terminal} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}
