"""Fault 31: Payload is away for ten minutes, by the store's clock, while tasks come and two workers send. Nothing is
lost, nothing is put back.
"""

import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes_storage import MemoryStorage
from fault_proxy import FaultProxy, fault_proxy
from payload_cms_server import Payload
from prometheus_client import CollectorRegistry
from record_store import DONE, FAILURE, RecordStore, new_task, open_store

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms
from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.delivery import DeliveryStatus
from orchestrator.domain.project import Project
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Status
from orchestrator.services.deliveries.deliver import Deliver
from orchestrator.services.deliveries.drain_deliveries import DrainDeliveries, SendSlots
from orchestrator.services.deliveries.register_outputs import RegisterOutputs
from orchestrator.services.deliveries.tell_content import TellContent
from orchestrator.telemetry import build_send_metrics

PATIENCE_S = 60.0
SLOTS = SendSlots(8, renew_s=0.05, poll_s=0.01, drain_s=5.0)
MINUTE_MS, STEP_MS = 60_000, 15_000
LEASE_MS = 60 * MINUTE_MS  # the store's clock runs a thousand times as fast as Payload
A_MINUTE = 2  # tasks


@dataclass
class Room:
    """A store, a Payload behind a proxy, what an editor sees in it, and workers that send."""

    store: RecordStore
    proxy: FaultProxy
    server: Payload
    see: httpx.Client
    scratch: Path
    tasks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = RedisDeliveries(self.store.scripts, LEASE_MS)
        self.projects = RedisProjects(self.store.scripts)
        self.projects.create(Project("film-a", payload_collection="inference-jobs"))

    def begin_task(self) -> str:
        task_id = f"task_{secrets.token_hex(8)}"
        self.store.submit(replace(new_task(task_id), params={"number": len(self.tasks)}))
        self.tasks.append(task_id)
        return task_id

    def end_task(self) -> None:
        """Of every third one the first run fails, and its client retries."""
        run = self.store.claim_one()
        if len(self.tasks) % 3 == 0:
            self.store.claims.fail(run, FAILURE, decision=GiveUp())
            self.store.intake.resubmit("film-a", run.task.id, generation=1)
            run = self.store.claim_one()
        self.store.claims.finish(run, DONE)

    def let_pass(self, milliseconds: int) -> None:
        """In steps, with what a keeper does in each; workers send meanwhile."""
        for _ in range(0, milliseconds, STEP_MS):
            self.store.pass_time(STEP_MS)
            self.outbox.wake(limit=1_000)

    @contextmanager
    def workers(self, count_of: int) -> Iterator[None]:
        with ExitStack() as stack:
            for name in range(count_of):
                stack.enter_context(self._worker(f"worker-{name}"))
            yield

    @contextmanager
    def _worker(self, name: str) -> Iterator[None]:
        claims, let_go = count(), threading.Event()
        with closing(PayloadApi(PayloadAddress(f"http://127.0.0.1:{self.proxy.port}", self.server.api_key))) as api:
            cms = PayloadCms(api)
            register = RegisterOutputs(cms, MemoryStorage(), self.scratch, 1).register
            clock, metrics = SystemClock(), build_send_metrics(CollectorRegistry())
            sender = TellContent(cms, self.projects, register)
            breakers = RedisBreakers(self.store.scripts, clock)
            drain = DrainDeliveries(
                outbox=self.outbox,
                deliver=Deliver(self.outbox, {"payload": sender}, breakers, clock, metrics).deliver,
                clock=clock,
                new_claim=lambda: f"{name}-{next(claims)}",
                is_stopping=let_go.is_set,
                slots=SLOTS,
            )
            thread = threading.Thread(target=drain.beside, args=(lambda: let_go.wait(PATIENCE_S),))
            thread.start()
            try:
                yield
            finally:
                let_go.set()
                thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def deliveries(self) -> set[DeliveryStatus]:
        return {self.outbox.list("film-a", task)[0].status for task in self.tasks}

    def documents(self) -> dict[str, dict[str, Any]]:
        """By their task; there is one of each."""
        where = {"where[externalId][in]": ",".join(self.tasks), "depth": "0", "limit": "500"}
        found = self.see.get("/inference-jobs", params=where).raise_for_status().json()["docs"]
        documents = {document["externalId"]: document for document in found}
        assert len(documents) == len(found)
        return documents

    def steps_backwards(self) -> list[str]:
        """Tasks of whose document a later version shows an earlier state."""
        parents = ",".join(str(document["id"]) for document in self.documents().values())
        where = {"where[parent][in]": parents, "depth": "0", "limit": "1000", "sort": "createdAt"}
        stories = defaultdict(list)
        for kept in self.see.get("/inference-jobs/versions", params=where).raise_for_status().json()["docs"]:
            shown = kept["version"]
            stories[shown["externalId"]].append((shown["generation"], shown["seq"], shown["progress"]))
        assert set(stories) == set(self.tasks)
        return [task for task, story in stories.items() if story != sorted(story)]


@pytest.fixture
def room(redis_url: str, payload_server: Payload, tmp_path: Path) -> Iterator[Room]:
    key = {"Authorization": f"users API-Key {payload_server.api_key}"}
    with (
        open_store(redis_url) as store,
        fault_proxy(int(payload_server.url.rpartition(":")[2])) as proxy,
        httpx.Client(base_url=f"{payload_server.url}/api", headers=key, timeout=30) as see,
    ):
        yield Room(store, proxy, payload_server, see, tmp_path)


def wait_until(what: Callable[[], bool]) -> None:
    deadline, step = SystemClock().monotonic_s() + PATIENCE_S, threading.Event()
    while not what():
        assert SystemClock().monotonic_s() < deadline, "it does not come about"
        step.wait(0.05)


def test_ten_minutes_without_payload_lose_nothing_and_put_nothing_back(room: Room) -> None:
    with room.workers(2):
        first = room.begin_task()
        wait_until(lambda: first in room.documents())
        with room.proxy.down():
            room.end_task()
            for _ in range(10):
                for _ in range(A_MINUTE):
                    room.begin_task()
                    room.end_task()
                room.let_pass(MINUTE_MS)
            assert {room.store.task(task).status for task in room.tasks} == {Status.SUCCEEDED}
            assert [document["status"] for document in room.documents().values()] == ["queued"]
            assert room.deliveries() == {DeliveryStatus.PENDING}

        def all_are_told() -> bool:
            room.let_pass(MINUTE_MS)
            return room.deliveries() == {DeliveryStatus.DELIVERED}

        wait_until(all_are_told)
    for number, task in enumerate(room.tasks):
        shown = room.documents()[task]
        assert (shown["status"], shown["params"]) == ("succeeded", {"number": number})
        assert shown["generation"] == room.store.task(task).generation
    assert room.steps_backwards() == []
