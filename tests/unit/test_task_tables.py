"""What `orchestrator tasks show` and `estimate` say of a task that waits."""

import pytest

from orchestrator.cli.tables import waits_for
from orchestrator.client.results import Queue, parse_queue

PLACE = {"position": 3, "eta_s": None}


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({}, ""),
        ({"away": ["triton", "model:echo"]}, "triton, which is away\nmodel:echo, which is away"),
        ({"paused": ["lane:io"]}, "lane:io, which is paused"),
        ({"no_worker": "io@film-a", "away": ["r2"]}, "r2, which is away\na worker of io@film-a"),
    ],
)
def test_what_keeps_it_is_named(told: dict[str, object], shown: str) -> None:
    queue = parse_queue({**PLACE, **told})
    assert isinstance(queue, Queue)
    assert waits_for(queue) == shown
