"""A client that does not let a crowd wait for a store that has gone silent."""

import threading
from typing import Any

from redis import exceptions as foreign

from orchestrator.adapters.redis.quick import QuickRedis

MOMENT_S = 0.2


class StillSilent(foreign.ConnectionError):
    """Not sent: the last answer did not come, and another command is finding out whether the store is back."""


class FusedRedis(QuickRedis):
    """After a command timed out, one at a time goes through until one is answered; the others wait for a moment only.

    The API has 40 threads. Without this, request 41 at a frozen store waits for the 2 s of another before its own. The
    moment is for a store that is back: its first answer frees all who wait.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(**options)
        self._is_silent = False
        self._probing = threading.Lock()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own
        if self._is_silent:
            if not self._probing.acquire(timeout=MOMENT_S):
                raise StillSilent("the store has not answered yet")
            try:
                if self._is_silent:
                    return self._listen(*args, **options)
            finally:
                self._probing.release()
        return self._listen(*args, **options)

    def _listen(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own
        try:
            answer = super().execute_command(*args, **options)
        except foreign.TimeoutError:
            self._is_silent = True
            raise
        except foreign.ResponseError:
            self._is_silent = False
            raise
        self._is_silent = False
        return answer
