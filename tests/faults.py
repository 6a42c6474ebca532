"""What a fault proxy does to single requests of any protocol: refuse, break off, or lose the answer."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Request = TypeVar("Request")


class ConnectionBrokenOff(Exception):
    """From here on both ends see a reset."""


@dataclass(kw_only=True, eq=False)
class Fault(Generic[Request]):
    """Happens to the next ``times`` requests that ``matches``."""

    matches: Callable[[Request], bool]
    times: float = math.inf
    happened_at_s: list[float] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return len(self.happened_at_s) >= self.times

    def meets(self, request: Request) -> bool:
        return not self.is_over and self.matches(request)

    def happen(self) -> None:
        self.happened_at_s.append(time.monotonic())


@dataclass(kw_only=True, eq=False)
class Refusal(Fault[Request]):
    """The server never sees the request: ``answer`` comes in its place."""

    answer: bytes


@dataclass(kw_only=True, eq=False)
class Break(Fault[Request]):
    """The connection breaks off as soon as the request begins."""


@dataclass(kw_only=True, eq=False)
class Loss(Fault[Request]):
    """The request is carried out, and the connection breaks off before the reply; only if it ``is_missed``."""

    is_missed: Callable[[bytes], bool] = lambda _reply: True


class Faults(Generic[Request]):
    """The faults that happen now."""

    def __init__(self) -> None:
        self._all: list[Fault[Request]] = []

    @contextmanager
    def making(self, *faults: Fault[Request]) -> Iterator[None]:
        """Let the faults happen until the block is left."""
        self._all.extend(faults)
        try:
            yield
        finally:
            for fault in faults:
                self._all.remove(fault)

    def refuse(self, request: Request) -> bytes | None:
        """The answer in place of the server's, if there is one; raises `ConnectionBrokenOff` if it breaks off."""
        for fault in self._all:
            if isinstance(fault, Refusal | Break) and fault.meets(request):
                fault.happen()
                if isinstance(fault, Refusal):
                    return fault.answer
                raise ConnectionBrokenOff
        return None

    def lose(self, request: Request, reply: bytes) -> None:
        """Raise `ConnectionBrokenOff` if the reply is lost; asked only now, because a request may wait for long."""
        for fault in self._all:
            if isinstance(fault, Loss) and fault.meets(request) and fault.is_missed(reply):
                fault.happen()
                raise ConnectionBrokenOff
