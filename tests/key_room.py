"""A process of the API as far as keys go, over a real store, with its clock and what it puts off in the test's hand."""

from collections.abc import Callable
from dataclasses import dataclass, field

from front_door import SECRETS
from record_store import RecordStore
from run_room import HandClock

from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.api_key import Caller, NewKey, Scope, render_key
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.ports.api_keys import LiveKey
from orchestrator.services.projects.authenticate import Authenticate

KEY_ID, GUESSED_ID = f"key_{'a' * 26}", f"key_{'0' * 26}"
TEXT = render_key(KEY_ID, "b" * 48)


class CountedKeys(RedisApiKeys):
    """Counts the questions; answers those for guessed ids itself."""

    asked = 0
    touched = 0
    is_away = False

    def find(self, key_id: str) -> LiveKey | None:
        self.asked += 1
        if self.is_away:
            raise Unavailable("away", service="redis", category=Category.NETWORK)
        return None if key_id.startswith("key_0") else super().find(key_id)

    def touch(self, key_id: str) -> None:
        self.touched += 1
        super().touch(key_id)


@dataclass
class Room:
    """An API process: what it puts off happens when the test says so."""

    store: RecordStore
    clock: HandClock = field(default_factory=HandClock)
    put_off: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys, self.projects = CountedKeys(self.store.scripts), RedisProjects(self.store.scripts)
        self.door = Authenticate(self.keys, self.projects, SECRETS, clock=self.clock, later=self.put_off.append)
        self.add(expires_in_s=None)

    def add(self, *, expires_in_s: float | None, key_id: str = KEY_ID) -> str:
        text = render_key(key_id, "b" * 48)
        scopes = frozenset({Scope.TASKS_WRITE})
        mac = SECRETS.sign(text)
        self.keys.create(NewKey(key_id, "film-a", key_id, scopes=scopes, mac=mac, expires_in_s=expires_in_s))
        return text

    def call(self, text: str = TEXT) -> Caller:
        """As the API does."""
        return self.door.recall(text) or self.door.authenticate(text)

    def pass_time(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.store.pass_time(int(seconds * 1000))

    def catch_up(self) -> None:
        while self.put_off:
            self.put_off.pop()()
