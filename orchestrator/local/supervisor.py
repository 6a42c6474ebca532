"""Runs the parts together: in order of need, in parallel where it can be, until told to stop."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.local.part import Part, StackError
from orchestrator.local.runner import PartRunner, PartView

TICK_S = 0.1
LOG_LINES = 15

Observer = Callable[[Sequence[PartView]], None]


class PartFailed(StackError):
    """A part could not be started."""

    code = "part_failed"


class Supervisor:
    """Starts, restarts and stops parts. ``observers`` see every part ten times a second.

    `run` must be called on the main thread: the parts die with the thread that started them.
    """

    def __init__(self, parts: Sequence[Part], logs: Path, observers: Sequence[Observer] = ()) -> None:
        self._probes = ThreadPoolExecutor(max_workers=2 * len(parts), thread_name_prefix="probe")
        self._runners = {part.name: PartRunner(part, logs / f"{part.name}.log", self._probes) for part in parts}
        self._observers = list(observers)
        self._stops = 0  # no Event: a signal handler must not take the lock that the main thread may hold

    def observe(self, observer: Observer) -> None:
        """One more, before `run`."""
        self._observers.append(observer)

    def request_stop(self) -> None:
        """Make `run` stop the parts and return; a second call makes it kill them. For signal handlers."""
        self._stops += 1

    def run(self) -> None:
        """Run the parts until `request_stop`.

        Raises:
            PartFailed: a part died before it ever answered, or did not answer in time. All are stopped.
        """
        try:
            self._start()
            while not self._stops:
                self._advance()
                time.sleep(TICK_S)
        finally:
            self._stop_all()
            self._probes.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        while not self._stops and not all(runner.is_ready for runner in self._runners.values()):
            self._advance()
            for runner in self._runners.values():
                if runner.failure:
                    raise PartFailed(render_failure(runner))
            time.sleep(TICK_S)

    def _advance(self) -> None:
        for runner in self._runners.values():
            runner.advance(may_start=all(self._runners[name].is_ready for name in runner.part.needs))
        self._show()

    def _stop_all(self) -> None:
        while any(runner.is_running for runner in self._runners.values()):
            for runner in self._runners.values():
                if not any(user.is_running and runner.part.name in user.part.needs for user in self._runners.values()):
                    runner.advance_stop(at_once=self._stops > 1)
            self._show()
            time.sleep(TICK_S)

    def _show(self) -> None:
        views = [runner.view() for runner in self._runners.values()]
        for observer in self._observers:
            observer(views)


def render_failure(runner: PartRunner) -> str:
    """What a person needs to know: the part, why, where its log is, and how that ends."""
    lines = runner.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    end = "".join(f"\n  | {line}" for line in lines) or " (empty)"
    return f"{runner.part.name} {runner.failure}\nlog: {runner.log}{end}"
