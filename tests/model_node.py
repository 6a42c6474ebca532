"""A worker's child before one real Triton, whose owner is the test."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from fakes_storage import MemoryStorage
from record_store import RecordStore, new_task, open_store
from run_room import nothing
from servers import Triton

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.served import RedisServed
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.task import Task
from orchestrator.settings import Settings, StageSettings, WorkerSettings
from orchestrator.wiring.worker import WorkerPorts, build_drain


class SkippingClock(SystemClock):
    """Nobody waits for a pause: time is that much later at once."""

    def __init__(self) -> None:
        self.skipped_s = 0.0
        self.in_pause: Callable[[], None] = nothing

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s

    def pause(self, seconds: float) -> None:
        self.skipped_s += seconds
        self.in_pause()


class NoPulses:
    """For a child that is told to drain."""

    def ring(self, lane: str) -> None:
        pass


@dataclass
class Node:
    """A child of lane `io`, an owner's words about one real Triton, and the clock of the record in the test's hand."""

    store: RecordStore
    triton: Triton
    control: TritonControl
    scratch: Path
    infer_s: float = 1800.0
    clock: SkippingClock = field(default_factory=SkippingClock)

    def __post_init__(self) -> None:
        self.residency = RedisResidency(self.store.scripts)
        self.residency.note_instance(Instance(self.triton.grpc))
        ports = WorkerPorts(
            claims=self.store.claims,
            pulses=NoPulses(),
            storage=MemoryStorage(),
            server=TritonServers(["nowhere:1"], control_key=self.triton.control_key, deadline_s=30.0),
            residency=self.residency,
            reservations=RedisReservations(self.store.scripts),
            served=RedisServed(self.store.client),
            breakers=RedisBreakers(self.store.scripts, SystemClock()),
            attempts=self.store.reads.attempts,
            clock=self.clock,
        )
        settings = Settings(
            worker=WorkerSettings(scratch_dir=self.scratch), stages=StageSettings(infer=timedelta(seconds=self.infer_s))
        )
        self.drain = build_drain(settings, ports, lane="io", is_stopping=lambda: False)

    def load(self, release: str) -> None:
        """As its owner does."""
        self.control.load(release)
        self.residency.note(self.triton.grpc, Resident(release, ResidentState.READY, version="1"))
        self.residency.settle(release)

    def run(self, name: str, *, size_bytes: int = 64) -> Task:
        """One more task, and whatever else is ready."""
        self.store.submit(replace(new_task(name), params={"size_bytes": size_bytes}))
        return self.go_on(name)

    def go_on(self, name: str) -> Task:
        self.drain.drain("io")
        return self.store.task(name)

    def wait_out(self) -> None:
        """The longest back-off."""
        self.store.pass_time(600_000)
        self.store.tick()


@contextmanager
def open_node(redis_url: str, server: Triton, *, scratch: Path) -> Iterator[Node]:
    """Afterwards the server has `echo` loaded, and no release of it."""
    with open_store(redis_url) as store, closing(TritonControl(server.grpc, control_key=server.control_key)) as control:
        yield Node(store, server, control, scratch)
        control.load("echo")
        for release in ("echo@8", "echo@9"):
            control.unload(release)
