"""The two kinds of `Residency` with what their contract tests look at beside the port."""

from collections.abc import Callable
from dataclasses import dataclass

from fakes_residency import FakeResidency
from record_store import RecordStore

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.domain.model import Instance, Placement, Resident, ResidentState
from orchestrator.ports.residency import Residency

GPU = "triton-a:8001"


@dataclass
class Room:
    """What the tests look at beside the port: what a claim may ask, who uses what, and the time."""

    residency: Residency
    serving: Callable[[str], set[tuple[int, str, str]]]
    held_back: Callable[[], set[str]]
    pin: Callable[[Placement, str], None]
    pass_ms: Callable[[int], None]

    def note_ready(self, release: str, instance: str = GPU, *, version: str = "1") -> None:
        self.residency.note(instance, Resident(release, ResidentState.READY, version))

    @property
    def gpu(self) -> Instance:
        (found,) = (each for each in self.residency.instances() if each.address == GPU)
        return found


def on_redis(store: RecordStore) -> Room:
    client = store.client

    def serving(model: str) -> set[tuple[int, str, str]]:
        lines = (line.split(" ") for line in (client.get(f"orch:serving:{model}") or "").splitlines())
        return {(int(weight), release, instance) for weight, release, instance in lines}

    def held_back() -> set[str]:
        return set(client.eval("return redis.call('SMEMBERS', 'orch:held_back')", 0))

    def pin(placement: Placement, task: str) -> None:
        key = f"orch:pins:{placement.instance}:{placement.release}"
        client.eval("return redis.call('SADD', ARGV[1], ARGV[2])", 0, key, task)

    return Room(RedisResidency(store.scripts), serving, held_back, pin, store.pass_time)


def on_fake() -> Room:
    fake = FakeResidency()

    def pin(placement: Placement, _task: str) -> None:
        fake.pins[placement] = fake.pins.get(placement, 0) + 1

    def pass_ms(milliseconds: int) -> None:
        fake.now_ms += milliseconds

    return Room(fake, fake.serving, lambda: fake.held_back, pin, pass_ms)
