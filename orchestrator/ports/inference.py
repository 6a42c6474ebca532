"""Models that live in Triton. Nothing of ours ever loads a model into its own process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
Pixels = NDArray[np.uint8]


class Inference(Protocol):
    """One request in flight."""

    @property
    def version(self) -> str:
        """The version of the model that has answered; empty before it has."""
        ...

    def result(self, timeout_s: float) -> Tensors:
        """Wait for the outputs, by name, each with the leading batch dimension when the model batches.

        Raises:
            StageTimeout: no answer within ``timeout_s``; the request is cancelled.
            RunCanceled: `cancel` was called.
            Overloaded: Triton's queue is full, or the request waited there too long.
            Unavailable: no connection (category network), the model is not served now (model_unavailable),
                or the GPU is out of memory (gpu_memory).
            Refused: the request does not fit the model, or the model fails on it.
        """
        ...

    def cancel(self) -> None:
        """Give the request up, also inside Triton. Harmless when it has already ended."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server is told of a request. ``priority`` is Triton's: 1 is the highest, 0 the model's default. After
    ``within_s`` the server itself gives it up, whether or not anybody still waits.
    """

    priority: int = 0
    within_s: float = math.inf


USUAL = Terms()


class InferenceEngine(Protocol):
    """Sends tensors to models."""

    def submit(self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL) -> Inference:
        """Send a request and return at once; several may be in flight. Arrays are sent as they are.

        Errors appear in `Inference.result`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model of the repository as Triton's index shows it. ``state`` is READY, UNAVAILABLE, LOADING or UNLOADING."""

    name: str
    version: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers for a model: its version as Triton counts, the SHA-256 of its configuration, and its release.

    Each is empty where nobody knows.
    """

    version: str = ""
    config_sha256: str = ""
    release: str = ""


class ServedModels(Protocol):
    """What serves, for who must know it without asking Triton."""

    def note(self, model: str, versions: str) -> None:
        """``versions`` of ``model`` serve now.

        Raises:
            Unavailable: nobody has heard it.
        """
        ...


class ModelControl(Protocol):
    """Loads and unloads. Only one owner should call it at a time per Triton."""

    def is_live(self) -> bool:
        """Whether the server takes requests, and is not stopping. Never raises.

        It says nothing of the models: Triton's own "ready" turns false whenever any model loads or failed to.
        """
        ...

    def is_ready(self, model: str) -> bool:
        """Whether the model can be asked now. Never raises: a server that is away has no model ready."""
        ...

    def load(self, model: str) -> None:
        """Load the model and wait until it serves; nothing happens when it is loaded already.

        Raises:
            Unavailable: the server is away, or memory does not suffice (gpu_memory).
            Refused: there is no such model, or it does not load.
        """
        ...

    def unload(self, model: str) -> None:
        """Unload the model and wait until its memory may be free.

        Raises:
            Unavailable: the server is away, or the model did not go within a minute.
        """
        ...

    def config(self, model: str) -> str:
        """How the model is served, as JSON with sorted names; equal texts are equal configurations.

        Raises:
            Unavailable: the server is away, or does not serve the model.
        """
        ...

    def index(self) -> tuple[ModelState, ...]:
        """Every model of the repository.

        Raises:
            Unavailable: the server is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class InferenceServer:
    """One instance, as whoever runs tasks reaches it."""

    engine: InferenceEngine
    control: ModelControl


class ModelMending(ModelControl, Protocol):
    """Control, and what helps when a model is not what the server says of it."""

    def reload(self, model: str) -> None:
        """Load anew what counts as loaded, and wait until it serves. What is there is given up, not waited for:
        a server does not part with a model whose process has died.

        Raises:
            Unavailable, Refused: as `load`.
        """
        ...
