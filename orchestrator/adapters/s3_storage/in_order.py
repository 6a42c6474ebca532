"""Work on several threads whose results come in order, never more than a few ahead of who takes them."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Halted(Exception):
    """Another part has failed; this one need not go on."""


class Halt:
    """Called now and then by every thread; raises when the caller must stop, or one of the threads has failed."""

    def __init__(self, keep_going: Callable[[], None]) -> None:
        self._keep_going = keep_going
        self._event = threading.Event()

    def __call__(self) -> None:
        if self._event.is_set():
            raise Halted
        self._keep_going()

    def set(self) -> None:
        self._event.set()


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, at_once: int, halt: Halt
) -> Generator[Result, None, None]:
    """Yield the results in the order of ``items``; the next of those is drawn when at most ``at_once`` are not yielded.

    Whatever ends the iteration (an error, a stop, the consumer walking away) halts the threads, and returns when they
    have ended: nothing is sent afterwards.
    """
    flying: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="parts") as pool:
        try:
            for item in items:
                flying.append(pool.submit(work, item))
                if len(flying) > at_once:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        except BaseException:
            halt.set()
            for waiting in flying:
                waiting.cancel()
            raise
