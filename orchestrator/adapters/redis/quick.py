"""redis-py with less around each command: what it does there for telemetry and failover notices is half of its CPU."""

from collections import deque
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

Connection = Any  # redis-py's own; it has no types here


class QuickRedis(Redis):
    """Keeps connections that work out of the pool, the warmest on top; those that failed go back to be made anew.

    Repeats, timeouts and errors are redis-py's.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(**options)
        self._kept: deque[Connection] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own
        connection: Connection = self._take_kept() or self.connection_pool.get_connection()

        def ask() -> Any:  # noqa: ANN401 - redis-py's own
            connection.send_command(*args)
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]  # redis-py has no types here

        try:
            answer = connection.retry.call_with_retry(ask, lambda _error: connection.disconnect())
        except BaseException:
            self.connection_pool.release(connection)
            raise
        self._kept.append(connection)
        return answer

    def _take_kept(self) -> Connection | None:
        """One that the server has not closed since its last answer."""
        try:
            connection = self._kept.pop()
        except IndexError:
            return None
        try:
            if not connection.can_read():
                return connection
        except (RedisError, OSError):
            pass
        connection.disconnect()
        self.connection_pool.release(connection)
        return None
