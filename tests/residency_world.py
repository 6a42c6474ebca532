"""Owners of servers that only count memory, and runs that use what serves: time is in the test's hand."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from counting_server import CountingServer
from fakes_residency import FakeResidency
from prometheus_client import CollectorRegistry
from run_room import HandClock

from orchestrator.domain.model import Placement, ResidentState
from orchestrator.domain.residency import Rules
from orchestrator.services.residency.keep_resident import KeepResident, Wishes
from orchestrator.services.residency.make_moves import MakeMoves
from orchestrator.services.residency.move_release import MoveRelease
from orchestrator.services.residency.observe_instance import ObserveInstance
from orchestrator.services.residency.restart_instance import RestartInstance
from orchestrator.telemetry import build_resident_metrics

LEASE_S = 30
PERIOD_MS = 30_000
RULES = Rules(min_residency_ms=PERIOD_MS, leaks=3)


class Inline(Executor):
    """What is submitted is done at once."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:  # noqa: ANN401 - as theirs
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **named))
        except Exception as error:  # noqa: BLE001 - as theirs
            future.set_exception(error)
        return future


@dataclass
class Going:
    """A run that uses what it was placed at until it ends, or its lease lapses."""

    placement: Placement
    lapses_s: float | None = None


@dataclass
class World:
    """Servers of ``sizes`` each with an owner; ``budget`` is each one's."""

    sizes: Mapping[str, int]
    budget: int | None = None
    addresses: tuple[str, ...] = ("triton-a:8001",)
    wishes: Wishes = field(default_factory=lambda: Wishes(RULES))
    keep: tuple[str, ...] = ()
    has_warden: bool = True

    def __post_init__(self) -> None:
        self.clock, self.residency = HandClock(), FakeResidency()
        self.metrics = build_resident_metrics(CollectorRegistry())
        self.runs: dict[int, Going] = {}
        self.served: list[str] = []
        self.loaded_ms: dict[str, int] = {}
        self.evicted: list[tuple[str, int]] = []
        self.brought: list[str] = []
        self.warm_up: Callable[[str], None] = lambda _release: None
        self._numbers: Iterator[int] = count()
        self._restarter = ""
        self.servers = {address: self._server(address) for address in self.addresses}
        self.owners = {address: self.new_owner(address) for address in self.addresses}

    @property
    def server(self) -> CountingServer:
        return self.servers[self.addresses[0]]

    def _server(self, address: str) -> CountingServer:
        server = CountingServer(address, self.sizes, now_s=lambda: self.clock.now_s)

        def before_unload(release: str) -> None:
            assert not self.pins_of(Placement(release, address)), f"{release} is unloaded under a run"

        def after_load(_release: str) -> None:
            assert self.budget is None or server.leaked or server.used <= self.budget, "over the budget"
            self.loaded_ms[address] = self.residency.now_ms

        server.before_unload, server.after_load = before_unload, after_load
        return server

    def new_owner(self, address: str) -> KeepResident:
        """As when a keeper has died: nothing is known but what lies in the store and in the server."""
        server = self.servers[address]

        def take() -> bool:
            self._restarter = self._restarter or address
            return self._restarter == address

        def leave() -> None:
            self._restarter = ""

        restarts = RestartInstance(server if self.has_warden else None, self.clock, take, leave)
        mover = MoveRelease(
            address,
            server,
            server,
            self.residency,
            self.clock,
            bring=lambda release: self.brought.append(release.name),
            warm_up=lambda release: self.warm_up(release.name),
        )
        return KeepResident(
            address,
            ObserveInstance(server, server, self.residency, self.budget, self.keep),
            MakeMoves(mover, self.residency, restarts.begin, Inline(), self.metrics),
            restarts,
            self.residency,
            self.wishes,
            self.metrics,
        )

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.now_s += 1
            self.residency.now_ms += 1000
            self._lapse()
            for address, owner in self.owners.items():
                before = self._evictions(address)
                owner.tick()
                if self._evictions(address) > before:
                    self._note_eviction(address)

    def run(self, model: str) -> int | None:
        """Claim a task of the model: a run that uses it, or nobody may ask it now and it is wanted."""
        offers = sorted(self.residency.serving(model), key=lambda offer: self.pins_of(Placement(offer[1], offer[2])))
        if not offers:
            if model in self.residency.held_back:
                self.residency.want(model)
            return None
        _, release, address = offers[0]
        number = next(self._numbers)
        self.runs[number] = Going(Placement(release, address))
        self.served.append(model)
        self._pin()
        return number

    def end(self, number: int) -> None:
        self.runs.pop(number, None)
        self._pin()

    def crash(self, number: int) -> None:
        """Its pin goes when its lease lapses."""
        self.runs[number].lapses_s = self.clock.now_s + LEASE_S

    def pins_of(self, placement: Placement) -> int:
        return sum(run.placement == placement for run in self.runs.values())

    def state(self, release: str, address: str | None = None) -> ResidentState | None:
        return self.residency._state(address or self.addresses[0], release)

    def _pin(self) -> None:
        self.residency.pins = {run.placement: self.pins_of(run.placement) for run in self.runs.values()}

    def _lapse(self) -> None:
        for number, run in list(self.runs.items()):
            if run.lapses_s is not None and run.lapses_s <= self.clock.now_s:
                self.end(number)

    def _evictions(self, address: str) -> float:
        return float(self.metrics.evictions.labels(address)._value.get())

    def _note_eviction(self, address: str) -> None:
        now_ms = self.residency.now_ms
        since_ms = now_ms - self.loaded_ms.get(address, 0)
        assert since_ms >= PERIOD_MS, f"{address} swaps again after {since_ms} ms"
        self.evicted.append((address, now_ms))
