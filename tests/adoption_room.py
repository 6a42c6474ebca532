"""A picture to upscale on a node whose object storage has moods, and a model that counts how often it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fakes_engine import FakeEngine
from fakes_storage import MemoryStorage
from record_store import LEASE_MS, open_store
from run_room import RunRoom, enlarge, submit_upscale

from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.domain.task import Run
from orchestrator.ports.inference import Tensors
from orchestrator.ports.storage import ObjectInfo

LEASE_S = LEASE_MS // 1000
AWAY = Unavailable("away", service="storage", category=Category.STORAGE)
OPEN = Unavailable("the breaker is open", service="storage", category=Category.DEPENDENCY_OPEN)
PATIENCE_S = 30


@dataclass
class MoodyStorage(MemoryStorage):
    """Inputs can be fetched at any time; ``moods`` are how it takes the next puts: an error, or None for gladly."""

    moods: list[OrchestratorError | None] = field(default_factory=list)
    puts: list[str] = field(default_factory=list)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            raise mood
        self.puts.append(key)
        return super().put(content, key, content_type=content_type)


@dataclass
class CountedModel:
    """How often the model was asked."""

    asked: int = 0

    def __call__(self, inputs: Tensors) -> Tensors:
        self.asked += 1
        return enlarge(inputs)


@dataclass
class Scene:
    """A picture to upscale, and one node with a storage that has moods."""

    room: RunRoom
    storage: MoodyStorage
    model: CountedModel

    def run(self, **changes: Any) -> Run:  # noqa: ANN401 - any field of a RunRoom
        """The next run, on a node where ``changes`` are otherwise; the waits of all retries have passed."""
        self.room.store.pass_time(200_000)
        self.room.store.tick()
        return (replace(self.room, **changes) if changes else self.room).execute()

    def record(self, field: str, value: str) -> None:
        self.room.store.client.eval("redis.call('HSET', 'orch:task:t', ARGV[1], ARGV[2])", 0, field, value)

    @property
    def names(self) -> list[str]:
        return [artifact.name for artifact in self.room.task.outputs]


@contextmanager
def open_scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    storage, model = MoodyStorage(), CountedModel()
    with open_store(redis_url) as store:
        store.tick(LEASE_S)
        engine = FakeEngine({"realesrgan_x4": model})
        room = RunRoom(store, tmp_path / "scratch", storage=storage, engine=engine)
        submit_upscale(room, tmp_path)
        storage.puts.clear()
        yield Scene(room, storage, model)
        assert not list((tmp_path / "scratch").glob("*"))
