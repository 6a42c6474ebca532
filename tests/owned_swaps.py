"""A swap from end to end with the real owner, of a server that only counts memory."""

from dataclasses import dataclass, field

from counting_server import BASE, CountingServer
from prometheus_client import CollectorRegistry
from residency_world import RULES, Inline
from swap_room import GPU, SIZE_BYTES, SwapRoom

from orchestrator.domain.swap import Swap
from orchestrator.services.residency.keep_resident import KeepResident, Wishes
from orchestrator.services.residency.make_moves import MakeMoves
from orchestrator.services.residency.move_release import MoveRelease
from orchestrator.services.residency.observe_instance import ObserveInstance
from orchestrator.services.residency.restart_instance import RestartInstance
from orchestrator.telemetry import build_resident_metrics

ROOM_FOR_ONE = BASE + SIZE_BYTES + SIZE_BYTES // 2


def nothing(_release: object) -> None:
    """What is brought is there, and needs no warmth."""


@dataclass
class OwnedSwaps(SwapRoom):
    """A tick is a second, of the keeper and of the owner."""

    budget: int | None = None
    server: CountingServer = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = dict.fromkeys(("echo", "echo@1", "echo@2"), SIZE_BYTES)
        self.server = CountingServer(GPU, sizes, now_s=self.clock.monotonic_s, loaded={"echo"})
        restarts = RestartInstance(None, self.clock, lambda: True, lambda: None)
        mover = MoveRelease(GPU, self.server, self.server, self.residency, self.clock, bring=nothing, warm_up=nothing)
        metrics = build_resident_metrics(CollectorRegistry())
        self.owner = KeepResident(
            GPU,
            ObserveInstance(self.server, self.server, self.residency, self.budget),
            MakeMoves(mover, self.residency, restarts.begin, Inline(), metrics),
            restarts,
            self.residency,
            Wishes(RULES),
            metrics,
        )

    def obey(self) -> None:
        self.clock.now_s += 1
        self.owner.tick()

    def settle(self) -> Swap:
        for _ in range(30):
            self.tick(1)
        return self.swap
