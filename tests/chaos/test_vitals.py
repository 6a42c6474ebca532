"""What the soak measures: slopes of processes that come and go."""

import os
import threading
from pathlib import Path

import pytest
from storm.vitals import Vital, slope_per_s, slopes, take_vitals


def life(pid: int, begun_s: float, *, level_mib: float, gains_mib_a_minute: float) -> list[Vital]:
    """A process that is sampled every ten seconds for five minutes, and takes a hundred MiB in its first one."""
    return [
        Vital(begun_s + s, "worker-io", pid, level_mib + min(s, 60) / 60 * 100 + s / 60 * gains_mib_a_minute, 7, 3)
        for s in range(0, 300, 10)
    ]


@pytest.mark.parametrize("gains", [0.0, 2.0])
def test_neither_a_warm_up_nor_a_replacement_is_a_leak(gains: float) -> None:
    lives = [*life(1, 0, level_mib=50, gains_mib_a_minute=gains), *life(2, 200, level_mib=10, gains_mib_a_minute=gains)]
    found = slopes(lives, lambda vital: vital.rss_mib, warm_up_s=60)
    assert found == {"worker-io": pytest.approx(gains)}


def test_one_sample_has_no_slope() -> None:
    assert slope_per_s([[(1.0, 5.0)], []]) == 0


def test_a_process_is_seen_as_it_is() -> None:
    before, done = take_mine(), threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with Path(os.devnull).open():
        after = take_mine()
    done.set()
    thread.join()
    assert before.part == "tests"
    assert before.rss_mib > 10
    assert (after.fds, after.threads) == (before.fds + 1, before.threads + 1)


def take_mine() -> Vital:
    about = {"processes": {"tests": os.getpgid(0)}, "supervisor": -1}
    (mine,) = [vital for vital in take_vitals(about, 1.0) if vital.pid == os.getpid()]
    return mine
