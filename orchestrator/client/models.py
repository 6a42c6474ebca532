"""Models: what the node serves, and what an operator wants it to serve (scope `models:admin`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from orchestrator.client.calls import Call, Caller
from orchestrator.client.releases import Releases
from orchestrator.client.swaps import Swaps


@dataclass(frozen=True, slots=True)
class Resident:
    """A release on one instance of Triton. ``memory_bytes`` is what it was measured to take."""

    instance: str
    state: str
    memory_bytes: int | None
    runs: int
    is_pinned: bool
    used_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ModelRelease:
    """A release, ``<model>@<version>`` or the model's own folder. ``weight`` is its share of the runs that begin."""

    name: str
    weight: int
    residents: tuple[Resident, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: ``ready``, ``loading``, ``closing``, ``unloading``, ``failed`` or ``unloaded``."""

    name: str
    state: str
    task_types: tuple[str, ...]
    releases: tuple[ModelRelease, ...]
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Models:
    """`Client.models`. Every method raises `ApiError` if the service refuses, or cannot be reached.

    A ``name`` is a model, or a release of it as ``<model>@<version>``.
    """

    caller: Caller
    storage: httpx.Client

    @property
    def releases(self) -> Releases:
        """To push releases of models, list and delete them."""
        return Releases(self.caller, self.storage)

    @property
    def swaps(self) -> Swaps:
        """To let another release of a model serve, and to roll that back."""
        return Swaps(self.caller)

    def list(self) -> tuple[Model, ...]:
        """Every model in the repositories of the node."""
        return tuple(map(parse_model, self.overview()["items"]))

    def overview(self) -> Mapping[str, Any]:
        """The same as the service says it, with every instance of Triton under ``instances``."""
        body: Mapping[str, Any] = self.caller.send(Call("GET", "/v1/models"))
        return body

    def get(self, model: str) -> Model:
        """One model."""
        return parse_model(self.caller.send(Call("GET", f"/v1/models/{model}")))

    def load(self, name: str) -> Model:
        """Ask for it to be loaded; look again until it is ``ready``."""
        return parse_model(self.caller.send(Call("POST", f"/v1/models/{name}:load")))

    def unload(self, name: str) -> Model:
        """Ask for it to be unloaded, once no run uses it."""
        return parse_model(self.caller.send(Call("POST", f"/v1/models/{name}:unload")))

    def pin(self, name: str, *, is_pinned: bool = True) -> Model:
        """Let no want of memory evict it, or let it again."""
        return parse_model(self.caller.send(Call("POST", f"/v1/models/{name}:pin", body={"pinned": is_pinned})))


def parse_model(body: Mapping[str, Any]) -> Model:
    releases = tuple(
        ModelRelease(each["name"], each["weight"], tuple(map(_parse_resident, each["residents"])))
        for each in body["releases"]
    )
    return Model(body["name"], body["state"], tuple(body["task_types"]), releases, body)


def _parse_resident(body: Mapping[str, Any]) -> Resident:
    return Resident(
        instance=body["instance"],
        state=body["state"],
        memory_bytes=body["memory_bytes"],
        runs=body["runs"],
        is_pinned=body["pinned"],
        used_at=datetime.fromisoformat(body["used_at"]) if body["used_at"] else None,
        error=body["error"],
    )
