"""Proof 1 of the models: swaps under constant load on a real Triton, and what becomes of each bad release there.

`SWAPS=50 pytest tests/integration/test_live_swaps.py` is the whole of it, which also holds the p99 to its bound.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
import servers
from live_swaps import MODEL, LiveSwaps, Load, p99, repeating
from processes import wait_for
from record_store import open_store

from orchestrator.domain.swap import Fault, Step
from orchestrator.settings import ModelSettings

SWAPS = int(os.environ.get("SWAPS", "3"))
WHOLE = 50
CALM_S = 4.0
NOT_KEPT = ModelSettings(old_kept=timedelta(0))  # so that every swap has to load


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Triton]:
    with servers.triton(tmp_path_factory.mktemp("triton"), models=("echo",)) as server:
        yield server


@pytest.fixture
def live(redis_url: str, triton: servers.Triton) -> Iterator[LiveSwaps]:
    with open_store(redis_url) as store:
        store.scripts.now_ms = None
        live = LiveSwaps(store, triton, NOT_KEPT)
        live.start()
        yield live
        live.figures.close()


@pytest.mark.timeout(60 + 40 * SWAPS)
def test_no_task_fails_and_none_hears_the_wrong_release_while_releases_are_swapped(live: LiveSwaps) -> None:
    releases = [live.push(version) for version in (1, 2)]
    load = Load(live)
    with repeating(load.submit, load.work, load.work, live.own) as wrong:
        wait_for(lambda: len(load.took_s) >= CALM_S * load.per_s, within_s=60)
        before = load.take_times()
        ends = [live.swap_to(releases[number % 2], canary=50, watch_s=0.5) for number in range(SWAPS)]
        during = load.take_times()
    load.finish()
    assert wrong == []
    assert [swap.reason for swap in ends if not swap.has_shifted or swap.fault] == []
    assert load.wrong == []
    assert load.unfinished == 0
    assert len(during) >= SWAPS
    assert SWAPS < WHOLE or p99(during) <= 2 * p99(before), (p99(before), p99(during))


@pytest.mark.parametrize(
    ("version", "behaviour", "step", "fault", "why"),
    [
        (3, {"wrong": 1}, Step.REFUSED, Fault.WRONG_OUTPUT, "in.npz: exact is 0, >= 1 is expected"),
        (4, {"delay_ms": 400}, Step.REFUSED, Fault.SLOW, "a golden sample takes"),
        (5, {"dies": 1}, Step.REFUSED, Fault.CRASHES, "a sample of its warm-up: "),
        (9, {"fails": 1}, Step.REFUSED, Fault.CRASHES, "failed on this request (“"),
        (6, {"broken": 1}, Step.REFUSED, Fault.NOT_LOADED, "the model cannot be loaded (“"),
        (7, {"dims": 2}, Step.REFUSED, Fault.WRONG_DIMS, "its input 'value' INT32 [2] differs"),
    ],
)
def test_a_bad_release_is_refused_says_why_and_no_task_notices(
    live: LiveSwaps, version: int, behaviour: dict[str, int], *, step: Step, fault: Fault, why: str
) -> None:
    load = Load(live)
    with repeating(load.submit, load.work, live.own) as wrong:
        swap = live.swap_to(live.push(version, **behaviour))
    load.finish()
    assert (swap.step, swap.fault) == (step, fault)
    assert why in swap.reason
    assert live.residency.routes(MODEL) == {MODEL: 100}
    assert (wrong, load.wrong, load.unfinished) == ([], [], 0)


def test_one_that_dies_under_traffic_is_rolled_back_and_no_task_fails_for_good(live: LiveSwaps) -> None:
    """It has no golden samples, so only traffic finds out."""
    release = live.push(8, dies=1)
    live.strip(release)
    load = Load(live, insists=True)
    with repeating(load.submit, load.work, live.own) as wrong:
        swap = live.swap_to(release, canary=20, watch_s=30)
    assert (swap.step, swap.fault) == (Step.ROLLED_BACK, Fault.FAILS)
    assert "requests failed" in swap.reason
    load.finish(within_s=60)
    assert (wrong, load.unfinished) == ([], 0)
