"""The real parts of the service, each with one call at which its process dies, freezes or is held. For a fork server.

They are built by `orchestrator.wiring`; a door stands before one of their ports. No hook for this is in the service.
"""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event
from types import MethodType
from typing import Any, Literal, TypeVar, cast

import uvicorn

from orchestrator.api.app import build_app
from orchestrator.domain.lane import solo_lane
from orchestrator.keeper import run_keeper
from orchestrator.services.tasks.pin_input import PinInput
from orchestrator.settings import Settings
from orchestrator.telemetry import configure_logging
from orchestrator.wiring.api import build_api_parts
from orchestrator.wiring.api_parts import ApiParts
from orchestrator.wiring.keeper import build_keeper_parts, build_keeper_ports
from orchestrator.wiring.operations import Operations
from orchestrator.wiring.worker import WorkerPorts, build_drain, build_worker_ports

DIED = 9

Ports = TypeVar("Ports")


@dataclass(frozen=True)
class Point:
    """Where it happens: at the ``nth`` call of a port's method."""

    when: Literal["before", "after"]
    port: str
    call: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.port}.{self.call}" + (f" {self.nth}" if self.nth > 1 else "")


def around(port: str, call: str, *, nth: int = 1) -> tuple[Point, Point]:
    """The two points of one call."""
    return Point("before", port, call, nth), Point("after", port, call, nth)


def die() -> None:
    """As by SIGKILL: no handler, no `finally`."""
    os._exit(DIED)


def freeze() -> None:
    """Stand still, with every thread, until SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)
    threading.Event().wait(1)  # the thread that sends the signal is not always the first to stop


@dataclass(frozen=True)
class Hold:
    """Let the test do something meanwhile; the other threads go on."""

    reached: Event
    go_on: Event

    def __call__(self) -> None:
        self.reached.set()
        self.go_on.wait(60)


class Door:
    """Passes every call on to a port; at its point something happens."""

    def __init__(self, port: object, point: Point, *, act: Callable[[], None]) -> None:
        self._port = port
        self._point = point
        self._act = act
        self._calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as typed as the port behind it
        method: Callable[..., Any] = getattr(self._port, name)
        return method if name != self._point.call else lambda *given, **named: self._pass(method, *given, **named)

    def _pass(self, method: Callable[..., Any], *given: object, **named: object) -> object:
        self._calls += 1
        is_here = self._calls == self._point.nth
        if is_here and self._point.when == "before":
            self._act()
        answer = method(*given, **named)
        if is_here and self._point.when == "after":
            self._act()
        return answer


def with_door(ports: Ports, point: Point, *, act: Callable[[], None] = die) -> Ports:
    """The ports, one of them behind a door; ``engine`` and ``control`` are those of every inference server."""
    if isinstance(ports, WorkerPorts) and point.port in {"engine", "control"}:
        server = with_door(ports.server(""), point, act=act)
        return replace(ports, server=lambda _instance: server)
    door = Door(getattr(ports, point.port), point, act=act)
    return replace(ports, **{point.port: door})  # type: ignore[type-var]  # every kind of ports is a dataclass


def work(settings: Settings, point: Point, *, lane: str, stopping: Event, act: Callable[[], None] = die) -> None:
    """One child of a worker: what its first pulse starts."""
    _begin()
    ports = with_door(build_worker_ports(settings), point, act=act)
    build_drain(settings, ports, lane=lane, is_stopping=stopping.is_set).drain(lane)


def answer(settings: Settings, point: Point | None) -> None:
    """The API."""
    _begin()
    parts = build_api_parts(settings)
    if point is not None:
        parts = _with_door_in_services(parts, point)
    uvicorn.run(build_app(parts), host=settings.api.host, port=settings.api.port, log_config=None)


def tick(settings: Settings, point: Point) -> None:
    """One round of a keeper's duties."""
    _begin()
    for duty in build_keeper_parts(settings, with_door(build_keeper_ports(settings), point)).duties:
        if duty.take():
            duty.tick()


def survive(keeper: Settings, *, worker: Settings, lanes: Sequence[str]) -> None:
    """A keeper, and a child on each of the lanes and on what of them must run alone, until killed."""
    _begin()
    for lane in lanes:
        for queue in (lane, solo_lane(lane)):
            threading.Thread(
                target=_work_on, args=(worker,), kwargs={"lane": lane, "queue": queue}, daemon=True
            ).start()
    run_keeper(keeper)


def _work_on(settings: Settings, *, lane: str, queue: str) -> None:
    drain = build_drain(settings, build_worker_ports(settings), lane=lane, is_stopping=lambda: False)
    while True:
        drain.drain(queue)


def _with_door_in_services(parts: ApiParts, point: Point) -> ApiParts:
    """A door in every service that uses the port, and in the one that submit uses."""
    drafts = parts.submit.drafts
    pin = cast("PinInput", cast("MethodType", drafts.pin_input).__self__)
    if hasattr(pin, point.port):
        drafts = replace(drafts, pin_input=with_door(pin, point).pin)
        parts = replace(parts, submit=replace(parts.submit, drafts=drafts))
    parts = replace(parts, operations=replace(parts.operations, **_doors(parts.operations, point)))
    return replace(parts, **_doors(parts, point))


def _doors(parts: ApiParts | Operations, point: Point) -> dict[str, Any]:
    """Those of these services that use the port, each with a door before it."""
    services = {name: getattr(parts, name, None) for name in ("submit", "cancel", "resubmit", "offer_upload")}
    return {name: with_door(service, point) for name, service in services.items() if hasattr(service, point.port)}


def _begin() -> None:
    configure_logging(level="warning", as_json=True)
