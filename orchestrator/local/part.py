"""What the supervisor runs: a command, how to tell that it answers, and how long it may take to stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.domain.errors import OrchestratorError


class StackError(OrchestratorError):
    """The embedded stack cannot do what was asked."""

    code = "stack"


class NotReady(Exception):
    """A part does not answer yet; the text says what is missing."""


class CannotTell(NotReady):
    """Nobody could say whether the part answers: what should know of it is away itself."""


Probe = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One child process.

    ``probe`` gets the pid of the process and returns once that truly answers; until then it raises `NotReady`, within
    a few seconds. It runs on a thread, repeatedly. ``needs`` names the parts that must answer before this one starts;
    they are stopped after it. Stopping is SIGTERM, ``stop_grace_s``, SIGKILL.

    A process that hangs is no better than a dead one: what has been ready is asked by ``alive`` as long as it runs, and
    killed when it has been silent for ``silent_within_s``. `CannotTell` is no silence, and gives it time to come back.
    None: it is not asked.
    """

    name: str
    command: tuple[str, ...]
    probe: Probe
    env: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    ready_within_s: float = 60.0
    stop_grace_s: float = 10.0
    alive: Probe | None = None
    silent_within_s: float = 10.0
