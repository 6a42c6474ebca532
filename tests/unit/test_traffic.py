"""When what a release has served speaks against it."""

import pytest

from orchestrator.domain.traffic import Bounds, Traffic

WELL = Traffic(answered=100, failed=0, infer_s=1.0)


@pytest.mark.parametrize(
    ("new", "fails"),
    [
        (Traffic(10, 0, 0.1), False),
        (Traffic(0, 0, 0.0), False),
        (Traffic(10, 2, 0.1), False),  # chance
        (Traffic(10, 3, 0.1), True),
        (Traffic(0, 3, 0.0), True),
        (Traffic(1000, 10, 10.0), False),  # one in a hundred, and two are allowed
        (Traffic(1000, 30, 10.0), True),
    ],
)
def test_errors_are_compared_with_those_of_the_old_release(new: Traffic, *, fails: bool) -> None:
    assert Bounds().fails(WELL, new) is fails
    assert not Bounds().fails(Traffic(0, 100), new), "inputs that the old one refuses as well"


@pytest.mark.parametrize(
    ("new", "slows"),
    [
        (Traffic(100, 0, 1.0), False),
        (Traffic(100, 0, 3.9), False),  # 39 ms are within twice 10 ms and the slack
        (Traffic(100, 0, 4.1), True),
        (Traffic(4, 0, 4.0), False),  # too few to tell
    ],
)
def test_the_time_of_an_answer_is_compared_with_that_of_the_old_release(new: Traffic, *, slows: bool) -> None:
    assert Bounds().slows(WELL, new) is slows


def test_what_came_since_leaves_out_what_was_before() -> None:
    assert Traffic(10, 3, 2.0).since(Traffic(4, 1, 0.5)) == Traffic(6, 2, 1.5)
    assert Traffic(2, 0, 0.1).since(Traffic(4, 1, 0.5)) == Traffic(2, 0, 0.1), "Triton began anew"
