"""Cancel, retry and re-prioritise by a filter: bounded calls, every task by the script of its single action."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from front_door import KEYS, SECRETS, Bells, FrontDoor
from record_store import DONE, RecordStore, new_task, open_store
from typer.testing import CliRunner, Result

from orchestrator.cli.app import build_cli
from orchestrator.client import ApiError, Client, Filter, errors
from orchestrator.domain.limits import Quotas
from orchestrator.domain.task import Priority, Status
from orchestrator.ports.reads import TaskFilter
from orchestrator.services.tasks.change_many import CHANGED_A_CALL, Action, Changed, ChangeMany, Wanted


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


EVERYTHING = TaskFilter()


def change(store: RecordStore, action: Action, *, where: TaskFilter = EVERYTHING) -> Changed:
    """All pages of it, as one."""
    pages = [_page(store, Wanted(action, "film-a", where, Priority.HIGH))]
    while pages[-1].next:
        pages.append(_page(store, Wanted(action, "film-a", where, Priority.HIGH, cursor=pages[-1].next)))
    outcomes: dict[str, int] = {}
    for page in pages:
        for outcome, count in page.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    return Changed(sum(page.matched for page in pages), pages[0].ids, outcomes, None)


def _page(store: RecordStore, wanted: Wanted) -> Changed:
    return ChangeMany(store.intake, store.reads, Bells()).change(wanted)


def submit(store: RecordStore, *ids: str, type_name: str = "system.echo") -> None:
    for task_id in ids:
        store.submit(replace(new_task(task_id), type=type_name, labels={"id": task_id}))
        store.pass_time(1)


class TestCancel:
    def test_each_ends_as_it_would_alone_and_what_has_ended_is_left(self, store: RecordStore) -> None:
        submit(store, "done", "runs", "waits")
        done, _ = store.claim(count=2).runs
        store.claims.finish(done, DONE)
        changed = change(store, Action.CANCEL)
        assert (changed.matched, changed.ids, changed.outcomes) == (
            2,
            ("waits", "runs"),
            {"canceled": 1, "canceling": 1},
        )
        assert [store.task(name).status for name in ("done", "runs", "waits")] == ["succeeded", "running", "canceled"]
        assert change(store, Action.CANCEL).matched == 0, "again finds nothing"

    def test_a_call_changes_no_more_than_a_page(self, store: RecordStore) -> None:
        count = 2 * CHANGED_A_CALL + 1
        store.fill(new_task(f"t{number:04}") for number in range(count))
        first = _page(store, Wanted(Action.CANCEL, "film-a", EVERYTHING))
        assert first.matched == sum(first.outcomes.values()) == CHANGED_A_CALL
        assert store.upkeep.load().lanes[0].ready == count - CHANGED_A_CALL
        assert change(store, Action.CANCEL).matched == count - CHANGED_A_CALL

    def test_filters_are_those_of_the_list(self, store: RecordStore) -> None:
        submit(store, "a", "b")
        submit(store, "c", type_name="image.upscale")
        store.submit(new_task("theirs", project="film-b"))
        assert change(store, Action.CANCEL, where=TaskFilter(type="image.upscale")).ids == ("c",)
        assert change(store, Action.CANCEL, where=TaskFilter(labels={"id": "b"})).ids == ("b",)
        assert change(store, Action.CANCEL, where=TaskFilter(status=Status.RUNNING)).matched == 0
        assert store.task("a").status is Status.QUEUED
        assert store.task("theirs", "film-b").status is Status.QUEUED


class TestRetry:
    def test_failed_and_canceled_ones_are_queued_again_in_their_order(self, store: RecordStore) -> None:
        submit(store, "a", "b", "c")
        change(store, Action.CANCEL)
        bells = Bells()
        changed = ChangeMany(store.intake, store.reads, bells).change(Wanted(Action.RETRY, "film-a", EVERYTHING))
        assert (changed.outcomes, bells.rung) == ({"queued": 3}, ["io"])
        assert [run.task.id for run in store.claim(count=3).runs] == ["a", "b", "c"]
        assert change(store, Action.RETRY).matched == 0

    def test_what_is_in_the_way_is_counted(self, redis_url: str) -> None:
        with open_store(redis_url, quotas=Quotas(max_queued=2)) as store:
            for name in ("a", "b", "c"):
                submit(store, name)
                store.intake.cancel("film-a", name)
            changed = change(store, Action.RETRY)
            assert changed.outcomes == {"queued": 2, "quota_exceeded": 1}
            assert store.task("c").status is Status.CANCELED


class TestReprioritize:
    def test_only_what_waits_with_another_priority(self, store: RecordStore) -> None:
        submit(store, "runs", "a", "b")
        store.claim()
        store.intake.change("film-a", "a", priority=Priority.HIGH)
        assert change(store, Action.REPRIORITIZE).ids == ("b",)
        assert store.task("b").priority is Priority.HIGH


def test_a_dry_run_counts_and_changes_nothing(store: RecordStore) -> None:
    submit(store, *(f"t{number:03}" for number in range(CHANGED_A_CALL + 20)))
    before = store.dump()
    for action in (Action.CANCEL, Action.REPRIORITIZE):
        counted = _page(store, Wanted(action, "film-a", EVERYTHING, Priority.LOW, dry_run=True))
        assert (counted.matched, len(counted.ids), counted.outcomes) == (CHANGED_A_CALL + 20, 20, {})
    assert store.dump() == before


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, KEYS["film-a"], tries=1) as client:
        yield client


def orchestrator(door: FrontDoor, *words: str, key: str = KEYS["film-a"]) -> Result:
    return CliRunner().invoke(build_cli(), ["tasks", *words, "--url", door.url, "--api-key", key, "--json"])


class TestOverHttp:
    def test_the_client_goes_through_all_pages(self, client: Client) -> None:
        for _ in range(3):
            client.submit("system.echo")
        counted = client.many.cancel(Filter(status="queued"), dry_run=True)
        assert (counted.matched, counted.outcomes) == (3, {})
        assert client.many.cancel(Filter(created_before=datetime.now(UTC))).outcomes == {"canceled": 3}
        assert client.many.retry(Filter(status="canceled", type="system.echo")).outcomes == {"queued": 3}
        assert client.many.reprioritize(Filter(all=True), "high").outcomes == {"queued": 3}
        assert {task.priority for task in client.list()} == {"high"}

    def test_everything_has_to_be_meant(self, client: Client) -> None:
        for where in (Filter(), Filter(all=True, status="queued")):
            with pytest.raises(ApiError) as refused:
                client.many.cancel(where)
            assert (refused.value.status, refused.value.code) == (422, "invalid_request")

    def test_of_another_project_it_takes_an_operator(self, door: FrontDoor, client: Client) -> None:
        task = client.submit("system.echo")
        with Client(door.url, SECRETS.admin_key, tries=1) as operator:
            assert operator.many.cancel(Filter(project="film-a", all=True)).ids == (task.id,)
        with Client(door.url, KEYS["film-b"], tries=1) as stranger, pytest.raises(errors.Forbidden):
            stranger.many.retry(Filter(project="film-a", all=True))

    def test_a_cursor_that_was_not_given_is_refused(self, film_a: httpx.Client) -> None:
        answer = film_a.post("/v1/tasks:cancel", json={"all": True, "cursor": "../x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_params")


class TestCommandLine:
    def test_many_by_a_filter(self, door: FrontDoor, client: Client) -> None:
        tasks = [client.submit("system.echo").id for _ in range(2)]
        counted = json.loads(orchestrator(door, "cancel", "--status", "queued", "--dry-run").stdout)
        assert counted == {"matched": 2, "ids": tasks[::-1], "outcomes": {}}
        assert json.loads(orchestrator(door, "cancel", "--type", "system.echo").stdout)["outcomes"] == {"canceled": 2}
        assert json.loads(orchestrator(door, "retry", "--all").stdout)["outcomes"] == {"queued": 2}
        raised = orchestrator(door, "reprioritize", "--priority", "low", "--status", "queued")
        assert json.loads(raised.stdout)["outcomes"] == {"queued": 2}

    def test_one_by_its_id_and_no_filter_beside_it(self, door: FrontDoor, client: Client) -> None:
        task = client.submit("system.echo").id
        assert json.loads(orchestrator(door, "cancel", task).stdout)["status"] == "canceled"
        assert json.loads(orchestrator(door, "retry", task, "--generation", "1").stdout)["status"] == "queued"
        assert orchestrator(door, "cancel", task, "--status", "queued").exit_code == 2
        changed = orchestrator(door, "change", task, "--priority", "high", "--label", "shot=12")
        assert changed.exit_code == 0, changed.output
        assert json.loads(changed.stdout)["labels"] == {"shot": "12"}
        assert orchestrator(door, "delete", task).exit_code == 0
        assert orchestrator(door, "show", task).exit_code == 1

    @pytest.mark.parametrize("words", [("cancel",), ("change", "task_1")])
    def test_a_label_without_a_value_is_refused(self, door: FrontDoor, client: Client, words: tuple[str, ...]) -> None:
        task = client.submit("system.echo")
        refused = orchestrator(door, *words, "--label", "shot")
        assert (refused.exit_code, "K=V" in refused.stderr) == (2, True)
        assert client.get(task.id).status == "queued"

    def test_nothing_named_is_refused(self, door: FrontDoor) -> None:
        refused = orchestrator(door, "cancel")
        assert (refused.exit_code, "all: true" in refused.stderr) == (1, True)
