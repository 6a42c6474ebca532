"""`Residency` without a store. It passes the same contract tests as the real one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator.domain.model import Instance, Placement, Release, Resident, ResidentState
from orchestrator.ports.residency import Survey


@dataclass
class FakeResidency:
    """Implements `ports.residency.Residency`. ``pins`` are for a test to set; ``now_ms`` is its clock."""

    now_ms: int = 1_800_000_000_000
    known: dict[str, Instance] = field(default_factory=dict)
    suspicions: dict[str, str] = field(default_factory=dict)
    residents: dict[str, dict[str, Resident]] = field(default_factory=dict)
    pins: dict[Placement, int] = field(default_factory=dict)
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    wants: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    held_back: set[str] = field(default_factory=set)

    def survey(self) -> Survey:
        instances = (self._whole(self.known[address]) for address in sorted(self.known))
        sizes = {release: learned["resident"] for release, learned in self.sizes.items() if "resident" in learned}
        return Survey(self.now_ms, tuple(instances), {**self.wants}, frozenset(self.gone), sizes)

    def instances(self) -> tuple[Instance, ...]:
        return self.survey().instances

    def note_instance(self, instance: Instance) -> None:
        self.known[instance.address] = replace(instance, residents=(), seen_ms=self.now_ms)
        self._publish_residents(instance.address)
        self._publish_routed()

    def suspect(self, instance: str, reason: str) -> None:
        if instance in self.known:
            self.suspicions[instance] = reason
            self._publish_residents(instance)

    def crowd(self, instance: str, release: str) -> None:
        if instance in self.known:
            self.known[instance] = replace(self.known[instance], crowded_by=release)

    def retire(self, instance: str) -> None:
        self.known.pop(instance, None)
        self.suspicions.pop(instance, None)
        for release in self.residents.pop(instance, {}):
            self._publish(release)
        self._publish_routed()

    def note(self, instance: str, resident: Resident) -> None:
        there = self.residents.setdefault(instance, {})
        before = there.get(resident.release)
        there[resident.release] = replace(resident, pins=0, is_kept=(before or resident).is_kept)
        self._publish(resident.release)

    def forget(self, instance: str, release: str) -> None:
        self.residents.get(instance, {}).pop(release, None)
        self._publish(release)

    def close(self, instance: str, release: str) -> int:
        there = self.residents.get(instance, {})
        if release in there:
            there[release] = replace(there[release], state=ResidentState.CLOSING)
            self._publish(release)
        return self.pins.get(Placement(release, instance), 0)

    def want(self, release: str) -> None:
        self.wants.setdefault(release, self.now_ms)
        self.gone.discard(release.removesuffix("@0"))

    def wanted(self) -> Mapping[str, int]:
        return {**self.wants}

    def dismiss(self, release: str) -> None:
        for name in (release, f"{release}@0"):
            self.wants.pop(name, None)
        self.gone.add(release)

    def dismissed(self) -> frozenset[str]:
        return frozenset(self.gone)

    def settle(self, release: str) -> None:
        self.wants.pop(release, None)
        self.gone.discard(release)

    def keep(self, instance: str, release: str, *, is_kept: bool) -> None:
        there = self.residents.get(instance, {})
        if release in there:
            there[release] = replace(there[release], is_kept=is_kept)

    def routes(self, model: str) -> Mapping[str, int]:
        return {**self.weights.get(model, {})}

    def route(self, model: str, weights: Mapping[str, int]) -> None:
        self.weights = {**self.weights, model: {**weights}}
        if not weights:
            del self.weights[model]
        self._publish(model)

    def learn(self, release: str, what: str, *, size_bytes: int) -> None:
        sizes = self.sizes.setdefault(release, {})
        sizes[what] = max(size_bytes, sizes.get(what, 0))

    def learned(self, release: str) -> Mapping[str, int]:
        return {**self.sizes.get(release, {})}

    def serving(self, model: str) -> set[tuple[int, str, str]]:
        """What may be asked of the model or release: weight, release, instance."""
        return {
            (weight, release, address)
            for release, weight in (self.weights.get(model) or {model: 1}).items()
            for address, instance in self.known.items()
            if weight and self._whole(instance).is_well and self._state(address, release) is ResidentState.READY
        }

    def _whole(self, instance: Instance) -> Instance:
        suspicion = self.suspicions.get(instance.address, "")
        residents = (
            replace(resident, pins=self.pins.get(Placement(release, instance.address), 0))
            for release, resident in sorted(self.residents.get(instance.address, {}).items())
        )
        return replace(
            instance,
            is_well=instance.is_well and not suspicion,
            reason=suspicion or instance.reason,
            residents=tuple(residents),
        )

    def _state(self, instance: str, release: str) -> ResidentState | None:
        resident = self.residents.get(instance, {}).get(release)
        return resident.state if resident else None

    def _publish_residents(self, instance: str) -> None:
        for release in self.residents.get(instance, {}):
            self._publish(release)

    def _publish_routed(self) -> None:
        for model in self.weights:
            self._publish(model)

    def _publish(self, release: str) -> None:
        model = Release.parse(release).model
        states = {self._state(address, name) for name in self.weights.get(model) or [model] for address in self.known}
        is_able = not states <= {None, ResidentState.FAILED} or (states == {None} and model in self.weights)
        if is_able and not self.serving(model):
            self.held_back.add(model)
        else:
            self.held_back.discard(model)
