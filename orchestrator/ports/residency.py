"""What is resident where, what is wanted, and who uses it: what owners, claims and operators share (ADR 0045)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.domain.model import Instance, Resident


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything at one moment, ``now_ms`` by the store's clock; the rest as `Residency` says it one by one.

    ``sizes`` are the footprints that were learned of all that is named here.
    """

    now_ms: int
    instances: tuple[Instance, ...]
    wanted: Mapping[str, int]
    dismissed: frozenset[str]
    sizes: Mapping[str, int] = field(default_factory=dict)


class Residents(Protocol):
    """What is where, for whoever only looks. Every call of each role may raise `Unavailable`: the store is away."""

    def survey(self) -> Survey:
        """What `instances`, `wanted` and `dismissed` say, in one look."""
        ...

    def instances(self) -> tuple[Instance, ...]:
        """Every instance that has an owner, with its residents and how many runs pin each."""
        ...

    def wanted(self) -> Mapping[str, int]:
        """What somebody waits for, and since when (ms). It stays until `settle`."""
        ...

    def dismissed(self) -> frozenset[str]:
        """What operators have dismissed. It stays until `settle`, or until somebody wants it."""
        ...

    def routes(self, model: str) -> Mapping[str, int]:
        """The weight of each release of the model, by its name; empty when the stock release has all."""
        ...

    def learned(self, release: str) -> Mapping[str, int]:
        """What was learned of it, in bytes."""
        ...


class Requests(Residents, Protocol):
    """What operators, swaps and runs want of owners, which alone act."""

    def want(self, release: str) -> None:
        """Somebody waits for a release (its `wanted_name`), or for whatever serves a model. Its owner hears of it."""
        ...

    def dismiss(self, release: str) -> None:
        """An operator can do without a release: its owners unload it once no run uses it, unless somebody wants it."""
        ...

    def crowd(self, instance: str, release: str) -> None:
        """A run has found that memory does not suffice there for its release. It stays until the owner has noted that.

        Nothing happens when it has no owner.
        """
        ...

    def keep(self, instance: str, release: str, *, is_kept: bool) -> None:
        """Let no want of memory evict it, or let it again. Nothing happens when it is not on the instance."""
        ...

    def close(self, instance: str, release: str) -> int:
        """Let no further run begin with it, and say how many still use it."""
        ...

    def route(self, model: str, weights: Mapping[str, int]) -> None:
        """Runs that begin from now on take the releases by these weights; what may be asked follows at once."""
        ...


class Residency(Requests, Protocol):
    """The one truth about residents, as owners write it, and those who watch."""

    def note_instance(self, instance: Instance) -> None:
        """The instance is as said by its owner, residents and ``seen_ms`` aside; what may be asked follows at once."""
        ...

    def suspect(self, instance: str, reason: str) -> None:
        """Who watches finds it ill, whatever its owner says, or well again when ``reason`` is empty.

        Nothing happens when it has no owner.
        """
        ...

    def retire(self, instance: str) -> None:
        """It has no owner any more: nothing is asked of it, and nothing is known of it."""
        ...

    def note(self, instance: str, resident: Resident) -> None:
        """A release is on the instance as said; what may be asked follows at once.

        ``pins`` aside, and ``is_kept`` unless it is new there. One that is noted as failed while Triton has it is
        loaded anew by the owner.
        """
        ...

    def forget(self, instance: str, release: str) -> None:
        """The instance has not even the files of the release. What no instance has is not held back."""
        ...

    def settle(self, release: str) -> None:
        """Nobody need wait for it any longer: it is there, or it is gone."""
        ...

    def learn(self, release: str, what: str, *, size_bytes: int) -> None:
        """``what`` is "resident", or a size of input: it was seen to take so much. The largest is kept."""
        ...
