"""What a task type is: its parameters, its cost, and how it runs. Everything it may touch is on the `Workbench`."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import RequestError, RunCanceled
from orchestrator.domain.log_line import Level, Plain
from orchestrator.domain.media import MediaInfo, MediaKind
from orchestrator.domain.media_input import FetchedInput
from orchestrator.domain.model import ModelNotFound
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Progress
from orchestrator.ports.codec import MediaCodec, PictureCodec
from orchestrator.ports.inference import InferenceEngine


class Params(BaseModel):
    """Base of every type's parameters: unknown names are refused, values are never changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def asked_model(self) -> str:
        """The model that they name; empty where the type has one of its own."""
        return ""

    @property
    def needs_input(self) -> bool:
        """Whether the task is nothing without an input, if its type accepts any."""
        return True


class CancelToken:
    """How a run hears that it must stop. Callbacks run once, in the thread that cancels, newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0

    @property
    def is_canceled(self) -> bool:
        return self._event.is_set()

    def raise_if_canceled(self) -> None:
        if self._event.is_set():
            raise RunCanceled

    def wait(self, timeout_s: float) -> None:
        """Pause for ``timeout_s``, or until canceled: then `RunCanceled`."""
        self._event.wait(timeout_s)
        self.raise_if_canceled()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when canceled, at once if that has happened; the returned function takes it back."""
        with self._lock:
            key = self._next
            self._next += 1
            is_late = self._event.is_set()
            if not is_late:
                self._callbacks[key] = callback
        if is_late:
            callback()
        return lambda: self._forget(key)

    def cancel(self) -> None:
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, {}
        for callback in reversed(callbacks.values()):
            callback()

    def _forget(self, key: int) -> None:
        with self._lock:
            self._callbacks.pop(key, None)


class Log(Protocol):
    """Writes a line for the client: an event like ``shots.found`` and plain fields of our own, nothing foreign."""

    def __call__(self, event: str, /, *, level: Level = "info", **fields: Plain) -> None: ...


def say_nothing(_event: str, /, *, level: Level = "info", **_fields: Plain) -> None:
    """For who has nobody to tell."""


class Scratch(Protocol):
    """A folder of a run's own, removed afterwards; a name in it is a path."""

    def __truediv__(self, name: str, /) -> Path: ...


def nobody_knows() -> Signature:
    """For who asks no model that it does not know."""
    raise ModelNotFound


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything that one run may touch. ``signature`` asks what the run's model takes and gives."""

    scratch: Scratch
    engine: InferenceEngine
    pictures: PictureCodec
    media: MediaCodec
    cancel: CancelToken
    report: Callable[[Progress], None]
    source: Path | None = None
    info: MediaInfo | None = None
    fetched: FetchedInput | None = None
    infer_timeout_s: float = 120.0
    log: Log = say_nothing
    signature: Callable[[], Signature] = nobody_knows

    @property
    def medium(self) -> tuple[Path, MediaInfo]:
        """The fetched and probed input, which a type that accepts media always has."""
        if self.source is None or self.info is None:
            raise RequestError("this task type needs an input", code="input_missing")
        return self.source, self.info


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """A file that the run made in its scratch folder and wants stored under ``path.name``."""

    path: Path
    content_type: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run produced: a small JSON ``result``, files, and what was used (``units`` of inference and so on)."""

    result: Mapping[str, Any]
    artifacts: tuple[LocalArtifact, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


class Pipeline(Protocol):
    """One task type. Instances hold no state: one serves every run of a process.

    ``model`` is what its tasks ask; empty where their parameters name it (`Params.asked_model`).
    """

    name: str
    summary: str
    lane: str
    model: str
    accepts: frozenset[MediaKind]
    predicted_s: float

    @property
    def params(self) -> type[Params]:
        """The model that validates the type's parameters; its JSON Schema is public."""
        ...

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - each type narrows it to its own Params
        """Do the work. ``params`` is an instance of the type's own `params`.

        Raises:
            RunCanceled: ``bench.cancel`` was set; every request in flight has been cancelled.
            OrchestratorError: whatever the ports raise; its category decides about another try.
        """
        ...
