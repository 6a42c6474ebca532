"""What serves: releases of models, the instances of Triton that hold them, and where a run's requests go (ADR 0045)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from orchestrator.domain.errors import NotFound

STOCK = 0
# How a model may be called in a repository, alone and with a release; what is pushed is called more plainly.
MODEL_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
MODEL_OR_RELEASE = rf"{MODEL_NAME}(@[1-9][0-9]{{0,8}})?"
GPU_OOM = "gpu_oom"  # the code of what fails because memory does not suffice, at load or at run


class ModelNotFound(NotFound):
    """The node knows no such model, or no such release of it."""

    code = "model_not_found"


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """One version of a model. ``version`` is `STOCK` for the folder of the repository that bears the model's name."""

    model: str
    version: int = STOCK

    @property
    def name(self) -> str:
        """What Triton calls it, which is also its folder."""
        return f"{self.model}@{self.version}" if self.version else self.model

    @property
    def wanted_name(self) -> str:
        """How it alone is waited for: who waits for the plain name waits for whatever serves the model."""
        return f"{self.model}@{self.version}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """What `name` made.

        Raises:
            ValueError: the version is not a positive number.
        """
        model, at, version = name.partition("@")
        if at and (not version.isdecimal() or int(version) < 1):
            raise ValueError(f"{name!r} is not <model>@<version>")
        return cls(model, int(version) if at else STOCK)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a run's requests go: to the release, by its name, on an instance, by its address."""

    release: str
    instance: str


class ResidentState(StrEnum):
    """What a release does on an instance. Only what is ready is asked; what lies in the repository only is unloaded."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    CLOSING = "closing"  # runs that use it end, no new ones begin
    UNLOADING = "unloading"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Resident:
    """A release on an instance. ``bytes`` is what it was measured to take, 0 before that.

    ``is_kept`` says that no want of memory evicts it, ``version`` what Triton calls it. Times are ms since the epoch.
    One that failed says why: ``error`` is safe to show, ``code`` is `GPU_OOM` where memory did not suffice.
    """

    release: str
    state: ResidentState
    version: str = ""
    since_ms: int = 0
    used_ms: int = 0
    bytes: int = 0
    is_kept: bool = False
    pins: int = 0
    error: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """A Triton server as its owner sees it. Memory is that of its GPUs, or of its processes where it has none.

    ``budget_bytes`` is what models may take altogether, None when nobody has limited it. One that is not well is not
    asked, for ``reason``. ``crowded_by`` is the release of a run for which its memory did not suffice just now.
    ``pools`` are what Triton has set aside for itself, in bytes by name.
    """

    address: str
    is_well: bool = True
    reason: str = ""
    budget_bytes: int | None = None
    used_bytes: int = 0
    total_bytes: int = 0
    leaks: int = 0
    restarts: int = 0
    seen_ms: int = 0
    crowded_by: str = ""
    pools: Mapping[str, int] = field(default_factory=dict)
    residents: tuple[Resident, ...] = ()
