"""Shares of a lane, in numbers: GPU-seconds of each project, at every moment, under costs drawn at random."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

import pytest
from fair_lane import Lane, empty_lane
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_store import RecordStore, new_task, no_fsync, open_store

from orchestrator.domain.task import NewTask, Priority, Run

COSTS_S = [0.2, 7.0, 1.5, 0.4, 3.0]
SLOTS = 8
DAY_MS = 86_400_000
COST_S = st.floats(0.1, 20.0)
PACE = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


class TestAtEveryMoment:
    @given(
        weights=st.lists(st.integers(1, 4), min_size=2, max_size=5),
        costs=st.lists(COST_S, min_size=4, max_size=12),
        slots=st.integers(1, 4),
    )
    @PACE
    def test_no_project_leads_another_by_more_than_one_task(
        self, store: RecordStore, weights: list[int], costs: list[float], slots: int
    ) -> None:
        """The bound of start-time fair queueing, with every project's cost cycling through its own order."""
        share_of = {f"film-{number}": weight for number, weight in enumerate(weights)}
        lane, running = empty_lane(store, share_of), list[Run]()
        orders = {project: cycle(costs[number:] + costs[:number]) for number, project in enumerate(share_of)}
        for project in share_of:
            lane.submit(project, next(orders[project]), tasks=2)
        for _ in range(30):
            run = lane.start()
            lane.submit(run.task.project, next(orders[run.task.project]))
            assert lane.gap_s(share_of) <= max(costs) + 1e-6
            running.append(run)
            if len(running) == slots:
                lane.end(running.pop(0))

    @given(takes=st.lists(COST_S, min_size=20, max_size=20), guess_s=COST_S)
    @PACE
    def test_what_a_run_really_took_is_charged(
        self, store: RecordStore, takes: Sequence[float], guess_s: float
    ) -> None:
        """However wrong every prediction is, no project leads by more than one task of what was really used."""
        lane, projects = empty_lane(store), {"film-a": 1, "film-b": 1, "film-c": 1}
        for project in projects:
            lane.submit(project, guess_s, tasks=len(takes))
        for actual_s in takes:
            lane.end(lane.start(), actual_s=actual_s)
            assert lane.gap_s(projects) <= max(takes) + 1e-6

    def test_weights_of_one_to_three_serve_one_to_three(self, store: RecordStore) -> None:
        """Over a thousand tasks of mixed cost, eight in flight, each of which took something else than predicted."""
        lane, costs, errors = empty_lane(store, {"small": 1, "large": 3}), cycle(COSTS_S), cycle([1.0, 1.4, 0.5])
        for project, tasks in {"small": 400, "large": 900}.items():
            lane.fill(project, [next(costs) for _ in range(tasks)])
        running = [lane.start() for _ in range(SLOTS)]
        for _ in range(1_000 - SLOTS):
            run = running.pop(0)
            lane.end(run, actual_s=run.task.predicted_s * next(errors))
            running.append(lane.start())
        assert lane.served_s["large"] / lane.served_s["small"] == pytest.approx(3, rel=0.05)

    def test_a_flood_of_ten_thousand_delays_a_single_task_by_what_is_in_flight(self, store: RecordStore) -> None:
        lane, costs = empty_lane(store), cycle(COSTS_S)
        lane.fill("flood", [next(costs) for _ in range(10_000)])
        running = [lane.start() for _ in range(SLOTS)]
        for _ in range(100):
            lane.end(running.pop(0))
            running.append(lane.start())
        lane.submit("single", 7.0)
        lane.end(running.pop(0))
        assert lane.start().task.project == "single"

    def test_a_hundred_projects_are_all_served_before_any_is_served_twice(self, store: RecordStore) -> None:
        lane = Lane(store)
        for number in range(100):
            lane.submit(f"film-{number:02}", tasks=2)
        assert len(set(lane.serve(100))) == 100


class TestComingAndGoing:
    def test_a_newcomer_gets_its_share_from_now_on_and_nothing_for_the_past(self, store: RecordStore) -> None:
        lane = Lane(store)
        lane.submit("film-a", tasks=60)
        lane.submit("film-b", tasks=60)
        lane.serve(40)
        lane.submit("film-c", tasks=60)
        turns = lane.serve(30)
        assert [turns.count(project) for project in ("film-a", "film-b", "film-c")] == [10, 10, 10]

    def test_who_leaves_and_comes_back_has_saved_nothing_up(self, store: RecordStore) -> None:
        lane = Lane(store)
        lane.submit("film-a")
        lane.submit("film-b", tasks=60)
        lane.serve(41)
        lane.submit("film-a", tasks=20)
        assert 9 <= lane.serve(20).count("film-a") <= 11

    def test_who_leaves_with_a_debt_comes_back_with_it(self, store: RecordStore) -> None:
        lane = Lane(store)
        lane.submit("film-b", tasks=60)
        lane.submit("film-a", 12.0)
        assert "film-a" in lane.serve(2)
        lane.submit("film-a", 12.0)
        assert lane.serve(11) == ["film-b"] * 11
        assert "film-a" in lane.serve(2)

    def test_a_debt_is_forgotten_when_the_others_have_caught_up(self, store: RecordStore) -> None:
        """Whoever leaves the turn sweeps out the tags that are behind the clock by then."""
        lane = Lane(store)
        lane.submit("film-a", 3.0)
        lane.submit("film-b", tasks=20)
        lane.serve(10)
        assert self.remembered(store) == ["film-a"]
        lane.submit("film-c")
        lane.serve(2)
        assert self.remembered(store) == ["film-c"]

    def remembered(self, store: RecordStore) -> list[str]:
        names: list[str] = store.client.eval("return redis.call('ZRANGE', 'orch:tags:io', 0, -1)", 0)
        return names

    def test_only_clock_and_pace_are_remembered_of_a_lane_that_was_drained(self, store: RecordStore) -> None:
        lane = Lane(store)
        for number in range(20):
            lane.submit(f"film-{number}", 1.0 + number, tasks=3)
        lane.serve(60)
        keys = store.client.eval("return redis.call('KEYS', 'orch:*')", 0)
        kinds = {key.split(":")[1] for key in keys}
        assert kinds == {"task", "tasks", "events", "attempts", "ended", "story", "clock", "pace"}
        assert 0 < store.client.pttl("orch:clock:io") <= DAY_MS


def prioritised(name: str, priority: Priority) -> NewTask:
    return replace(new_task(name), priority=priority)


class TestHeadStarts:
    @pytest.mark.parametrize(("late_ms", "first"), [(119_999, "high"), (120_001, "normal")])
    def test_high_overtakes_what_came_two_minutes_before_and_no_more(
        self, store: RecordStore, late_ms: int, first: str
    ) -> None:
        store.submit(prioritised("normal", Priority.NORMAL))
        store.pass_time(late_ms)
        store.submit(prioritised("high", Priority.HIGH))
        assert store.claim_one().task.id == first

    def test_a_priority_moves_tasks_of_its_own_project_only(self, store: RecordStore) -> None:
        for number in range(10):
            store.submit(replace(prioritised(f"a{number}", Priority.HIGH), project="film-a"))
            store.submit(replace(prioritised(f"b{number}", Priority.LOW), project="film-b"))
        projects = [run.task.project for run in store.claim(count=10).runs]
        assert projects.count("film-b") == 5


class TestModelsHeldBack:
    def hold_back(self, store: RecordStore, *models: str) -> None:
        store.client.eval("redis.call('DEL', 'orch:held_back')", 0)
        for model in models:
            store.client.eval(f"redis.call('SADD', 'orch:held_back', '{model}')", 0)

    def test_however_many_projects_wait_for_a_model_they_hide_nobody(self, store: RecordStore) -> None:
        self.hold_back(store, "cold")
        for number in range(600):
            store.submit(replace(new_task(f"t{number:03}", project=f"film-{number:03}"), model="cold"))
        store.submit(new_task("warm", project="zebra"))
        found = [run.task.id for _ in range(3) for run in store.claim().runs]
        assert found == ["warm"]

    def test_even_when_each_of_them_is_looked_at_again(self, store: RecordStore) -> None:
        """A second between the claims: all that had been parked is due again."""
        self.hold_back(store, "cold")
        for number in range(600):
            store.submit(replace(new_task(f"t{number:03}", project=f"film-{number:03}"), model="cold"))
        store.submit(new_task("warm", project="zebra"))
        found = []
        for _ in range(4):
            found += [run.task.id for run in store.claim().runs]
            store.pass_time(1_000)
        assert found == ["warm"]

    def test_waiting_for_a_model_saves_up_no_turns(self, store: RecordStore) -> None:
        lane = Lane(store)
        self.hold_back(store, "cold")
        for number in range(30):
            store.submit(replace(new_task(f"cold-{number:02}", project="film-cold"), model="cold"))
        lane.submit("film-a", tasks=60)
        lane.serve(40)
        self.hold_back(store)
        store.pass_time(1_000)
        assert 9 <= lane.serve(20).count("film-cold") <= 11

    def test_another_model_of_the_project_does_not_wait_with_it(self, store: RecordStore) -> None:
        self.hold_back(store, "cold")
        store.submit(replace(new_task("held"), model="cold"))
        assert store.claim().runs == ()
        store.submit(new_task("free"))
        assert store.claim_one().task.id == "free"
