"""Starting, detaching and stopping a whole stack."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from rich.console import Console

from orchestrator.local.part import StackError
from orchestrator.local.plan import plan_stack
from orchestrator.local.runner import PartView, State
from orchestrator.local.screens import Welcome, open_screen
from orchestrator.local.stack_file import Stack, StackRecorder, read_stack
from orchestrator.local.stack_options import StackOptions
from orchestrator.local.state_folder import StateFolder
from orchestrator.local.supervisor import Supervisor

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
POLL_S = 0.1


def run_stack(options: StackOptions, state: StateFolder, *, console: Console, awaited_by: int | None = None) -> None:
    """Run the stack of the folder until a signal asks to stop; a second signal kills it. ``awaited_by`` is the parent
    that waits until it is ready: if that is killed meanwhile, nobody wants the stack.

    Raises:
        StackError: it cannot be started, or the folder is in use.
    """
    with state.lock():
        state.stack_file.unlink(missing_ok=True)
        state.set_old_logs_aside()
        stack, parts = plan_stack(options, state)
        recorder = StackRecorder(state.stack_file, stack)
        welcome = Welcome(console, render_welcome(stack, state))
        try:
            with open_screen(console) as screen:
                supervisor = Supervisor(parts, state.logs, [recorder, screen, welcome])
                if awaited_by is not None:
                    supervisor.observe(StopUnawaited(awaited_by, supervisor.request_stop))
                with _on_signals(supervisor.request_stop):
                    supervisor.run()
        finally:
            state.stack_file.unlink(missing_ok=True)


def start_detached(options: StackOptions, state: StateFolder, *, out: IO[str]) -> bool:
    """Run the stack in the background; what it prints goes to ``out`` until it is ready. Returns whether it is."""
    words = (*options.words, "--awaited-by", str(os.getpid()))
    command = [sys.executable, "-m", "orchestrator", "up", "--state", str(state.root), *words]
    log = state.folder("logs") / "up.out"  # no *.log: those are set aside by the supervisor itself
    with log.open("ab") as output, log.open(errors="replace") as lines:
        lines.seek(0, os.SEEK_END)
        supervisor = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with _on_signals(_interrupt):
                return _relay_until_ready(supervisor, state, lines=lines, out=out)
        except KeyboardInterrupt:
            supervisor.terminate()
            raise


def stop_stack(state: StateFolder, *, within_s: float) -> bool:
    """Stop the stack of the folder and wait until every part is gone; False if none was running.

    Raises:
        StackError: it is still there after ``within_s``.
    """
    pid = state.supervisor_pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    give_up_at = time.monotonic() + within_s
    while state.supervisor_pid() == pid:
        if time.monotonic() > give_up_at:
            raise StackError(f"the stack in {state.root} (process {pid}) has not stopped within {within_s:.0f} s")
        time.sleep(POLL_S)
    return True


def render_welcome(stack: Stack, state: StateFolder) -> str:
    """What a person needs to use the stack. The key is shown: it opens this loopback stack only."""
    return f"\nready: {stack.api} (docs at {stack.api}/docs), API key {stack.api_key}\nstate and logs: {state.root}\n"


def _relay_until_ready(
    supervisor: subprocess.Popen[bytes], state: StateFolder, *, lines: IO[str], out: IO[str]
) -> bool:
    while True:
        ended, ready = supervisor.poll() is not None, _is_ready(state, supervisor.pid)
        out.write(lines.read())
        if ended or ready:
            return not ended
        time.sleep(POLL_S)


def _is_ready(state: StateFolder, supervisor: int) -> bool:
    try:
        return read_stack(state).supervisor == supervisor
    except StackError:
        return False


def _interrupt() -> None:
    """Who stops waiting for a stack does not want it: `timeout`, a closed terminal, Ctrl-C."""
    raise KeyboardInterrupt


class StopUnawaited:
    """Sees every part. Until all have answered once, ``parent`` has to live; a SIGKILL leaves it no time to say so."""

    def __init__(self, parent: int, stop: Callable[[], None]) -> None:
        self._parent, self._stop = parent, stop
        self._is_settled = False

    def __call__(self, views: Sequence[PartView]) -> None:
        if self._is_settled:
            return
        if os.getppid() != self._parent:
            self._stop()
        elif any(view.state is not State.READY for view in views):
            return
        self._is_settled = True


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: stop()) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
