"""`Clock` over this machine's own."""

import random
import threading
import time


class SystemClock:
    """Implements `ports.clock.Clock`."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def jitter(self) -> float:
        return random.random()  # noqa: S311 - spreads retries, protects nothing

    def pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)
