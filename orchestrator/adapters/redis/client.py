"""The commands that we send, typed as they answer with ``decode_responses``: redis-py types every text bytes | str."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Fields = dict[str, str]
Entries = list[tuple[str, Fields]]


class Pipeline(Protocol):
    """Commands sent together."""

    def hgetall(self, name: str) -> object: ...

    def hmget(self, name: str, keys: Sequence[str]) -> object: ...

    def xrange(self, name: str, min: str) -> object: ...  # noqa: A002 - theirs

    def execute(self) -> list[Any]: ...


class RedisClient(Protocol):
    """A client made by `connection.connect`."""

    def evalsha(self, sha: str, numkeys: int, *args: str) -> Any: ...  # noqa: ANN401 - each script has its own shape

    def eval(self, script: str, numkeys: int, *args: str) -> Any: ...  # noqa: ANN401 - the same

    def get(self, name: str) -> str | None: ...

    def set(self, name: str, value: str, *, nx: bool = False, px: int | None = None) -> bool | None: ...

    def delete(self, *names: str) -> int: ...

    def pttl(self, name: str) -> int: ...

    def hgetall(self, name: str) -> Fields: ...

    def hget(self, name: str, key: str) -> str | None: ...

    def zadd(self, name: str, mapping: dict[str, float]) -> int: ...

    def zrem(self, name: str, *values: str) -> int: ...

    def zrangebyscore(self, name: str, min: str, max: float, start: int, num: int) -> list[str]: ...  # noqa: A002 - theirs

    def zrevrangebylex(self, name: str, max: str, min: str, start: int, num: int) -> list[str]: ...  # noqa: A002 - theirs

    def xrange(self, name: str, min: str = "-", max: str = "+") -> Entries: ...  # noqa: A002 - theirs

    def xrevrange(self, name: str, *, count: int) -> Entries: ...

    def xinfo_stream(self, name: str) -> dict[str, Any]: ...

    def pipeline(self, *, transaction: bool) -> Pipeline: ...

    def time(self) -> Sequence[int]: ...

    def ping(self) -> bool: ...

    def info(self, section: str) -> dict[str, Any]: ...

    def config_get(self, pattern: str) -> Fields: ...

    def dbsize(self) -> int: ...

    def llen(self, name: str) -> int: ...

    def close(self) -> None: ...


class AsyncPipeline(Protocol):
    """Commands sent together."""

    def xrange(self, name: str, min: str) -> object: ...  # noqa: A002 - theirs

    def hmget(self, name: str, keys: Sequence[str]) -> object: ...

    async def execute(self) -> list[Any]: ...


class Subscription(Protocol):
    """A connection that only listens."""

    async def subscribe(self, *channels: str) -> None: ...

    async def psubscribe(self, *patterns: str) -> None: ...

    async def unsubscribe(self, *channels: str) -> None: ...

    async def punsubscribe(self, *patterns: str) -> None: ...

    async def get_message(self, *, timeout: float | None) -> Mapping[str, Any] | None: ...  # noqa: ASYNC109 - theirs

    async def aclose(self) -> None: ...


class AsyncRedis(Protocol):
    """A client made by `connection.connect_stream`."""

    async def xrange(self, name: str, min: str = "-") -> Entries: ...  # noqa: A002 - theirs

    async def xinfo_stream(self, name: str) -> dict[str, Any]: ...

    async def xrevrange(self, name: str, *, count: int) -> Entries: ...

    def pipeline(self, *, transaction: bool) -> AsyncPipeline: ...

    def pubsub(self) -> Subscription: ...

    async def aclose(self) -> None: ...
