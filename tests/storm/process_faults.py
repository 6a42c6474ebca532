"""Faults of processes: parts of a running stack are killed, frozen, stopped, cut off, or robbed of their messages."""

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import redis
from live_stack import LEASE_S, LiveStack
from processes import wait_for
from storm.ledger import Ledger
from storm.storm import Inject, Target
from verdict import count_stale_writes, held_by

WORKER = "worker-io"


@dataclass(frozen=True, slots=True)
class ProcessFaults:
    """Injects faults into a stack, and tells the ledger whose runs each takes away."""

    stack: LiveStack
    ledger: Ledger

    @property
    def by_kind(self) -> Mapping[str, Inject]:
        """How each kind of fault is injected; a roll in [0, 1) decides what is left to decide."""
        faults: Mapping[str, Inject] = {
            "worker killed": self.kill_worker,
            "child killed": self.kill_child,
            "child frozen": self.freeze_child,
            "worker restarted": self.restart_worker,
            "api killed": lambda _: self._kill("api"),
            "keeper killed": lambda _: self._kill("keeper"),
            "redis killed": lambda _: self._kill("redis"),
            "redis frozen": self.freeze_redis,
            "connections killed": self.kill_connections,
            "pulses lost": self.lose_pulses,
        }
        return {kind: partial(self._inject, inject) for kind, inject in faults.items()}

    def kill_worker(self, _roll: float) -> None:
        """The parent and all its children at once. They are stopped first, so that what they hold can be read."""
        group = self._living(WORKER)
        os.killpg(group, signal.SIGSTOP)
        self.ledger.strike("worker killed", set().union(*self._held_in(group).values()))
        os.killpg(group, signal.SIGKILL)

    def kill_child(self, roll: float) -> None:
        os.kill(self._stop_child(roll, "child killed"), signal.SIGKILL)

    def freeze_child(self, roll: float) -> None:
        """For less than a lease, or for twice as long."""
        child = self._stop_child(roll, "child frozen")
        thaw_after(LEASE_S * (0.3 if roll < 1 / 2 else 2), child)

    def restart_worker(self, _roll: float) -> None:
        """SIGTERM, as a rolling restart sends it."""
        self.ledger.strike("worker restarted")
        os.kill(self._living(WORKER), signal.SIGTERM)

    def freeze_redis(self, roll: float) -> None:
        """For less than a lease, or for longer: no run may lose its task by it."""
        self.ledger.strike("redis frozen")
        server = self._living("redis")
        os.kill(server, signal.SIGSTOP)
        thaw_after(LEASE_S * (0.3 if roll < 1 / 2 else 1.5), server)

    def kill_connections(self, _roll: float) -> None:
        self.ledger.strike("connections killed")
        self.stack.store.client_kill_filter(_type="normal", skipme=True)

    def lose_pulses(self, _roll: float) -> None:
        """Everything that the broker has."""
        self.ledger.strike("pulses lost")
        for key in self.stack.store.scan_iter("mq:*"):
            self.stack.store.delete(key)

    def _inject(self, inject: Inject, roll: float) -> None:
        """Once the store is there to be asked whom it will hit; not at all if its victim is away already."""
        wait_for(self._store_answers)
        with suppress(ProcessLookupError):
            inject(roll)

    def _kill(self, part: str) -> None:
        self.ledger.strike(f"{part} killed")
        os.kill(self._living(part), signal.SIGKILL)

    def _stop_child(self, roll: float, kind: str) -> int:
        """One of the children that run something; it is stopped, and the ledger knows whose runs it has."""
        held = self._held_in(self._living(WORKER))
        if not held:
            raise ProcessLookupError
        child = sorted(held)[int(roll * len(held))]
        os.kill(child, signal.SIGSTOP)
        self.ledger.strike(kind, held_by(self.stack.store).get(child, ()))
        return child

    def _held_in(self, group: int) -> dict[int, set[str]]:
        """What each child of the group runs."""
        held = {}
        for child, ids in held_by(self.stack.store).items():
            with suppress(ProcessLookupError):
                if os.getpgid(child) == group:
                    held[child] = ids
        return held

    def _living(self, part: str) -> int:
        """Its pid; `ProcessLookupError` while it is not ready, so that no number is used that may be another's now."""
        views = [view for view in self.stack.about["parts"] if view["name"] == part]
        pids: list[int] = [view["pid"] for view in views if view["state"] == "ready"]
        if not pids:
            raise ProcessLookupError
        return pids[0]

    def _store_answers(self) -> bool:
        try:
            return self.stack.store.ping()
        except redis.RedisError:
            return False


def thaw_after(seconds: float, pid: int) -> None:
    """SIGCONT, by its own thread; unless somebody has killed the process meanwhile."""

    def thaw() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    threading.Timer(seconds, thaw).start()


def aim_at(stack: LiveStack, ledger: Ledger) -> Target:
    """The stack as the target of a storm."""
    about, faults = stack.about, ProcessFaults(stack, ledger).by_kind
    count_stale = partial(count_stale_writes, about["metrics"]["workers"])
    return Target(about["api"], about["api_key"], stack.store, ledger, faults, count_stale)
