"""`Residency` over Redis: `lua/residency.lua` says what lies there and derives what claims may ask (ADR 0045)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.ports.residency import Survey

COUNTS = ("used_bytes", "total_bytes", "leaks", "restarts", "seen_ms")


@dataclass(frozen=True, slots=True)
class RedisResidency:
    """Implements `ports.residency.Residency`."""

    scripts: Scripts

    def survey(self) -> Survey:
        now_ms, instances, wanted, dismissed, sizes = self._run("survey")
        whole = tuple(map(parse_instance, instances))
        return Survey(now_ms, whole, _counts(pairs(wanted)), frozenset(dismissed), _counts(pairs(sizes)))

    def instances(self) -> tuple[Instance, ...]:
        return self.survey().instances

    def note_instance(self, instance: Instance) -> None:
        self._run("note_instance", instance=instance.address, **render_instance(instance))

    def suspect(self, instance: str, reason: str) -> None:
        self._run("suspect_instance", instance=instance, reason=reason)

    def crowd(self, instance: str, release: str) -> None:
        self._run("crowd_instance", instance=instance, release=release)

    def retire(self, instance: str) -> None:
        self._run("retire_instance", instance=instance)

    def note(self, instance: str, resident: Resident) -> None:
        self._run("note_resident", instance=instance, release=resident.release, resident=render_resident(resident))

    def forget(self, instance: str, release: str) -> None:
        self._run("forget_resident", instance=instance, release=release)

    def close(self, instance: str, release: str) -> int:
        return int(self._run("close_resident", instance=instance, release=release))

    def want(self, release: str) -> None:
        self._run("want", release=release)

    def wanted(self) -> Mapping[str, int]:
        return self.survey().wanted

    def dismiss(self, release: str) -> None:
        self._run("dismiss", release=release)

    def dismissed(self) -> frozenset[str]:
        return self.survey().dismissed

    def settle(self, release: str) -> None:
        self._run("settle", release=release)

    def keep(self, instance: str, release: str, *, is_kept: bool) -> None:
        self._run("keep_resident", instance=instance, release=release, is_kept=int(is_kept))

    def routes(self, model: str) -> Mapping[str, int]:
        with redis_errors():
            return _counts(self.scripts.client.hgetall(f"orch:routes:{model}"))

    def route(self, model: str, weights: Mapping[str, int]) -> None:
        self._run("route", model=model, weights=json.dumps(dict(weights)))

    def learn(self, release: str, what: str, *, size_bytes: int) -> None:
        self._run("learn_bytes", release=release, what=what, bytes=size_bytes)

    def learned(self, release: str) -> Mapping[str, int]:
        with redis_errors():
            return _counts(self.scripts.client.hgetall(f"orch:bytes:{release}"))

    def _run(self, name: str, **given: object) -> Any:  # noqa: ANN401 - each script has its own shape
        with redis_errors():
            return self.scripts.run(name, given)


def _counts(fields: Mapping[str, str]) -> Mapping[str, int]:
    return {name: int(count) for name, count in fields.items()}


def render_instance(instance: Instance) -> Mapping[str, object]:
    """What its owner says of it."""
    budget = "" if instance.budget_bytes is None else instance.budget_bytes
    counts = {name: getattr(instance, name) for name in COUNTS if name != "seen_ms"}
    pools = json.dumps(dict(instance.pools))
    texts = {"reason": instance.reason, "crowded_by": instance.crowded_by, "pools": pools}
    return {"well": int(instance.is_well), "budget_bytes": budget, **texts, **counts}


def parse_instance(found: Sequence[Any]) -> Instance:
    """Read an entry of `survey`: address, fields, residents."""
    address, flat, residents = found
    said = pairs(flat)
    suspicion = said.get("suspicion", "")
    return Instance(
        address,
        is_well=said.get("well") == "1" and not suspicion,
        reason=suspicion or said.get("reason", ""),
        crowded_by=said.get("crowded_by", ""),
        pools=json.loads(said.get("pools") or "{}"),
        budget_bytes=int(said["budget_bytes"]) if said.get("budget_bytes") else None,
        residents=tuple(sorted(map(parse_resident, residents), key=lambda resident: resident.release)),
        **{name: int(said.get(name, 0)) for name in COUNTS},
    )


def render_resident(resident: Resident) -> str:
    """All of it that the store does not know itself."""
    return json.dumps({name: value for name, value in asdict(resident).items() if name not in {"release", "pins"}})


def parse_resident(found: Sequence[Any]) -> Resident:
    """Read a resident of `survey`: its release, what `render_resident` made, and how many pin it."""
    release, text, pins = found
    said = json.loads(text)
    return Resident(release, **{**said, "state": ResidentState(said["state"])}, pins=pins)
