"""A soak of ``CHAOS_SOAK_S`` seconds at four fifths of the load that the clients can make; not part of `make test`."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_stack import LiveStack, live_stack
from processes import wait_for
from storm.clients import Habits
from storm.ledger import Ledger
from storm.process_faults import aim_at
from storm.rules import check, every_generation_ends_once
from storm.schedule import Weather, choose_seed
from storm.soak import Watch, find_steady_habits
from storm.storm import at_work, carry_out
from storm.verdict import doubled

LENGTH_S = float(os.environ["CHAOS_SOAK_S"])
WARM_UP_S = 75.0
# Half a minute apart: the node is well again before the next. Workers must live longer than their warm-up.
WEATHER = Weather(
    LENGTH_S,
    pause_s=(20, 40),
    weights={"worker killed": 1, "child frozen": 1, "redis killed": 3, "connections killed": 3, "pulses lost": 2},
)
# What a process of ours may gain in a minute (fault 34), and the keys as a share of all that there are.
LIMITS = {"rss_mib": 1.0, "fds": 2.0, "threads": 1.0}
KEYS_LIMIT = 0.1
# What a task may have; when all are swept there is none.
OF_TASKS = frozenset({"task", "events", "attempts", "idem", "ready", "models", "held", "run"})
FORGOTTEN_S = 180.0
OURS = frozenset({"api", "keeper", "metrics", "supervisor", "worker-io"})

Recorder = Callable[[str, object], None]


@pytest.fixture
def forgetful(tmp_path_factory: pytest.TempPathFactory, witness: Path) -> Iterator[LiveStack]:
    """A stack that forgets tasks and keys after a minute, so that what grows is not what it is asked to keep."""
    forgets = {"ORCH_KEEPER__RETENTION": "PT60S", "ORCH_API__ANSWERS_KEPT": "PT60S"}
    env = {"ORCH_PROJECT_DIR": str(witness), **forgets}
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=("io",), env=env) as stack:
        yield stack


@pytest.mark.timeout(LENGTH_S + 400 + FORGOTTEN_S)
def test_everything_stays_flat(
    forgetful: LiveStack, ledger: Ledger, record_testsuite_property: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, target, watch = choose_seed(), aim_at(forgetful, ledger), Watch(forgetful)
    habits = find_steady_habits(target, Habits(clients=8, longest_ms=100, lists=0))
    before = len(ledger.accepted())
    with watch.watching(), at_work(target, habits, seed=seed) as recorder:
        carry_out(target, WEATHER, seed=seed)
    rate = (len(ledger.accepted()) - before) / LENGTH_S
    wait_for(lambda: forgetful.store.zcard("orch:ended") == 0, within_s=FORGOTTEN_S)
    left = Counter(key.split(":")[1] for key in forgetful.store.scan_iter("orch:*"))
    told = (
        f"\nCHAOS_SEED={seed}, {len(ledger.faults())} faults, {rate:.1f} tasks/s\n{watch.render(warm_up_s=WARM_UP_S)}"
        f"\nkeys left when all is swept: {dict(left)}"
    )
    with capsys.disabled():
        print(told)  # noqa: T201 - the table that a soak is run for
    record_testsuite_property("soak", told)
    commits = ledger.commits()
    assert ledger.accepted() == {commit.task_id for commit in commits}
    assert doubled({}, commits) == set()
    # Stories are forgotten with their tasks; the clients' own sights are judged without them.
    history = recorder.history({})
    assert [line for line in check(history) if not line.startswith(every_generation_ends_once.__name__)] == []
    found = watch.slopes(warm_up_s=WARM_UP_S)
    steep = {(name, part): found[name][part] for name in LIMITS for part in OURS if found[name][part] > LIMITS[name]}
    assert steep == {}, told
    assert abs(watch.keys_drift(warm_up_s=WARM_UP_S)) < KEYS_LIMIT, told
    assert not left.keys() & OF_TASKS, told
